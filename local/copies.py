"""A copy of a stage in a folder: `manifest.json`, a file of items for each table, the bucket's files, maybe the secrets.

A table's file has one item a line, as DynamoDB writes them (`{"id": {"S": …}}`), by the table's logical id in the template.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec import json as struct_json

from chalicelib.domain.books import Books, add_item
from chalicelib.flows.verify import Proof, prove
from chalicelib.store import orders
from chalicelib.store.items import from_item
from chalicelib.store.proof import sorted_out
from local.package import CloudError

Item = dict[str, dict[str, Any]]
VERSION = 1
RESTORED = "restored"
"""When an item came from a copy: what an order says of itself, so that the stream does not post it once more."""
_LARGEST = 2**256


class TableCopy(Struct, frozen=True):
    """`digest` is the same for the same items in whatever order; those that expire do not count into it."""

    items: int
    digest: str


class FileCopy(Struct, frozen=True):
    """A file of the bucket: it stands in `files/` under the hash of its key."""

    key: str
    type: str
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What a copy is of. `proof` is what its own books came to; `exact` that they add up and nothing was under way."""

    version: int
    stack: str
    region: str
    taken_at: datetime
    parameters: dict[str, str]
    tables: dict[str, TableCopy]
    files: list[FileCopy]
    proof: Proof
    exact: bool
    app_secret: str
    connection_secrets: list[tuple[str, str]]
    """Names and versions in Secrets Manager."""


def write_items(folder: Path, table: str, items: Iterable[Item]) -> TableCopy:
    """Writes the table's file, and says what is in it."""
    count, digest = 0, 0
    with gzip.open(folder / f"{table}.jsonl.gz", "wt", encoding="utf-8") as file:
        for item in items:
            file.write(_line(item) + "\n")
            count += 1
            digest = (digest + _number(item)) % _LARGEST
    return TableCopy(count, f"{digest:064x}")


def read_items(folder: Path, table: str) -> Iterator[Item]:
    """The items of the table's file, also of one that was unpacked."""
    packed = folder / f"{table}.jsonl.gz"
    with gzip.open(packed, "rt", encoding="utf-8") if packed.exists() else (folder / f"{table}.jsonl").open() as file:
        for line in file:
            yield json.loads(line, object_hook=_bytes_back)


def counted(items: Iterable[Item]) -> TableCopy:
    """What is in these items."""
    count, digest = 0, 0
    for item in items:
        count, digest = count + 1, (digest + _number(item)) % _LARGEST
    return TableCopy(count, f"{digest:064x}")


def proved(items: Any, now: datetime, time_zone: str) -> Proof:
    """The proof of the books that `items` gives, by the table's logical id: what `GET /v1/ledger/verify` would say."""
    books = Books(time_zone)
    for item in items("LedgerTable"):
        add_item(books, from_item(item))
    payouts, totals = sorted_out(map(from_item, items("PayoutsTable")))
    images = (orders.from_attributes(from_item(item)) for item in items("OrdersTable"))
    return prove(books, payouts, totals, images, now)


def is_exact(found: Proof) -> bool:
    return not (found.mismatches or found.in_transit or any(found.imbalance.values()))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Written last: a folder with a manifest is whole."""
    path = folder / "manifest.json"
    path.write_bytes(struct_json.format(struct_json.encode(manifest), indent=1) + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """Raises CloudError for a folder that holds no copy, or one of a later format."""
    try:
        found = struct_json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    except (OSError, ValueError) as error:
        raise CloudError(f"{folder} holds no copy of a stage that can be read: {error}") from error
    if found.version != VERSION:
        raise CloudError(f"{folder} is a copy in the format {found.version}; this release reads {VERSION}")
    return found


def _line(item: Item) -> str:
    return json.dumps({name: _sorted(value) for name, value in item.items()}, default=_text, sort_keys=True)


def _sorted(attribute: dict[str, Any]) -> dict[str, Any]:
    """A set has no order, and DynamoDB gives it in any."""
    ((letter, held),) = attribute.items()
    if letter == "SS":
        return {letter: sorted(held)}
    if letter == "M":
        return {letter: {name: _sorted(each) for name, each in held.items()}}
    if letter == "L":
        return {letter: [_sorted(each) for each in held]}
    return attribute


def _number(item: Item) -> int:
    if "expires" in item:
        return 0
    line = _line({name: value for name, value in item.items() if name != RESTORED})
    return int.from_bytes(sha256(line.encode()).digest(), "big")


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"a {type(value).__name__} is not copied")


def _bytes_back(attribute: dict[str, Any]) -> dict[str, Any]:
    if len(attribute) == 1 and isinstance(attribute.get("B"), str):
        return {"B": b64decode(attribute["B"])}
    return attribute
