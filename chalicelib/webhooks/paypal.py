"""PayPal, by its webhooks (developer.paypal.com/api/rest/webhooks): captures of the Payments v2 API, sales of v1.

The signature binds the body only by its CRC-32: whoever holds a genuine delivery can make another body with that sum. It
gains nothing, because the transmission's id is signed as well and is the delivery's id: a second body under it has no
effect. PayPal keeps that id while it tries again (its record of an event holds one per listener, pending for days). An
operator may also pin PayPal's certificate, and then nothing is fetched.

A payment is of the order that `invoice_id` names; without one, of the PayPal order, which somebody else describes. A sale
with a billing agreement is a renewal: an order of its own, whose customer is the agreement.

What PayPal takes back and what is disputed is one fact of each payment, under its id: a reversal says that its dispute is
lost, a case that it is open, won or lost, and the newest counts. So a chargeback never counts twice, and what a reversal
took comes back when the case is won. What the merchant gives back himself is a refund.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import structs

from chalicelib.domain.deliveries import Connection, ConnectionSettings, Payload, PayoutNews, Request, Said
from chalicelib.domain.errors import Fault, FenrunError, Refused, Rejected
from chalicelib.domain.orders import Description, Dispute, Facts, Line, Payment, Refund
from chalicelib.webhooks import payout_news, paypal_certificates, places, reading
from chalicelib.webhooks.paypal_objects import Body, Case, Details, Event, Resource, money
from chalicelib.webhooks.provider import About
from chalicelib.webhooks.reported import own_order_id, reported

_BACK, _AHEAD = timedelta(days=3), timedelta(minutes=5)
_MAX_HEADER = 2000
_PAYOUT = "PAYMENT.PAYOUTS-ITEM."
_SIGNED = (
    "paypal-transmission-id",
    "paypal-transmission-time",
    "paypal-transmission-sig",
    "paypal-cert-url",
    "paypal-auth-algo",
)

ABOUT = About(
    secrets={"webhook_id": "text", "certificate": "public_key"},
    optional=("certificate",),
    signature="paypal-transmission-sig",
    keeps=_SIGNED,
    order_id=("invoice_id", "invoice_number"),
    code=("custom_id.dist_ref", "custom.dist_ref", "custom_id", "custom"),
    click_id=("custom_id.dist_click", "custom.dist_click"),
)


_OPEN: Literal["open", "won", "lost"] = "open"
_Told = tuple[Said | None, ...]
_KEPT = ("RESOLVED_SELLER_FAVOUR", "RESOLVED_WITH_PAYOUT", "CANCELED_BY_BUYER", "DENIED", "NONE")
"""Outcomes that leave the merchant the money; any other takes it."""


def verify(request: Request, connection: Connection, now: datetime) -> Payload:
    """RSA-SHA256 over `transmission id|time|webhook id|CRC-32 of the body`, by any webhook id of the connection and by a
    pinned key or else the certificate that the delivery names; not older than the three days over which PayPal tries again,
    at most five minutes ahead (developer.paypal.com/api/rest/webhooks/rest). Raises `Rejected`."""
    transmission, sent, signature, url, algorithm = ((request.header(name) or "")[:_MAX_HEADER] for name in _SIGNED)
    if not transmission or not sent or not signature:
        raise Rejected("NO_SIGNATURE")
    if algorithm != "SHA256withRSA":
        raise Rejected("WRONG_ALGORITHM")
    try:
        at, given = datetime.fromisoformat(sent), base64.b64decode(signature, validate=True)
        age = now - at
    except (ValueError, TypeError, OverflowError, binascii.Error):
        raise Rejected("BAD_SIGNATURE") from None
    if not -_AHEAD <= age <= _BACK:
        raise Rejected("CLOCK")
    for key in paypal_certificates.keys(url, connection.held("certificate"), now):
        for webhook_id in connection.held("webhook_id"):
            signed = "|".join((transmission, sent, webhook_id, str(zlib.crc32(request.body))))
            if paypal_certificates.verifies(key, given, signed.encode("utf-8", "replace")):
                return _delivery(transmission, request.body, connection.settings)
    raise Rejected("BAD_SIGNATURE")


def _delivery(transmission: str, body: bytes, settings: ConnectionSettings) -> Payload:
    try:
        event = reading.read(body, Event)
    except FenrunError:
        raise Rejected("UNREADABLE_DELIVERY") from None
    if len(transmission) > 200:
        transmission = hashlib.sha256(transmission.encode("utf-8", "replace")).hexdigest()
    return Payload(delivery_id=transmission, topic=event.event_type, content=body, settings=settings)


def facts(payload: Payload) -> tuple[Said | PayoutNews, ...]:
    """What the event says about the orders of its payments, or about its payout; nothing for other events. Raises
    `Malformed` or `Refused`."""
    if payload.topic.startswith(_PAYOUT):
        return payout_news.of_paypal(bytes(reading.read(payload.content, Body).resource))
    translate = _EVENTS.get(payload.topic)
    if translate is None:
        return ()
    resource = bytes(reading.read(payload.content, Body).resource)
    described = reading.plain(resource)
    told = translate(resource, described, payload.settings)
    return tuple(each for said in told for each in reported(said, payload.settings))


def _facts(described: Any, settings: ConnectionSettings, currency: str, otherwise: str = "") -> Facts:
    order_id = places.order_id(described, settings, ABOUT)
    if order_id is None:
        order_id = own_order_id(otherwise, settings) if otherwise else ""
    return Facts(order_id=order_id, currency=currency, attribution=places.carriers(described, settings, ABOUT))


def _paid(content: bytes, described: Any, settings: ConnectionSettings) -> _Told:
    """A capture or a sale. `create_time` stays the same for ever; `update_time` moves with refunds."""
    resource = reading.read(content, Resource)
    amount, currency = money(resource.amount, "amount")
    if amount < 0:
        raise Refused("NEGATIVE_AMOUNT", Fault("amount", "NEGATIVE_AMOUNT"))
    at = reading.utc(resource.create_time, "create_time")
    agreement = resource.billing_agreement_id
    otherwise = resource.id if agreement else resource.supplementary_data.related_ids.order_id or resource.id
    facts = _facts(described, settings, currency, otherwise)
    facts = structs.replace(facts, payments={f"paypal:{resource.id}": Payment(amount=amount, paid_at=at)})
    if agreement and places.order_id(described, settings, ABOUT) is None:
        description = _renewed(resource.amount.details, amount, currency, settings.merchant_id, at)
        facts = structs.replace(facts, customer_id=agreement, placed_at=at, description=description)
    return (Said(facts=facts, payment=resource.id),)


def _renewed(details: Details, total: int, currency: str, merchant_id: str | None, at: datetime) -> Description:
    tax = reading.minor(details.tax, currency, "amount.details.tax")
    shipping = reading.minor(details.shipping, currency, "amount.details.shipping")
    if tax < 0 or shipping < 0 or total < tax + shipping:
        raise Refused("AMOUNTS_DO_NOT_ADD_UP", Fault("amount.details", "AMOUNTS_DO_NOT_ADD_UP"))
    line = Line(line_id="1", amount=total - tax - shipping, merchant_id=merchant_id)
    return Description(lines=(line,), shipping=shipping, tax=tax, updated_at=at)


def _refunded(content: bytes, described: Any, settings: ConnectionSettings) -> _Told:
    """A refund, which v1 states below zero at times. While it is pending it counts."""
    resource = reading.read(content, Resource)
    amount, currency = money(resource.amount, "amount")
    failed = (resource.status or resource.state).lower() in ("failed", "cancelled")
    refund = Refund(
        amount=abs(amount),
        refunded_at=reading.utc(resource.create_time, "create_time"),
        state="failed" if failed else "succeeded",
        source=f"paypal:{resource.refunded}" if resource.refunded else None,
    )
    facts = structs.replace(_facts(described, settings, currency), refunds={f"paypal:{resource.id}": refund})
    return (Said(facts=facts, payment=resource.refunded),)


def _reversed(content: bytes, described: Any, settings: ConnectionSettings) -> _Told:
    resource = reading.read(content, Resource)
    amount, currency = money(resource.amount, "amount")
    lost = Dispute(amount=abs(amount), at=reading.utc(resource.create_time, "create_time"), state="lost")
    dispute_id = f"paypal:{resource.refunded or resource.id}"
    facts = structs.replace(_facts(described, settings, currency), disputes={dispute_id: lost})
    return (Said(facts=facts, payment=resource.refunded),)


def _disputed(content: bytes, described: Any, settings: ConnectionSettings) -> _Told:
    """A case for each payment in it: of several, each with its own amount. A case that ends with a part of it is lost by
    what the buyer got; refunds by which it was settled are told of by themselves."""
    case = reading.read(content, Case)
    opened_at, state = reading.utc(case.create_time, "create_time"), _OPEN
    at, given_back = opened_at, None
    if case.status == "RESOLVED":
        at = reading.utc(case.update_time, "update_time") if case.update_time else at
        state = "won" if case.dispute_outcome.outcome_code in _KEPT else "lost"
        given_back = case.dispute_outcome.amount_refunded if state == "lost" else None
    said, several = [], len(case.disputed_transactions) > 1
    for i, transaction in enumerate(case.disputed_transactions):
        path = f"disputed_transactions[{i}].gross_amount" if several else "dispute_amount"
        amount, currency = money(transaction.gross_amount if several else case.dispute_amount, path)
        if given_back and not several:
            amount, currency = money(given_back, "dispute_outcome.amount_refunded")
        source = f"paypal:{transaction.seller_transaction_id}" if transaction.seller_transaction_id else None
        dispute = Dispute(amount=abs(amount), at=at, state=state, source=source, opened_at=opened_at)
        facts = _facts(described["disputed_transactions"][i], settings, currency)
        dispute_id = f"paypal:{transaction.seller_transaction_id or case.dispute_id}"
        said.append(
            Said(
                facts=structs.replace(facts, disputes={dispute_id: dispute}), payment=transaction.seller_transaction_id
            )
        )
    return tuple(said)


_EVENTS: dict[str, Callable[[bytes, Any, ConnectionSettings], _Told]] = {
    "PAYMENT.CAPTURE.COMPLETED": _paid,
    "PAYMENT.SALE.COMPLETED": _paid,
    "PAYMENT.CAPTURE.REFUNDED": _refunded,
    "PAYMENT.SALE.REFUNDED": _refunded,
    "PAYMENT.REFUND.PENDING": _refunded,
    "PAYMENT.REFUND.FAILED": _refunded,
    "PAYMENT.CAPTURE.REVERSED": _reversed,
    "PAYMENT.SALE.REVERSED": _reversed,
    "CUSTOMER.DISPUTE.CREATED": _disputed,
    "CUSTOMER.DISPUTE.UPDATED": _disputed,
    "CUSTOMER.DISPUTE.RESOLVED": _disputed,
}
