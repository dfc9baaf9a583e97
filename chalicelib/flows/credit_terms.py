"""Terms of credit of a customer: agreed by the operator; and by age, what the customer owes under them."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from chalicelib.domain.buckets import day_of
from chalicelib.domain.credit import AGES, Account, CreditTerms, age, days_overdue
from chalicelib.domain.errors import NotFound
from chalicelib.settings import settings
from chalicelib.store import audit, credit


class OrderAge(Struct, frozen=True, kw_only=True):
    """An open order; `outstanding` in minor units. `stopped`: what is paid of it does not accrue at present."""

    order_id: str
    currency: str
    due: str
    days_overdue: int
    outstanding: int
    stopped: bool


class Ageing(Struct, frozen=True, kw_only=True):
    """By currency what is outstanding, as columns by days past due (`current`, `1_30`, …, `over_90`) and as a `total`.

    `over_limit`: more is outstanding than the limit allows. `overdue_since`: the missed due day.
    """

    customer_id: str
    as_of: str
    terms: CreditTerms
    outstanding: dict[str, dict[str, int]]
    over_limit: bool
    overdue_since: str | None
    orders: list[OrderAge]


def set_credit_terms(customer_id: str, terms: CreditTerms, by: str, now: datetime) -> CreditTerms:
    """Stores the terms, audited. They are for orders decided from now on; those decided before keep what they have."""
    record = audit.record(now, by, "customer.terms", f"customer:{customer_id}", after=terms)
    credit.put_terms(customer_id, terms, record)
    return terms


def read_credit_terms(customer_id: str) -> CreditTerms:
    """The terms of a customer. Raises `NotFound` if there are none."""
    return _with_terms(customer_id)[1]


def read_ageing(customer_id: str, now: datetime) -> Ageing:
    """What a customer owes as of `now`, the oldest first. One read, of all their open orders. Raises `NotFound` for a
    customer without terms of credit."""
    account, terms = _with_terms(customer_id)
    today = day_of(now, settings().time_zone)
    rows = [
        OrderAge(
            order_id=order_id,
            currency=order.currency,
            due=order.due,
            days_overdue=days_overdue(order.due, today),
            outstanding=order.outstanding,
            stopped=order.missed is not None,
        )
        for order_id, order in sorted(account.open.items(), key=lambda each: (each[1].due, each[0]))
        if order.outstanding
    ]
    sums = {currency: dict.fromkeys((*AGES, "total"), 0) for currency in sorted({row.currency for row in rows})}
    for row in rows:
        sums[row.currency][age(row.days_overdue)] += row.outstanding
        sums[row.currency]["total"] += row.outstanding
    return Ageing(
        customer_id=customer_id,
        as_of=today,
        terms=terms,
        outstanding=sums,
        over_limit=terms.exceeded({currency: ages["total"] for currency, ages in sums.items()}),
        overdue_since=account.judged(today).missed,
        orders=rows,
    )


def _with_terms(customer_id: str) -> tuple[Account, CreditTerms]:
    account = credit.get(customer_id)
    if account.terms is None:
        raise NotFound("NOT_FOUND")
    return account, account.terms
