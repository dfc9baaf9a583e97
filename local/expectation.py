"""What the shop's own list of orders says that the books must hold: worked out apart from the app, in exact fractions."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from local.sales import Order
from local.shop import SPONSOR

ZONE = ZoneInfo("Asia/Shanghai")
RATES = {"direct": Fraction("0.10"), "indirect": Fraction("0.03")}  # of `shop.PLAN`, written down once more
HOLD = timedelta(days=15)

Place = tuple[str, str, str]
"""Member, currency, level."""


def day_of(at: datetime) -> date:
    """The program's day of an instant."""
    return at.astimezone(ZONE).date()


def given_back(order: Order) -> int:
    """What was refunded of an order."""
    return sum(each.get("amount", 0) + sum(part["amount"] for part in each.get("lines", ())) for each in order.refunds)


def half_up(exact: Fraction) -> int:
    return int(exact + Fraction(1, 2))


def to_come(order: Order, rate: Fraction) -> int:
    """What a rate of an order will come to once all of it is collected, beyond what has been."""
    if order.cancelled_at:
        return 0
    return half_up(rate * max(0, order.goods - given_back(order))) - sum(earned(order, rate).values())


def earned(order: Order, rate: Fraction) -> dict[date, int]:
    """What a rate of an order comes to, by the day on which it was collected."""
    if order.cancelled_at:
        return {}
    back = given_back(order)
    left, due = max(0, order.goods - back), order.goods + order.shipping - back
    days: dict[date, int] = defaultdict(int)
    paid = before = 0
    for amount, at in sorted(order.payments, key=lambda payment: payment[1]):
        paid += amount
        if due > 0 and paid > back:
            exact = rate * left * min(Fraction(1), Fraction(paid - back, due))
            reached = half_up(exact)  # once per order and level
            days[day_of(at)] += reached - before
            before = reached
    return days


def beneficiaries(order: Order) -> dict[str, str]:
    """Who earns at which level."""
    members = {"direct": order.direct, "indirect": SPONSOR.get(order.direct or "")}
    return {level: member for level, member in members.items() if member and member not in order.unpaid}


def expected(orders: list[Order]) -> dict[Place, dict[date, int]]:
    """Commission by member, currency and level, by the day on which it went on hold."""
    books: dict[Place, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for order in orders:
        for level, member in beneficiaries(order).items():
            for day, amount in earned(order, RATES[level]).items():
                books[member, order.currency, level][day] += amount
    return books


def estimated(orders: list[Order], key: str, currency: str) -> int:
    """What is still to come to a member."""
    return sum(
        to_come(order, RATES[level])
        for order in orders
        if order.currency == currency
        for level, member in beneficiaries(order).items()
        if member == key
    )


def pending(days: dict[date, int], at: datetime) -> int:
    """What of this is still on hold at an instant."""
    return sum(amount for day, amount in days.items() if day + HOLD > day_of(at))
