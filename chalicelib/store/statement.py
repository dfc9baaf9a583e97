"""What an account holds and why: the balance, and the statement page by page. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from chalicelib.domain.accounts import distributor
from chalicelib.domain.errors import Busy, Fault, Malformed
from chalicelib.settings import settings
from chalicelib.store import cursors, keys
from chalicelib.store.batch import read, ref
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item


class Balance(Struct, frozen=True, kw_only=True):
    """Minor units of one currency. `pending` is on hold; `in_flight` and `paid` have left the account."""

    pending: int = 0
    available: int = 0
    in_flight: int = 0
    paid: int = 0


def query(account: str, low: str, high: str, **options: Any) -> dict[str, Any]:
    """One page of an account's items between two sort keys, read consistently; `Items` are plain attributes."""
    answer = send(
        "query",
        TableName=settings().ledger_table,
        KeyConditionExpression="account = :account AND #at BETWEEN :low AND :high",
        ExpressionAttributeNames={"#at": "at"},
        ExpressionAttributeValues=to_item({":account": account, ":low": low, ":high": high}),
        ConsistentRead=True,
        **{name: value for name, value in options.items() if value is not None},
    )
    return {**answer, "Items": [from_item(item) for item in answer["Items"]]}


def between(account: str, low: str, high: str, **options: Any) -> list[dict[str, Any]]:
    """All items of an account between two sort keys."""
    items: list[dict[str, Any]] = []
    start = None
    while True:
        page = query(account, low, high, ExclusiveStartKey=start, **options)
        items += page["Items"]
        start = page.get("LastEvaluatedKey")
        if not start:
            return items


def _balance_item(account: str) -> dict[str, Any]:
    wanted = ref(settings().ledger_table, account=account, at=keys.BALANCE)
    return read(wanted).get(wanted, {})


def balance(distributor_id: str, currency: str) -> Balance:
    """The balance at one instant. The days on hold and the BALANCE item are read until nothing matured in between.

    Every day of the account is looked at, however old: an order may be reported years late and is on hold until the next
    run. A day is some 0.2 KB, so ten years cost under 100 read units.
    """
    account = distributor(distributor_id, currency)
    before = _balance_item(account)
    for _ in range(10):
        days = between(account, "DAY#", "DAY#~", FilterExpression="attribute_not_exists(matured_at)")
        after = _balance_item(account)
        if before.get("version") == after.get("version"):
            return Balance(
                pending=sum(day.get("pending", 0) for day in days),
                available=after.get("available", 0),
                in_flight=after.get("in_flight", 0),
                paid=after.get("paid", 0),
            )
        before = after
    raise Busy("BUSY")


def entries(accounts: Sequence[str], limit: int, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """The statement of some accounts of one holder together, the newest entry first (plain attributes), and where the next
    page begins. One query an account."""
    start = cursors.opened(cursor, "at")
    below = start["at"].get("S", "") if start else "ENTRY#~"
    if not below.startswith("ENTRY#"):
        raise Malformed("BAD_CURSOR", Fault("cursor", "BAD_CURSOR"))
    found: list[dict[str, Any]] = []
    for account in accounts:
        page = query(account, "ENTRY#", below, ScanIndexForward=False, Limit=limit + 2)
        found += [item for item in page["Items"] if item["at"] < below]
    found.sort(key=lambda item: str(item["at"]), reverse=True)
    following = to_item({"at": found[limit - 1]["at"]}) if len(found) > limit else None
    return found[:limit], cursors.sealed(following)


def of_posting(account: str, at: Any, posting: str) -> list[dict[str, Any]]:
    """The entries of one posting on this account (plain attributes)."""
    prefix = keys.entry(at, posting, "")
    return between(account, prefix, prefix + "~")


def days(account: str, first: str, last: str) -> list[dict[str, Any]]:
    """The DAY items of an account from one day to another, both included (plain attributes)."""
    return between(account, f"DAY#{first}", f"DAY#{last}#~")
