"""Orders as they come in: the body of `PUT /v1/orders/{order_id}`, and the facts that it states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from msgspec import Meta

from chalicelib.bodies.fields import Amount, Body, Currency, Id, PositiveAmount, Quantity, Secret, Time
from chalicelib.domain.errors import Fault, Malformed
from chalicelib.domain.orders import (
    Carriers,
    Description,
    Dispute,
    Facts,
    Line,
    Payment,
    Refund,
    RefundLine,
)

T = TypeVar("T")
Carrier = Annotated[str, Meta(min_length=1, max_length=64)]


class LineBody(Body):
    """`amount`: what the buyer pays for the line after discounts, without tax and shipping; `cost`: the whole line's."""

    line_id: Id
    amount: Amount
    quantity: Quantity = 1
    sku: Id | None = None
    product_id: Id | None = None
    category: Id | None = None
    merchant_id: Id | None = None
    cost: Amount | None = None


class AttributionBody(Body):
    code: Carrier | None = None
    coupon: Carrier | None = None
    click_id: Carrier | None = None


class PaymentBody(Body):
    payment_id: Id
    amount: Amount
    paid_at: Time


class RefundLineBody(Body):
    line_id: Id
    amount: Amount
    quantity: Annotated[int, Meta(ge=0, le=10**9)] = 0


class RefundBody(Body):
    """Either `lines`, or one `amount` that is spread over the lines by what remains of them. `failed`: never happened."""

    refund_id: Id
    refunded_at: Time
    lines: Annotated[tuple[RefundLineBody, ...], Meta(max_length=500)] = ()
    amount: PositiveAmount | None = None
    state: Literal["succeeded", "failed"] = "succeeded"


class DisputeBody(Body):
    """`at`: when the dispute came into this `state`; the newest state counts, at the same time a closed one."""

    dispute_id: Id
    amount: PositiveAmount
    state: Literal["open", "won", "lost"]
    at: Time


class ContactBody(Body):
    """Compared with the distributors' own contacts, to know a self-purchase; never stored on the order."""

    email: Secret | None = None
    phone: Secret | None = None


class OrderBody(Body):
    """What the storefront knows now. Everything but customer and currency may be absent and come later, in any order."""

    customer_id: Id
    currency: Currency
    placed_at: Time | None = None
    updated_at: Time | None = None
    lines: Annotated[tuple[LineBody, ...], Meta(min_length=1, max_length=500)] | None = None
    shipping: Amount = 0
    tax: Amount = 0
    attribution: AttributionBody = AttributionBody()
    payments: Annotated[tuple[PaymentBody, ...], Meta(max_length=200)] = ()
    refunds: Annotated[tuple[RefundBody, ...], Meta(max_length=200)] = ()
    disputes: Annotated[tuple[DisputeBody, ...], Meta(max_length=50)] = ()
    delivered_at: Time | None = None
    cancelled_at: Time | None = None
    contact: ContactBody = ContactBody()


class BatchOrderBody(OrderBody, kw_only=True):
    order_id: Id


def _utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at else None


def _by_id(items: Sequence[Any], name: str, path: str, make: Callable[[Any], T]) -> dict[str, T]:
    """The items as a map by their own id. The same id twice in one body is refused."""
    result: dict[str, T] = {}
    for i, item in enumerate(items):
        key = getattr(item, name)
        if key in result:
            raise Malformed("DUPLICATE_ID", Fault(f"{path}[{i}].{name}", "DUPLICATE_ID", {"id": key}))
        result[key] = make(item)
    return result


def _refund(i: int, body: RefundBody) -> Refund:
    if bool(body.lines) == (body.amount is not None):
        raise Malformed("REFUND_LINES_OR_AMOUNT", Fault(f"refunds[{i}]", "REFUND_LINES_OR_AMOUNT"))
    lines = tuple(RefundLine(line_id=p.line_id, amount=p.amount, quantity=p.quantity) for p in body.lines)
    _by_id(body.lines, "line_id", f"refunds[{i}].lines", lambda part: part)
    return Refund(refunded_at=body.refunded_at.astimezone(UTC), lines=lines, amount=body.amount, state=body.state)


def _description(body: OrderBody) -> Description | None:
    if body.lines is None:
        if body.shipping or body.tax:
            raise Malformed("MISSING_FIELD", Fault("lines", "MISSING_FIELD", {"field": "lines"}))
        return None
    lines = _by_id(
        body.lines,
        "line_id",
        "lines",
        lambda line: Line(**{name: getattr(line, name) for name in LineBody.__struct_fields__}),
    )
    return Description(
        lines=tuple(lines.values()), shipping=body.shipping, tax=body.tax, updated_at=_utc(body.updated_at)
    )


def facts(order_id: str, body: OrderBody) -> Facts:
    """What the body says, as facts. Raises `Malformed` for an id that comes twice."""
    refunds = {each.refund_id: i for i, each in enumerate(body.refunds)}
    return Facts(
        order_id=order_id,
        currency=body.currency,
        customer_id=body.customer_id,
        placed_at=_utc(body.placed_at),
        delivered_at=_utc(body.delivered_at),
        cancelled_at=_utc(body.cancelled_at),
        description=_description(body),
        attribution=Carriers(
            coupon=body.attribution.coupon, code=body.attribution.code, click_id=body.attribution.click_id
        ),
        payments=_by_id(
            body.payments,
            "payment_id",
            "payments",
            lambda p: Payment(amount=p.amount, paid_at=p.paid_at.astimezone(UTC)),
        ),
        refunds=_by_id(body.refunds, "refund_id", "refunds", lambda r: _refund(refunds[r.refund_id], r)),
        disputes=_by_id(
            body.disputes,
            "dispute_id",
            "disputes",
            lambda d: Dispute(amount=d.amount, at=d.at.astimezone(UTC), state=d.state),
        ),
    )
