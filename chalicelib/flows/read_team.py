"""A sponsor's direct recruits, with the numbers of the current month."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from chalicelib.domain.accounts import distributor
from chalicelib.domain.buckets import day_of
from chalicelib.settings import settings
from chalicelib.store import distributors, statement


class MonthNumbers(Struct, frozen=True):
    """Since the first of the month, minor units: orders attributed to the recruit, their net sales and commission."""

    currency: str
    orders: int
    sales: int
    commission: int


class Recruit(Struct, frozen=True):
    distributor_id: str
    name: str
    joined_at: str
    status: str
    this_month: list[MonthNumbers]


def read_team(sponsor_id: str, limit: int, cursor: str | None, now: datetime) -> tuple[list[Recruit], str | None]:
    """One page of the recruits, the newest first, and where the next begins. Names are cut: a recruit is not a customer
    file."""
    today = day_of(now, settings().time_zone)
    page, following = distributors.recruits(sponsor_id, limit, cursor)
    team = []
    for each in page:
        numbers = []
        for currency in sorted(each.currencies):
            days = statement.days(distributor(each.id, currency), today[:8] + "01", today)
            totals = {name: sum(day.get(name, 0) for day in days) for name in ("orders", "sales", "direct")}
            numbers.append(MonthNumbers(currency, totals["orders"], totals["sales"], totals["direct"]))
        team.append(Recruit(each.id, _cut(each.name), each.joined_at, each.status, numbers))
    return team, following


def _cut(name: str) -> str:
    return f"{name[:1]}**" if name else ""
