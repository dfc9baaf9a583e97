"""How far a run has come with each part of its work: in the Settings table, so that whoever goes on with it knows.

A part is a shard of the accounts, or of the payouts that staff approved; what a part took on is counted in its item, in
the transactions that take it on, so parts do not wait for each other. Several workers may do the same part at once: its
cursor moves from where it was read, so each page is counted once, by the worker that finished it first. Once a part is
done, nothing joins the run through it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct, convert, field

from chalicelib.settings import settings
from chalicelib.store import keys, payout_items
from chalicelib.store.dynamo import ConditionFailed, send
from chalicelib.store.items import from_item, to_item

_KIND = "payout_run_part"
_NET = "net#"
ACCOUNTS, APPROVED = "accounts-", "approved-"
FILES = "files"


def parts() -> tuple[str, ...]:
    """The parts whose work must be done before a run is closed, each with the shard that it ends with."""
    return (*(ACCOUNTS + shard for shard in keys.DUE_SHARDS), *(APPROVED + shard for shard in payout_items.OPEN_SHARDS))


class Part(Struct, frozen=True, kw_only=True):
    """`after`: the last thing that is done, empty at the beginning; `seen`: how many are; `done`: all."""

    after: str = ""
    seen: int = 0
    done: bool = False


class Filed(Struct, frozen=True, kw_only=True):
    """The files of a closed run: `after`: the last members whose files are written, and which are submitted; `number` of
    the last files; how many payouts, and their net amounts (minor units by currency)."""

    after: str = ""
    number: int = 0
    payouts: int = 0
    amounts: dict[str, int] = field(default_factory=dict)


class Totals(Struct, frozen=True):
    """What a run has looked at (`accounts`) and taken on: `payouts`, and their net `amounts` (minor units by currency)."""

    accounts: int
    payouts: int
    amounts: dict[str, int]


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
    with suppress(ConditionFailed):
        send(
            "update_item",
            TableName=settings().settings_table,
            Key=to_item(_key(run_id, part)),
            UpdateExpression="SET #after = :after ADD seen :seen",
            ConditionExpression=_unmoved(was.after),
            ExpressionAttributeNames={"#after": "after"},
            ExpressionAttributeValues=to_item({":after": after, ":seen": seen, ":was": was.after or None}),
        )


def _unmoved(after: str) -> str:
    return "#after = :was" if after else "attribute_not_exists(#after)"


def taking(run_id: str, part: str, payouts: int, amounts: Mapping[str, int]) -> dict[str, Any]:
    """The write that counts payouts, and their net amounts (minor units by currency), in the transaction that takes them on.
    It fails once the part is done."""
    names = {"#taken": "taken", "#done": "done", **{f"#{code}": _NET + code for code in amounts}}
    change = {
        "TableName": settings().settings_table,
        "Key": to_item(_key(run_id, part)),
        "UpdateExpression": "ADD #taken :taken" + "".join(f", #{code} :{code}" for code in amounts),
        "ConditionExpression": "attribute_not_exists(#done)",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": to_item({":taken": payouts, **{f":{code}": net for code, net in amounts.items()}}),
    }
    return {"Update": change}


def finish(run_id: str, part: str) -> None:
    """Notes that the part is done."""
    send(
        "update_item",
        TableName=settings().settings_table,
        Key=to_item(_key(run_id, part)),
        UpdateExpression="SET #done = :yes",
        ExpressionAttributeNames={"#done": "done"},
        ExpressionAttributeValues=to_item({":yes": True}),
    )


def left(run_id: str) -> tuple[str, ...]:
    """The parts that are not done."""
    done = {item["id"] for item in _all(run_id) if item.get("done")}
    return tuple(part for part in parts() if part not in done)


def totals(run_id: str) -> Totals:
    """What all parts together looked at and took on."""
    accounts, payouts, amounts = 0, 0, Counter[str]()
    for item in _all(run_id):
        payouts += item.get("taken", 0)
        if item["id"].startswith(ACCOUNTS):
            accounts += item.get("seen", 0)
        for name, amount in item.items():
            if name.startswith(_NET):
                amounts[name.removeprefix(_NET)] += amount
    return Totals(accounts, payouts, dict(sorted(amounts.items())))


def _all(run_id: str) -> list[dict[str, Any]]:
    answer = send(
        "query",
        TableName=settings().settings_table,
        KeyConditionExpression="kind = :kind",
        ExpressionAttributeValues=to_item({":kind": f"{_KIND}#{run_id}"}),
        ConsistentRead=True,
    )
    return [from_item(item) for item in answer["Items"]]


def filed(run_id: str) -> Filed:
    """How far the files of a closed run are written, read consistently."""
    return convert(_item(run_id, FILES), Filed)


def file_more(run_id: str, was: Filed, after: str, payouts: int, amounts: Mapping[str, int]) -> Filed:
    """Notes that the next files are written and what is in them is submitted. How far the run is then: nothing happens if
    another worker was faster."""
    both = Counter(was.amounts)
    both.update(amounts)
    now = Filed(after=after, number=was.number + 1, payouts=was.payouts + payouts, amounts=dict(sorted(both.items())))
    item = {**_key(run_id, FILES), "number": now.number, "payouts": now.payouts, "amounts": now.amounts}
    try:
        send(
            "put_item",
            TableName=settings().settings_table,
            Item=to_item({**item, "after": after}),
            ConditionExpression=_unmoved(was.after),
            ExpressionAttributeNames={"#after": "after"},
            **({"ExpressionAttributeValues": to_item({":was": was.after})} if was.after else {}),
        )
    except ConditionFailed:
        return filed(run_id)
    return now
