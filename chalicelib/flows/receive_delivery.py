"""A delivery comes in: verified, kept, and only then acted on. What cannot be acted on waits in the inbox, never lost."""

from __future__ import annotations

import time
from datetime import datetime
from hashlib import sha256
from typing import Literal

from msgspec import structs

from chalicelib.domain.deliveries import Connection, Delivery, Payload, PayoutNews, Request, Said, State, Trouble
from chalicelib.domain.errors import Busy, Conflict, FenrunError, Refused, Rejected
from chalicelib.domain.orders import Facts
from chalicelib.flows.attribute_order import Contact
from chalicelib.flows.connections import existing, with_secrets
from chalicelib.flows.contacts import blinded
from chalicelib.flows.diagnose import diagnosed
from chalicelib.flows.follow_payout import follow_payout
from chalicelib.flows.record_order import NO_CONTACT, record_order
from chalicelib.observe import count, following, logger, named
from chalicelib.rails.rail import Verdict
from chalicelib.store import hearings, inbox, orders, payment_names, payouts
from chalicelib.store.transactions import deadline
from chalicelib.webhooks.provider import Provider, provider

Outcome = State | Literal["duplicate", "probe"]
_GUEST = "guest:"
_PATIENCE = 3.0


def receive_delivery(provider_name: str, connection_id: str, request: Request, now: datetime) -> Outcome:
    """Takes one delivery. `received`: it is kept, and acted on later, because of contention.

    Raises `NotFound` for an unknown connection, `Rejected` for what is not this provider's delivery to it, `Busy` if it
    could not be kept: then, and only then, the provider should send it again.
    """
    handler = provider(provider_name)
    connection = with_secrets(provider_name, connection_id)
    payload = _verified(handler, connection, request, now)
    if payload is None:
        return "probe"
    delivery = Delivery(
        id=inbox.delivery_key(connection_id, payload.delivery_id),
        connection_id=connection_id,
        provider=provider_name,
        delivery_id=payload.delivery_id,
        topic=payload.topic,
        received_at=now,
        sha256=sha256(request.body).hexdigest(),
        size=len(request.body),
        headers={name: request.headers[name][:1024] for name in handler.ABOUT.keeps if name in request.headers},
    )
    named(delivery=delivery.id)
    known = inbox.keep(delivery, request.body, payload.content)
    if hearings.due(connection_id, hearings.VERIFIED):
        hearings.note(connection_id, hearings.VERIFIED, now)
    if known and known.state != "received":
        return "duplicate"
    before = deadline.set(time.monotonic() + _PATIENCE)
    try:
        acted = act(handler, known or delivery, payload, now)
        named(orders=list(acted.order_ids), delivery_state=acted.state)
        return acted.state
    except Busy:
        logger.warning("a delivery is acted on later", extra={"delivery": delivery.id})
        return "received"
    finally:
        deadline.reset(before)


def _verified(handler: Provider, connection: Connection, request: Request, now: datetime) -> Payload | None:
    """What the provider's file makes of the request. Anything but a payload is a refusal, and its cause is written down."""
    try:
        return handler.verify(request, connection, now)
    except Rejected as error:
        rejected = error
    except Exception:
        # A request of somebody unknown that no rule foresaw is refused like any other. Its content is not for the log.
        logger.warning("a delivery cannot be read", extra={"connection": connection.connection_id})
        rejected = Rejected("UNREADABLE_DELIVERY")
    count("DeliveriesRefused")
    if rejected.code == "PROBE":
        raise rejected
    if hearings.due(connection.connection_id, rejected.code):
        rejected = diagnosed(handler, connection, request, now, rejected)
        other = rejected.params.get("other")
        hearings.note(connection.connection_id, rejected.code, now, str(other) if other else None)
    raise rejected


def act(handler: Provider, delivery: Delivery, payload: Payload, now: datetime) -> Delivery:
    """Records what a kept delivery says, and what became of it. A second time has no further effect.

    Raises `Busy` where contention or a fault of the platform outlasted our retries: the delivery stays as it is. The
    correlation id of what follows is the delivery's, whenever it is acted on.
    """
    with following(delivery.id):
        return _acted(handler, delivery, payload, now)


