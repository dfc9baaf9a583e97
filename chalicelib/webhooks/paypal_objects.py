"""What PayPal's events hold, as far as it is used (developer.paypal.com/docs/api/payments/v2, payments/v1 and
customer-disputes/v1)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec import Struct

from chalicelib.bodies.parse import refusal
from chalicelib.domain.errors import Fault
from chalicelib.webhooks import reading


class Event(Struct, frozen=True):
    event_type: str


class Body(Struct, frozen=True):
    resource: msgspec.Raw


class Details(Struct, frozen=True):
    tax: Decimal = Decimal(0)
    shipping: Decimal = Decimal(0)


class Amount(Struct, frozen=True):
    """`value` and `currency_code` in v2, `total` and `currency` in v1."""

    value: Decimal | None = None
    currency_code: str | None = None
    total: Decimal | None = None
    currency: str | None = None
    details: Details = Details()


class Link(Struct, frozen=True):
    rel: str = ""
    href: str = ""


class Related(Struct, frozen=True):
    order_id: str | None = None


class Supplementary(Struct, frozen=True):
    related_ids: Related = Related()


class Resource(Struct, frozen=True):
    """A capture, a sale, a refund or a reversal."""

    id: str
    amount: Amount
    create_time: datetime
    status: str = ""
    state: str = ""
    billing_agreement_id: str | None = None
    capture_id: str | None = None
    sale_id: str | None = None
    supplementary_data: Supplementary = Supplementary()
    links: tuple[Link, ...] = ()

    @property
    def refunded(self) -> str | None:
        """The payment that a refund or a reversal is of."""
        linked = (link.href.rpartition("/")[2] for link in self.links if link.rel in ("up", "capture", "sale"))
        return self.capture_id or self.sale_id or next(filter(None, linked), None)


class Transaction(Struct, frozen=True):
    seller_transaction_id: str | None = None
    gross_amount: Amount = Amount()


class Outcome(Struct, frozen=True):
    outcome_code: str = ""
    amount_refunded: Amount | None = None


class Case(Struct, frozen=True):
    dispute_id: str
    create_time: datetime
    dispute_amount: Amount
    update_time: datetime | None = None
    status: str = ""
    dispute_outcome: Outcome = Outcome()
    disputed_transactions: tuple[Transaction, ...] = ()


def money(amount: Amount, path: str) -> tuple[int, str]:
    """Minor units and currency. PayPal sends HUF, JPY and TWD without decimals, as a decimal text: 100 HUF are 10000."""
    value, code = amount.value if amount.value is not None else amount.total, amount.currency_code or amount.currency
    if value is None or not code:
        raise refusal(Fault(path, "MISSING_FIELD", {"field": path}))
    currency = reading.currency(code, path)
    return reading.minor(value, currency, path), currency
