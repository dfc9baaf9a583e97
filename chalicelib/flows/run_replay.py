"""The work of a replay, in steps that are saved: cut off, broken or run twice, it ends the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from chalicelib.domain.plans import Plan
from chalicelib.domain.replays import compare
from chalicelib.settings import settings
from chalicelib.store import jobs, replays
from chalicelib.store.replays import SEGMENTS, Progress, Replay

_STEP_SECONDS = 20
_RESERVE_SECONDS = 45
"""Kept back of the function's time: longer than one page and the saving of a step take, retries and all."""


def run_replay(replay_id: str, function: str, remaining: Callable[[], float]) -> Replay | None:
    """Goes on with a replay until it is done or `remaining` (seconds) runs out: then `function`, which runs this, is
    started again. None if there is nothing to do, or another run of the same job does it."""
    known = replays.get(replay_id)
    if known is None or known.state == "done":
        return known
    draft, at = replays.draft(known), replays.progress(known)
    while remaining() > _RESERVE_SECONDS:
        at = _step(known, draft, at, remaining)
        saved = replays.save(known, at, "done" if at.segment == SEGMENTS else "running", datetime.now(UTC))
        if saved is None or saved.state == "done":
            return saved
        known = saved
    jobs.start(function, {"replay_id": replay_id})
    return known


def fail_replay(replay_id: str) -> None:
    """Notes that the job broke, so that whoever asked does not wait for it. A later run goes on where it stopped."""
    known = replays.get(replay_id)
    if known and known.state != "done":
        replays.fail(known, datetime.now(UTC))


def _step(replay: Replay, draft: Plan, at: Progress, remaining: Callable[[], float]) -> Progress:
    """Reads on for a while: at least one page."""
    until, comparison = time.monotonic() + _STEP_SECONDS, at.comparison
    segment, after = at.segment, at.after
    while segment < SEGMENTS:
        page, after = replays.orders_page(segment, after)
        for order in page:
            if order is None:
                comparison.seen, comparison.unreadable = comparison.seen + 1, comparison.unreadable + 1
            else:
                compare(comparison, order, replay.plan_id, draft, replay.first, replay.last, settings().time_zone)
        segment += after is None
        if time.monotonic() > until or remaining() < _RESERVE_SECONDS:
            break
    return Progress(segment=segment, after=after, comparison=comparison)
