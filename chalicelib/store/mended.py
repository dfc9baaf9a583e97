"""Writes that put back what is gone from the books, each with its audit record, and only while it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.domain.books import BALANCE
from chalicelib.domain.buckets import Bucket
from chalicelib.domain.payouts import Payout
from chalicelib.domain.repairs import Rebuilt
from chalicelib.settings import settings
from chalicelib.store import keys, payout_items
from chalicelib.store.items import to_item
from chalicelib.store.transactions import transact


def put_if_gone(write: dict[str, Any], record: dict[str, Any]) -> bool:
    """Puts an item back with its audit record: both or neither. False if there is one by now."""
    return transact([write, record]) is None


def _put(item: Mapping[str, Any]) -> dict[str, Any]:
    condition = "attribute_not_exists(account)"
    return {"Put": {"TableName": settings().ledger_table, "Item": to_item(item), "ConditionExpression": condition}}


def payout_entry(payout: Payout, at: str) -> dict[str, Any]:
    """The write of the payout's entry that stood at `at`."""
    if at == keys.entry(payout.created_at, payout.id, "requested"):
        return payout_items.entry(payout, "requested", "payout", -payout.gross, payout.created_at)
    return payout_items.entry(payout, "returned", "payout_returned", payout.gross, payout.history[-1].at)


def item(rebuilt: Rebuilt, now: datetime) -> dict[str, Any]:
    """The write of a distributor's item, with its place in the `due` index."""
    account, place = rebuilt.account, dict[str, str | None]()
    if rebuilt.due and rebuilt.at == BALANCE:
        place = {"due_shard": keys.shard(account), "due": keys.payable(account)}
    elif rebuilt.due:
        _, day, hold_days = rebuilt.at.split("#")
        due = keys.due_day(account, Bucket(day, int(hold_days)))
        place = {"due_shard": keys.shard(account), "due": due} if due else {}
    figures = {name: amount for name, amount in rebuilt.figures.items() if amount}
    also = {"version": 1} if rebuilt.at == BALANCE else {"matured_at": keys.stamp(now) if rebuilt.matured else None}
    return _put({"account": account, "at": rebuilt.at, **figures, **also, **place})


def total(account: str, at: str, figures: Mapping[str, int]) -> dict[str, Any]:
    """The write of a day of an account that only counts by day."""
    kept = {name: amount for name, amount in figures.items() if amount or name == "amount"}
    return _put({"account": account, "at": at, **kept})


def correct(account: str, at: str, figures: Mapping[str, tuple[int, int]], record: dict[str, Any]) -> bool:
    """Brings figures of an item from what they are to what they should be, with the audit record. False if they are not
    what they were."""
    names = {f"#{name}": name for name in figures}
    known = [
        f"#{name} = :was_{name}" if was else f"(attribute_not_exists(#{name}) OR #{name} = :was_{name})"
        for name, (was, _) in figures.items()
    ]
    values = {f":was_{name}": was for name, (was, _) in figures.items()}
    values |= {f":add_{name}": should - was for name, (was, should) in figures.items()}
    update = {
        "TableName": settings().ledger_table,
        "Key": to_item({"account": account, "at": at}),
        "UpdateExpression": "ADD " + ", ".join(f"#{name} :add_{name}" for name in figures),
        "ConditionExpression": " AND ".join(["attribute_exists(account)", *known]),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": to_item(values),
    }
    return transact([{"Update": update}, record]) is None
