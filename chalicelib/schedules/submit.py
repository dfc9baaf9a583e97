"""Every five minutes: approved payouts go to their rails, and those whose rail has not said everything are asked about."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from chalice import Blueprint, Rate
from msgspec import Struct, to_builtins

from chalicelib.domain.errors import Busy, FenrunError
from chalicelib.domain.payouts import Payout, State
from chalicelib.flows.overdue_payouts import overdue_payouts
from chalicelib.flows.submit_payout import submit_payout
from chalicelib.observe import count, logger, observed
from chalicelib.store import payouts
from chalicelib.store.payout_items import RAIL_SHARDS
from chalicelib.store.transactions import deadline

bp = Blueprint(__name__)
_RESERVE_SECONDS = 60
"""Longer than one payout takes, with a token, two time-outs and retries."""
_PAGE = 50
_EVERY = 5
"""Minutes: so one round an hour begins within the hour's first five."""
_DOUBTFUL: tuple[State, ...] = ("unknown", "submitting")
_TURNS: tuple[State, ...] = (*_DOUBTFUL, "approved", "submitted", "awaiting_recipient", "manual_review")
_SILENT = 3
"""After so many payouts in a row that were sent and not answered, a rail is sent no more until the next round."""


class Round(Struct, frozen=True):
    """`moved` payouts are in another state now; `failed` ones could not be dealt with."""

    seen: int
    moved: int
    failed: int


@bp.schedule(Rate(_EVERY, unit=Rate.MINUTES), name="submit")
@observed
def submit(event: Any) -> dict[str, int]:
    """Deals with what is unfinished, those nobody knows about first, until the time is up; the next round goes on.

    A rail that is down does not hold up the others: what nobody knows about takes three quarters of the time at most, and
    nothing more is sent to a rail that does not answer.
    """
    ends = float("inf")
    if hasattr(event.context, "get_remaining_time_in_millis"):
        ends = time.monotonic() + event.context.get_remaining_time_in_millis() / 1000
        deadline.set(ends - 5)
    at = datetime.fromisoformat(event.to_dict()["time"])
    summary: dict[str, int] = to_builtins(go_round(at, lambda: ends - time.monotonic()))
    logger.info("payouts submitted and asked about", extra=summary)
    if at.minute < _EVERY:
        count("PayoutsOverdue", overdue_payouts(at))
    return summary


def go_round(at: datetime, left: Callable[[], float]) -> Round:
    """One round at the event's own time; `left`: seconds."""
    seen = moved = failed = 0
    states: dict[str, State] = {}
    silent: Counter[str] = Counter()
    for payout in _unfinished(left):
        seen += 1
        states[payout.id] = payout.state
        if payout.state == "approved" and silent[payout.rail] >= _SILENT:
            continue
        try:
            after = submit_payout(payout.id, at)
        except FenrunError as error:
            logger.warning("a payout is dealt with later", extra={"payout": payout.id}, exc_info=True)
            failed += 1
            silent[payout.rail] += payout.state == "approved" and isinstance(error, Busy)
            continue
        if payout.state == "approved" and after:
            silent[payout.rail] = silent[payout.rail] + 1 if after.state == "unknown" else 0
        if after:
            moved += after.state != payout.state
            states[payout.id] = after.state
    count("PayoutsUnknown", sum(state == "unknown" for state in states.values()))
    count("PayoutsForReview", sum(state == "manual_review" for state in states.values()))
    return Round(seen, moved, failed)


def _unfinished(left: Callable[[], float]) -> Iterator[Payout]:
    whole = left()
    for state in _TURNS:
        cursor: str | None = None
        kept = whole / 2 ** (1 + _TURNS.index(state)) if state in _DOUBTFUL else 0
        while True:
            page, cursor = payouts.unfinished(state, _PAGE, cursor, RAIL_SHARDS)
            for payout in page:
                if left() < _RESERVE_SECONDS:
                    return
                if left() < kept:
                    break
                yield payout
            if cursor is None or left() < kept:
                break
