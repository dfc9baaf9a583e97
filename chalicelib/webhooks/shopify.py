"""Shopify: webhooks about orders, refunds and disputes (shopify.dev/docs/api/webhooks).

A body is the bare REST object. Amounts are decimals in the shop's currency; where a `*_set` stands beside one, its
`shop_money` is taken. What the buyer owes is `total_price`: the lines without tax, `total_tax`, and as shipping whatever
else there is: the delivery, tips, duties, fees, and gift cards, which are to earn when they are spent and not when they
are sold. So these are owed, and earn nothing unless a plan counts shipping.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from msgspec import structs

from chalicelib.bodies.parse import refusal
from chalicelib.domain.deliveries import Connection, ConnectionSettings, Payload, Request, Said
from chalicelib.domain.errors import Fault, Refused, Rejected
from chalicelib.domain.orders import Description, Dispute, Facts, Line, Payment, Refund
from chalicelib.webhooks import places, reading
from chalicelib.webhooks import shopify_objects as objects
from chalicelib.webhooks.provider import About
from chalicelib.webhooks.reported import reported
from chalicelib.webhooks.shopify_refunds import currency_of, positive, refund

ABOUT = About(
    secrets={"client_secret": "text"},
    account=True,
    signature="x-shopify-hmac-sha256",
    keeps=(
        "x-shopify-topic",
        "x-shopify-shop-domain",
        "x-shopify-webhook-id",
        "x-shopify-event-id",
        "x-shopify-triggered-at",
        "x-shopify-api-version",
    ),
    order_id=("id",),
    code=("note_attributes.dist_ref", "note_attributes.ref", "landing_site.ref"),
    coupon=("discount_codes.code",),
    click_id=("note_attributes.dist_click", "landing_site.click_id"),
)

_WHAT = "create paid updated edited cancelled fulfilled partially_fulfilled partially_paid"
_ORDERS = frozenset(f"orders/{what}" for what in _WHAT.split())
_COLLECTED = frozenset({"paid", "partially_refunded", "refunded"})
_DISPUTES: dict[str, Literal["open", "won", "lost"]] = {
    "needs_response": "open",
    "under_review": "open",
    "won": "won",
    "charge_refunded": "won",  # the money went back as a refund, which is told by itself
    "lost": "lost",
    "accepted": "lost",
}


def verify(request: Request, connection: Connection, now: datetime) -> Payload:
    """HMAC-SHA256 over the body by the app's client secret, in base64; from the shop that the settings name.

    The scheme knows no time: what comes again has the same `delivery_id`. Headers are not signed, so that id rests on the
    body, too. The newer Events have the same headers without `x-`. Raises `Rejected`.
    """
    signature = _header(request, "hmac-sha256")
    if not signature:
        raise Rejected("NO_SIGNATURE")
    topic = _header(request, "topic")
    if not topic or len(topic) > 64:
        raise Rejected("UNREADABLE_DELIVERY")
    account, shop = connection.settings.account, _header(request, "shop-domain") or ""
    if account and shop.strip().casefold() != account.strip().casefold():
        raise Rejected("OTHER_ACCOUNT")
    given = signature.encode("utf-8", "replace")
    for secret in connection.held("client_secret"):
        expected = base64.b64encode(hmac.digest(secret.encode(), request.body, hashlib.sha256))
        if hmac.compare_digest(given, expected):
            return Payload(
                delivery_id=_delivery_id(request, topic),
                topic=topic,
                content=request.body,
                settings=connection.settings,
            )
    raise Rejected("BAD_SIGNATURE")


def _header(request: Request, name: str) -> str | None:
    return request.header(f"x-shopify-{name}") or request.header(f"shopify-{name}")


def _delivery_id(request: Request, topic: str) -> str:
    named = _header(request, "webhook-id") or _header(request, "event-id") or ""
    if len(named) > 128 or not named.isascii() or not named.isprintable():
        named = hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()
    signed = topic.encode("utf-8", "replace") + b"\n" + request.body
    return f"{named}:{hashlib.sha256(signed).hexdigest()[:16]}"


def facts(payload: Payload) -> tuple[Said, ...]:
    """What a delivery says of its order; nothing for other topics and test orders. (The body of an Event is whatever the
    app's own query asked for: it says nothing here.)

    Refunds and disputes name the order by Shopify's own id alone: where the connection takes an order's id from another
    place, `payment` stands for it. Raises `Malformed` or `Refused` for what Shopify would not say.
    """
    if payload.topic in _ORDERS:
        return () if _only_an_edit(payload) else _of_order(payload)
    if payload.topic == "refunds/create":
        return _of_refund(payload)
    if payload.topic in ("disputes/create", "disputes/update"):
        return _of_dispute(payload)
    return ()


def _only_an_edit(payload: Payload) -> bool:
    """`orders/edited` lists what was added and taken away; the order as it is now comes by `orders/updated`."""
    described = reading.plain(payload.content)
    return isinstance(described, dict) and "order_edit" in described


def _of_order(payload: Payload) -> tuple[Said, ...]:
    order, described = reading.read(payload.content, objects.Order), reading.plain(payload.content)
    if order.test:
        return ()
    settings, code = payload.settings, reading.currency(order.currency)
    order_id = places.order_id(described, settings, ABOUT)
    if not order_id:
        raise Refused("NO_ORDER_ID", Fault("", "NO_ORDER_ID"))
    refunds = {}
    for i, body in enumerate(order.refunds):
        if given_back := refund(body, code, f"refunds[{i}].", order.taxes_included):
            refunds[f"shopify:{body.id}"] = given_back
    buyer = order.customer or objects.Customer()
    said = Facts(
        order_id=order_id,
        currency=code,
        customer_id=None if buyer.id is None else str(buyer.id),
        placed_at=reading.utc(order.processed_at or order.created_at, "created_at"),
        delivered_at=_delivered_at(order),
        cancelled_at=reading.utc(order.cancelled_at, "cancelled_at") if order.cancelled_at else None,
        description=_description(order, code, refunds.values(), settings),
        attribution=places.carriers(described, settings, ABOUT),
        refunds=refunds,
    )
    said = structs.replace(said, payments=_payments(order, code, said.due))
    payment = None if settings.order_id is None else f"order:{order.id}"
    email, phone = order.email or buyer.email, order.phone or buyer.phone
    return reported(Said(facts=said, payment=payment, email=email or None, phone=phone or None), settings)


def _of_refund(payload: Payload) -> tuple[Said, ...]:
    body = reading.read(payload.content, objects.Refund)
    code = currency_of(body)
    order_id, payment = _named(body.order_id, payload.settings)
    given_back = refund(body, code, "", None)
    refunds = {f"shopify:{body.id}": given_back} if given_back else {}
    said = Facts(order_id=order_id, currency=code, refunds=refunds)
    return reported(Said(facts=said, payment=payment), payload.settings)


def _of_dispute(payload: Payload) -> tuple[Said, ...]:
    """An inquiry takes no money; if it comes to that, it is a chargeback by the same id."""
    body = reading.read(payload.content, objects.Dispute)
    state = _DISPUTES.get(body.status)
    if state is None or body.type == "inquiry":
        return ()
    order_id, payment = _named(body.order_id, payload.settings)
    code, at = reading.currency(body.currency), reading.utc(body.initiated_at, "initiated_at")
    if state != "open" and body.finalized_on:
        at = max(at, _when(body.finalized_on, "finalized_on"))
    disputed = Dispute(amount=positive(body.amount, None, code, "amount"), at=at, state=state)
    said = Facts(order_id=order_id, currency=code, disputes={f"shopify:{body.id}": disputed})
    return reported(Said(facts=said, payment=payment), payload.settings)


def _named(order_id: int | str | None, settings: ConnectionSettings) -> tuple[str, str | None]:
    """The order's id, or what stands for it."""
    if order_id is not None and settings.order_id is not None:
        return "", f"order:{order_id}"
    return places.order_id({"id": order_id}, settings, ABOUT) or "", None


def _description(
    order: objects.Order, code: str, refunds: Iterable[Refund], settings: ConnectionSettings
) -> Description:
    """The lines as they were sold. What is refunded never exceeds a line, and makes all of it if all its units came back,
    even where Shopify spread a discount's last cent over the lines in another way."""
    back: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for each in refunds:
        for part in each.lines if each.state != "failed" else ():
            amount, units = back[part.line_id]
            back[part.line_id] = amount + part.amount, units + part.quantity
    lines = []
    for i, item in enumerate(order.line_items):
        if item.gift_card:
            continue
        amount, (returned, units) = _amount(item, code, order.taxes_included, f"line_items[{i}]"), back[str(item.id)]
        if returned:
            amount = returned if units >= item.quantity else max(amount, returned)
        lines.append(
            Line(
                line_id=str(item.id),
                amount=amount,
                quantity=item.quantity,
                sku=(item.sku or "").strip()[:128] or None,
                product_id=None if item.product_id is None else str(item.product_id),
                merchant_id=settings.merchant_id,
            )
        )
    tax = positive(order.total_tax, order.total_tax_set, code, "total_tax")
    total = positive(order.total_price, order.total_price_set, code, "total_price")
    rest = total - tax - sum(line.amount for line in lines)
    updated_at = reading.utc(order.updated_at, "updated_at")
    return Description(lines=tuple(lines), shipping=max(0, rest), tax=tax, updated_at=updated_at)


def _amount(item: objects.LineItem, code: str, taxes_included: bool, path: str) -> int:
    amount = positive(item.price, item.price_set, code, f"{path}.price") * item.quantity
    for discount in item.discount_allocations:
        amount -= positive(discount.amount, discount.amount_set, code, f"{path}.discount_allocations")
    for tax in item.tax_lines if taxes_included else ():
        amount -= positive(tax.price, tax.price_set, code, f"{path}.tax_lines")
    if amount < 0:
        raise Refused("NEGATIVE_AMOUNT", Fault(path, "NEGATIVE_AMOUNT"))
    return reading.bounded(amount, path)


def _payments(order: objects.Order, code: str, due: int) -> dict[str, Payment]:
    """All that is collected by now: what is owed, less what is outstanding. It counts from when it is first stated."""
    if order.financial_status not in _COLLECTED and order.financial_status != "partially_paid":
        return {}
    outstanding = due if order.financial_status == "partially_paid" else 0
    if order.total_outstanding is not None:
        outstanding = reading.minor(order.total_outstanding, code, "total_outstanding")
    paid = min(due, due - outstanding)
    if paid <= 0:
        return {}
    source, at = f"shopify:{order.id}", reading.utc(order.updated_at, "updated_at")
    return {f"{source}={paid}": Payment(amount=paid, paid_at=at, source=source, running=True)}


def _delivered_at(order: objects.Order) -> datetime | None:
    """When the last parcel arrived, once all did and nothing is left to send."""
    parcels = [each for each in order.fulfillments if each.status not in ("cancelled", "error", "failure")]
    if order.fulfillment_status == "partial" or not all(each.shipment_status == "delivered" for each in parcels):
        return None
    return max((reading.utc(each.updated_at, "fulfillments") for each in parcels), default=None)


def _when(text: str, path: str) -> datetime:
    try:
        return reading.utc(datetime.fromisoformat(text), path)
    except ValueError:
        raise refusal(Fault(path, "BAD_TIME")) from None
