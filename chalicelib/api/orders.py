"""Orders: what storefronts report, and what it earned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from chalice import Blueprint
from msgspec import Meta, Struct

from chalicelib.api import order_bodies
from chalicelib.api.because import because, steps
from chalicelib.api.callers import any_staff, distributor_self, scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.api.entries import EntryView, entry_view
from chalicelib.api.fields import TEXT_PATTERN, Body, Id, Page
from chalicelib.api.messages import Language
from chalicelib.api.order_bodies import BatchOrderBody, ContactBody, OrderBody, OrderView
from chalicelib.api.replies import Problem, problem_of
from chalicelib.domain.contacts import normalise_email, normalise_phone
from chalicelib.domain.earnings import Earnings, earnings
from chalicelib.domain.entry_reasons import entry_reasons
from chalicelib.domain.errors import FenrunError, NotFound
from chalicelib.domain.explanations import explanations
from chalicelib.domain.orders import Order
from chalicelib.flows import tokens
from chalicelib.flows.attribute_order import Contact
from chalicelib.flows.explain_order import LevelState, explain_order
from chalicelib.flows.reattribute_order import reattribute_order
from chalicelib.flows.record_order import record_order
from chalicelib.store import orders
from chalicelib.store.secrets import app_secret

bp = Blueprint(__name__)


class BatchBody(Body):
    orders: Annotated[tuple[BatchOrderBody, ...], Meta(min_length=1, max_length=100)]


class Outcome(Struct, frozen=True):
    """What became of one order of a batch: as `PUT` would have answered."""

    order_id: str
    status: int
    order: OrderView | None = None
    problem: Problem | None = None


class BatchView(Struct, frozen=True):
    items: list[Outcome]


class LineCommission(Struct, frozen=True):
    """`base`: what the rates are of, after refunds. `direct`, `indirect` add up to the levels. `because`: every step from
    the price to the cent, in words; `steps`: the same, by level."""

    line_id: str
    base: int
    direct: int
    indirect: int
    because: str
    steps: dict[str, list[str]]


class CommissionsView(Struct, frozen=True):
    order_id: str
    currency: str
    revision: int
    plan: str | None
    attributed_by: str | None
    direct: LevelState | None
    indirect: LevelState | None
    capped: bool
    lines: list[LineCommission]
    entries: list[EntryView]


def _contact(body: ContactBody) -> Contact:
    email = normalise_email(body.email) if body.email else None
    phone = normalise_phone(body.phone) if body.phone else None
    return Contact(
        email=tokens.blind(app_secret(), "email", email) if email else None,
        phone=tokens.blind(app_secret(), "phone", phone) if phone else None,
    )


def _record(order_id: str, body: OrderBody, now: datetime) -> OrderView:
    return order_bodies.view(record_order(order_bodies.facts(order_id, body), now, _contact(body.contact)))


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
    return order_bodies.view(found)


@endpoint(
    bp,
    "POST",
    "/v1/orders/batch",
    who=scope("orders:write") | staff("owner", "ops"),
    body=BatchBody,
    answers=BatchView,
    summary="Report up to 100 orders; each is taken or refused by itself",
)
def put_orders(call: Call) -> BatchView:
    items = []
    for body in call.body.orders:
        try:
            items.append(Outcome(body.order_id, 200, order=_record(body.order_id, body, call.now)))
        except FenrunError as error:
            problem = problem_of(error, call.language)
            items.append(Outcome(body.order_id, problem.status, problem=problem))
    return BatchView(items)


def line_commissions(
    order: Order,
    earned: Earnings,
    direct: Sequence[int],
    indirect: Sequence[int],
    language: Language,
    *,
    when: bool = True,
) -> list[LineCommission]:
    """The lines with these amounts at the two levels, and every step of why."""
    why, currency = explanations(order, when=when), order.facts.currency
    return [
        LineCommission(
            line_id=line.line_id,
            base=line.base,
            direct=direct[i],
            indirect=indirect[i],
            because=because(why[2 * i : 2 * i + 2], currency, language),
            steps=steps(why[2 * i : 2 * i + 2], currency, language),
        )
        for i, line in enumerate(earned.direct.lines)
    ]


@endpoint(
    bp,
    "GET",
    "/v1/orders/{order_id}/commissions",
    who=scope("orders:read") | any_staff(),
    answers=CommissionsView,
    summary="What an order earns, for whom, why, and the entries that booked it",
)
def get_commissions(call: Call, order_id: str) -> CommissionsView:
    explained = explain_order(order_id)
    terms = explained.order.terms
    return CommissionsView(
        order_id=order_id,
        currency=explained.order.facts.currency,
        revision=explained.order.revision,
        plan=f"{terms.plan_id}@{terms.version}" if terms else None,
        attributed_by=terms.because if terms else None,
        direct=explained.direct,
        indirect=explained.indirect,
        capped=explained.earned.capped,
        lines=line_commissions(
            explained.order,
            explained.earned,
            explained.earned.direct.by_line,
            explained.earned.indirect.by_line,
            call.language,
        ),
        entries=[
            entry_view(entry, entry_reasons(entry, explained.order), call.language) for entry in explained.entries
        ],
    )


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
    return order_bodies.view(reattribute_order(order_id, body.distributor_id, body.reason, call.caller.name, call.now))


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
        facts, mine = order.facts, earnings(order).direct
        items.append(
            OrderSummary(
                order_id=facts.order_id,
                currency=facts.currency,
                placed_at=facts.placed_at,
                amount=sum(line.amount for line in facts.lines),
                paid=sum(payment.amount for payment in facts.payments.values()),
                commission=mine.accrued,
                estimated=mine.estimated,
                cancelled=facts.cancelled_at is not None,
            )
        )
    return OrdersView(items, following)
