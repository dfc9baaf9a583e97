"""Plans: saved as immutable versions, read back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, ClassVar

from chalice import Blueprint
from msgspec import Meta, Struct

from chalicelib.api.callers import any_staff, scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Body, Floor, Time
from chalicelib.domain import floor
from chalicelib.domain.errors import NotFound
from chalicelib.domain.plans import Plan
from chalicelib.flows.save_plan import save_plan
from chalicelib.store import plans

bp = Blueprint(__name__)


class PlanBody(Plan, frozen=True, forbid_unknown_fields=True):
    """A plan, and from when it is in force (now, if not given)."""

    FLOOR: ClassVar[Floor] = floor.of_plan
    effective_from: Time | None = None


class SavedView(Struct, frozen=True):
    plan_id: str
    version: int
    effective_from: datetime


class PlanView(Struct, frozen=True):
    plan_id: str
    version: int
    effective_from: datetime
    plan: Plan


class VersionQuery(Body):
    version: Annotated[int, Meta(ge=1)] | None = None


@endpoint(
    bp,
    "PUT",
    "/v1/plans/{plan_id}",
    who=scope("plans:write") | staff("owner", "ops"),
    body=PlanBody,
    answers=SavedView,
    summary="Save a plan as its next version",
)
def put_plan(call: Call, plan_id: str) -> SavedView:
    body = call.body
    plan = Plan(**{name: getattr(body, name) for name in Plan.__struct_fields__})
    since = body.effective_from.astimezone(UTC) if body.effective_from else None
    saved = save_plan(plan_id, plan, since, call.caller.name, call.now, call.once_id)
    return SavedView(plan_id, saved.version, saved.effective_from)


@endpoint(
    bp,
    "GET",
    "/v1/plans/{plan_id}",
    who=scope("plans:read") | any_staff(),
    query=VersionQuery,
    answers=PlanView,
    summary="Read a version of a plan, or the one in force",
)
def get_plan(call: Call, plan_id: str) -> PlanView:
    known = plans.versions(plan_id)
    wanted = call.query.version
    found = plans.in_force(known, call.now) if wanted is None else next((v for v in known if v.version == wanted), None)
    if found is None:
        raise NotFound("NOT_FOUND")
    return PlanView(plan_id, found.version, found.effective_from, plans.read(plan_id, found.version))
