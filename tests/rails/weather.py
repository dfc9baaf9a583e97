"""What goes wrong at simulated providers, at random from a seed: on the way, and to a payment's fate."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from tests.rails.simulator.faults import TRANSPORT, Asked, Fault, Faults, Kind

_FATES: tuple[Kind, ...] = ("webhook_first", "hidden", "slow", "rejected", "returned", "unconfirmed")
_WAYS: tuple[Kind, ...] = (*TRANSPORT, "late", "late")
"""What is carried out long after it was given up is the hardest, and so comes most often."""
_LONGEST: dict[Kind, timedelta] = {
    "late": timedelta(minutes=9),
    "hidden": timedelta(minutes=20),
    "slow": timedelta(days=2),
    "returned": timedelta(days=12),
}


class Weather(Faults):
    """Of the requests that move money the share `rate` goes wrong on the way, and as many have an unusual fate; of the
    others half as many go wrong. `met` counts what did."""

    def __init__(self, seed: int, rate: float) -> None:
        super().__init__(seed)
        self.rate, self.met = rate, Counter[str]()

    def take(self, rail: str, asked: Asked) -> Fault | None:
        pays = asked in ("submit", "fund")
        chance = self.random.random()
        if chance >= (2 * self.rate if pays else self.rate / 2):
            return None
        kind = self.random.choice(_WAYS if chance < self.rate else _FATES)
        self.met[kind] += 1
        longest = _LONGEST.get(kind, timedelta(minutes=1))
        return Fault(kind, rail, asked, timedelta(seconds=self.random.randrange(int(longest.total_seconds()))))
