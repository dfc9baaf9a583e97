"""What was read of the ledger, added up: what stands in each item, and what the entries say must stand there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from chalicelib.domain import accounts
from chalicelib.domain.buckets import Bucket, day_of

Totals = dict[tuple[str, str], int]
"""(account, what of it) -> minor units."""
BALANCE = "BALANCE"
STATISTICS = ("direct", "indirect", "reversals", "orders", "sales")
MONEY = ("available", "in_flight", "paid")


def _totals() -> Totals:
    return defaultdict(int)


def _by_order() -> Any:
    return defaultdict(lambda: defaultdict(Counter))


def _by_merchant() -> Any:
    return defaultdict(lambda: defaultdict(int))


class Books(Struct):
    """Sums by account. `expected` is what the entries say must be `stored` in each item, and `counted` the same for its
    statistics, which it has `told`; `needed` are the items that must be there, `present` those that are, `matured` the days
    that have, and when, `held` those on which something waited. `orders`: whether entries are also added up by order and by
    merchant, which takes memory for each of them."""

    time_zone: str
    orders: bool = True
    stored: Totals = field(default_factory=_totals)
    expected: Totals = field(default_factory=_totals)
    told: Totals = field(default_factory=_totals)
    counted: Totals = field(default_factory=_totals)
    present: set[tuple[str, str]] = field(default_factory=set)
    needed: set[tuple[str, str]] = field(default_factory=set)
    matured: dict[tuple[str, str], datetime] = field(default_factory=dict)
    held: set[tuple[str, str]] = field(default_factory=set)
    moved: Totals = field(default_factory=_totals)
    earned: dict[str, dict[tuple[str, Bucket], Counter[str]]] = field(default_factory=_by_order)
    charged: dict[tuple[str, str], dict[tuple[str, int, Bucket], int]] = field(default_factory=_by_merchant)
    postings: set[tuple[str, int]] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    entries: int = 0


def day_item(bucket: Bucket) -> str:
    return f"DAY#{bucket.day}#{bucket.hold_days:03d}"


def add_item(books: Books, item: Mapping[str, Any]) -> None:
    """Adds one item of the ledger, as plain attributes (see `store/ledger.py` for what each kind holds)."""
    account, at = item["account"], item["at"]
    books.accounts.add(account)
    if at.startswith("ENTRY#"):
        _add_entry(books, account, item)
        return
    books.present.add((account, at))
    if at == BALANCE:
        for name in MONEY:
            books.stored[account, name] += item.get(name, 0)
    elif account.startswith("distributor:"):
        books.stored[account, at] += item.get("pending", 0)
        for name in STATISTICS:
            books.told[account, f"{at} {name}"] += item.get(name, 0)
        if "matured_at" in item:
            books.needed.add((account, BALANCE))
            books.matured[account, at] = datetime.fromisoformat(item["matured_at"])
            books.expected[account, "available"] += item.get("pending", 0)
            books.stored[account, "matured"] += item.get("pending", 0)
    elif account.startswith("merchant:"):
        books.stored[account, at] += item.get("amount", 0)
        books.told[account, f"{at} returned"] += item.get("returned", 0)
    else:
        books.stored[account, whole_day(at)] += item.get("amount", 0)


def whole_day(at: str) -> str:
    """The day of a DAY item, whichever its hold or shard."""
    return "#".join(at.split("#")[:2])


def of_payout(payout_id: str, kind: str) -> str:
    """What the entry of a kind of a payout is called."""
    return f"payout {payout_id}" if kind == "payout" else f"payout {payout_id} returned"


def _add_entry(books: Books, account: str, entry: Mapping[str, Any]) -> None:
    books.entries += 1
    amount = entry["amount"]
    if "payout_id" in entry:
        books.moved[account, of_payout(entry["payout_id"], entry["kind"])] += amount
    if "order_id" not in entry:
        books.expected[account, "available"] += amount
        books.needed.add((account, BALANCE))
        return
    bucket = Bucket(entry["day"], entry["hold_days"])
    counted = bucket
    if entry["to"] == "pending":
        books.expected[account, day_item(bucket)] += amount
        if amount:
            books.held.add((account, day_item(bucket)))
    else:
        books.expected[account, "available"] += amount
        books.needed.add((account, BALANCE))
        happened = day_of(datetime.fromisoformat(entry["happened_at"]), books.time_zone)
        counted = Bucket(happened, bucket.hold_days)
    _count(books, account, day_item(counted), entry)
    if books.orders:
        _add_to_order(books, account, bucket, entry)


def _count(books: Books, account: str, day: str, entry: Mapping[str, Any]) -> None:
    amount = entry["amount"]
    if amount:
        books.needed.add((account, day))
    books.counted[account, f"{day} {entry['level']}"] += amount
    books.counted[account, f"{day} reversals"] += max(0, -amount)
    books.counted[account, f"{day} orders"] += entry.get("orders", 0)
    books.counted[account, f"{day} sales"] += entry.get("sales", 0)


def _add_to_order(books: Books, account: str, bucket: Bucket, entry: Mapping[str, Any]) -> None:
    order_id, revision = entry["order_id"], entry["revision"]
    sums = books.earned[order_id][account, bucket]
    sums.update({"": entry["amount"], " orders": entry.get("orders", 0), " sales": entry.get("sales", 0)})
    books.postings.add((order_id, revision))
    for merchant_id, part in entry["merchants"].items():
        sums[f" of {merchant_id}"] += part
        payer = accounts.merchant(merchant_id, accounts.currency_of(account), order_id)
        books.charged[payer, f"DAY#{bucket.day}"][order_id, revision, bucket] -= part
