"""Which kept deliveries to try again, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from chalicelib.domain.deliveries import Delivery, State
from chalicelib.store import inbox

_LEFT_ALONE = timedelta(minutes=2)
_FIRST, _LONGEST = timedelta(minutes=15), timedelta(days=1)
_PAGE = 100
_STATES: tuple[State, ...] = ("received", "stuck")


def due_again(delivery: Delivery) -> datetime:
    """When to try a delivery again: at once if nobody has, then after 15 minutes, twice as long each time, at most a day."""
    if delivery.tried_at is None:
        return delivery.received_at + _LEFT_ALONE
    pause: timedelta = _FIRST * 2 ** min(max(0, delivery.attempts - 1), 10)
    return delivery.tried_at + min(pause, _LONGEST)


def longest_wait(at: datetime) -> int:
    """For how many seconds the oldest open delivery has waited by `at`; 0 if none is open."""
    oldest = [delivery for state in _STATES for delivery in inbox.in_state(state, 1)[0]]
    return max((int((at - delivery.received_at).total_seconds()) for delivery in oldest), default=0)


def waiting(at: datetime) -> Iterator[Delivery]:
    """The open deliveries that are due by `at`: those never acted on first."""
    for state in _STATES:
        cursor: str | None = None
        while True:
            page, cursor = inbox.in_state(state, _PAGE, cursor)
            yield from (each for each in page if due_again(each) <= at)
            if cursor is None:
                break
