"""What of a payload's facts is taken from its connection, and under which order."""

from __future__ import annotations

from msgspec import structs

from chalicelib.bodies.parse import refusal
from chalicelib.domain.deliveries import ConnectionSettings, Said
from chalicelib.domain.errors import Fault, Refused
from chalicelib.domain.orders import Facts

_MAX_ID = 128


def own_order_id(name: str, settings: ConnectionSettings) -> str:
    """The id of an order that only the provider knows: its own name for it. Raises `Malformed` for one that is too long."""
    order_id = settings.order_prefix + name
    if len(order_id) > _MAX_ID:
        raise refusal(Fault("id", "BAD_LENGTH", {"bound": f"<= {_MAX_ID - len(settings.order_prefix)}"}))
    return order_id


def reported(said: Said | None, settings: ConnectionSettings) -> tuple[Said, ...]:
    """The facts of the kinds in `settings.reports`, and carriers always; nothing if nothing is left.

    Which order a payment belongs to is something: refunds and disputes may name the payment alone. Raises `Refused` for
    facts that name neither order nor payment.
    """
    if said is None:
        return ()
    facts = said.facts
    if "order" not in settings.reports:
        facts = structs.replace(
            facts, customer_id=None, placed_at=None, delivered_at=None, cancelled_at=None, description=None
        )
    for kind in ("payments", "refunds", "disputes"):
        if kind not in settings.reports:
            facts = structs.replace(facts, **{kind: {}})
    empty = facts == Facts(order_id=facts.order_id, currency=facts.currency)
    if empty and not (facts.order_id and said.payment):
        return ()
    if not facts.order_id and not said.payment:
        raise Refused("NO_ORDER_ID", Fault("", "NO_ORDER_ID"))
    return (structs.replace(said, facts=facts),)
