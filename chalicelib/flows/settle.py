"""The daily settlement: available money becomes payouts, and approved payouts go into one file per currency."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from chalicelib.domain.buckets import day_of
from chalicelib.flows.collect_payouts import collect_payouts
from chalicelib.flows.file_payouts import file_payouts
from chalicelib.settings import settings
from chalicelib.store import payout_runs
from chalicelib.store.payout_runs import Run

_RESERVE_SECONDS = 30
"""Kept back of the function's time: longer than any one step takes, retries and all."""


class Settlement(Struct, frozen=True, kw_only=True):
    """What a run came to. Until its `state` is `filed` something is left to do, and nothing is counted; `stopped` waits for
    staff."""

    run: str
    state: str
    payouts: int
    amounts: dict[str, int]


def settle(at: datetime, remaining: Callable[[], float]) -> Settlement:
    """Carries out the run of the period that `at`, the event's own time, belongs to: its date in the program's time zone.

    A run that was cut off, by a crash or because `remaining` (seconds) ran out, goes on where it stopped when the same
    event comes again, or the next one; one that is filed is left alone. Every payout is in at most one run's file. A run
    that reached a limit is `stopped`, and holds up those after it: the settlement is the earliest such run's.
    """

    def goes_on() -> bool:
        return remaining() > _RESERVE_SECONDS

    day = day_of(at, settings().time_zone)
    run = payout_runs.start(day, at)
    if run.state == "filed":
        return _settlement(run)
    for earlier in payout_runs.unfinished_before(run.id):
        carried = _carried_out(earlier, day, goes_on)
        if carried.state != "filed":
            return _settlement(carried if carried.state == "stopped" else run)
    return _settlement(_carried_out(run, day, goes_on))


def _carried_out(run: Run, day: str, goes_on: Callable[[], bool]) -> Run:
    if run.state == "collecting":
        run = payout_runs.close(run.id) if collect_payouts(run, day, goes_on) else payout_runs.get(run.id)
    return file_payouts(run, goes_on) if run.state == "closed" else run


def _settlement(run: Run) -> Settlement:
    return Settlement(run=run.id, state=run.state, payouts=run.payouts, amounts=run.amounts)
