"""The proof: balances from entries, entries from orders, zero over all accounts. For one distributor or for all."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from chalicelib.domain import proof
from chalicelib.domain.accounts import distributor
from chalicelib.domain.books import Books, Totals, add_item
from chalicelib.domain.errors import Refused
from chalicelib.domain.orders import Order
from chalicelib.domain.payouts import Payout
from chalicelib.domain.proof import Mismatch
from chalicelib.flows.read_balance import existing
from chalicelib.settings import settings
from chalicelib.store import keys, orders, statement
from chalicelib.store import payouts as payout_store
from chalicelib.store import proof as reads

_TRANSIT = timedelta(minutes=5)
_LONGEST_SECONDS = 20
_PAGE = 100


class Proof(Struct, frozen=True):
    """`imbalance` is zero per currency and `mismatches` is empty, or something is wrong. `in_transit` orders changed in
    the last minutes and have not reached the books yet."""

    accounts: int
    entries: int
    orders: int
    in_transit: int
    imbalance: dict[str, int]
    mismatches: list[Mismatch]


def verify(now: datetime, distributor_id: str | None = None, as_of: datetime | None = None) -> Proof:
    """Recomputes the books, of one distributor or of everybody, and names every place that does not add up.

    `as_of` looks at what had been recorded by then: entries against each other, not against today's balances. Everybody
    is a scan: `Refused` with `LEDGER_TOO_LARGE` when it takes longer than a request may.
    """
    if as_of:
        return _as_of(as_of, distributor_id)
    return _one(distributor_id, now) if distributor_id else _all(now)


def _read(items: Iterable[dict[str, Any]]) -> Books:
    books, until = Books(settings().time_zone), time.monotonic() + _LONGEST_SECONDS
    for item in items:
        add_item(books, item)
        if time.monotonic() > until:
            raise Refused("LEDGER_TOO_LARGE")
    return books


def _all(now: datetime) -> Proof:
    books = _read(reads.whole_ledger())
    payouts, totals = reads.paid_out()
    return prove(books, payouts, totals, reads.all_orders(), now)


def prove(books: Books, paid_out: Sequence[Payout], totals: Totals, images: Iterable[Order], now: datetime) -> Proof:
    """The proof of everything that there is: of the tables, or of a copy of them. `totals`: the running totals of tax, by
    item and attribute."""
    found = proof.balances(books, whole=True)
    found += proof.payouts(books, paid_out, whole=True) + proof.tax_years(totals, paid_out)
    seen, waiting = set[str](), 0
    for order in images:
        seen.add(order.facts.order_id)
        wrong = proof.order(books, order)
        if wrong and proof.in_transit(books, order, now - _TRANSIT):
            waiting += 1
        else:
            found += wrong
    return _proof(books, found + _without_order(books, seen), len(seen), waiting, proof.imbalance(books))


def _without_order(books: Books, seen: set[str]) -> list[Mismatch]:
    return [
        Mismatch(account, f"order {order_id} {bucket.day}", amount, 0)
        for order_id, booked in books.earned.items()
        if order_id not in seen
        for (account, bucket), sums in booked.items()
        if (amount := sums[""])
    ]


def _one(distributor_id: str, now: datetime) -> Proof:
    person = existing(distributor_id)
    accounts = [distributor(distributor_id, currency) for currency in sorted(person.currencies)]
    books = _read(item for account in accounts for item in statement.between(account, keys.BALANCE, "ENTRY#~"))
    found = proof.balances(books, whole=False)
    found += proof.payouts(books, _payouts_of(distributor_id))
    images = {order.facts.order_id: order for order in _orders_of(distributor_id)}
    named = [order_id for order_id in books.earned if order_id not in images]
    for i in range(0, len(named), _PAGE):
        images |= orders.get_many(named[i : i + _PAGE])
    waiting = 0
    for order in images.values():
        wrong = proof.order(books, order, distributor(distributor_id, order.facts.currency))
        if wrong and proof.in_transit(books, order, now - _TRANSIT):
            waiting += 1
        else:
            found += wrong
    off = {distributor_currency(m): 0 for m in found if m.what == "available" or m.what.startswith("DAY#")}
    for mismatch in found:
        if distributor_currency(mismatch) in off and not mismatch.what.startswith("order "):
            off[distributor_currency(mismatch)] += mismatch.stored - mismatch.computed
    zero = dict.fromkeys(sorted(person.currencies), 0)
    return _proof(books, found + _without_order(books, set(images)), len(images), waiting, zero | off)


def distributor_currency(mismatch: Mismatch) -> str:
    return mismatch.account.rsplit(":", 1)[1]


def _orders_of(distributor_id: str) -> Iterator[Order]:
    cursor: str | None = None
    while True:
        page, cursor = orders.of_distributor(distributor_id, _PAGE, cursor)
        yield from page
        if cursor is None:
            return


def _payouts_of(distributor_id: str) -> Iterator[Any]:
    cursor: str | None = None
    while True:
        page, cursor = payout_store.of_distributor(distributor_id, _PAGE, cursor)
        yield from page
        if cursor is None:
            return


def _as_of(as_of: datetime, distributor_id: str | None) -> Proof:
    """Entries recorded by then, against the merchants who bear them: each posting sums to zero by itself."""
    if distributor_id:
        accounts = [distributor(distributor_id, currency) for currency in sorted(existing(distributor_id).currencies)]
        items: Iterable[dict[str, Any]] = (i for a in accounts for i in statement.between(a, "ENTRY#", "ENTRY#~"))
    else:
        items = reads.whole_ledger()
    limit = keys.entry(as_of, "", "").rstrip("#") + "~"
    books = Books(settings().time_zone)
    sums: dict[str, int] = {}
    found = []
    for item in items:
        if not item["at"].startswith("ENTRY#") or item["at"] > limit:
            continue
        add_item(books, item)
        currency = item["account"].rsplit(":", 1)[1]
        borne = sum(item["merchants"].values()) if "merchants" in item else item["amount"]
        sums[currency] = sums.get(currency, 0) + item["amount"] - borne
        if item["amount"] != borne:
            found.append(Mismatch(item["account"], item["at"], item["amount"], borne))
    return _proof(books, found, len(books.earned), 0, dict(sorted(sums.items())))


def _proof(books: Books, found: list[Mismatch], seen: int, waiting: int, sums: dict[str, int]) -> Proof:
    return Proof(len(books.accounts), books.entries, seen, waiting, sums, found)
