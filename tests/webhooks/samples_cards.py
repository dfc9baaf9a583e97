"""What Stripe and PayPal send, in their own shapes and small: each function gives one event, changed by its arguments."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.deliveries import Connection, ConnectionSettings, Payload, Said
from chalicelib.domain.orders import Facts, join
from chalicelib.webhooks.provider import Provider

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
T = int(NOW.timestamp())
SESSION = "checkout.session.completed"
Body = dict[str, Any]


def connection(provider: str, secrets: dict[str, list[str]], **settings: Any) -> Connection:
    held = {name: tuple(values) for name, values in secrets.items()}
    return Connection(connection_id="c1", provider=provider, settings=ConnectionSettings(**settings), secrets=held)


def encoded(event: Body) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


def payload(event: Body, **settings: Any) -> Payload:
    topic = event.get("type") or event["event_type"]
    return Payload(delivery_id="d1", topic=topic, content=encoded(event), settings=ConnectionSettings(**settings))


def one(provider: Provider, event: Body, **settings: Any) -> Said:
    (said,) = provider.facts(payload(event, **settings))
    return said


def joined(said: Iterable[Said], ties: dict[str | None, str]) -> Facts:
    """All of it as one order, as the caller does: what names no order goes to that of its payment."""
    whole: Facts | None = None
    for each in said:
        facts = each.facts
        if not facts.order_id:
            facts = Facts(
                order_id=ties[each.payment],
                currency=facts.currency,
                payments=facts.payments,
                refunds=facts.refunds,
                disputes=facts.disputes,
            )
        whole = facts if whole is None else join(whole, facts)
    assert whole is not None
    return whole


def stripe_event(topic: str, described: Body, created: int = T, **changes: Any) -> Body:
    event = {"id": "evt_1", "object": "event", "api_version": "2025-03-31.basil", "created": created, "type": topic}
    return {**event, "livemode": True, "data": {"object": described}, **changes}


def session(topic: str = SESSION, created: int = T, **changes: Any) -> Body:
    """598.94 USD: 597.00 of goods less 10.00, and 11.94 of tax on top."""
    described = {
        "id": "cs_1",
        "object": "checkout.session",
        "mode": "payment",
        "payment_status": "paid",
        "created": T - 600,
        "currency": "usd",
        "amount_subtotal": 59700,
        "amount_total": 59894,
        "total_details": {"amount_discount": 1000, "amount_shipping": 0, "amount_tax": 1194},
        "customer": "cus_1",
        "customer_details": {"email": "bob@example.com", "phone": "+15550100"},
        "customer_email": None,
        "invoice": None,
        "payment_intent": "pi_1",
        "client_reference_id": "zhang-3",
        "metadata": {},
    }
    return stripe_event(topic, {**described, **changes}, created)


def intent(created: int = T + 2, **changes: Any) -> Body:
    described = {"id": "pi_1", "object": "payment_intent", "currency": "usd", "amount": 59894, "amount_received": 59894}
    return stripe_event("payment_intent.succeeded", {**described, "metadata": {}, **changes}, created)


def invoice(**changes: Any) -> Body:
    """19.99 USD, of which 1.48 is tax within the price: two lines."""
    tax = {"amount": 74, "tax_behavior": "inclusive"}
    lines = [
        {"id": "il_1", "amount": 1200, "quantity": 1, "discount_amounts": [{"amount": 200}], "taxes": [tax]},
        {
            "id": "il_2",
            "amount": 999,
            "quantity": 3,
            "taxes": [tax],
            "pricing": {"type": "price_details", "price_details": {"price": "price_2", "product": "prod_2"}},
        },
    ]
    described = {
        "id": "in_1",
        "object": "invoice",
        "created": T - 3600,
        "currency": "usd",
        "customer": "cus_1",
        "customer_email": "bob@example.com",
        "amount_paid": 1999,
        "amount_shipping": 0,
        "total": 1999,
        "total_taxes": [{"amount": 148, "tax_behavior": "inclusive"}],
        "lines": {"data": lines, "has_more": False},
        "status_transitions": {"paid_at": T - 5},
        "parent": {"subscription_details": {"metadata": {"dist_ref": "zhang-3"}, "subscription": "sub_1"}},
        "metadata": {},
    }
    return stripe_event("invoice.paid", {**described, **changes})


def charge_refunded(amount: int, created: int = T + 100, **changes: Any) -> Body:
    described = {"id": "ch_1", "object": "charge", "currency": "usd", "created": T, "amount": 59894}
    more = {"amount_refunded": amount, "payment_intent": "pi_1", "metadata": {}, **changes}
    return stripe_event("charge.refunded", {**described, **more}, created)


def stripe_refund(topic: str = "refund.created", created: int = T + 101, **changes: Any) -> Body:
    described = {"id": "re_1", "object": "refund", "currency": "usd", "created": T + 99, "amount": 20900}
    more = {"charge": "ch_1", "payment_intent": "pi_1", "status": "succeeded", "metadata": {}, **changes}
    return stripe_event(topic, {**described, **more}, created)


def stripe_dispute(change: str, status: str, created: int, **changes: Any) -> Body:
    described = {"id": "dp_1", "object": "dispute", "currency": "usd", "created": T + 200, "amount": 59894}
    more = {"charge": "ch_1", "payment_intent": "pi_1", "status": status, "metadata": {}, **changes}
    return stripe_event(f"charge.dispute.{change}", {**described, **more}, created)


def paypal_event(topic: str, resource: Body, **changes: Any) -> Body:
    event = {"id": "WH-1", "event_version": "1.0", "create_time": "2026-03-01T12:00:05Z", "event_type": topic}
    return {**event, "resource": resource, **changes}


def capture(value: str = "100.00", currency: str = "USD", **changes: Any) -> Body:
    resource = {
        "id": "CAP1",
        "amount": {"value": value, "currency_code": currency},
        "custom_id": "zhang-3",
        "invoice_id": "1001",
        "supplementary_data": {"related_ids": {"order_id": "PPORDER1"}},
        "create_time": "2026-03-01T12:00:00Z",
        "update_time": "2026-03-01T12:00:01Z",
        "status": "COMPLETED",
        "links": [{"href": "https://api.paypal.com/v2/checkout/orders/PPORDER1", "rel": "up", "method": "GET"}],
    }
    return paypal_event("PAYMENT.CAPTURE.COMPLETED", {**resource, **changes})


def paypal_refund(topic: str = "PAYMENT.CAPTURE.REFUNDED", value: str = "30.00", **changes: Any) -> Body:
    """A refund, or a reversal: they look alike."""
    resource = {
        "id": "REF1",
        "amount": {"value": value, "currency_code": "USD"},
        "create_time": "2026-03-02T04:00:00-08:00",
        "status": "COMPLETED",
        "links": [
            {"href": "https://api.paypal.com/v2/payments/refunds/REF1", "rel": "self", "method": "GET"},
            {"href": "https://api.paypal.com/v2/payments/captures/CAP1", "rel": "up", "method": "GET"},
        ],
    }
    return paypal_event(topic, {**resource, **changes})


def sale(**changes: Any) -> Body:
    resource = {
        "id": "SALE1",
        "amount": {
            "total": "24.99",
            "currency": "USD",
            "details": {"subtotal": "20.00", "tax": "1.99", "shipping": "3.00"},
        },
        "billing_agreement_id": "I-AGREED",
        "custom": "dist_ref=zhang-3&dist_click=clk_1",
        "invoice_number": "",
        "create_time": "2026-03-01T12:00:00Z",
        "state": "completed",
    }
    return paypal_event("PAYMENT.SALE.COMPLETED", {**resource, **changes})


def case(topic: str, **changes: Any) -> Body:
    resource = {
        "dispute_id": "PP-D-1",
        "create_time": "2026-03-05T10:00:00.000Z",
        "update_time": "2026-03-20T10:00:00.000Z",
        "disputed_transactions": [{"buyer_transaction_id": "BUYER1", "seller_transaction_id": "CAP1"}],
        "dispute_amount": {"currency_code": "USD", "value": "100.00"},
        "status": "OPEN",
    }
    return paypal_event(f"CUSTOMER.DISPUTE.{topic}", {**resource, **changes})


def resolved(outcome: str, **changes: Any) -> Body:
    return case("RESOLVED", status="RESOLVED", dispute_outcome={"outcome_code": outcome}, **changes)


_ODD = [
    None,
    True,
    -1,
    10**30,
    1.5,
    "",
    "x",
    "9" * 400,
    "\u0000",
    [],
    {},
    [None],
    "NaN",
    "-0",
    "1e999999",
    "0001-01-01T00:00:00+23:59",
]


def damaged(body: bytes, chance: random.Random) -> bytes:
    """The body with one value replaced by an odd one, or with one byte changed."""
    if chance.random() < 0.2:
        place = chance.randrange(len(body))
        return body[:place] + bytes([chance.randrange(256)]) + body[place + 1 :]
    whole = json.loads(body)
    inside: Any = whole
    while True:
        key = chance.choice(list(inside) if isinstance(inside, dict) else range(len(inside)))
        if not isinstance(inside[key], dict | list) or not inside[key] or chance.random() < 0.1:
            inside[key] = chance.choice(_ODD)
            return json.dumps(whole).encode()
        inside = inside[key]
