"""What Shopify and WooCommerce send, with the fields that are read and a few that are not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

Json = dict[str, Any]
SHOP = "shop.myshopify.com"


def both(amount: str, currency: str = "USD", presentment: str | None = None) -> Json:
    """A `*_set`; the buyer may pay in another currency."""
    seen = {"amount": presentment or amount, "currency_code": "CAD" if presentment else currency}
    return {"shop_money": {"amount": amount, "currency_code": currency}, "presentment_money": seen}


def item(line_id: int = 11, price: str = "50.00", quantity: int = 1, **more: Any) -> Json:
    """A line of a Shopify order. `discount`, `tax` and `rate` become lists as Shopify writes them."""
    discount, tax, rate = more.pop("discount", None), more.pop("tax", None), more.pop("rate", 0.1)
    return {
        "id": line_id,
        "price": price,
        "quantity": quantity,
        "sku": f"SKU-{line_id}",
        "product_id": 900 + line_id,
        "gift_card": False,
        "discount_allocations": [{"amount": discount, "discount_application_index": 0}] if discount else [],
        "tax_lines": [{"price": tax, "rate": rate, "title": "VAT"}] if tax else [],
        "properties": [],
    } | more


def transaction(amount: str, status: str = "success", currency: str = "USD") -> Json:
    return {"id": 1, "kind": "refund", "status": status, "amount": amount, "currency": currency, "gateway": "bogus"}


def refunded_item(line: Json, quantity: int, subtotal: str, tax: str = "0.00") -> Json:
    return {
        "id": 1,
        "line_item_id": line["id"],
        "line_item": line,
        "quantity": quantity,
        "subtotal": float(subtotal),
        "subtotal_set": both(subtotal),
        "total_tax": float(tax),
        "total_tax_set": both(tax),
    }


def refund(refund_id: int = 501, *items: Json, transactions: tuple[Json, ...] = (), **more: Any) -> Json:
    return {
        "id": refund_id,
        "order_id": 1001,
        "created_at": "2026-03-05T10:00:00-05:00",
        "refund_line_items": list(items),
        "refund_shipping_lines": [],
        "order_adjustments": [],
        "transactions": list(transactions),
        "total_duties_set": both("0.00"),
    } | more


def adjustment(kind: str, amount: str, tax: str = "0.00") -> Json:
    return {"kind": kind, "amount": amount, "amount_set": both(amount), "tax_amount": tax, "tax_amount_set": both(tax)}


def order(*lines: Json, **more: Any) -> Json:
    """An order at Shopify: 100.00 for goods, 7.00 tax, 3.00 shipping, paid, unless `more` says otherwise."""
    return {
        "id": 1001,
        "name": "#1001",
        "created_at": "2026-03-01T08:00:00-05:00",
        "processed_at": "2026-03-01T08:00:00-05:00",
        "updated_at": "2026-03-01T08:00:05-05:00",
        "cancelled_at": None,
        "currency": "USD",
        "presentment_currency": "USD",
        "total_price": "110.00",
        "total_tax": "7.00",
        "total_outstanding": "0.00",
        "taxes_included": False,
        "financial_status": "paid",
        "fulfillment_status": None,
        "test": False,
        "email": "li@example.com",
        "phone": None,
        "customer": {"id": 77, "email": "li@example.com", "phone": "+8613800138000"},
        "note_attributes": [{"name": "dist_ref", "value": "ANNA"}, {"name": "dist_click", "value": "clk1"}],
        "discount_codes": [{"code": "SPRING", "amount": "5.00", "type": "fixed_amount"}],
        "landing_site": "/products/x?ref=BEN&utm_source=poster",
        "line_items": list(lines or (item(11), item(12))),
        "fulfillments": [],
        "refunds": [],
    } | more


def dispute(status: str = "needs_response", **more: Any) -> Json:
    return {
        "id": 801,
        "order_id": 1001,
        "type": "chargeback",
        "amount": "110.00",
        "currency": "USD",
        "status": status,
        "initiated_at": "2026-03-10T10:00:00-05:00",
        "finalized_on": None,
    } | more


def woo_line(line_id: int = 315, total: str = "50.00", quantity: int = 1, **more: Any) -> Json:
    return {
        "id": line_id,
        "name": "Tea",
        "product_id": 93,
        "variation_id": 0,
        "quantity": quantity,
        "subtotal": total,
        "total": total,
        "total_tax": "0.00",
        "sku": "TEA",
        "price": 50,
    } | more


def woo_order(*lines: Json, **more: Any) -> Json:
    """An order at WooCommerce: 100.00 for goods, 7.00 tax, 3.00 shipping, paid, unless `more` says otherwise."""
    return {
        "id": 727,
        "number": "727",
        "status": "processing",
        "currency": "USD",
        "date_created_gmt": "2026-03-01T08:00:00",
        "date_modified_gmt": "2026-03-01T08:00:05",
        "date_paid_gmt": "2026-03-01T08:00:04",
        "date_completed_gmt": None,
        "shipping_total": "3.00",
        "total": "110.00",
        "total_tax": "7.00",
        "customer_id": 26,
        "billing": {"email": "li@example.com", "phone": "+8613800138000"},
        "meta_data": [
            {
                "id": 1,
                "key": "_wc_order_attribution_session_entry",
                "value": "https://shop.example/?ref=BEN&click_id=c2",
            },
            {"id": 2, "key": "_dist_ref", "value": "ANNA"},
        ],
        "line_items": list(lines or (woo_line(315), woo_line(316))),
        "coupon_lines": [{"id": 1, "code": "spring", "discount": "5.00"}],
        "fee_lines": [],
        "refunds": [],
    } | more


def escaped(body: Json) -> bytes:
    """JSON as PHP writes it."""
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    10**30,
    1e308,
    "",
    "-1.00",
    "sNaN",
    "1E+400",
    "9" * 50,
    "\udcff",
    "x" * 200,
    [],
    {},
    [None],
]
JUNK += ["0001-01-01T00:00:00+23:59", "2100-12-31T23:59:59-12:00"]


def spoilt(genuine: Json) -> Iterator[bytes]:
    """The body with each of its fields dropped, or replaced by what should not be there."""

    def places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            if isinstance(value[key], dict | list):
                yield from places(value[key], (*path, key))

    for *path, last in places(genuine, ()):
        for junk in [spoilt, *JUNK]:
            body = deepcopy(genuine)
            holder: Any = body
            for key in path:
                holder = holder[key]
            if junk is spoilt:
                del holder[last]
            else:
                holder[last] = junk
            yield json.dumps(body).encode()
