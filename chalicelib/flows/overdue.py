"""Whose orders on account are out of step with the day: of customers who are overdue, or no longer are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from chalicelib.domain.buckets import day_of
from chalicelib.settings import settings
from chalicelib.store import credit


def overdue(at: datetime) -> Iterator[tuple[str, bool]]:
    """The customers who may be overdue by the date of `at`, or were, and whether their orders have to follow.

    `at` is the schedule's own time: late or twice makes no difference. What was brought in step already is passed over
    by the next look.
    """
    today = day_of(at, settings().time_zone)
    for page in credit.to_look_at(today):
        for customer_id, account in page.items():
            yield customer_id, bool(account.judged(today).out_of_step)
