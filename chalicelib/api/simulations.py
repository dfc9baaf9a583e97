"""What a plan would pay on an order: `POST /v1/plans/simulate`."""

from __future__ import annotations

from typing import Annotated, ClassVar

from chalice import Blueprint
from msgspec import Meta, Struct

from chalicelib.api.callers import any_staff, scope
from chalicelib.api.commissions import LineCommission, line_commissions
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Amount, Body, Floor, Id, floor_of_its_plan
from chalicelib.bodies.orders import OrderBody, facts
from chalicelib.domain.plans import Plan
from chalicelib.flows.simulate import simulate

bp = Blueprint(__name__)


class SimulatedOrder(OrderBody, kw_only=True):
    """As an order is reported; who buys does not matter here."""

    customer_id: Id = "simulated"
    order_id: Id = "simulated"


class Somebody(Body):
    rank: Annotated[str, Meta(min_length=1, max_length=128)] | None = None


class ThisMonth(Body):
    direct: Amount = 0
    indirect: Amount = 0


class SimulateBody(Body):
    FLOOR: ClassVar[Floor] = floor_of_its_plan
    plan: Plan
    order: SimulatedOrder
    direct: Somebody = Somebody()
    indirect: Somebody | None = Somebody()
    earned_this_month: ThisMonth = ThisMonth()


class SimulationView(Struct, frozen=True):
    currency: str
    direct: int
    indirect: int
    capped: bool
    lines: list[LineCommission]


@endpoint(
    bp,
    "POST",
    "/v1/plans/simulate",
    who=scope("plans:read") | any_staff(),
    body=SimulateBody,
    answers=SimulationView,
    idempotent=False,
    summary="Compute what a plan pays on an order, without storing anything",
)
def post_simulation(call: Call) -> SimulationView:
    body = call.body
    done = simulate(
        body.plan,
        facts(body.order.order_id, body.order),
        body.direct.rank,
        body.indirect is not None,
        body.indirect.rank if body.indirect else None,
        body.earned_this_month.direct,
        body.earned_this_month.indirect,
    )
    amounts = (done.direct_by_line, done.indirect_by_line)
    lines = line_commissions(done.order, done.earned, *amounts, call.language, when=bool(body.order.payments))
    return SimulationView(body.order.currency, done.direct, done.indirect, done.earned.capped, lines)
