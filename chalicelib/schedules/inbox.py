"""Every quarter of an hour: deliveries that were kept and not acted on, and those that are stuck, are tried again."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalice import Blueprint, Rate
from msgspec import Struct, to_builtins

from chalicelib.domain.errors import FenrunError
from chalicelib.flows.receive_delivery import retry_delivery
from chalicelib.flows.retries import longest_wait, waiting
from chalicelib.observe import count, logger, observed
from chalicelib.store.transactions import deadline

bp = Blueprint(__name__)
_RESERVE_SECONDS = 10


class Swept(Struct, frozen=True):
    """`tried` deliveries were acted on again, of which `stuck` still are; `failed` ones could not be tried."""

    tried: int
    stuck: int
    failed: int


@bp.schedule(Rate(15, unit=Rate.MINUTES), name="inbox")
@observed
def inbox(event: Any) -> dict[str, int]:
    """Tries again what is due by the event's own time."""
    ends = float("inf")
    if hasattr(event.context, "get_remaining_time_in_millis"):
        ends = time.monotonic() + event.context.get_remaining_time_in_millis() / 1000
        deadline.set(ends - _RESERVE_SECONDS / 2)
    at = datetime.fromisoformat(event.to_dict()["time"])
    swept = sweep(at, lambda: ends - time.monotonic())
    summary: dict[str, int] = to_builtins(swept)
    logger.info("the inbox was looked at", extra=summary)
    count("OldestDeliverySeconds", longest_wait(at))
    return summary


def sweep(at: datetime, left: Callable[[], float]) -> Swept:
    """Tries again what is due, the oldest first, until the time is up (`left`: seconds); the next run goes on."""
    tried = stuck = failed = 0
    for delivery in waiting(at):
        if left() < _RESERVE_SECONDS:
            break
        try:
            settled = retry_delivery(delivery.id, at)
        except FenrunError:
            logger.warning("a delivery cannot be tried again", extra={"delivery": delivery.id})
            failed += 1
            continue
        tried += 1
        stuck += settled is not None and settled.state == "stuck"
    return Swept(tried, stuck, failed)
