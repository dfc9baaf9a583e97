"""What a draft plan would have changed: `POST /v1/plans/{plan_id}/replay`, and its progress and result."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, ClassVar

from chalice import Blueprint
from msgspec import Meta, Struct, field

from chalicelib.api.callers import any_staff, scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Body, Floor, floor_of_its_plan
from chalicelib.domain.buckets import day_of
from chalicelib.domain.errors import Fault, Malformed
from chalicelib.domain.plans import Plan
from chalicelib.domain.replays import Comparison, LineChange, Sums
from chalicelib.flows.read_replay import read_replay
from chalicelib.flows.start_replay import start_replay
from chalicelib.settings import settings
from chalicelib.store.replays import SEGMENTS, State

bp = Blueprint(__name__)
MOST_ROWS = 1000
Day = Annotated[
    str, Meta(min_length=10, max_length=40, description="2026-03-01, or a time: its day in the program's zone")
]


class ReplayBody(Body):
    """`plan`: the draft. `from` and `to` are days in the program's time zone; `to` is not in the range any more."""

    FLOOR: ClassVar[Floor] = floor_of_its_plan
    plan: Plan
    first: Day = field(name="from")
    last: Day = field(name="to")


class StartedView(Struct, frozen=True):
    replay_id: str
    state: State


class ProgressView(Struct, frozen=True):
    """`orders`: looked at so far; `unreadable`: of these, those left out because they cannot be read; `parts` of the table
    are read, of `of_parts`."""

    orders: int
    unreadable: int
    parts: int
    of_parts: int


class RowView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Minor units. `then`: what was earned at both levels, once all is collected; `draft`: what would be; `accrued_*`: what
    of it has accrued. `rows`: how many distributors or days are added up in this row, if it is the rest of a long list."""

    currency: str
    day: str | None = None
    distributor_id: str | None = None
    rows: int | None = None
    orders: int
    then: int
    draft: int
    difference: int
    direct_then: int
    direct_draft: int
    indirect_then: int
    indirect_draft: int
    accrued_then: int
    accrued_draft: int


class LineView(Struct, frozen=True, kw_only=True):
    order_id: str
    line_id: str
    currency: str
    day: str
    difference: int
    direct_then: int
    direct_draft: int
    indirect_then: int
    indirect_draft: int


class ReplayView(Struct, frozen=True, kw_only=True):
    """As long as it is `running`, what has been added up so far. Of distributors and days, the 1000 that change most are
    listed one by one (days by date), and one further row for each currency adds up the others. `lines`: the 50 that change
    most."""

    replay_id: str
    plan_id: str
    state: State
    updated_at: datetime
    from_: str = field(name="from")
    to: str
    progress: ProgressView
    totals: list[RowView]
    days: list[RowView]
    distributors: list[RowView]
    lines: list[LineView]


def _day(text: str, path: str) -> date:
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        at = datetime.fromisoformat(text)
        if at.tzinfo and 2000 <= at.year <= 2100:
            return date.fromisoformat(day_of(at, settings().time_zone))
    except ValueError:
        pass
    raise Malformed("BAD_DAY", Fault(path, "BAD_DAY"))


@endpoint(
    bp,
    "POST",
    "/v1/plans/{plan_id}/replay",
    who=scope("plans:write") | staff("owner", "ops"),
    body=ReplayBody,
    answers=StartedView,
    status=202,
    summary="Compare a draft with what past orders earned, in the background",
)
def post_replay(call: Call, plan_id: str) -> StartedView:
    body = call.body
    first, last = _day(body.first, "from"), _day(body.last, "to")
    started = start_replay(plan_id, body.plan, first, last, call.caller.name, call.now, call.once_id)
    return StartedView(started.id, started.state)


@endpoint(
    bp,
    "GET",
    "/v1/replays/{replay_id}",
    who=scope("plans:read") | any_staff(),
    answers=ReplayView,
    summary="Read how far a replay has come, and what it found",
)
def get_replay(call: Call, replay_id: str) -> ReplayView:
    found = read_replay(replay_id, call.now)
    known, sums = found.replay, found.comparison
    return ReplayView(
        replay_id=known.id,
        plan_id=known.plan_id,
        state=known.state,
        updated_at=known.updated_at,
        from_=known.first,
        to=known.last,
        progress=ProgressView(sums.seen, sums.unreadable, known.segments, SEGMENTS),
        totals=[_row(each, currency) for currency, each in sorted(sums.totals.items())],
        days=sorted(_rows(sums, "day"), key=lambda row: (row.day or "~", row.currency)),
        distributors=_rows(sums, "distributor_id"),
        lines=[_line(each) for each in sums.worst],
    )


def _row(sums: Sums, currency: str, rows: int | None = None, **named: str) -> RowView:
    figures = {name: getattr(sums, name) for name in Sums.__struct_fields__}
    then, draft = sums.direct_then + sums.indirect_then, sums.direct_draft + sums.indirect_draft
    return RowView(currency=currency, rows=rows, then=then, draft=draft, difference=sums.difference, **named, **figures)


def _rows(found: Comparison, by: str) -> list[RowView]:
    """The rows that change most, and what the others add up to."""
    by_key = found.days if by == "day" else found.distributors
    ranked = sorted(by_key.items(), key=lambda item: (-abs(item[1].difference), item[0]))
    rows = []
    for key, sums in ranked[:MOST_ROWS]:
        name, _, currency = key.rpartition("#")
        rows.append(_row(sums, currency, **{by: name}))
    return rows + _rest(ranked[MOST_ROWS:])


def _rest(others: Iterable[tuple[str, Sums]]) -> list[RowView]:
    rest: dict[str, Sums] = {}
    counts: dict[str, int] = {}
    for key, sums in others:
        currency = key.rpartition("#")[2]
        into = rest.setdefault(currency, Sums())
        counts[currency] = counts.get(currency, 0) + 1
        for name in Sums.__struct_fields__:
            setattr(into, name, getattr(into, name) + getattr(sums, name))
    return [_row(sums, currency, counts[currency]) for currency, sums in sorted(rest.items())]


def _line(change: LineChange) -> LineView:
    figures = {name: getattr(change, name) for name in LineChange.__struct_fields__}
    return LineView(difference=change.difference, **figures)
