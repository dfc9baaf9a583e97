"""WooCommerce: webhooks about orders, as the REST API shows them (woocommerce.github.io/woocommerce-rest-api-docs).

The body is built when it is sent, and may be newer than its topic. Amounts are decimal texts in the order's currency; a
line's `total` is after discounts and without tax. What the buyer owes is `total`: the lines, `total_tax`, and as shipping
whatever else there is, fees too. Where the fees take off more than shipping adds, the lines bear it in proportion.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from msgspec import Meta, Struct

from chalicelib.domain.deliveries import Connection, ConnectionSettings, Payload, Request, Said
from chalicelib.domain.errors import Fault, Refused, Rejected
from chalicelib.domain.money import shared
from chalicelib.domain.orders import Description, Facts, Line, Payment, Refund
from chalicelib.webhooks import places, reading
from chalicelib.webhooks.provider import About
from chalicelib.webhooks.reported import reported

_ATTRIBUTED = "meta_data._wc_order_attribution_session_entry"

ABOUT = About(
    secrets={"secret": "text"},
    signature="x-wc-webhook-signature",
    keeps=("x-wc-webhook-topic", "x-wc-webhook-source", "x-wc-webhook-id", "x-wc-webhook-delivery-id"),
    order_id=("id",),
    code=("meta_data._dist_ref", "meta_data.dist_ref", f"{_ATTRIBUTED}.ref"),
    coupon=("coupon_lines.code",),
    click_id=("meta_data._dist_click", "meta_data.dist_click", f"{_ATTRIBUTED}.click_id"),
)

_TOPICS = frozenset({"order.created", "order.updated", "order.restored"})
_COLLECTED = frozenset({"processing", "completed", "refunded"})
_DRAFTS = frozenset({"checkout-draft", "auto-draft", "draft", "trash"})
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")
_ESCAPED = re.compile(r"&(?:amp|lt|gt|quot|#0*(?:34|38|39|60|62)|#[xX]0*2[267]);")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"'}

_Id = Annotated[int, Meta(ge=0, le=2**63 - 1)] | Annotated[str, Meta(max_length=64)]


class _LineItem(Struct, frozen=True):
    id: _Id
    total: Decimal
    quantity: Decimal = Decimal(1)
    sku: str | None = None
    product_id: _Id = 0


class _Refund(Struct, frozen=True):
    id: _Id
    total: Decimal


class _Billing(Struct, frozen=True):
    email: str | None = None
    phone: str | None = None


class _Order(Struct, frozen=True):
    id: _Id
    status: str
    currency: str
    total: Decimal
    date_created_gmt: datetime
    date_modified_gmt: datetime
    line_items: tuple[_LineItem, ...]
    total_tax: Decimal = Decimal(0)
    date_paid_gmt: datetime | None = None
    date_completed_gmt: datetime | None = None
    customer_id: _Id = 0
    billing: _Billing | None = None
    refunds: tuple[_Refund, ...] = ()


def verify(request: Request, connection: Connection, now: datetime) -> Payload | None:
    """HMAC-SHA256 over the body by the secret, in base64; from the host that the settings name, if they do. None for the
    unsigned ping that a shop sends as the webhook is saved.

    No id of a delivery lasts: what comes with the same topic and body is the same. Raises `Rejected`.
    """
    signature = request.header("x-wc-webhook-signature")
    if not signature:
        if _PING.fullmatch(request.body):
            return None
        raise Rejected("NO_SIGNATURE")
    account = connection.settings.account
    if account and _host(request.header("x-wc-webhook-source") or "") != _host(account):
        raise Rejected("OTHER_ACCOUNT")
    given, topic = signature.encode("utf-8", "replace"), (request.header("x-wc-webhook-topic") or "")[:64]
    for secret in connection.held("secret"):
        expected = base64.b64encode(hmac.digest(unescaped(secret).encode(), request.body, hashlib.sha256))
        if hmac.compare_digest(given, expected):
            signed = topic.encode("utf-8", "replace") + b"\n" + request.body
            return Payload(
                delivery_id=hashlib.sha256(signed).hexdigest(),
                topic=topic,
                content=request.body,
                settings=connection.settings,
            )
    raise Rejected("BAD_SIGNATURE")


def unescaped(secret: str) -> str:
    """The secret as WordPress signs with it: `wp_specialchars_decode($secret, ENT_QUOTES)` of what was typed."""

    def character(found: re.Match[str]) -> str:
        name = found[0][1:-1]
        if not name.startswith("#"):
            return _NAMED[name]
        return chr(int(name[2:], 16) if name[1] in "xX" else int(name[1:]))

    return _ESCAPED.sub(character, secret)


def _host(url: str) -> str:
    return (url.strip().partition("://")[2] or url.strip()).partition("/")[0].casefold()


def facts(payload: Payload) -> tuple[Said, ...]:
    """The order that a delivery describes; nothing for other topics and for what is no order yet. Raises `Malformed` or
    `Refused` for what WooCommerce would not say."""
    if payload.topic not in _TOPICS:
        return ()
    order, described = reading.read(payload.content, _Order), reading.plain(payload.content)
    if order.status in _DRAFTS:
        return ()
    settings, code = payload.settings, reading.currency(order.currency)
    modified_at = reading.utc(order.date_modified_gmt, "date_modified_gmt")
    completed = order.date_completed_gmt if order.status == "completed" else None
    said = Facts(
        order_id=places.order_id(described, settings, ABOUT) or "",
        currency=code,
        customer_id=None if str(order.customer_id) in ("", "0") else str(order.customer_id),
        placed_at=reading.utc(order.date_created_gmt, "date_created_gmt"),
        delivered_at=reading.utc(completed, "date_completed_gmt") if completed else None,
        cancelled_at=modified_at if order.status == "cancelled" else None,
        description=_description(order, code, modified_at, settings),
        attribution=places.carriers(described, settings, ABOUT),
        payments=_payments(order, code),
        refunds=_refunds(order, code),
    )
    buyer = order.billing or _Billing()
    return reported(Said(facts=said, email=buyer.email or None, phone=buyer.phone or None), settings)


def _description(order: _Order, code: str, updated_at: datetime, settings: ConnectionSettings) -> Description:
    amounts = [_positive(item.total, code, f"line_items[{i}].total") for i, item in enumerate(order.line_items)]
    tax = _positive(order.total_tax, code, "total_tax")
    rest = _positive(order.total, code, "total") - tax - sum(amounts)
    if rest < 0:
        if sum(amounts) + rest < 0:
            raise Refused("AMOUNTS_DO_NOT_ADD_UP", Fault("total", "AMOUNTS_DO_NOT_ADD_UP"))
        amounts = list(shared(sum(amounts) + rest, [Fraction(amount) for amount in amounts]))
    lines = tuple(
        Line(
            line_id=str(item.id),
            amount=amount,
            quantity=_units(item.quantity),
            sku=(item.sku or "").strip()[:128] or None,
            product_id=None if str(item.product_id) in ("", "0") else str(item.product_id),
            merchant_id=settings.merchant_id,
        )
        for item, amount in zip(order.line_items, amounts, strict=True)
    )
    return Description(lines=lines, shipping=max(0, rest), tax=tax, updated_at=updated_at)


def _units(quantity: Decimal) -> int:
    """What is sold by weight or length is one unit."""
    whole = quantity.is_finite() and 1 <= quantity <= 10**9 and quantity == quantity.to_integral_value()
    return int(quantity) if whole else 1


def _payments(order: _Order, code: str) -> dict[str, Payment]:
    """All of it is collected, or nothing is told: a shop knows no part payments."""
    total = _positive(order.total, code, "total")
    if order.date_paid_gmt is None or order.status not in _COLLECTED or not total:
        return {}
    source, at = f"woocommerce:{order.id}", reading.utc(order.date_paid_gmt, "date_paid_gmt")
    return {f"{source}={total}": Payment(amount=total, paid_at=at, source=source, running=True)}


def _refunds(order: _Order, code: str) -> dict[str, Refund]:
    """Each as one amount, tax and shipping included: the order tells no more of it. Nor does it tell when, and another time
    in each delivery would be another refund: so all are dated with the order, whose time never changes."""
    at, result = reading.utc(order.date_created_gmt, "date_created_gmt"), {}
    for i, each in enumerate(order.refunds):
        amount = -reading.minor(each.total, code, f"refunds[{i}].total")
        if amount < 0:
            raise Refused("NEGATIVE_AMOUNT", Fault(f"refunds[{i}].total", "NEGATIVE_AMOUNT"))
        if amount:
            result[f"woocommerce:{each.id}"] = Refund(amount=amount, refunded_at=at)
    return result


def _positive(amount: Decimal, code: str, path: str) -> int:
    units = reading.minor(amount, code, path)
    if units < 0:
        raise Refused("NEGATIVE_AMOUNT", Fault(path, "NEGATIVE_AMOUNT"))
    return units
