"""The day's end for customers with terms of credit: open orders of those who are overdue stop, of others go on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from chalicelib.domain.buckets import day_of
from chalicelib.domain.errors import Busy
from chalicelib.flows.follow_credit import follow_credit
from chalicelib.observe import logger
from chalicelib.settings import settings
from chalicelib.store import credit

_RESERVE_SECONDS = 10


class Swept(Struct, frozen=True):
    """`customers` were looked at, `orders` stopped or let go; `failed` customers are looked at again by the next run."""

    customers: int
    orders: int
    failed: int


def overdue(at: datetime, left: Callable[[], float]) -> Swept:
    """Brings the orders of everybody who is overdue by the date of `at`, or was, in step with that.

    `at` is the schedule's own time: late or twice makes no difference. One customer's trouble does not hold up the others.
    Raises `Busy` when the time is up (`left`: seconds): the same event again then skips who is in step already.
    """
    today = day_of(at, settings().time_zone)
    customers = changed = failed = 0
    for page in credit.to_look_at(today):
        for customer_id, account in page.items():
            if left() < _RESERVE_SECONDS:
                raise Busy("BUSY")
            customers += 1
            if not account.judged(today).out_of_step:
                continue
            try:
                changed += follow_credit(customer_id, at)
            except Exception:
                logger.exception("a customer's orders cannot be stopped", extra={"customer": customer_id})
                failed += 1
    return Swept(customers, changed, failed)
