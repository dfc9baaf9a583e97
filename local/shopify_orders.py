"""What Shopify would say about the tea shop's orders (shopify.dev/docs/api/webhooks): always the whole order as it stands,
and each refund. A shop of Shopify has one currency, so there are three."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from local.messages import Message
from local.sales import Order
from local.shop import CATALOGUE

SHOPS = {"CNY": "shopify-cn", "USD": "shopify-us", "JPY": "shopify-jp"}
_ZONES = {"CNY": "Asia/Shanghai", "USD": "America/Los_Angeles", "JPY": "Asia/Tokyo"}
_DECIMALS = {"CNY": 2, "USD": 2, "JPY": 0}
_PRODUCTS = {sku: 8_210_000_000_000 + i for i, (sku, *_) in enumerate(CATALOGUE)}


def shopify_messages(order: Order, carried: dict[str, str]) -> list[Message]:
    """The deliveries of an order. A refund comes by itself, with Shopify's own id of the order only, and with the order."""
    road = SHOPS[order.currency]

    def as_of(what: str, at: datetime, topic: str) -> Message:
        tells = {"lines": True, "payments": _paid(order, at), "refunds": _refunds(order, at)}
        body = _order(order, carried, at)
        return Message(what, at, road, body, frozenset(name for name, value in tells.items() if value), topic)

    found = [as_of("placed", order.placed_at, "orders/create")]
    for _, at in order.payments:
        found.append(as_of("paid", at, "orders/paid" if _paid(order, at) == order.due else "orders/updated"))
    if order.delivered_at:
        found.append(as_of("delivered", order.delivered_at, "orders/updated"))
    if order.cancelled_at:
        found.append(as_of("cancelled", order.cancelled_at, "orders/cancelled"))
    for refund in order.refunds:
        at = refund["refunded_at"]
        found.append(Message("refunded", at, road, _refund(order, refund), frozenset({"refunds"}), "refunds/create"))
        found.append(as_of("refunded", at, "orders/updated"))
    return found


def _paid(order: Order, at: datetime) -> int:
    return sum(amount for amount, paid_at in order.payments if paid_at <= at)


def _refunds(order: Order, at: datetime) -> list[dict[str, Any]]:
    return [refund for refund in order.refunds if refund["refunded_at"] <= at]


def _text(units: int, currency: str) -> str:
    return str(Decimal(units).scaleb(-_DECIMALS[currency]))


def _amounts(units: int, currency: str, name: str) -> dict[str, Any]:
    """An amount by this name, and its set beside it."""
    each = {"amount": _text(units, currency), "currency_code": currency}
    return {name: each["amount"], f"{name}_set": {"shop_money": each, "presentment_money": each}}


def _at(order: Order, at: datetime) -> str:
    """In the shop's own zone, as Shopify writes it."""
    return at.astimezone(ZoneInfo(_ZONES[order.currency])).isoformat(timespec="seconds")


def _id(order: Order, kind: int, of: int = 0) -> int:
    return kind * 10**12 + (1001 + order.number) * 100 + of


def _status(order: Order, at: datetime) -> str:
    paid, back = _paid(order, at), _refunds(order, at)
    if back:
        return "refunded" if back[0].get("amount") == order.due else "partially_refunded"
    return "pending" if not paid else "paid" if paid == order.due else "partially_paid"


