"""What Stripe's events describe (docs.stripe.com/api), as far as it is used, and what was sold by it: amounts in Stripe's
own minor units, times in Unix seconds. Invoices come in two shapes, before and since 2025-03-31.basil
(docs.stripe.com/changelog/basil)."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from chalicelib.domain.errors import Fault, Refused
from chalicelib.domain.orders import Description, Line
from chalicelib.webhooks import reading


class Head(Struct, frozen=True):
    id: str
    type: str = ""
    account: str | None = None


class Data(Struct, frozen=True):
    object: msgspec.Raw


class Event(Struct, frozen=True, kw_only=True):
    created: int
    data: Data
    account: str | None = None
    livemode: bool = True


class TotalDetails(Struct, frozen=True):
    amount_discount: int | None = 0
    amount_shipping: int | None = 0
    amount_tax: int | None = 0


class CustomerDetails(Struct, frozen=True):
    email: str | None = None
    phone: str | None = None


class Session(Struct, frozen=True, kw_only=True):
    id: str
    mode: str
    payment_status: str
    created: int
    currency: str | None = None
    amount_total: int | None = None
    amount_subtotal: int | None = None
    total_details: TotalDetails | None = None
    customer: str | None = None
    customer_details: CustomerDetails | None = None
    customer_email: str | None = None
    invoice: str | None = None
    payment_intent: str | None = None


class Intent(Struct, frozen=True, kw_only=True):
    id: str
    currency: str
    amount_received: int
    receipt_email: str | None = None


class Part(Struct, frozen=True):
    amount: int
    inclusive: bool = False
    tax_behavior: str | None = None


class Price(Struct, frozen=True):
    product: str | None = None


class Pricing(Struct, frozen=True):
    price_details: Price | None = None


class InvoiceLine(Struct, frozen=True, kw_only=True):
    id: str
    amount: int
    quantity: int | None = None
    discount_amounts: tuple[Part, ...] | None = None
    taxes: tuple[Part, ...] | None = None
    tax_amounts: tuple[Part, ...] | None = None
    price: Price | None = None
    pricing: Pricing | None = None

    @property
    def net(self) -> int:
        """After discounts, without the taxes that are in the price."""
        taxes = self.taxes or self.tax_amounts or ()
        included = (tax for tax in taxes if tax.inclusive or tax.tax_behavior == "inclusive")
        return self.amount - sum(part.amount for part in (*(self.discount_amounts or ()), *included))

    @property
    def product(self) -> str | None:
        price = self.pricing.price_details if self.pricing else self.price
        return price.product if price else None


class InvoiceLines(Struct, frozen=True):
    data: tuple[InvoiceLine, ...] = ()
    has_more: bool = False


class PaidBy(Struct, frozen=True):
    payment_intent: str | None = None
    charge: str | None = None


class InvoicePayment(Struct, frozen=True, kw_only=True):
    payment: PaidBy = PaidBy()
    status: str = "paid"
    invoice: str | None = None
    currency: str | None = None


class InvoicePayments(Struct, frozen=True):
    data: tuple[InvoicePayment, ...] = ()


class Transitions(Struct, frozen=True):
    paid_at: int | None = None


class Invoice(Struct, frozen=True, kw_only=True):
    id: str
    created: int
    currency: str
    amount_paid: int
    total: int
    amount_shipping: int = 0
    tax: int | None = None
    total_taxes: tuple[Part, ...] | None = None
    lines: InvoiceLines = InvoiceLines()
    status_transitions: Transitions = Transitions()
    customer: str | None = None
    customer_email: str | None = None
    customer_phone: str | None = None
    payment_intent: str | None = None
    charge: str | None = None
    payments: InvoicePayments | None = None

    @property
    def paid_by(self) -> str | None:
        """The intent or charge: before basil a field, since then the paid one of `payments`, where the event has them."""
        listed = self.payments.data if self.payments else ()
        paid = (each.payment for each in listed if each.status == "paid")
        named = (each.payment_intent or each.charge for each in (PaidBy(self.payment_intent, self.charge), *paid))
        return next(filter(None, named), None)


class OfPayment(Struct, frozen=True, kw_only=True):
    """A charge, a refund or a dispute."""

    id: str
    currency: str
    created: int
    amount: int = 0
    amount_refunded: int = 0
    status: str | None = None
    charge: str | None = None
    payment_intent: str | None = None


def units(amount: int, currency: str, path: str) -> int:
    """Stripe's minor units in those of ISO 4217. Raises `Refused` below zero."""
    if amount < 0:
        raise Refused("NEGATIVE_AMOUNT", Fault(path, "NEGATIVE_AMOUNT"))
    return reading.from_units(amount, currency, "stripe", path)


def sold(session: Session, currency: str, merchant_id: str | None, at: datetime) -> Description:
    """A session tells no lines: one stands for all. Above goods and shipping after discounts is only tax; where prices
    include it, `amount_tax` is in them."""
    details, total = session.total_details or TotalDetails(), session.amount_total or 0
    tax, shipping = details.amount_tax or 0, details.amount_shipping or 0
    goods = (session.amount_subtotal or 0) - (details.amount_discount or 0)
    if not 0 <= total - goods - shipping <= tax:
        raise Refused("AMOUNTS_DO_NOT_ADD_UP", Fault("amount_total", "AMOUNTS_DO_NOT_ADD_UP"))
    return _one_line(total, tax, shipping, currency, merchant_id, at)


def billed(invoice: Invoice, currency: str, merchant_id: str | None, at: datetime) -> Description:
    """The invoice's lines, if the event has all of them and they come to its total; else one for all: events carry the
    first ten lines, and prorations and credits are lines below zero."""
    tax = invoice.tax if invoice.tax is not None else sum(part.amount for part in invoice.total_taxes or ())
    whole = _one_line(invoice.total, tax, invoice.amount_shipping, currency, merchant_id, at)
    lines = tuple(
        Line(
            line_id=line.id,
            amount=reading.from_units(line.net, currency, "stripe", f"lines.data[{i}].amount"),
            quantity=max(1, line.quantity or 1),
            product_id=line.product,
            merchant_id=merchant_id,
        )
        for i, line in enumerate(invoice.lines.data)
    )
    complete = not invoice.lines.has_more and len({line.line_id for line in lines}) == len(lines) > 0
    adds_up = sum(line.amount for line in lines) == whole.lines[0].amount
    if not complete or not adds_up or any(line.amount < 0 for line in lines):
        return whole
    return Description(lines=lines, shipping=whole.shipping, tax=whole.tax, updated_at=at)


def _one_line(total: int, tax: int, shipping: int, currency: str, merchant_id: str | None, at: datetime) -> Description:
    whole, taxed, shipped = (units(part, currency, "total") for part in (total, tax, shipping))
    if whole < taxed + shipped:
        raise Refused("AMOUNTS_DO_NOT_ADD_UP", Fault("total", "AMOUNTS_DO_NOT_ADD_UP"))
    line = Line(line_id="1", amount=whole - taxed - shipped, merchant_id=merchant_id)
    return Description(lines=(line,), shipping=shipped, tax=taxed, updated_at=at)
