"""A program whose distributors have money that real orders brought them: the books must verify after every race."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from chalicelib.domain import accounts
from chalicelib.domain.orders import Order
from chalicelib.domain.payouts import Payout
from chalicelib.domain.plans import PayoutRules
from chalicelib.domain.postings import difference
from chalicelib.flows.mature import mature
from chalicelib.flows.post_commissions import post_commissions
from chalicelib.flows.record_order import record_order
from chalicelib.settings import settings
from chalicelib.store import connection, customers, distributors, keys, orders, payouts, tax_years
from chalicelib.store.batch import read, ref
from chalicelib.store.customers import Customer
from chalicelib.store.items import from_item
from tests.flows.money_out import METHOD
from tests.flows.shop import NOW, at, open_shop, ordered, paid, person
from tests.races.pair import insist

LATER = at(20)
NEVER = NOW + timedelta(days=3650)
"""So late that no order is still on its way to the books."""


def bank(_payee: str) -> dict[str, Any]:
    return METHOD


def open_program(
    payees: int, currency: str = "CNY", method: Callable[[str], dict[str, Any]] = bank, **payout: Any
) -> None:
    """Ten percent at once for the payees `s0`, `s1` …, who can be paid; one order each has matured, of 100 minor units."""
    open_shop(hold_days=0, payout=PayoutRules(**payout))
    for n in range(payees):
        payee = person(f"s{n}")
        distributors.create(payee, {})
        distributors.set_payout_methods(payee, {"card": method(payee.id)})
        earn(n, 100, "first", currency)
    mature(LATER)


def earn(payee: int, amount: int, order: str, currency: str = "CNY", day: float = 0) -> Order:
    """An order that brings a payee this much commission: available at once, if that day has matured."""
    price, name = amount * 10, f"s{payee}-{order}"
    payments, customer = paid(price, days=day), f"c-{name}"
    facts = ordered(name, price, f"S{payee}", customer_id=customer, currency=currency, payments=payments)
    image = insist(lambda: record_order(facts, max(NOW, at(day))))
    insist(lambda: book(None, image))
    return image


def book(old: Order | None, new: Order) -> None:
    """What the stream function does with one step of an order."""
    posting = difference(old, new)
    if posting:
        (outcome,) = post_commissions([posting])
        assert outcome.result != "refused", outcome


def rows(table: str) -> Iterator[dict[str, Any]]:
    """Every item of a table, as plain attributes."""
    for page in connection.client().get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from map(from_item, page["Items"])


def all_orders() -> dict[str, Order]:
    """By id."""
    return {row["id"]: orders.from_attributes(row) for row in rows(settings().orders_table)}


def all_payouts() -> dict[str, Payout]:
    """By id."""
    found = (row for row in rows(settings().payouts_table) if not row["id"].startswith(tax_years.PREFIX))
    return {row["id"]: payouts.from_attributes(row) for row in found}


def all_customers() -> dict[str, Customer]:
    """By id."""
    return {row["id"]: customers.from_attributes(row["id"], row) for row in rows(settings().customers_table)}


def book_everything() -> None:
    """What the stream function does with orders that nobody has booked."""
    postings = [posting for order in all_orders().values() if (posting := difference(None, order))]
    assert all(outcome.result != "refused" for outcome in post_commissions(postings))


def available(payee: int, currency: str = "CNY") -> int:
    wanted = ref(settings().ledger_table, account=accounts.distributor(f"s{payee}", currency), at=keys.BALANCE)
    found: int = insist(lambda: read(wanted)).get(wanted, {}).get("available", 0)
    return found
