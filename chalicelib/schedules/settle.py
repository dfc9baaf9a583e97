"""Daily: what is available and asked for becomes payouts."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from chalice import Blueprint, Cron
from msgspec import to_builtins

from chalicelib.flows.settle import begin, carry_out_all, settlement_of
from chalicelib.observe import count, logger, observed
from chalicelib.store import payout_runs, settlements
from chalicelib.store.transactions import deadline

bp = Blueprint(__name__)
_ALONE_SECONDS = 20
"""What a small program is through with in one function; the rest of a larger one's run goes to many."""
_RESERVE_SECONDS = 5


@bp.schedule(Cron(0, 2, "*", "*", "?", "*"), name="settle")
@observed
def settle(event: Any) -> dict[str, Any]:
    """Settles the period of the event's own time. What is left after some seconds is handed over to `settle_part`, through
    the queue.

    Raises `Busy` if that cannot be done: Lambda then sends the same event again, and the run goes on where it stopped.
    After the last try the next day's run takes it up. A run that a limit has stopped is counted in `PayoutRunsStopped`
    every day until staff lets it go on.
    """
    if hasattr(event.context, "get_remaining_time_in_millis"):
        deadline.set(time.monotonic() + event.context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS)
    began = time.monotonic()
    settlement, tasks = begin(datetime.fromisoformat(event.to_dict()["time"]))
    if settlement.state == "stopped":
        count("PayoutRunsStopped")
    left = carry_out_all(tasks, lambda: time.monotonic() - began < _ALONE_SECONDS)
    settlements.hand_over(left)
    payout_runs.worked(settlement.run, int((time.monotonic() - began) * 1000))
    summary: dict[str, Any] = to_builtins(settlement_of(settlement.run))
    logger.info("settlement", extra=summary | {"handed_over": len(left)})
    return summary
