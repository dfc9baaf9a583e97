"""Daily: what is available and asked for becomes payouts."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from chalice import Blueprint, Cron
from msgspec import to_builtins

from chalicelib.domain.errors import Busy
from chalicelib.flows.settle import settle as settle_period
from chalicelib.observe import count, logger, observed
from chalicelib.store import payout_runs
from chalicelib.store.transactions import deadline

bp = Blueprint(__name__)
_RESERVE_SECONDS = 5


@bp.schedule(Cron(0, 2, "*", "*", "?", "*"), name="settle")
@observed
def settle(event: Any) -> dict[str, Any]:
    """Settles the period of the event's own time.

    Raises `Busy` if the function's time was too short for all of it: Lambda then sends the same event again, and the run
    goes on where it stopped. After the last try the next day's run takes it up. A run that a limit stopped is counted in
    `PayoutRunsStopped`, so that somebody looks at it; its event is not sent again.
    """
    ends = float("inf")
    if hasattr(event.context, "get_remaining_time_in_millis"):
        ends = time.monotonic() + event.context.get_remaining_time_in_millis() / 1000
        deadline.set(ends - _RESERVE_SECONDS)
    began = time.monotonic()
    settlement = settle_period(datetime.fromisoformat(event.to_dict()["time"]), lambda: ends - time.monotonic())
    payout_runs.worked(settlement.run, int((time.monotonic() - began) * 1000))
    summary: dict[str, Any] = to_builtins(settlement)
    if settlement.state == "stopped":
        logger.error("a limit stopped the settlement", extra=summary)
        count("PayoutRunsStopped")
        return summary
    logger.info("settled" if settlement.state == "filed" else "settling goes on", extra=summary)
    if settlement.state != "filed":
        raise Busy("BUSY")
    count("PayoutsFiled", settlement.payouts)
    return summary
