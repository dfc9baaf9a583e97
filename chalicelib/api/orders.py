"""Orders: what storefronts report, and whom they went to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from chalice import Blueprint, Response
from msgspec import DecodeError, Meta, Raw, Struct, ValidationError, json

from chalicelib.api.callers import any_staff, distributor_self, scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.api.once import AGAIN
from chalicelib.api.order_views import OrderView, view
from chalicelib.api.replies import Problem, problem_of, reply
from chalicelib.bodies.fields import TEXT_PATTERN, Body, Id, Page
from chalicelib.bodies.orders import BatchOrderBody, OrderBody, facts
from chalicelib.bodies.parse import parse
from chalicelib.domain.earnings import earnings
from chalicelib.domain.errors import FenrunError, NotFound
from chalicelib.domain.running import payments
from chalicelib.flows.contacts import blinded
from chalicelib.flows.reattribute_order import reattribute_order
from chalicelib.flows.record_order import record_order
from chalicelib.observe import named
from chalicelib.store import orders

bp = Blueprint(__name__)


class BatchBody(Body):
    """Each of `orders` is a body of `PUT /v1/orders/{order_id}` with its `order_id`; it is read by itself."""

    orders: Annotated[tuple[Raw, ...], Meta(min_length=1, max_length=100)]


class _Named(Struct, frozen=True):
    order_id: str | None = None


class Outcome(Struct, frozen=True):
    """What became of one order of a batch: as `PUT` would have answered."""

    order_id: str | None
    status: int
    order: OrderView | None = None
    problem: Problem | None = None


class BatchView(Struct, frozen=True):
    items: list[Outcome]


def _record(order_id: str, body: OrderBody, now: datetime) -> OrderView:
    return view(record_order(facts(order_id, body), now, blinded(body.contact.email, body.contact.phone)))


@endpoint(
    bp,
    "PUT",
    "/v1/orders/{order_id}",
    who=scope("orders:write") | staff("owner", "ops"),
    body=OrderBody,
    answers=OrderView,
    summary="Report what is known of an order now",
)
def put_order(call: Call, order_id: str) -> OrderView:
    return _record(order_id, call.body, call.now)


@endpoint(
    bp,
    "GET",
    "/v1/orders/{order_id}",
    who=scope("orders:read") | any_staff(),
    answers=OrderView,
    summary="Read an order as stored",
)
def get_order(call: Call, order_id: str) -> OrderView:
    found = orders.get(order_id)
    if found is None:
        raise NotFound("NOT_FOUND")
    return view(found)


def _order_id(raw: Raw) -> str | None:
    """Which order a body is of, as far as it says so."""
    try:
        return json.decode(raw, type=_Named).order_id
    except (DecodeError, ValidationError):
        return None


@endpoint(
    bp,
    "POST",
    "/v1/orders/batch",
    who=scope("orders:write") | staff("owner", "ops"),
    body=BatchBody,
    answers=BatchView,
    summary="Report up to 100 orders; each is taken or refused by itself",
)
def put_orders(call: Call) -> Response:
    items = []
    for raw in call.body.orders:
        try:
            body = parse(bytes(raw), None, BatchOrderBody)
            items.append(Outcome(body.order_id, 200, order=_record(body.order_id, body, call.now)))
        except FenrunError as error:
            problem = problem_of(error, call.language)
            items.append(Outcome(_order_id(raw), problem.status, problem=problem))
    named(orders=[item.order_id for item in items if item.order])
    again = any(item.status >= 500 for item in items)
    return reply(BatchView(items), headers={AGAIN: "1"} if again else None)


class AttributeBody(Body):
    distributor_id: Id
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=TEXT_PATTERN)]


@endpoint(
    bp,
    "POST",
    "/v1/orders/{order_id}/attribution",
    who=staff("owner", "ops"),
    body=AttributeBody,
    answers=OrderView,
    summary="Give an order to another distributor: the difference moves, at both levels",
)
def post_attribution(call: Call, order_id: str) -> OrderView:
    body = call.body
    return view(reattribute_order(order_id, body.distributor_id, body.reason, call.caller.name, call.now))


class OrderSummary(Struct, frozen=True):
    """An order as the distributor it went to sees it: no customer, no other distributor."""

    order_id: str
    currency: str
    placed_at: datetime | None
    amount: int
    paid: int
    commission: int
    estimated: int
    cancelled: bool


class OrdersView(Struct, frozen=True):
    items: list[OrderSummary]
    next: str | None


@endpoint(
    bp,
    "GET",
    "/v1/distributors/{distributor_id}/orders",
    who=distributor_self("distributor_id") | scope("distributors:read") | any_staff(),
    query=Page,
    answers=OrdersView,
    summary="The orders attributed to a distributor, the newest first",
)
def get_distributor_orders(call: Call, distributor_id: str) -> OrdersView:
    page, following = orders.of_distributor(distributor_id, call.query.limit, call.query.cursor)
    items = []
    for order in page:
        known, mine = order.facts, earnings(order).direct
        items.append(
            OrderSummary(
                order_id=known.order_id,
                currency=known.currency,
                placed_at=known.placed_at,
                amount=sum(line.amount for line in known.lines),
                paid=sum(payment.amount for payment in payments(known).values()),
                commission=mine.accrued,
                estimated=mine.estimated,
                cancelled=known.cancelled_at is not None,
            )
        )
    return OrdersView(items, following)
