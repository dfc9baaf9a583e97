"""Runs of the daily settlement: how far each one has come, and letting one go on that a limit stopped."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Literal

from chalice import Blueprint
from msgspec import Struct

from chalicelib.api.callers import any_staff, scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Page
from chalicelib.flows.approve_run import Approved, approve_run
from chalicelib.flows.release_run import release_run
from chalicelib.store import payout_runs, run_progress
from chalicelib.store.payout_runs import Run

bp = Blueprint(__name__)
_LONGEST_SECONDS = 15
_SEEN_BY = scope("payouts:read") | any_staff()


class RunView(Struct, frozen=True, kw_only=True):
    """`accounts` it looked at so far, `payouts` it took on and their net `amounts` (minor units by currency), whatever the
    rail; `filed_*`: what of that is in its files, once they are written and submitted. `seconds` of work so far.
    `stopped_by`: the limit that stopped it last."""

    id: str
    state: Literal["collecting", "stopped", "closed", "filed"]
    started_at: datetime
    seconds: int
    accounts: int
    payouts: int
    amounts: dict[str, int]
    filed_payouts: int
    filed_amounts: dict[str, int]
    stopped_by: str | None
    released: bool


class RunList(Struct, frozen=True):
    items: list[RunView]
    next: str | None


def _view(run: Run) -> RunView:
    totals = run_progress.totals(run.id)
    return RunView(
        id=run.id,
        state=run.state,
        started_at=run.at,
        seconds=run.milliseconds // 1000,
        accounts=totals.accounts,
        payouts=totals.payouts,
        amounts=totals.amounts,
        filed_payouts=run.payouts,
        filed_amounts=run.amounts,
        stopped_by=run.stopped_by,
        released=run.released,
    )


@endpoint(bp, "GET", "/v1/payout-runs", who=_SEEN_BY, query=Page, answers=RunList, summary="The runs, the newest first")
def get_runs(call: Call) -> RunList:
    found, following = payout_runs.page(call.query.limit, call.query.cursor)
    return RunList([_view(run) for run in found], following)


@endpoint(bp, "GET", "/v1/payout-runs/{run_id}", who=_SEEN_BY, answers=RunView, summary="Read how far a run has come")
def get_run(call: Call, run_id: str) -> RunView:
    return _view(payout_runs.get(run_id))


@endpoint(
    bp,
    "POST",
    "/v1/payout-runs/{run_id}/release",
    who=staff("finance_checker", "owner"),
    answers=RunView,
    summary="Let a run that a limit stopped go on with the next settlement, over its limits",
)
def release(call: Call, run_id: str) -> RunView:
    return _view(release_run(run_id, call.caller.name, call.now))


@endpoint(
    bp,
    "POST",
    "/v1/payout-runs/{run_id}/approve",
    who=staff("finance_checker", "owner"),
    answers=Approved,
    summary="Approve all that a run asked about (payout mode `approval`); again while the answer says `more`",
)
def approve(call: Call, run_id: str) -> Approved:
    until = time.monotonic() + _LONGEST_SECONDS
    return approve_run(run_id, call.caller.name, call.now, lambda: time.monotonic() < until)
