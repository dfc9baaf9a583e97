"""The books held against what they rest on, every night: in steps that are saved, so that it may be cut off anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec import to_builtins

from chalicelib.domain.errors import NotFound
from chalicelib.flows import compare_ledger, compare_orders
from chalicelib.flows.compare_ledger import Part
from chalicelib.flows.mend_books import Mending
from chalicelib.observe import count, logger
from chalicelib.store import repairs
from chalicelib.store.repairs import Finding, Phase, Progress, Repair

_STEP_SECONDS = 30
_RESERVE_SECONDS = 45
"""Kept back of the function's time: longer than one page and the saving of a step take, retries and all."""
_LEASE_SECONDS = 15 * 60
_LOGGED = 50
_NEXT: dict[Phase, Phase] = {
    "before": "orders",
    "orders": "payouts",
    "payouts": "ledger",
    "ledger": "mend",
    "mend": "done",
}


def repair(at: datetime, by: str, correct: bool, remaining: Callable[[], float]) -> Repair | None:
    """Goes on with the run of `at`, the event's own time, until it is done or `remaining` (seconds) runs out. None while
    another run, or a redrive, is working on the books.

    A run that is done is left alone; one of the last day that was cut off is finished first. What it found is logged, and
    counted in `BooksMismatched` (places) and `RepairsPosted` (changes of orders that were lost).
    """
    now = datetime.now(UTC)
    holder = f"repair {at.isoformat()}"
    if not repairs.take(holder, now, _LEASE_SECONDS):
        return None
    earlier = _unfinished(at)
    known = _carried_on(earlier, remaining) if earlier else None
    if earlier is None or (known and known.state == "done"):
        known = _carried_on(repairs.start(at, by, correct, now), remaining)
    if known:
        # Not after an error: the same event comes again, and is let in. Nor where the same event, delivered twice, is
        # still being worked on.
        repairs.let_go(holder)
    return known


def _unfinished(at: datetime) -> Repair | None:
    """The run before this one, if it began within a day and was cut off: it is finished first."""
    newest = repairs.page(1, None)[0]
    return next((each for each in newest if each.state == "running" and at > each.at > at - timedelta(days=1)), None)


def _carried_on(known: Repair, remaining: Callable[[], float]) -> Repair | None:
    part = Part(known.at, _totals_before(known))
    while known.state != "done" and remaining() > _RESERVE_SECONDS:
        progress = repairs.progress(known)
        _step(known, progress, part, remaining)
        saved = repairs.save(known, progress, datetime.now(UTC))
        if saved is None:
            return None
        known = saved
        if known.state == "done":
            _tell(known, progress)
    return known


def read_repair(repair_id: str) -> tuple[Repair, list[Finding]]:
    """A run and what it found. Raises `NotFound`."""
    found = repairs.get(repair_id)
    if found is None:
        raise NotFound("NOT_FOUND")
    return found, repairs.progress(found).findings


def _totals_before(known: Repair) -> int:
    """How many days of merchants, rails and tax the last run saw that was finished before this one: the same for all of a
    run's steps."""
    cursor: str | None = None
    while True:
        page, cursor = repairs.page(50, cursor)
        for each in page:
            if each.id < known.id and each.state == "done":
                return each.totals
        if cursor is None:
            return 0


def _step(known: Repair, progress: Progress, part: Part, remaining: Callable[[], float]) -> None:
    """Reads on, or mends, for a while."""
    until = time.monotonic() + _STEP_SECONDS

    def goes_on() -> bool:
        return time.monotonic() < until and remaining() > _RESERVE_SECONDS

    while progress.phase != "done":
        if not _worked(known, progress, part, goes_on):
            return
        if progress.after is None:
            if progress.phase == "payouts":
                compare_orders.compare_tax(progress)
            elif progress.phase == "ledger":
                compare_ledger.compare_totals(progress, known.at)
            progress.phase = _NEXT[progress.phase]
        if not goes_on():
            return


def _worked(known: Repair, progress: Progress, part: Part, goes_on: Callable[[], bool]) -> bool:
    """A page of the phase, which is done when nothing comes after it; or all of it, unless it was stopped: False."""
    match progress.phase:
        case "before":
            compare_ledger.totals_page(progress, part)
        case "orders":
            compare_orders.orders_page(progress, part, known.at)
        case "payouts":
            compare_orders.payouts_page(progress, part)
        case "ledger":
            return compare_ledger.ledger_pages(progress, part, goes_on)
        case "mend":
            return Mending(progress, part, known.at, known.correct, known.by).go(goes_on)
    return True


def _tell(known: Repair, progress: Progress) -> None:
    summary = to_builtins(known)
    count("RepairsPosted", known.posted)
    count("BooksMismatched", known.found)
    if progress.findings:
        listed = [
            f"{each.account} {each.what}: {each.stored}, {each.computed} ({each.outcome})" for each in progress.findings
        ]
        logger.error("the books did not add up", extra=summary | {"findings": listed[:_LOGGED], "more": progress.more})
    else:
        logger.info("the books add up", extra=summary)
