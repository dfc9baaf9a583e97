"""Days on hold become available money: the DAY item and the BALANCE item change together, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from chalicelib.domain.accounts import payee
from chalicelib.observe import count, logger
from chalicelib.settings import settings
from chalicelib.store import keys
from chalicelib.store.batch import Ref, read, ref
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.sums import balance
from chalicelib.store.transactions import pauses, transact

_PAGE = 40
"""Days a page: each is at most two items of a transaction of 100, and one of a BatchGet of 100."""
_ACCOUNTS = 1000
"""Accounts a page: what a settlement does again, as reads, when it was cut off."""


def _due(shard: str, low: str, high: str, limit: int) -> Iterator[list[Ref]]:
    start: dict[str, Any] = {}
    while True:
        answer = send(
            "query",
            TableName=settings().ledger_table,
            IndexName="due",
            KeyConditionExpression="due_shard = :shard AND due BETWEEN :low AND :high",
            ExpressionAttributeValues=to_item({":shard": shard, ":low": low, ":high": high}),
            Limit=limit,
            **start,
        )
        found = [from_item(item) for item in answer["Items"]]
        if found:
            yield [ref(settings().ledger_table, account=item["account"], at=item["at"]) for item in found]
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def due_days(today: str) -> Iterator[list[Ref]]:
    """The DAY items whose hold has ended by this day (ISO date in the program's time zone), page by page."""
    for shard in keys.DUE_SHARDS:
        yield from _due(shard, "0", f"{today}~", _PAGE)


def payable(shard: str, after: str = "") -> list[str]:
    """The next accounts of this shard that may have money to pay out, in their order, from the one after `after` on; none
    at the end. One that has just become payable may be missing."""
    low = f"{keys.payable(after)}\0" if after else keys.PAYABLE
    page = next(_due(shard, low, keys.PAYABLE + "~", _ACCOUNTS), [])
    return [dict(each.key)["account"] for each in page]


def mature(page: list[Ref], at: datetime) -> int:
    """Moves what these days hold to the available balance of their accounts. Returns how many days matured now.

    A day that has matured already is left alone; one that changes meanwhile is read again, until the time is up (`Busy`).
    """
    todo, waits = page, pauses()
    while True:
        days = [day for day in read(*todo).values() if "matured_at" not in day]
        writes, available = [], dict[str, int]()
        for day in days:
            writes.append(_mature_day(day, at))
            available[day["account"]] = available.get(day["account"], 0) + day.get("pending", 0)
        writes += [balance(account, {"available": amount}) for account, amount in available.items()]
        if not days:
            return 0
        if transact(writes) is None:
            _tell(available)
            return len(days)
        todo = [ref(settings().ledger_table, account=day["account"], at=day["at"]) for day in days]
        next(waits)


def _tell(available: dict[str, int]) -> None:
    logger.info("became available", extra={"distributors": [payee(account)[0] for account in available]})
    for account, amount in available.items():
        count("CommissionMatured", amount, currency=payee(account)[1])


def _mature_day(day: dict[str, Any], at: datetime) -> dict[str, Any]:
    known = "pending = :pending" if "pending" in day else "attribute_not_exists(pending)"
    values = {":at": keys.stamp(at), ":pending": day.get("pending")}
    return {
        "Update": {
            "TableName": settings().ledger_table,
            "Key": to_item({"account": day["account"], "at": day["at"]}),
            "UpdateExpression": "SET matured_at = :at REMOVE due_shard, due",
            "ConditionExpression": f"attribute_not_exists(matured_at) AND {known}",
            "ExpressionAttributeValues": to_item(values),
        }
    }
