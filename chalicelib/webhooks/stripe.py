"""Stripe, by its events (docs.stripe.com/webhooks, docs.stripe.com/api/events/types).

Where a place of the connection holds an order id, Stripe only confirms that order's money. Otherwise a Checkout session is
an order of its own, named by its payment intent, and each invoice is one, named by itself: subscriptions are told by
`invoice.paid`, and their sessions only say who sent the customer. Intents, refunds and disputes that name no order belong
to the order of their payment intent; `invoice_payment.paid` says which invoice that is (since 2025-03-31.basil nothing else
does).

One payment comes as `checkout.session.*` and as `payment_intent.succeeded`, at differing times: so payments are running
totals of their intent. `charge.refunded` is a running total of what was given back, with the single refunds in it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from msgspec import Struct, structs

from chalicelib.domain.deliveries import Connection, ConnectionSettings, Payload, PayoutNews, Request, Said
from chalicelib.domain.errors import FenrunError, Rejected
from chalicelib.domain.orders import Carriers, Dispute, Facts, Payment, Refund
from chalicelib.webhooks import payout_news, places, reading
from chalicelib.webhooks.provider import About
from chalicelib.webhooks.reported import own_order_id, reported
from chalicelib.webhooks.stripe_objects import (
    CustomerDetails,
    Event,
    Head,
    Intent,
    Invoice,
    InvoicePayment,
    OfPayment,
    Session,
    billed,
    sold,
    units,
)

_TOLERANCE, _MAX_HEADER = 300, 4096
_REVERSED = "transfer.reversed"
_METADATA = (
    "metadata",
    "parent.subscription_details.metadata",
    "subscription_details.metadata",
    "lines.data.metadata",
)

ABOUT = About(
    secrets={"signing_secret": "text"},
    signature="stripe-signature",
    keeps=("stripe-signature",),
    order_id=("metadata.order_id",),
    # Last, because shops put ids of their own there, too.
    code=(*(f"{place}.dist_ref" for place in _METADATA), "client_reference_id"),
    coupon=tuple(f"{place}.coupon" for place in _METADATA),
    click_id=tuple(f"{place}.dist_click" for place in _METADATA),
)


class _Told(Struct, frozen=True):
    """What one event says: about which object, when, and the rules by which it is read."""

    object: bytes
    at: datetime
    settings: ConnectionSettings
    order_id: str | None
    carriers: Carriers

    def own(self, name: str) -> str:
        return own_order_id(name, self.settings)

    def facts(self, currency: str, order_id: str = "") -> Facts:
        """About the order that is named, else about `order_id`."""
        return Facts(order_id=self.order_id or order_id, currency=currency, attribution=self.carriers)

    def paid(self, by: str, amount: int, at: datetime | None = None) -> dict[str, Payment]:
        source = f"stripe:{by}"
        payment = Payment(amount=amount, paid_at=at or self.at, source=source, running=True)
        return {f"{source}={amount}": payment} if amount else {}


def verify(request: Request, connection: Connection, now: datetime) -> Payload:
    """HMAC-SHA256 of `t.body` by any of the secrets (the whole text, `whsec_` included), any of the `v1` signatures; `t`
    within five minutes of `now` either way (docs.stripe.com/webhooks/signature). Raises `Rejected`."""
    header = request.header("stripe-signature") or ""
    parts = [part.strip().partition("=") for part in header[:_MAX_HEADER].split(",")]
    timestamp = next((value for name, _, value in parts if name == "t"), "")
    given = [value.encode("utf-8", "replace") for name, _, value in parts if name == "v1"]
    if not timestamp or not given:
        raise Rejected("NO_SIGNATURE")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        raise Rejected("BAD_SIGNATURE")
    if abs(int(timestamp) - now.timestamp()) > _TOLERANCE:
        raise Rejected("CLOCK")
    signed = timestamp.encode() + b"." + request.body
    for secret in connection.held("signing_secret"):
        expected = hmac.digest(secret.encode(), signed, hashlib.sha256).hex().encode()
        if any(hmac.compare_digest(each, expected) for each in given):
            return _delivery(request.body, connection.settings)
    raise Rejected("BAD_SIGNATURE")


def _delivery(body: bytes, settings: ConnectionSettings) -> Payload:
    try:
        head = reading.read(body, Head)
    except FenrunError:
        raise Rejected("UNREADABLE_DELIVERY") from None
    if settings.account and head.account != settings.account:
        raise Rejected("OTHER_ACCOUNT")
    delivery_id = head.id if 0 < len(head.id) <= 200 else hashlib.sha256(body).hexdigest()
    return Payload(delivery_id=delivery_id, topic=head.type, content=body, settings=settings)


def facts(payload: Payload) -> tuple[Said | PayoutNews, ...]:
    """What the event says about one order or one payout; nothing for other events, and for test events of connected
    accounts: Stripe sends them to live endpoints, too (docs.stripe.com/connect/webhooks). Raises `Malformed`, `Refused`."""
    translate = _EVENTS.get(payload.topic)
    if translate is None and payload.topic != _REVERSED:
        return ()
    event, settings = reading.read(payload.content, Event), payload.settings
    if event.account and not event.livemode:
        return ()
    if translate is None:
        return payout_news.of_stripe(bytes(event.data.object))
    described = reading.plain(bytes(event.data.object))
    told = _Told(
        bytes(event.data.object),
        reading.from_unix(event.created, "created"),
        settings,
        places.order_id(described, settings, ABOUT),
        places.carriers(described, settings, ABOUT),
    )
    return reported(translate(told), settings)


def _session(told: _Told) -> Said | None:
    """What a session of mode `payment` sold. If it has an invoice, the invoice tells, and the session only who sent the
    customer."""
    session = reading.read(told.object, Session)
    named = told.order_id is not None and session.mode == "payment"
    invoiced = not named and (session.invoice is not None or session.mode != "payment")
    if not session.currency or (invoiced and not session.invoice):
        return None
    currency, contact = reading.currency(session.currency), session.customer_details or CustomerDetails()
    payment = session.payment_intent or session.id
    if invoiced:
        own = told.own(session.invoice or "")
        facts = Facts(order_id=own, currency=currency, customer_id=session.customer, attribution=told.carriers)
    else:
        facts = told.facts(currency, told.own(payment))
        if not named:
            at = reading.from_unix(session.created, "created")
            description = sold(session, currency, told.settings.merchant_id, at)
            facts = structs.replace(facts, customer_id=session.customer, placed_at=at, description=description)
        if session.payment_status in ("paid", "no_payment_required"):
            amount = units(session.amount_total or 0, currency, "amount_total")
            facts = structs.replace(facts, payments=told.paid(payment, amount))
    email = contact.email or session.customer_email
    return Said(facts=facts, payment=None if invoiced else payment, email=email, phone=contact.phone)


def _intent(told: _Told) -> Said:
    intent = reading.read(told.object, Intent)
    currency = reading.currency(intent.currency)
    payments = told.paid(intent.id, units(intent.amount_received, currency, "amount_received"))
    facts = structs.replace(told.facts(currency), payments=payments)
    return Said(facts=facts, payment=intent.id, email=intent.receipt_email)


def _invoice(told: _Told) -> Said | None:
    """Nothing of an invoice that took no money: trials, and what credit paid for."""
    invoice = reading.read(told.object, Invoice)
    if not invoice.amount_paid:
        return None
    currency, settled = reading.currency(invoice.currency), invoice.status_transitions.paid_at
    paid_at = told.at if settled is None else reading.from_unix(settled, "status_transitions.paid_at")
    amount = units(invoice.amount_paid, currency, "amount_paid")
    facts = structs.replace(
        told.facts(currency, told.own(invoice.id)),
        payments=told.paid(invoice.paid_by or invoice.id, amount, paid_at),
    )
    if not told.order_id:
        facts = structs.replace(
            facts,
            customer_id=invoice.customer,
            placed_at=reading.from_unix(invoice.created, "created"),
            description=billed(invoice, currency, told.settings.merchant_id, paid_at),
        )
    return Said(facts=facts, payment=invoice.paid_by, email=invoice.customer_email, phone=invoice.customer_phone)


def _invoice_payment(told: _Told) -> Said | None:
    paid = reading.read(told.object, InvoicePayment)
    payment = paid.payment.payment_intent or paid.payment.charge
    if not payment or not paid.invoice or not paid.currency:
        return None
    return Said(facts=Facts(order_id=told.own(paid.invoice), currency=reading.currency(paid.currency)), payment=payment)


def _charge_refunded(told: _Told) -> Said | None:
    charge = reading.read(told.object, OfPayment)
    payment, currency = charge.payment_intent or charge.id, reading.currency(charge.currency)
    amount, source = units(charge.amount_refunded, currency, "amount_refunded"), f"stripe:{payment}"
    if not amount:
        return None
    refund = Refund(amount=amount, refunded_at=told.at, source=source, running=True)
    return Said(facts=structs.replace(told.facts(currency), refunds={f"{source}={amount}": refund}), payment=payment)


def _refund(told: _Told) -> Said:
    """A refund counts from when it is made, while it is still pending; one that fails or is canceled has failed."""
    refund = reading.read(told.object, OfPayment)
    payment, currency = refund.payment_intent or refund.charge, reading.currency(refund.currency)
    given = Refund(
        amount=units(refund.amount, currency, "amount"),
        refunded_at=reading.from_unix(refund.created, "created"),
        state="failed" if refund.status in ("failed", "canceled") else "succeeded",
        source=f"stripe:{payment}" if payment else None,
    )
    return Said(facts=structs.replace(told.facts(currency), refunds={f"stripe:{refund.id}": given}), payment=payment)


_DISPUTES: dict[str | None, Literal["open", "won", "lost"]] = {
    "needs_response": "open",
    "under_review": "open",
    "won": "won",
    "lost": "lost",
}
"""Others hold no money: `warning_*` are inquiries, `prevented` were settled before."""


def _dispute(told: _Told) -> Said | None:
    """A dispute is open from its creation, and closed from the event that says so."""
    dispute = reading.read(told.object, OfPayment)
    state = _DISPUTES.get(dispute.status)
    if state is None:
        return None
    currency = reading.currency(dispute.currency)
    at = reading.from_unix(dispute.created, "created") if state == "open" else told.at
    held = Dispute(amount=units(dispute.amount, currency, "amount"), at=at, state=state)
    facts = structs.replace(told.facts(currency), disputes={f"stripe:{dispute.id}": held})
    return Said(facts=facts, payment=dispute.payment_intent or dispute.charge)


_EVENTS: dict[str, Callable[[_Told], Said | None]] = {
    **dict.fromkeys(("checkout.session.completed", "checkout.session.async_payment_succeeded"), _session),
    "payment_intent.succeeded": _intent,
    "invoice.paid": _invoice,
    "invoice_payment.paid": _invoice_payment,
    "charge.refunded": _charge_refunded,
    **dict.fromkeys(("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"), _refund),
    **{
        f"charge.dispute.{change}": _dispute
        for change in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")
    },
}
