"""How far a run has come with each part of its work: in the Settings table, so that whoever goes on with it knows.

A part is a shard of the accounts, or a step of writing its files. Several workers may do the same part at once: a part's
cursor moves from where it was read, so each page is counted once, by the worker that finished it first.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from msgspec import Struct, convert, field

from chalicelib.settings import settings
from chalicelib.store import keys
from chalicelib.store.dynamo import ConditionFailed, send
from chalicelib.store.items import from_item, to_item

_KIND = "payout_run_part"
_FILES = "files"


class Part(Struct, frozen=True):
    """`after`: the last thing that is done, empty at the beginning; `seen`: how many are."""

    after: str = ""
    seen: int = 0


class Written(Struct, frozen=True):
    """What is in the files of a run: payouts, and their net amounts (minor units by currency)."""

    payouts: int
    amounts: dict[str, int] = field(default_factory=dict)


def _key(run_id: str, part: str) -> dict[str, str]:
    return {"kind": f"{_KIND}#{run_id}", "id": part}


def _item(run_id: str, part: str) -> dict[str, Any]:
    key = to_item(_key(run_id, part))
    answer = send("get_item", TableName=settings().settings_table, Key=key, ConsistentRead=True)
    return from_item(answer.get("Item", {}))


def get(run_id: str, part: str) -> Part:
    """How far the part has come, read consistently."""
    return convert(_item(run_id, part), Part)


def advance(run_id: str, part: str, was: Part, after: str, seen: int) -> None:
    """Moves the part's cursor on by a page of `seen` things; nothing happens if another worker moved it since `was`."""
    condition = "#after = :was" if was.after else "attribute_not_exists(#after)"
    with suppress(ConditionFailed):
        send(
            "update_item",
            TableName=settings().settings_table,
            Key=to_item(_key(run_id, part)),
            UpdateExpression="SET #after = :after ADD seen :seen",
            ConditionExpression=condition,
            ExpressionAttributeNames={"#after": "after"},
            ExpressionAttributeValues=to_item(
                {":after": after, ":seen": seen, **({":was": was.after} if was.after else {})}
            ),
        )


def accounts(run_id: str) -> int:
    """How many accounts the run has looked at."""
    answer = send(
        "query",
        TableName=settings().settings_table,
        KeyConditionExpression="kind = :kind",
        ExpressionAttributeValues=to_item({":kind": f"{_KIND}#{run_id}"}),
        ConsistentRead=True,
    )
    parts = map(from_item, answer["Items"])
    return sum(part["seen"] for part in parts if part["id"] in keys.DUE_SHARDS)


def written(run_id: str) -> Written | None:
    """What the files of a closed run hold; None until all of them are written."""
    item = _item(run_id, _FILES)
    return convert(item, Written) if item else None


def note_written(run_id: str, what: Written) -> None:
    """Notes that every file of the run is written: whoever goes on need not read its members again."""
    item = {**_key(run_id, _FILES), "payouts": what.payouts, "amounts": what.amounts}
    send("put_item", TableName=settings().settings_table, Item=to_item(item))
