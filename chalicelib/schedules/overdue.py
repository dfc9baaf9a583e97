"""Daily: the open orders of customers who are overdue stop accruing; of those who no longer are, they go on."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from chalice import Blueprint, Cron
from msgspec import to_builtins

from chalicelib.domain.errors import Busy
from chalicelib.flows.overdue import overdue as sweep
from chalicelib.observe import count, logger, observed
from chalicelib.store.transactions import deadline

bp = Blueprint(__name__)
_RESERVE_SECONDS = 5


@bp.schedule(Cron(0, 1, "*", "*", "?", "*"), name="overdue")
@observed
def overdue(event: Any) -> dict[str, int]:
    """Stops and lets go by the event's own time.

    Raises `Busy` if the time was too short, or a customer's orders could not be changed: Lambda then sends the same event
    again, and after its last try the next day's run takes it up.
    """
    ends = float("inf")
    if hasattr(event.context, "get_remaining_time_in_millis"):
        ends = time.monotonic() + event.context.get_remaining_time_in_millis() / 1000
        deadline.set(ends - _RESERVE_SECONDS)
    swept = sweep(datetime.fromisoformat(event.to_dict()["time"]), lambda: ends - time.monotonic())
    summary: dict[str, int] = to_builtins(swept)
    logger.info("overdue customers looked at", extra=summary)
    count("OrdersStoppedOrResumed", swept.orders)
    if swept.failed:
        raise Busy("BUSY")
    return summary
