"""Does everything add up? Balances from entries, entries from orders, and the sum over all accounts: nothing is trusted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from chalicelib.domain import accounts
from chalicelib.domain.buckets import Bucket
from chalicelib.domain.earnings import earnings
from chalicelib.domain.orders import Order
from chalicelib.domain.postings import LEVELS

Totals = dict[tuple[str, str], int]
"""(account, what of it) -> minor units."""


class Mismatch(Struct, frozen=True):
    """One place where the books do not add up: what is `stored`, and what it should be by everything else."""

    account: str
    what: str
    stored: int
    computed: int


class Books(Struct):
    """Everything read of the ledger, added up by account. `expected` is what the entries say must stand in each item."""

    stored: Totals
    expected: Totals
    earned: dict[str, dict[tuple[str, Bucket], int]]
    postings: set[tuple[str, int]]
    accounts: set[str]
    entries: int = 0

    @staticmethod
    def empty() -> Books:
        return Books(defaultdict(int), defaultdict(int), defaultdict(lambda: defaultdict(int)), set(), set())


def _day(bucket: Bucket) -> str:
    return f"DAY#{bucket.day}#{bucket.hold_days:03d}"


def add_item(books: Books, item: Mapping[str, Any]) -> None:
    """Adds one item of the ledger, as plain attributes (see `store/ledger.py` for what each kind holds)."""
    account, at = item["account"], item["at"]
    books.accounts.add(account)
    if at.startswith("ENTRY#"):
        _add_entry(books, account, item)
    elif at == "BALANCE":
        for name in ("available", "in_flight", "paid"):
            books.stored[account, name] += item.get(name, 0)
    elif "amount" in item:
        books.stored[account, at] += item["amount"]
    else:
        books.stored[account, at] += item.get("pending", 0)
        if "matured_at" in item:
            books.expected[account, "available"] += item.get("pending", 0)
            books.stored[account, "matured"] += item.get("pending", 0)


def _add_entry(books: Books, account: str, entry: Mapping[str, Any]) -> None:
    books.entries += 1
    amount = entry["amount"]
    if "order_id" not in entry:
        books.expected[account, "available"] += amount
        return
    bucket, order_id = Bucket(entry["day"], entry["hold_days"]), entry["order_id"]
    where = _day(bucket) if entry["to"] == "pending" else "available"
    books.expected[account, where] += amount
    books.earned[order_id][account, bucket] += amount
    books.postings.add((order_id, entry["revision"]))
    currency = accounts.currency_of(account)
    for merchant_id, part in entry["merchants"].items():
        payer = accounts.merchant(merchant_id, currency, order_id)
        books.expected[payer, f"DAY#{bucket.day}"] -= part


def balances(books: Books, whole: bool) -> list[Mismatch]:
    """Where an item is not what the entries make of it. `whole`: the merchants' accounts were read too."""
    found = []
    for account, what in sorted(books.stored.keys() | books.expected.keys()):
        mine = account.startswith("distributor:")
        if what in ("matured", "in_flight", "paid") or not (mine or (whole and account.startswith("merchant:"))):
            continue
        stored, computed = books.stored.get((account, what), 0), books.expected.get((account, what), 0)
        if stored != computed:
            found.append(Mismatch(account, what, stored, computed))
    return found


def payouts(books: Books, paid_out: Iterable[Any]) -> list[Mismatch]:
    """Where what has left an account is not what the payouts (`domain.payouts.Payout`) say."""
    computed: Totals = defaultdict(int)
    for payout in paid_out:
        account = accounts.distributor(payout.distributor_id, payout.currency)
        if payout.state == "paid":
            computed[account, "paid"] += payout.gross
        elif payout.state not in ("failed", "returned", "rejected"):
            computed[account, "in_flight"] += payout.gross
    known = {key for key in books.stored if key[1] in ("in_flight", "paid")}
    return [
        Mismatch(account, what, books.stored.get((account, what), 0), computed.get((account, what), 0))
        for account, what in sorted(known | computed.keys())
        if books.stored.get((account, what), 0) != computed.get((account, what), 0)
    ]


def in_transit(books: Books, order: Order, since: datetime) -> bool:
    """Whether the order's newest posting was recorded after `since` and has not reached the books yet."""
    last = order.written[-1] if order.written else None
    return last is not None and last.at >= since and (order.facts.order_id, last.revision) not in books.postings


def order(books: Books, image: Order, only: str | None = None) -> list[Mismatch]:
    """Where the entries of an order are not what its image earns; of one account `only`, or of all."""
    order_id, currency = image.facts.order_id, image.facts.currency
    earned, computed = earnings(image), dict[tuple[str, Bucket], int]()
    for level in LEVELS:
        side = earned.level(level)
        if side.beneficiary is None:
            continue
        account = accounts.distributor(side.beneficiary.distributor_id, currency)
        for bucket, parts in side.buckets.items():
            computed[account, bucket] = computed.get((account, bucket), 0) + sum(parts)
    booked = books.earned.get(order_id, {})
    found = []
    for account, bucket in sorted(computed.keys() | booked.keys()):
        has, should = booked.get((account, bucket), 0), computed.get((account, bucket), 0)
        if only in (None, account) and has != should:
            found.append(Mismatch(account, f"order {order_id} {bucket.day}", has, should))
    return found


def imbalance(books: Books) -> dict[str, int]:
    """The sum over all accounts by currency: zero, always."""
    sums: dict[str, int] = defaultdict(int)
    for (account, what), amount in books.stored.items():
        if what in ("in_flight", "paid"):
            continue
        # What has matured stands in `available` too: it is still in its DAY item as the day's history.
        sums[accounts.currency_of(account)] += -amount if what == "matured" else amount
    return dict(sorted(sums.items()))
