"""Holds that have ended become available money."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.buckets import day_of
from chalicelib.settings import settings
from chalicelib.store import maturity


def mature(at: datetime) -> int:
    """Matures every day that is due by the date of `at` in the program's time zone; returns how many did.

    `at` is the schedule's own time: a run that comes late or twice does what it would have done. A run that is cut off is
    finished by the next one.
    """
    return sum(maturity.mature(page, at) for page in maturity.due_days(day_of(at, settings().time_zone)))
