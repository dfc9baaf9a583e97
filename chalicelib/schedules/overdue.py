"""Daily: the open orders of customers who are overdue stop accruing; of those who no longer are, they go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalice import Blueprint, Cron
from msgspec import Struct, to_builtins

from chalicelib.domain.errors import Busy
from chalicelib.flows.follow_credit import follow_credit
from chalicelib.flows.overdue import overdue as overdue_customers
from chalicelib.observe import count, logger, observed
from chalicelib.store.transactions import deadline

bp = Blueprint(__name__)
_RESERVE_SECONDS = 10


class Swept(Struct, frozen=True):
    """`customers` were looked at, `orders` stopped or let go; `failed` customers are looked at again by the next run."""

    customers: int
    orders: int
    failed: int


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
        deadline.set(ends - _RESERVE_SECONDS / 2)
    swept = sweep(datetime.fromisoformat(event.to_dict()["time"]), lambda: ends - time.monotonic())
    summary: dict[str, int] = to_builtins(swept)
    logger.info("overdue customers looked at", extra=summary)
    count("OrdersStoppedOrResumed", swept.orders)
    if swept.failed:
        raise Busy("BUSY")
    return summary


def sweep(at: datetime, left: Callable[[], float]) -> Swept:
    """Brings the orders of everybody in step with the date of `at`. Raises `Busy` when the time is up (`left`: seconds):
    the same event again then passes over who is in step already."""
    customers = changed = failed = 0
    for customer_id, out_of_step in overdue_customers(at):
        if left() < _RESERVE_SECONDS:
            raise Busy("BUSY")
        customers += 1
        try:
            changed += follow_credit(customer_id, at) if out_of_step else 0
        except Exception:
            # One customer's trouble must not hold up the others: this is the edge.
            logger.exception("a customer's orders cannot be stopped", extra={"customer": customer_id})
            failed += 1
    return Swept(customers, changed, failed)
