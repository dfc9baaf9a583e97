"""Orders a second of the stream function and of the order API, each beside its floor (`bench.floor`).

Rounds of ours and of the floor alternate over the same orders in programs of their own, and the median of the rounds' ratios
counts: so a slow minute hits both. In this process everything is processor time, and so is what is measured; over HTTP it
is the time that passes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from statistics import median
from typing import Any

from bench.floor import Floor
from bench.program import ENDPOINT, START, bind, images, opened, put, records, sales, settled_memory, stream

ROUNDS = 9
BATCH = 100
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Pace:
    """Orders a second (medians), and the median of the rounds' ratios."""

    what: str
    ours: float
    floor: float
    ratio: float


def compared(what: str, clock: Clock, ours: Sequence[Callable[[], Any]], floor: Sequence[Callable[[], Any]]) -> Pace:
    """Runs `ours[i]` and `floor[i]` by turns; each takes BATCH orders."""
    pairs = []
    for i, (mine, least) in enumerate(zip(ours, floor, strict=True)):
        taken = {}
        settled_memory()
        for run in (mine, least) if i % 2 else (least, mine):
            began = clock()
            run()
            taken[run] = clock() - began
        pairs.append((taken[mine], taken[least]))
    counted = pairs[1:]  # the first one fills caches
    return Pace(
        what,
        BATCH / median(mine for mine, _ in counted),
        BATCH / median(least for _, least in counted),
        median(least / mine for mine, least in counted),
    )


def paces(clock: Clock = time.process_time, endpoint: str = ENDPOINT) -> list[Pace]:
    """The order API and the stream function."""
    key = opened(endpoint=endpoint)
    floor = Floor(key)
    days = [sales(BATCH, "zipf", at=START + timedelta(days=day)) for day in range(2 * (ROUNDS + 1))]
    for day in days:
        bind(day)
    mine, least = days[::2], days[1::2]
    api = compared(
        "order API",
        clock,
        [lambda day=day: [put(each.event(key)) for each in day] for day in mine],
        [lambda day=day: [floor.put(each.event(key)) for each in day] for day in least],
    )
    posting = compared(
        "stream function",
        clock,
        [partial(stream, records(images(day))) for day in mine],
        [partial(floor.post, records(images(day))) for day in least],
    )
    return [api, posting]
