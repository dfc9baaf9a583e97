"""Where commission waits: by the day on which it accrued, in the program's time zone, and the length of its hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from zoneinfo import ZoneInfo

from msgspec import Struct

HELD = "HELD"
"""The bucket of what an open dispute withholds: it has no day and never matures; the dispute's end empties it."""


class Bucket(Struct, frozen=True, order=True):
    """The day (ISO date in the program's time zone) on which commission accrued, and its hold."""

    day: str
    hold_days: int


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def day_of(at: datetime, time_zone: str) -> str:
    """The date of an instant in the program's time zone, as ISO text."""
    return at.astimezone(_zone(time_zone)).date().isoformat()


def end_of(day: str, time_zone: str) -> datetime:
    """The instant (UTC) at which a day ends in the program's time zone."""
    following = date.fromordinal(date.fromisoformat(day).toordinal() + 1)
    return datetime.combine(following, time(), _zone(time_zone)).astimezone(UTC)


def matures_on(bucket: Bucket) -> str:
    """The first day on which the bucket's commission may be paid out, as ISO text."""
    return date.fromordinal(date.fromisoformat(bucket.day).toordinal() + bucket.hold_days).isoformat()
