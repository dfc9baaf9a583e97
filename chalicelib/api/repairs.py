"""What the nightly comparison of the books found, and having it done now."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from chalice import Blueprint
from msgspec import Meta, Struct

from chalicelib.api.callers import scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import TEXT_PATTERN, Body, Page
from chalicelib.flows.repair import read_repair
from chalicelib.flows.start_repair import start_repair
from chalicelib.store import repairs
from chalicelib.store.repairs import Finding, Repair

bp = Blueprint(__name__)
_READERS = scope("ledger:read") | staff("owner", "ops", "auditor", "finance_maker", "finance_checker")


class RepairView(Struct, frozen=True, kw_only=True):
    """A run. `found` counts the places in the books that were wrong, of which `left` are for people; `posted` the changes of
    orders that had been lost; `in_transit` the orders whose last change was still on its way."""

    id: str
    by: str
    correct: bool
    state: Literal["running", "done"]
    started_at: datetime
    updated_at: datetime
    orders: int
    entries: int
    accounts: int
    in_transit: int
    found: int
    posted: int
    left: int


class RepairsView(Struct, frozen=True):
    items: list[RepairView]
    next: str | None


class FoundView(RepairView, frozen=True, kw_only=True):
    findings: list[Finding]


class RepairBody(Body):
    """`correct`: also set right what holds something else than entries, orders and payouts say; else only what is gone comes
    back."""

    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=TEXT_PATTERN)]
    correct: bool = False


class StartedView(Struct, frozen=True):
    id: str


def _view(run: Repair) -> RepairView:
    same = (name for name in RepairView.__struct_fields__ if name != "started_at")
    return RepairView(started_at=run.at, **{name: getattr(run, name) for name in same})


@endpoint(
    bp,
    "GET",
    "/v1/ledger/repairs",
    who=_READERS,
    query=Page,
    answers=RepairsView,
    summary="The nightly comparisons of the books with what they rest on, the newest first",
)
def get_repairs(call: Call) -> RepairsView:
    found, following = repairs.page(call.query.limit, call.query.cursor)
    return RepairsView([_view(each) for each in found], following)


@endpoint(
    bp,
    "GET",
    "/v1/ledger/repairs/{repair_id}",
    who=_READERS,
    answers=FoundView,
    summary="What one of them found, place by place, and what became of it",
)
def get_repair(call: Call, repair_id: str) -> FoundView:
    run, findings = read_repair(repair_id)
    shown = _view(run)
    return FoundView(findings=findings, **{name: getattr(shown, name) for name in RepairView.__struct_fields__})


@endpoint(
    bp,
    "POST",
    "/v1/ledger/repairs",
    who=staff("owner", "finance_checker"),
    body=RepairBody,
    answers=StartedView,
    status=202,
    summary="Compare and repair the books now, in the background",
)
def post_repair(call: Call) -> StartedView:
    return StartedView(start_repair(call.body.correct, call.body.reason, call.caller.name, call.now))
