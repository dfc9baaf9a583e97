"""What a distributor was paid in a year and what was withheld, payout by payout: equal to the books."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

from msgspec import Struct

from chalicelib.domain.buckets import day_of, end_of
from chalicelib.domain.payouts import BACK, Payout, State
from chalicelib.flows.read_balance import existing
from chalicelib.settings import settings
from chalicelib.store import payouts


class StatementLine(Struct, frozen=True, kw_only=True):
    """One payout, in minor units; `date` is that of its creation in the program's time zone."""

    payout_id: str
    date: str
    currency: str
    gross: int
    fee: int
    tax: int
    net: int
    state: State


class StatementTotal(Struct, frozen=True, kw_only=True):
    """The sums of the payouts in a currency whose money did not come back."""

    currency: str
    gross: int
    fee: int
    tax: int
    net: int


class TaxStatement(Struct, frozen=True, kw_only=True):
    distributor_id: str
    name: str
    year: int
    time_zone: str
    items: list[StatementLine]
    totals: list[StatementTotal]


def tax_statement(distributor_id: str, year: int) -> TaxStatement:
    """The payouts that were made in a calendar year of the program's time zone, the oldest first, and their sums.

    Rejected, failed and returned ones are listed and not summed: the books took their amounts back. Raises `NotFound`.
    """
    person, zone = existing(distributor_id), settings().time_zone
    start = end_of((date(year, 1, 1) - timedelta(days=1)).isoformat(), zone)
    made = payouts.made_between(distributor_id, start, end_of(f"{year:04d}-12-31", zone))
    sums: dict[str, list[Payout]] = defaultdict(list)
    for payout in made:
        if payout.state not in BACK:
            sums[payout.currency].append(payout)
    return TaxStatement(
        distributor_id=distributor_id,
        name=person.name,
        year=year,
        time_zone=zone,
        items=[_line(payout, zone) for payout in made],
        totals=[_total(currency, group) for currency, group in sorted(sums.items())],
    )


def _line(payout: Payout, zone: str) -> StatementLine:
    return StatementLine(
        payout_id=payout.id,
        date=day_of(payout.created_at, zone),
        currency=payout.currency,
        gross=payout.gross,
        fee=payout.fee,
        tax=payout.tax,
        net=payout.net,
        state=payout.state,
    )


def _total(currency: str, group: list[Payout]) -> StatementTotal:
    return StatementTotal(
        currency=currency,
        gross=sum(payout.gross for payout in group),
        fee=sum(payout.fee for payout in group),
        tax=sum(payout.tax for payout in group),
        net=sum(payout.net for payout in group),
    )
