"""The daily settlement: available money becomes payouts, and approved payouts go into files for the bank.

A run is worked off in parts, which know nothing of each other: a shard of the accounts each, and of the payouts that staff
approved; when all are done, its files. What is left to do is a list of tasks, and whoever carries one out, once or twice,
gets those that follow from it: so a small program's run is over in one function, and a large one's goes through a queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import Struct

from chalicelib.domain.buckets import day_of
from chalicelib.flows.collect_payouts import collect_payouts
from chalicelib.flows.file_payouts import file_payouts
from chalicelib.settings import settings
from chalicelib.store import payout_runs, run_progress
from chalicelib.store.payout_runs import Run

RESERVE_SECONDS = 30
"""Kept back of a function's time: longer than any one step takes, retries and all."""


class Task(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a run that is to be worked on. `day`: whose limit counts, an ISO date."""

    run: str
    part: str
    day: str


class Settlement(Struct, frozen=True, kw_only=True):
    """What a run came to. Until its `state` is `filed` something is left to do, and nothing is counted; `stopped` waits for
    staff."""

    run: str
    state: str
    payouts: int
    amounts: dict[str, int]


def begin(at: datetime) -> tuple[Settlement, list[Task]]:
    """Begins the run of the period that `at`, the event's own time, belongs to: its date in the program's time zone. What is
    to be done next.

    A run that was cut off goes on where it stopped when the same event comes again, or the next one; one that is filed is
    left alone. An earlier one that is not filed comes first, and one that reached a limit is `stopped` and holds up those
    after it: the settlement is the earliest such run's.
    """
    day = day_of(at, settings().time_zone)
    run = payout_runs.start(day, at)
    first = next(iter(payout_runs.unfinished(run.id)), run)
    return _settlement(first if first.state == "stopped" else run), _tasks(first, day)


def carry_out(task: Task, goes_on: Callable[[], bool]) -> list[Task]:
    """Works on a task until it is done, or `goes_on` says to stop. What is to be done next: the rest of it, or what follows
    from it; nothing while others are still working on what comes before that, or if a limit stopped the run."""
    run = payout_runs.get(task.run)
    if run.state == "collecting" and task.part != run_progress.FILES:
        if not collect_payouts(run, task.part, task.day, goes_on):
            return [task] if payout_runs.get(run.id).state == "collecting" else []
        if run_progress.left(run.id):
            return []
        return _tasks(payout_runs.close(run.id), task.day)
    if run.state not in ("closed", "filed"):
        return []
    if run.state == "closed" and file_payouts(run, goes_on).state == "closed":
        return [Task(run.id, run_progress.FILES, task.day)]
    return [each for later in payout_runs.unfinished(task.day)[:1] for each in _tasks(later, task.day)]


def carry_out_all(tasks: Iterable[Task], goes_on: Callable[[], bool]) -> list[Task]:
    """Works on the tasks and on what follows from them, until nothing is left or `goes_on` says to stop. What is left."""
    left = deque(tasks)
    while left and goes_on():
        left.extend(carry_out(left.popleft(), goes_on))
    return list(left)


def settle(at: datetime, remaining: Callable[[], float]) -> Settlement:
    """The whole settlement in this process, until `remaining` (seconds) runs out."""
    settlement, tasks = begin(at)
    carry_out_all(tasks, lambda: remaining() > RESERVE_SECONDS)
    return settlement_of(settlement.run)


def settlement_of(run_id: str) -> Settlement:
    """What the run has come to by now."""
    return _settlement(payout_runs.get(run_id))


def _tasks(run: Run, day: str) -> list[Task]:
    if run.state == "collecting":
        # With none left, whoever finished the last part was cut off before it closed the run.
        parts = run_progress.left(run.id) or run_progress.parts()[:1]
        return [Task(run.id, part, day) for part in parts]
    return [Task(run.id, run_progress.FILES, day)] if run.state == "closed" else []


def _settlement(run: Run) -> Settlement:
    return Settlement(run=run.id, state=run.state, payouts=run.payouts, amounts=run.amounts)