def _order(order: Order, carried: dict[str, str], at: datetime) -> dict[str, Any]:
    """The order at a moment: what happened later is not in it."""
    code = order.currency
    delivered = order.delivered_at if order.delivered_at and order.delivered_at <= at else None
    cancelled = order.cancelled_at if order.cancelled_at and order.cancelled_at <= at else None
    off = sum(line["quantity"] * _off(line, carried) for line in order.lines)
    coupon = {"code": carried.get("coupon"), "amount": _text(off, code), "type": "percentage"}
    ref, notes = carried.get("code"), {"dist_click": carried.get("click_id")}
    landing = "/collections/tea"
    if ref and order.number % 2:  # the theme writes the code into the cart, or it is only in the link that was followed
        landing += f"?ref={ref}"
    else:
        notes["dist_ref"] = ref
    shipping = {"id": _id(order, 4), "title": "Standard", "tax_lines": [], **_amounts(order.shipping, code, "price")}
    return {
        "id": _id(order, 5),
        "admin_graphql_api_id": f"gid://shopify/Order/{_id(order, 5)}",
        "name": order.id,
        "order_number": 1001 + order.number,
        "test": False,
        "confirmed": True,
        "source_name": "web",
        "created_at": _at(order, order.placed_at),
        "processed_at": _at(order, order.placed_at),
        "updated_at": _at(order, at),
        "cancelled_at": _at(order, cancelled) if cancelled else None,
        "cancel_reason": "customer" if cancelled else None,
        "currency": code,
        "presentment_currency": code,
        "taxes_included": False,
        "financial_status": _status(order, at),
        "fulfillment_status": "fulfilled" if delivered else None,
        **_amounts(order.goods + off, code, "total_line_items_price"),
        **_amounts(off, code, "total_discounts"),
        **_amounts(order.goods, code, "subtotal_price"),
        **_amounts(order.shipping, code, "total_shipping_price"),
        **_amounts(0, code, "total_tax"),
        **_amounts(order.due, code, "total_price"),
        "total_outstanding": _text(order.due - _paid(order, at), code),
        "discount_codes": [coupon] if off else [],
        "note_attributes": [{"name": name, "value": value} for name, value in notes.items() if value],
        "landing_site": landing,
        "tax_lines": [],
        "email": f"{order.customer.id}@buyers.example",
        "customer": {"id": int(order.customer.id), "email": f"{order.customer.id}@buyers.example", "currency": code},
        "line_items": [_item(order, carried, line) for line in order.lines],
        "shipping_lines": [shipping] if order.shipping else [],
        "fulfillments": [_fulfillment(order, delivered)] if delivered else [],
        "refunds": [_refund(order, refund) for refund in _refunds(order, at)],
    }


def _off(line: dict[str, Any], carried: dict[str, str]) -> int:
    """What a coupon took off a unit: a tenth of what it was to cost before."""
    return line["amount"] // line["quantity"] // 9 if "coupon" in carried else 0


def _item(order: Order, carried: dict[str, str], line: dict[str, Any]) -> dict[str, Any]:
    code, quantity, off = order.currency, line["quantity"], _off(line, carried)
    return {
        "id": _id(order, 14, int(line["line_id"])),
        "product_id": _PRODUCTS[line["sku"]],
        "sku": line["sku"],
        "title": line["product_id"].capitalize(),
        "quantity": quantity,
        "gift_card": False,
        "taxable": False,
        **_amounts(line["amount"] // quantity + off, code, "price"),
        **_amounts(0, code, "total_discount"),
        "tax_lines": [],
        "discount_allocations": [_amounts(quantity * off, code, "amount")] if off else [],
    }


def _fulfillment(order: Order, delivered_at: datetime) -> dict[str, Any]:
    return {
        "id": _id(order, 6),
        "order_id": _id(order, 5),
        "status": "success",
        "shipment_status": "delivered",
        "created_at": _at(order, order.placed_at),
        "updated_at": _at(order, delivered_at),
    }


def _refund(order: Order, refund: dict[str, Any]) -> dict[str, Any]:
    """A full refund gives back every line and the shipping; one that names no lines is what Shopify calls a discrepancy."""
    code, full = order.currency, refund.get("amount") == order.due
    parts = order.lines if full else refund.get("lines", [])
    money = refund.get("amount") or sum(part["amount"] for part in parts)
    refund_id = _id(order, 9)
    given_back = [
        {
            "id": _id(order, 10, int(part["line_id"])),
            "line_item_id": _id(order, 14, int(part["line_id"])),
            "quantity": part["quantity"],
            "restock_type": "return",
            **_amounts(part["amount"], code, "subtotal"),
            **_amounts(0, code, "total_tax"),
        }
        for part in parts
    ]
    shipping = {"id": _id(order, 11), **_amounts(order.shipping, code, "subtotal_amount")}
    shipping |= _amounts(0, code, "tax_amount")
    discrepancy = {"id": _id(order, 12), "kind": "refund_discrepancy", "reason": "Refund discrepancy"}
    discrepancy |= _amounts(-money, code, "amount") | _amounts(0, code, "tax_amount")
    transaction = {"id": _id(order, 13), "kind": "refund", "status": "success", "gateway": "shopify_payments"}
    return {
        "id": refund_id,
        "admin_graphql_api_id": f"gid://shopify/Refund/{refund_id}",
        "order_id": _id(order, 5),
        "created_at": _at(order, refund["refunded_at"]),
        "processed_at": _at(order, refund["refunded_at"]),
        "note": None,
        "refund_line_items": given_back,
        "refund_shipping_lines": [shipping] if full and order.shipping else [],
        "order_adjustments": [] if parts else [discrepancy],
        "transactions": [transaction | {"order_id": _id(order, 5), "amount": _text(money, code), "currency": code}],
    }