def _acted(handler: Provider, delivery: Delivery, payload: Payload, now: datetime) -> Delivery:
    try:
        said = handler.facts(payload)
    except FenrunError as error:
        return _stuck(delivery, Trouble.of(error), now)
    except Exception:
        logger.exception("a delivery cannot be translated", extra={"delivery": delivery.id})
        return _stuck(delivery, Trouble("UNREADABLE_DELIVERY"), now)
    if not said:
        return inbox.settle(delivery, "ignored", now)
    order_ids: list[str] = []
    trouble: Trouble | None = None
    for each in said:
        try:
            if isinstance(each, PayoutNews):
                _heard(delivery, each, now)
            else:
                order_ids.append(_recorded(delivery, each, now))
        except Busy:
            raise
        except FenrunError as error:
            trouble = trouble or Trouble.of(error)
    if trouble:
        return _stuck(delivery, trouble, now, tuple(order_ids))
    return inbox.settle(delivery, "done", now, tuple(order_ids))


def _stuck(delivery: Delivery, trouble: Trouble, now: datetime, order_ids: tuple[str, ...] = ()) -> Delivery:
    count("DeliveriesStuck")
    logger.warning("a delivery is stuck", extra={"delivery": delivery.id, "code": trouble.code})
    return inbox.settle(delivery, "stuck", now, order_ids, trouble)


def _recorded(delivery: Delivery, said: Said, now: datetime) -> str:
    """Records what is said of one order; the order's id. Raises `Refused` where no order is known for the payment yet."""
    facts, payment = said.facts, said.payment
    if not facts.order_id:
        order_id = payment_names.ask(delivery.provider, payment, delivery.id) if payment else None
        if order_id is None:
            raise Refused("PAYMENT_NOT_KNOWN_YET" if payment else "NO_ORDER_ID")
        facts = structs.replace(facts, order_id=order_id)
    contact = blinded(said.email, said.phone) if facts.description else NO_CONTACT
    if facts.description and not facts.customer_id:
        facts = structs.replace(facts, customer_id=_GUEST + (contact.email or facts.order_id)[:100])
    if facts != Facts(order_id=facts.order_id, currency=facts.currency):  # some only tell whose payment it is
        _record(facts, now, contact)
    if payment and said.facts.order_id:
        waiting = payment_names.name(delivery.provider, payment, facts.order_id)
        if waiting:
            _take_up(delivery.provider, payment, waiting, now)
    return facts.order_id


def _heard(delivery: Delivery, news: PayoutNews, now: datetime) -> None:
    """A payout follows its rail's word. Raises `Refused` where no payout is known by our key. One that the rail names by its
    own reference alone may be another's, or is found by asking."""
    name = news.key or news.reference or ""
    payout_id = payment_names.ask(f"rail:{news.rail}", name, delivery.id)
    if payout_id is None:
        if news.key:
            raise Refused("PAYMENT_NOT_KNOWN_YET")
        return
    said = Verdict(news.outcome, news.reference, news.reason)
    follow_payout(payouts.existing(payout_id), said, f"connection:{delivery.connection_id}", now)


def _record(facts: Facts, now: datetime, contact: Contact) -> None:
    try:
        record_order(facts, now, contact)
    except Conflict as error:
        if error.code != "ORDER_CUSTOMER_DIFFERS":
            raise
        record_order(_as_known(facts, error), now, contact)


def _as_known(facts: Facts, error: Conflict) -> Facts:
    """A guest who turns out to be somebody is the same buyer: the order keeps the customer it has."""
    known = orders.get(facts.order_id)
    customer_id = known.facts.customer_id if known else None
    if not customer_id or not (customer_id.startswith(_GUEST) or (facts.customer_id or "").startswith(_GUEST)):
        raise error
    return structs.replace(facts, customer_id=customer_id)


def _take_up(provider_name: str, payment: str, waiting: frozenset[str], now: datetime) -> None:
    """Acts on what waited for this payment's order. What fails stays open in the inbox, where the next sweep finds it."""
    for inbox_id in sorted(waiting):
        try:
            retry_delivery(inbox_id, now)
        except FenrunError:
            logger.warning("a waiting delivery is taken up later", extra={"delivery": inbox_id})
    payment_names.heard(provider_name, payment, waiting)


def retry_delivery(inbox_id: str, now: datetime) -> Delivery | None:
    """Acts on a kept delivery again, under its connection's settings of now; None if there is none.

    Raises `NotFound` if the connection is gone, `Busy`.
    """
    found = inbox.with_content(inbox_id)
    if found is None:
        return None
    delivery, content = found
    payload = Payload(
        delivery_id=delivery.delivery_id,
        topic=delivery.topic,
        content=content,
        settings=existing(delivery.connection_id).settings,
    )
    return act(provider(delivery.provider), delivery, payload, now)
