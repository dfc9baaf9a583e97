"""Hourly: commission whose hold has ended becomes available."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from chalice import Blueprint, Rate

from chalicelib.flows.mature import mature as mature_due
from chalicelib.observe import logger, observed
from chalicelib.store.transactions import deadline

bp = Blueprint(__name__)
_RESERVE_SECONDS = 5


@bp.schedule(Rate(1, unit=Rate.HOURS), name="mature")
@observed
def mature(event: Any) -> dict[str, int]:
    """Matures what is due by the event's own time. A run that is cut off is finished by the next."""
    if hasattr(event.context, "get_remaining_time_in_millis"):
        left = event.context.get_remaining_time_in_millis() / 1000
        deadline.set(time.monotonic() + left - _RESERVE_SECONDS)
    days = mature_due(datetime.fromisoformat(event.to_dict()["time"]))
    logger.info("matured", extra={"days": days})
    return {"days": days}
