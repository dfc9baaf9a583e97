"""Updates that add to an item of the ledger: commutative, so that it makes no difference who comes first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.settings import settings
from chalicelib.store import keys
from chalicelib.store.items import to_item


def add(
    account: str,
    at: str,
    amounts: Mapping[str, int],
    *,
    once: Mapping[str, str] | None = None,
    condition: str | None = None,
    values: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """An update that adds amounts to an item (which it creates if need be) and sets what is in `once` if it is not set."""
    fields = {name: amount for name, amount in amounts.items() if amount}
    once = once or {}
    names = {f"#{name}": name for name in (*fields, *once)}
    sets = ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in once)
    adds = ", ".join(f"#{name} :{name}" for name in fields)
    update: dict[str, Any] = {
        "TableName": settings().ledger_table,
        "Key": to_item({"account": account, "at": at}),
        "UpdateExpression": " ".join([f"SET {sets}" if sets else "", f"ADD {adds}" if adds else ""]).strip(),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": to_item({f":{k}": v for k, v in {**fields, **once, **(values or {})}.items()}),
    }
    if condition:
        update["ConditionExpression"] = condition
    return {"Update": update}


def balance(account: str, amounts: Mapping[str, int], **options: Any) -> dict[str, Any]:
    """An update of the BALANCE item; money that becomes available puts it into the index that settling reads."""
    once = {}
    if amounts.get("available", 0) > 0:
        once = {"due_shard": keys.shard(account), "due": keys.payable(account)}
    return add(account, keys.BALANCE, {**amounts, "version": 1}, once=once, **options)


def total(account: str, day: str, amount: int, returned: int = 0, *, shard: str | None = None) -> dict[str, Any]:
    """An update of an account that only counts by day. `returned`: how much of the amount came back to a merchant; `shard`:
    in which of its day's items it is counted, for a day that many would write at once."""
    return add(account, keys.total_day(day, shard), {"amount": amount, "returned": returned})
