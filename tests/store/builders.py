"""Postings as the stream function makes them, and the books read back whole."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from chalicelib.domain import accounts
from chalicelib.domain.buckets import Bucket
from chalicelib.domain.postings import Charge, Entry, Posting
from chalicelib.store import proof
from chalicelib.store.statement import Balance

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
DAY = "2026-03-01"
HOLD = 15
ANN = accounts.distributor("ann", "CNY")
BOB = accounts.distributor("bob", "CNY")


def leg(who: str, amount: int, *, level: str = "direct", day: str = DAY, hold: int = HOLD, sales: int = 0) -> Entry:
    """One entry; `posting` fills in which order it is of."""
    return Entry(
        account=accounts.distributor(who, "CNY"),
        leg=f"{level}.{day}",
        kind="reversal" if amount < 0 else "commission",
        level=level,  # type: ignore[arg-type]
        amount=amount,
        bucket=Bucket(day, hold),
        order_id="",
        revision=0,
        happened_at=AT,
        merchants={"m1": amount},
        orders=int(sales > 0),
        sales=sales,
    )


def posting(order_id: str, *legs: Entry, revision: int = 1, happened_on: str = DAY) -> Posting:
    entries = tuple(structs.replace(each, order_id=order_id, revision=revision) for each in legs)
    charged: dict[tuple[str, Bucket], int] = defaultdict(int)
    for each in entries:
        charged[accounts.merchant("m1", "CNY", order_id), each.bucket] -= each.amount
    return Posting(
        key=f"{order_id}@{revision}",
        at=AT,
        currency="CNY",
        happened_on=happened_on,
        entries=entries,
        charges=tuple(Charge(account=a, bucket=b, amount=n) for (a, b), n in sorted(charged.items()) if n),
    )


def both(order_id: str, direct: int, indirect: int, **more: Any) -> Posting:
    """Ann's direct commission and Bob's indirect one."""
    return posting(order_id, leg("ann", direct, sales=1000), leg("bob", indirect, level="indirect"), **more)


def ledger() -> dict[tuple[str, str], dict[str, Any]]:
    """Every item of the ledger by its key."""
    return {(item.pop("account"), item.pop("at")): item for item in proof.whole_ledger()}


def sum_of_all(items: dict[tuple[str, str], dict[str, Any]]) -> int:
    """The sum over all accounts: what distributors hold and what merchants owe. Zero, always."""
    total = 0
    for (_, at), item in items.items():
        if at == "BALANCE":
            total += item.get("available", 0) + item.get("in_flight", 0) + item.get("paid", 0)
        elif at.startswith("DAY#"):
            total += item.get("amount", 0) + (0 if "matured_at" in item else item.get("pending", 0))
    return total


def entries_of(items: dict[tuple[str, str], dict[str, Any]], account: str) -> list[int]:
    return [item["amount"] for (of, at), item in items.items() if of == account and at.startswith("ENTRY#")]


def holds(held: Balance) -> tuple[int, int]:
    return held.pending, held.available
