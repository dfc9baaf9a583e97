"""What is read of Shopify's REST objects, as webhooks carry them (shopify.dev/docs/api/admin-rest): only what is used."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)] | Annotated[str, Meta(min_length=1, max_length=64)]
Quantity = Annotated[int, Meta(ge=0, le=10**9)]


class Money(Struct, frozen=True):
    amount: Decimal
    currency_code: str


class Both(Struct, frozen=True):
    """An amount in the shop's currency (and in the buyer's, which is not read)."""

    shop_money: Money | None = None


class Allocation(Struct, frozen=True):
    """The part of a discount that a line has."""

    amount: Decimal
    amount_set: Both | None = None


class TaxLine(Struct, frozen=True):
    price: Decimal
    price_set: Both | None = None
    rate: Decimal | None = None


class LineItem(Struct, frozen=True):
    id: Id
    price: Decimal
    quantity: Quantity
    price_set: Both | None = None
    sku: str | None = None
    product_id: Id | None = None
    gift_card: bool = False
    discount_allocations: tuple[Allocation, ...] = ()
    tax_lines: tuple[TaxLine, ...] = ()


class RefundLineItem(Struct, frozen=True):
    line_item_id: Id
    quantity: Quantity
    subtotal: Decimal
    subtotal_set: Both | None = None
    total_tax: Decimal = Decimal(0)
    total_tax_set: Both | None = None
    line_item: LineItem | None = None


class RefundShippingLine(Struct, frozen=True):
    subtotal_amount_set: Both | None = None
    tax_amount_set: Both | None = None


class Adjustment(Struct, frozen=True):
    """`shipping_refund`: shipping given back; `refund_discrepancy`: what was given back less than calculated. So both are
    negative for money that goes to the buyer."""

    kind: str
    amount: Decimal
    amount_set: Both | None = None
    tax_amount: Decimal = Decimal(0)
    tax_amount_set: Both | None = None


class Transaction(Struct, frozen=True):
    kind: str
    status: str
    amount: Decimal
    currency: str


class Refund(Struct, frozen=True):
    id: Id
    created_at: datetime
    order_id: Id | None = None
    refund_line_items: tuple[RefundLineItem, ...] = ()
    refund_shipping_lines: tuple[RefundShippingLine, ...] = ()
    order_adjustments: tuple[Adjustment, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    total_duties_set: Both | None = None
    total_additional_fees_set: Both | None = None


class Customer(Struct, frozen=True):
    id: Id | None = None
    email: str | None = None
    phone: str | None = None


class Fulfillment(Struct, frozen=True):
    updated_at: datetime
    status: str | None = None
    shipment_status: str | None = None


class Order(Struct, frozen=True):
    """`total_price` and `total_tax` are those before anything was given back; `total_outstanding` is still to be paid."""

    id: Id
    created_at: datetime
    updated_at: datetime
    currency: str
    total_price: Decimal
    line_items: tuple[LineItem, ...]
    total_price_set: Both | None = None
    total_tax: Decimal = Decimal(0)
    total_tax_set: Both | None = None
    total_outstanding: Decimal | None = None
    taxes_included: bool = False
    financial_status: str | None = None
    fulfillment_status: str | None = None
    processed_at: datetime | None = None
    cancelled_at: datetime | None = None
    test: bool = False
    email: str | None = None
    phone: str | None = None
    customer: Customer | None = None
    fulfillments: tuple[Fulfillment, ...] = ()
    refunds: tuple[Refund, ...] = ()


class Dispute(Struct, frozen=True):
    id: Id
    amount: Decimal
    currency: str
    status: str
    initiated_at: datetime
    type: str | None = None
    order_id: Id | None = None
    finalized_on: str | None = None
