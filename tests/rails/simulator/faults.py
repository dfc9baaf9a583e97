"""What goes wrong, and when: queued one by one, or drawn at random from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Literal

Kind = Literal[
    "drop",  # carried out, then the connection closes without an answer
    "cut",  # carried out, then the answer ends in the middle
    "late",  # the connection closes at once; carried out `after` that, when the client has long given up
    "too_many",  # 429, not carried out
    "unavailable",  # 503, not carried out and never saved
    "error",  # 500, not carried out (saved under the key where the provider saves answers)
    "error_committed",  # carried out, but answered with 500 (saved likewise)
    "webhook_first",  # carried out; the notifications that are due are delivered before the answer is sent
    "hidden",  # carried out; look-ups do not find it until `after` that
    "slow",  # carried out; still pending until `after` that
    "rejected",  # accepted; the provider then says that it has definitely failed
    "returned",  # paid, and taken back `after` that
    "unconfirmed",  # the payee never claims or confirms it
]
Asked = Literal["submit", "fund", "query", "token", "other"]
"""What a request to a provider is. `submit` moves money; where that takes two, `submit` announces and `fund` moves."""
TRANSPORT: tuple[Kind, ...] = ("drop", "cut", "late", "too_many", "unavailable", "error", "error_committed")


@dataclass(frozen=True)
class Fault:
    kind: Kind
    rail: str | None = None
    on: Asked = "submit"
    after: timedelta = timedelta(minutes=5)


class Faults:
    """A request takes the first queued fault that is meant for it; without one, a random one at `rate`."""

    def __init__(self, seed: int = 0) -> None:
        self.queue: list[Fault] = []
        self.random = Random(seed)
        self._rate, self._kinds, self._on = 0.0, tuple[Kind, ...](), tuple[Asked, ...]()

    def add(
        self,
        kind: Kind,
        rail: str | None = None,
        *,
        on: Asked = "submit",
        after: timedelta = timedelta(minutes=5),
        times: int = 1,
    ) -> None:
        """The next `times` requests of this sort go wrong in this way. `rail` None: of any rail."""
        self.queue += [Fault(kind, rail, on, after)] * times

    def at_random(self, rate: float, kinds: Sequence[Kind] = TRANSPORT, on: Sequence[Asked] = ("submit",)) -> None:
        """From now on this share of the requests goes wrong in one of these ways; 0 stops it."""
        self._rate, self._kinds, self._on = rate, tuple(kinds), tuple(on)

    def take(self, rail: str, asked: Asked) -> Fault | None:
        for fault in self.queue:
            if fault.on == asked and fault.rail in (None, rail):
                self.queue.remove(fault)
                return fault
        if self._kinds and asked in self._on and self.random.random() < self._rate:
            return Fault(self.random.choice(self._kinds), rail, asked, timedelta(seconds=self.random.randrange(600)))
        return None
