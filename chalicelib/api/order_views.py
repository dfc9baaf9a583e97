"""Orders as they are read: the stored image in the shape in which it was sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from chalicelib.domain.orders import Order, Payment, Refund


class AttributedView(Struct, frozen=True):
    """Whom the order went to, and what decided it."""

    because: str
    plan: str
    direct: str | None
    indirect: str | None


class LineView(Struct, frozen=True, kw_only=True):
    line_id: str
    amount: int
    quantity: int
    sku: str | None
    product_id: str | None
    category: str | None
    merchant_id: str | None
    cost: int | None


class OrderView(Struct, frozen=True, kw_only=True):
    """The order as stored; `attributed` once its customer and lines were known. `stopped_at`: what is paid from then on does
    not earn, as long as the customer is overdue."""

    order_id: str
    customer_id: str | None
    currency: str
    revision: int
    recorded_at: datetime
    placed_at: datetime | None = None
    updated_at: datetime | None = None
    lines: list[LineView] = []
    shipping: int = 0
    tax: int = 0
    attribution: dict[str, str | None] = {}
    payments: list[dict[str, Any]] = []
    refunds: list[dict[str, Any]] = []
    disputes: list[dict[str, Any]] = []
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None
    stopped_at: datetime | None = None
    attributed: AttributedView | None = None


def view(order: Order) -> OrderView:
    """The stored order in the shape in which it was sent."""
    known, described, terms = order.facts, order.facts.description, order.terms
    return OrderView(
        order_id=known.order_id,
        customer_id=known.customer_id,
        currency=known.currency,
        revision=order.revision,
        recorded_at=order.recorded_at,
        placed_at=known.placed_at,
        updated_at=described.updated_at if described else None,
        lines=[LineView(**structs.asdict(line)) for line in known.lines],
        shipping=described.shipping if described else 0,
        tax=described.tax if described else 0,
        attribution=structs.asdict(known.attribution),
        payments=[
            {"payment_id": key, "amount": payment.amount, "paid_at": payment.paid_at, **_stated(payment)}
            for key, payment in known.payments.items()
        ],
        refunds=[_refund_view(key, refund) for key, refund in known.refunds.items()],
        disputes=[
            {"dispute_id": key, "amount": d.amount, "state": d.state, "at": d.at} for key, d in known.disputes.items()
        ],
        delivered_at=known.delivered_at,
        cancelled_at=known.cancelled_at,
        stopped_at=order.stopped_at,
        attributed=AttributedView(
            because=terms.because,
            plan=f"{terms.plan_id}@{terms.version}",
            direct=terms.direct.distributor_id if terms.direct else None,
            indirect=terms.indirect.distributor_id if terms.indirect else None,
        )
        if terms
        else None,
    )


def _refund_view(refund_id: str, refund: Refund) -> dict[str, Any]:
    given: dict[str, Any] = {"refund_id": refund_id, "refunded_at": refund.refunded_at, "state": refund.state}
    what = {"lines": [structs.asdict(part) for part in refund.lines]} if refund.lines else {"amount": refund.amount}
    return given | what | _stated(refund)


def _stated(fact: Payment | Refund) -> dict[str, Any]:
    """What it is of, and whether it is all of that by then: only where it says so."""
    return ({"source": fact.source} if fact.source else {}) | ({"running": True} if fact.running else {})
