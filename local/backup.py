"""`make backup STAGE=… TO=folder`: everything a stage knows, copied item by item into a folder.

A copy is exact if nothing was written while it was taken; so it proves its own books, and is taken again if they are torn.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import secret_copies
from local.account import Account, account_of_environment
from local.change_sets import Say, StackState, state
from local.copies import (
    VERSION,
    FileCopy,
    Item,
    Manifest,
    TableCopy,
    is_exact,
    proved,
    read_items,
    write_items,
    write_manifest,
)
from local.deploy import stack_of
from local.package import CloudError

_ATTEMPTS, _PAUSE_SECONDS = 5, 5.0
_THREADS = 8
TABLE = "AWS::DynamoDB::Table"


def backup(account: Account, stage: str, folder: Path, passphrase: str = "", say: Say = print) -> Manifest:
    """Copies the tables, the files and, under the passphrase, the secrets of a stage into a new folder.

    The copy holds people's names, contacts and earnings in clear, so only this user may read it. Raises CloudError if the
    books of the copy are torn after five attempts: the folder is whole, but of no single moment.
    """
    name = stack_of(stage)
    now = state(account, name)
    if now is None:
        raise CloudError(f"there is no stack {name} in account {account.number}, {account.region}")
    if passphrase and len(passphrase) < secret_copies.SHORTEST:
        raise CloudError(f"the passphrase must have at least {secret_copies.SHORTEST} letters")
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise CloudError(f"{folder} is there already: a copy is taken into a new folder") from None
    manifest = _copy(account, name, now, folder, say)
    if passphrase:
        held = secret_copies.read(account, name, manifest.app_secret, manifest.connection_secrets)
        secret_copies.seal(folder, held, passphrase)
    write_manifest(folder, manifest)
    total = sum(table.items for table in manifest.tables.values())
    say(
        f"{total} items and {len(manifest.files)} files are in {folder}; it holds personal data in clear: keep it closed"
    )
    say("its secrets are sealed under your passphrase" if passphrase else _WITHOUT_SECRETS)
    say(_books(manifest))
    if not manifest.exact:
        raise CloudError(f"the books of {name} moved while they were copied, or do not add up: {_first(manifest)}")
    return manifest


_WITHOUT_SECRETS = (
    "its secrets stay in the account alone, where a restore finds them; PASSPHRASE=… seals them into the copy"
)


def _copy(account: Account, name: str, now: StackState, folder: Path, say: Say) -> Manifest:
    tables = {logical_id: physical for logical_id, (kind, physical) in now.resources.items() if kind == TABLE}
    for attempt in range(1, _ATTEMPTS + 1):
        taken_at = datetime.now(UTC)
        with ThreadPoolExecutor(_THREADS) as threads:
            jobs = {each: threads.submit(_copy_table, account, folder, each, tables[each]) for each in tables}
            copied = {each: job.result() for each, job in jobs.items()}
        found = proved(partial(read_items, folder), taken_at, now.parameters["TimeZone"])
        if is_exact(found) or attempt == _ATTEMPTS:
            break
        say(f"written to meanwhile: copying again ({attempt} of {_ATTEMPTS})")
        time.sleep(_PAUSE_SECONDS)
    connections = [
        (item["id"]["S"], item["secret_version"]["S"])
        for item in read_items(folder, "SettingsTable")
        if item["kind"]["S"] == "connection" and not item.get("deleted", {}).get("BOOL")
    ]
    return Manifest(
        version=VERSION,
        stack=name,
        region=account.region,
        taken_at=taken_at,
        parameters=now.parameters,
        tables=copied,
        files=_copy_files(account, now.outputs["FilesBucketName"], folder / "files"),
        proof=found,
        exact=is_exact(found),
        app_secret=now.outputs["SecretArn"],
        connection_secrets=connections,
    )


def _copy_table(account: Account, folder: Path, logical_id: str, table: str) -> TableCopy:
    return write_items(folder, logical_id, items(account, table))


def items(account: Account, table: str) -> Iterator[Item]:
    """Every item of a table, read consistently one by one, not at one moment."""
    pages = account.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    for page in pages:
        yield from page["Items"]


def _copy_files(account: Account, bucket: str, folder: Path) -> list[FileCopy]:
    s3 = account.client("s3")
    folder.mkdir()

    def copy(key: str) -> FileCopy:
        found = s3.get_object(Bucket=bucket, Key=key)
        body = found["Body"].read()
        (folder / file_name(key)).write_bytes(body)
        return FileCopy(key, found.get("ContentType", ""), sha256(body).hexdigest())

    pages: Any = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(copy, keys))


def file_name(key: str) -> str:
    """Where a file of the bucket stands in a copy: a key may hold what no folder's name may."""
    return sha256(key.encode()).hexdigest()


def _books(manifest: Manifest) -> str:
    found = manifest.proof
    return f"accounts={found.accounts} entries={found.entries} orders={found.orders} imbalance={found.imbalance}"


def _first(manifest: Manifest) -> str:
    found = manifest.proof
    if found.mismatches:
        wrong = found.mismatches[0]
        return f"{wrong.account} {wrong.what} holds {wrong.stored}, and {wrong.computed} by its entries"
    return f"{found.in_transit} orders had not reached them"


def main(variables: Mapping[str, str]) -> None:
    account = account_of_environment(variables.get("REGION"))
    if not variables.get("TO"):
        raise CloudError("give TO=…, a folder that is not there yet")
    say = partial(print, flush=True)
    backup(account, variables.get("STAGE", ""), Path(variables["TO"]), variables.get("PASSPHRASE", ""), say)


if __name__ == "__main__":
    try:
        main(os.environ)
    except (CloudError, ClientError, BotoCoreError) as error:
        sys.exit(f"backup: {error}")
