"""Terms of credit: what of a customer's orders on account is outstanding, whether they are overdue, and since when.

A customer is overdue while a due day has passed with something outstanding. Then all their open orders are stopped at the
end of the earliest such day: what is paid later accrues as soon as nothing is overdue any more. So the stop is a function of
what is owed and of the day on which that is judged, and that day never goes back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta

from msgspec import Struct, field, structs

from chalicelib.domain.attribution import as_of
from chalicelib.domain.buckets import day_of
from chalicelib.domain.errors import Refused
from chalicelib.domain.orders import Facts
from chalicelib.domain.remaining import outstanding

MOST_OPEN = 1000
"""Open orders of one customer: about 100 KB of their item."""


class CreditTerms(Struct, frozen=True, kw_only=True):
    """`credit_limit` in minor units of `currency`, or of each currency by itself if there is none; an order is due
    `net_days` after the day on which it was placed."""

    credit_limit: int
    net_days: int
    currency: str | None = None

    def exceeded(self, outstanding: Mapping[str, int]) -> bool:
        """Whether more is outstanding (minor units by currency) than the limit allows."""
        mine = [amount for currency, amount in outstanding.items() if self.currency in (None, currency)]
        return max(mine, default=0) > self.credit_limit


class OpenOrder(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order on account: `due` is the last day (ISO) to pay what is `outstanding` (minor units). `missed`: the due day,
    of this or another order, at the end of which this one is stopped. One that is stopped stays until it no longer is, also
    when it owes nothing."""

    currency: str
    due: str
    outstanding: int
    missed: str | None = None


class Account(Struct, frozen=True, kw_only=True):
    """What a customer owes. `judged_on`: the latest day (ISO) as of which it was decided whether they are overdue."""

    terms: CreditTerms | None = None
    open: dict[str, OpenOrder] = field(default_factory=dict)
    revision: int = 0
    judged_on: str = ""

    @property
    def missed(self) -> str | None:
        """The earliest due day that has passed with something outstanding; None if the customer is not overdue."""
        owing = (order.due for order in self.open.values() if order.outstanding)
        return min((due for due in owing if due < self.judged_on), default=None)

    @property
    def next_due(self) -> str | None:
        """The day after which this account has to be looked at: the earliest one due, or missed by a stopped order."""
        owing = [order.due for order in self.open.values() if order.outstanding]
        return min([*owing, *(order.missed for order in self.open.values() if order.missed)], default=None)

    @property
    def out_of_step(self) -> list[str]:
        """The orders that are not stopped as they should be, or still are."""
        missed = self.missed
        return sorted(order_id for order_id, order in self.open.items() if order.missed != missed)

    def judged(self, day: str) -> Account:
        """The account as of a day, or of the latest one as of which it was judged before."""
        return structs.replace(self, judged_on=max(self.judged_on, day))

    def in_step(self, order_ids: Collection[str]) -> Account:
        """The account with these orders stopped or not, as they should be. Who owes nothing and is not stopped leaves it."""
        missed = self.missed
        marked = {o: structs.replace(self.open[o], missed=missed) for o in order_ids}
        return self._next({o: order for o, order in (self.open | marked).items() if order.outstanding or order.missed})

    def with_order(self, facts: Facts, net_days: int, time_zone: str, now: datetime, first: bool) -> Account:
        """The account after this order on account was recorded; the same one if nothing changes in it.

        An order is stopped that owes something, that was stopped, or that is recorded for the `first` time: whether its
        payments come with it or later makes no difference. Raises `Refused` beyond `MOST_OPEN` orders.
        """
        known = self.open.get(facts.order_id)
        order = OpenOrder(
            currency=facts.currency, due=_due(facts, net_days, time_zone, now, known), outstanding=outstanding(facts)
        )
        after = self.judged(day_of(now, time_zone))
        others = {order_id: other for order_id, other in after.open.items() if order_id != facts.order_id}
        after = structs.replace(after, open={**others, facts.order_id: order})
        if order.outstanding or (after.missed and (known or first)):
            order = structs.replace(order, missed=after.missed)
            others = {**others, facts.order_id: order}
        if others == self.open:
            return self
        if known is None and len(others) > MOST_OPEN:
            raise Refused("TOO_MANY_OPEN_ORDERS", limit=MOST_OPEN)
        return after._next(others)

    def _next(self, open_orders: Mapping[str, OpenOrder]) -> Account:
        return structs.replace(self, open=dict(open_orders), revision=self.revision + 1)


def _due(facts: Facts, net_days: int, time_zone: str, now: datetime, known: OpenOrder | None) -> str:
    """The due day. Of an order that nobody says when it was placed, it is what was known first."""
    if known and not facts.placed_at:
        return known.due
    placed = date.fromisoformat(day_of(as_of(facts, now), time_zone))
    return (placed + timedelta(days=net_days)).isoformat()


AGES = ("current", "1_30", "31_60", "61_90", "over_90")


def days_overdue(due: str, today: str) -> int:
    """How many days past its due day an order is; 0 until the day has passed."""
    return max(0, (date.fromisoformat(today) - date.fromisoformat(due)).days)


def age(days: int) -> str:
    """The column of the ageing report for what is so many days past due: one of `AGES`."""
    return AGES[0] if days <= 0 else AGES[min(4, (days + 29) // 30)]
