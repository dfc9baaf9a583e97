"""What the shop's own list of orders says that the books must hold: worked out apart from the app, in exact fractions."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from local.sales import Order
from local.shop import PLAN, SPONSOR

ZONE = ZoneInfo("Asia/Shanghai")
RATES = {"direct": Fraction("0.10"), "indirect": Fraction("0.03")}
HOLD = timedelta(days=15)

Place = tuple[str, str, str]
"""Member, currency, level."""


def day_of(at: datetime) -> date:
    """The program's day of an instant."""
    return at.astimezone(ZONE).date()


def earned(order: Order, rate: Fraction) -> dict[date, int]:
    """What a rate of an order comes to, by the day on which it was collected."""
    if order.cancelled_at:
        return {}
    back = sum(refund.get("amount", 0) + sum(p["amount"] for p in refund.get("lines", ())) for refund in order.refunds)
    left, due = max(0, order.goods - back), order.goods + order.shipping - back
    days: dict[date, int] = defaultdict(int)
    paid = before = 0
    for amount, at in sorted(order.payments, key=lambda payment: payment[1]):
        paid += amount
        if due > 0 and paid > back:
            exact = rate * left * min(Fraction(1), Fraction(paid - back, due))
            reached = int(exact + Fraction(1, 2))  # half up, once per order and level
            days[day_of(at)] += reached - before
            before = reached
    return days


def expected(orders: list[Order]) -> dict[Place, dict[date, int]]:
    """Commission by member, currency and level, by the day on which it went on hold."""
    assert (PLAN["direct"], PLAN["indirect"], PLAN["hold_days"]) == (
        {"rate": "0.10"},
        {"rate": "0.03", "of": "sale"},
        HOLD.days,
    )
    books: dict[Place, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for order in orders:
        members = {"direct": order.direct, "indirect": SPONSOR.get(order.direct or "")}
        for level, member in members.items():
            if member is None or member in order.unpaid:
                continue
            for day, amount in earned(order, RATES[level]).items():
                books[member, order.currency, level][day] += amount
    return books


def pending(days: dict[date, int], at: datetime) -> int:
    """What of this is still on hold at an instant."""
    return sum(amount for day, amount in days.items() if day + HOLD > day_of(at))
