"""What is said about an order, one message at a time; and the shop's own system, which says it as bodies of the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.sales import Order


@dataclass(frozen=True)
class Message:
    """`what` happened to an order, and when; what the message says of it, and by which road: the API, or a connection to
    a provider, whose `topic` this is. `tells`: of `lines`, `payments`, `refunds` those that it says."""

    what: str
    at: datetime
    road: str
    body: dict[str, Any]
    tells: frozenset[str]
    topic: str = ""


def written(at: datetime) -> str:
    """RFC 3339, UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def described(order: Order, carried: dict[str, str]) -> dict[str, Any]:
    """The order as it was placed. `carried`: what on it names a distributor, by the names that the API has for it."""
    return {
        "placed_at": written(order.placed_at),
        "updated_at": written(order.placed_at),
        "lines": order.lines,
        "shipping": order.shipping,
        **({"attribution": carried} if carried else {}),
    }


def own_messages(order: Order, carried: dict[str, str], road: str, money: bool = True) -> list[Message]:
    """Each fact by itself. Without `money` somebody else tells of payments, and of refunds that are for no line."""
    found = [("placed", order.placed_at, described(order, carried))]
    for i, (amount, at) in enumerate(order.payments if money else ()):
        payment = {"payment_id": f"{order.id}-p{i + 1}", "amount": amount, "paid_at": written(at)}
        found.append(("paid", at, {"payments": [payment]}))
    if order.delivered_at:
        found.append(("delivered", order.delivered_at, {"delivered_at": written(order.delivered_at)}))
    if order.cancelled_at:
        found.append(("cancelled", order.cancelled_at, {"cancelled_at": written(order.cancelled_at)}))
    for i, refund in enumerate(order.refunds):
        if money or "lines" in refund:
            at = refund["refunded_at"]
            sent = {**refund, "refund_id": f"{order.id}-r{i + 1}", "refunded_at": written(at)}
            found.append(("refunded", at, {"refunds": [sent]}))
    return [_own(order, road, what, at, facts) for what, at, facts in found]


def export(order: Order, messages: list[Message]) -> Message:
    """All that the shop's own system said about the order, as one message."""
    whole: dict[str, Any] = {}
    for message in messages:
        for name, value in message.body.items():
            whole[name] = [*whole.get(name, []), *value] if name in ("payments", "refunds") else value
    return _own(order, messages[0].road, "exported", messages[-1].at, whole)


def _own(order: Order, road: str, what: str, at: datetime, facts: dict[str, Any]) -> Message:
    body = {"customer_id": order.customer.id, "currency": order.currency, **facts}
    body |= {} if road == "api" else {"order_id": order.id}
    return Message(what, at, road, body, frozenset(facts) & {"lines", "payments", "refunds"})
