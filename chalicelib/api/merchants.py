"""Merchants: who sells lines of orders, what commission they bear, and what their own people see of it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Literal

from chalice import Blueprint
from msgspec import Struct, field

from chalicelib.api.callers import any_staff, merchant_self, scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Body, Currency, Name, Secret
from chalicelib.domain.buckets import day_of
from chalicelib.flows.merchants import add_merchant_user, existing, save_merchant
from chalicelib.flows.read_merchant import MerchantStatement, merchant_order, merchant_statements
from chalicelib.settings import settings
from chalicelib.store.merchants import Merchant

bp = Blueprint(__name__)
_DAYS = 31


class MerchantBody(Body):
    """`paid_by`: who bears the commission on their lines; for orders decided from now on."""

    name: Name
    paid_by: Literal["merchant", "operator"] = "merchant"


class StatementPeriod(Body):
    """Days in the program's time zone, both included; the last 31 days, if not given. Every currency, if none is given."""

    currency: Currency | None = None
    first: date | None = field(default=None, name="from")
    last: date | None = field(default=None, name="to")


class MerchantStatementView(Struct, frozen=True):
    """One item for each currency; never more than one page."""

    items: list[MerchantStatement]
    next: None = None


class UserBody(Body):
    """Somebody who signs in for the merchant with an e-mail address."""

    name: Name
    email: Secret
    password: Secret


class UserView(Struct, frozen=True):
    """The e-mail address is masked."""

    id: str
    merchant_id: str
    name: str
    email: str


class MerchantLineView(Struct, frozen=True, kw_only=True):
    """`direct` and `indirect` have accrued, `estimated` is to come at both levels; `base` is what rates are of, after
    refunds."""

    line_id: str
    amount: int
    quantity: int
    sku: str | None
    product_id: str | None
    category: str | None
    cost: int | None
    base: int
    direct: int
    indirect: int
    estimated: int
    paid_by: Literal["merchant", "operator"]


class MerchantOrderView(Struct, frozen=True, kw_only=True):
    """An order with a merchant's own lines: no customer, no payments, no distributor, no other merchant."""

    order_id: str
    currency: str
    placed_at: datetime | None
    delivered_at: datetime | None
    cancelled_at: datetime | None
    lines: list[MerchantLineView]
    refunds: list[dict[str, Any]]


@endpoint(
    bp,
    "PUT",
    "/v1/merchants/{merchant_id}",
    who=scope("plans:write") | staff("owner", "ops"),
    body=MerchantBody,
    answers=Merchant,
    summary="Register a merchant, and say who bears their commission",
)
def put_merchant(call: Call, merchant_id: str) -> Merchant:
    merchant = Merchant(merchant_id=merchant_id, name=call.body.name, paid_by=call.body.paid_by)
    return save_merchant(merchant, call.caller.name, call.now)


@endpoint(
    bp,
    "GET",
    "/v1/merchants/{merchant_id}",
    who=scope("plans:read") | any_staff(),
    answers=Merchant,
    summary="Read a merchant",
)
def get_merchant(call: Call, merchant_id: str) -> Merchant:
    return existing(merchant_id)


@endpoint(
    bp,
    "POST",
    "/v1/merchants/{merchant_id}/users",
    who=staff("owner"),
    body=UserBody,
    answers=UserView,
    status=201,
    summary="Add somebody who signs in for a merchant",
)
def post_merchant_user(call: Call, merchant_id: str) -> UserView:
    body = call.body
    added = add_merchant_user(
        merchant_id, body.name, body.email, body.password, call.caller.name, call.now, call.once_id
    )
    return UserView(added.person_id, merchant_id, added.name, added.email_masked)


@endpoint(
    bp,
    "GET",
    "/v1/merchants/{merchant_id}/statement",
    who=merchant_self("merchant_id")
    | scope("ledger:read")
    | staff("owner", "ops", "auditor", "finance_maker", "finance_checker"),
    query=StatementPeriod,
    answers=MerchantStatementView,
    summary="The commission that a merchant bore day by day, and what of it came back",
)
def get_merchant_statement(call: Call, merchant_id: str) -> MerchantStatementView:
    today = date.fromisoformat(day_of(call.now, settings().time_zone))
    last = call.query.last or today
    first = call.query.first or last - timedelta(days=_DAYS - 1)
    return MerchantStatementView(merchant_statements(merchant_id, call.query.currency, first, last))


@endpoint(
    bp,
    "GET",
    "/v1/merchants/{merchant_id}/orders/{order_id}",
    who=merchant_self("merchant_id") | scope("orders:read") | any_staff(),
    answers=MerchantOrderView,
    summary="An order with the merchant's own lines and their commission",
)
def get_merchant_order(call: Call, merchant_id: str, order_id: str) -> MerchantOrderView:
    found = merchant_order(merchant_id, order_id)
    facts = found.order.facts
    return MerchantOrderView(
        order_id=facts.order_id,
        currency=facts.currency,
        placed_at=facts.placed_at,
        delivered_at=facts.delivered_at,
        cancelled_at=facts.cancelled_at,
        lines=[
            MerchantLineView(
                line_id=each.line.line_id,
                amount=each.line.amount,
                quantity=each.line.quantity,
                sku=each.line.sku,
                product_id=each.line.product_id,
                category=each.line.category,
                cost=each.line.cost,
                base=each.base,
                direct=each.direct,
                indirect=each.indirect,
                estimated=each.estimated,
                paid_by=each.paid_by,
            )
            for each in found.lines
        ],
        refunds=[
            {"refund_id": refund_id, "refunded_at": part.refunded_at, "state": part.state, "lines": part.lines}
            for refund_id, part in found.refunds.items()
        ],
    )
