"""The tea shop's three hundred orders of sixty days, and what became of each by now. Seeded, and nothing but data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

from local.shop import CATALOGUE, COUPONS, DAYS, SEED, SHIPPING, Customer, bound_at, customers

ORDERS, ORDERS_TODAY = 300, 24

Channel = Literal["api", "fenrun", "shopify", "wallet"]
CHANNELS: tuple[Channel, ...] = (
    *("api", "wallet", "fenrun", "wallet", "api", "wallet", "shopify", "api", "api", "shopify", "api"),
)
"""By which road an order is told, in turns. Eleven, so that each road has some of everything that happens every so often."""


@dataclass
class Order:
    """What became of one order by now, and whom it should pay, by construction: `direct` is not asked of the API.

    `carries` is what on the order names a distributor: `code` (of a member), `coupon`, `click` (of a customer). An order
    of the channel `wallet` is described by the API, and its money is told of by WeChat Pay or Stripe.
    """

    id: str
    number: int
    customer: Customer
    placed_at: datetime
    lines: list[dict[str, Any]]
    shipping: int
    carries: dict[str, str] = field(default_factory=dict)
    direct: str | None = None
    unpaid: frozenset[str] = frozenset()
    payments: list[tuple[int, datetime]] = field(default_factory=list)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None

    @property
    def currency(self) -> str:
        return self.customer.currency

    @property
    def channel(self) -> Channel:
        return CHANNELS[self.number % len(CHANNELS)]

    @property
    def goods(self) -> int:
        return sum(line["amount"] for line in self.lines)

    @property
    def due(self) -> int:
        return self.goods + self.shipping


def buyers() -> list[Customer]:
    """The customers by the numbers that the storefronts give them."""
    return [replace(each, id=str(7_301_556_000_101 + i)) for i, each in enumerate(customers())]


def orders(opened: datetime, now: datetime) -> list[Order]:
    """The orders of the sixty days before `opened`, oldest first, and then those of today: after the clicks, at `now`, a
    whole second."""
    random, people = Random(SEED + 1), buyers()
    fresh = [customer for customer in people if customer.road in ("click", "visit")]
    known = [customer for customer in people if customer.road not in ("click", "visit", "own")]
    result = []
    for number in range(ORDERS):
        past = ORDERS - ORDERS_TODAY - number
        if past > 0:
            customer = random.choice(known)
            days = DAYS * past / (ORDERS - ORDERS_TODAY)
            at = opened - timedelta(days=days) + timedelta(seconds=random.randrange(3600))
        else:
            customer, at = fresh[-past % len(fresh)], now
        if number in (90, 181):  # each distributor's own purchase
            customer = people[-2 if number == 90 else -1]
        order = Order(f"T{1001 + number}", number, customer, at.replace(microsecond=0), [], 0)
        _fill(random, order)
        _attribute(random, order, opened)
        _live(random, order, now)
        result.append(order)
    return result


def _fill(random: Random, order: Order) -> None:
    chosen = random.sample(CATALOGUE, random.choice((1, 1, 2, 3)))
    for position, (sku, product, category, merchant, price) in enumerate(chosen):
        quantity = random.choice((1, 1, 1, 2, 3))
        order.lines.append(
            {
                "line_id": str(position + 1),
                "sku": sku,
                "product_id": product,
                "category": category,
                "merchant_id": merchant,
                "quantity": quantity,
                "amount": quantity * price[order.currency],
            }
        )
    order.shipping = SHIPPING[order.currency] if random.random() < 0.6 else 0


def _attribute(random: Random, order: Order, opened: datetime) -> None:
    """By the rules of CONTRACT.md: coupon, then code on the order, then the binding in force, then a click."""
    customer = order.customer
    if customer.road == "coupon":
        order.carries["coupon"] = next(coupon for coupon, key in COUPONS.items() if key == customer.member)
    elif customer.road == "link":
        order.carries["code"] = customer.member or ""
    elif customer.road == "visit":
        order.carries["click"] = customer.id
    elif customer.road == "own":
        # Chen buys with their own code. Sato buys with the coupon of Ito, whom they recruited.
        order.carries = {"code": "chen"} if customer.member == "chen" else {"coupon": "HARUKA5"}
        order.direct = "chen" if customer.member == "chen" else "ito"
        order.unpaid = frozenset({customer.member or ""})
        return
    order.direct = customer.member
    if customer.bound_days_ago is not None and order.placed_at < bound_at(customer, opened):
        order.direct = None
    if customer.road == "code" and random.random() < 0.12:
        coupon = random.choice(sorted(COUPONS))
        order.carries["coupon"], order.direct = coupon, COUPONS[coupon]


def _live(random: Random, order: Order, now: datetime) -> None:
    """Payment, delivery, refunds and cancellation: as far as they have happened by now."""
    due, number = order.due, order.number
    paid_at = order.placed_at + timedelta(seconds=random.randrange(30, 1800))
    if number in (57, 200, 271):  # never paid
        return
    if number % 45 == 20:  # a deposit, and the rest two weeks later
        deposit = due // 3
        order.payments = [(deposit, paid_at), (due - deposit, paid_at + timedelta(days=14))]
    else:
        order.payments = [(due, min(paid_at, now))]
    order.payments = [(amount, at) for amount, at in order.payments if at <= now]
    if number in (68, 240):  # cancelled; the money goes back
        order.cancelled_at = paid_at + timedelta(hours=9)
        order.refunds = [{"refunded_at": paid_at + timedelta(days=2), "amount": due}]
        return
    delivered_at = paid_at + timedelta(hours=random.randrange(40, 150))
    order.delivered_at = delivered_at if delivered_at <= now else None
    if random.random() < 0.15 and sum(amount for amount, _ in order.payments) == due:
        refund = _refund(random, order, due, paid_at)
        if refund["refunded_at"] <= now:
            order.refunds.append(refund)


def _refund(random: Random, order: Order, due: int, paid_at: datetime) -> dict[str, Any]:
    refund: dict[str, Any] = {"refunded_at": paid_at + timedelta(days=random.choice((1, 3, 6, 9, 18, 25)), minutes=7)}
    line = random.choice(order.lines)
    kind = random.choice(("full", "lines", "unit", "amount"))
    if kind == "full":
        refund["amount"] = due
    elif kind == "amount":  # goodwill: not for a line
        refund["amount"] = order.goods // random.choice((7, 11, 13))
    else:
        units = line["quantity"] if kind == "lines" else 1
        part = {"line_id": line["line_id"], "quantity": units, "amount": line["amount"] * units // line["quantity"]}
        refund["lines"] = [part]
    return refund
