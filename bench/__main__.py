"""`make bench`: measures everything, writes RESULTS.md and the curves, and says whether the figures are reached."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bench import cold_start, growth, local_cloud, price, processor, throughput, units
from bench.figures import Measured, figures
from bench.program import inside, said
from bench.results import written

T = TypeVar("T")
RUNS = 7
"""Of a cold start, here; `python -m bench.cold_start` makes more."""


def _quietly(what: str, run: Callable[[], T]) -> T:
    """Measures against the engine in this process; the container's log goes nowhere."""
    began = time.monotonic()
    with inside(), said():
        result = run()
    print(f"bench: {what}: {time.monotonic() - began:.0f} s", flush=True)
    return result


def main() -> None:
    began = time.monotonic()
    orders = _quietly("units of orders", units.orders)
    steps = _quietly("units around them", units.around)
    spent = _quietly("processor time", processor.spent)
    bills = _quietly("price", lambda: price.bills(spent, steps))
    paces = _quietly("orders a second", throughput.paces)
    by_entries = _quietly("growth with entries", growth.by_entries)
    by_days = _quietly("growth with days", growth.by_days)
    with tempfile.TemporaryDirectory() as folder:
        http = local_cloud.paces(Path(folder))
    print("bench: local cloud", flush=True)
    measured = Measured(
        orders,
        steps,
        spent,
        bills,
        paces,
        by_entries,
        by_days,
        http,
        *cold_start.starts(RUNS),
        time.monotonic() - began,
    )
    written(measured)
    reached = figures(measured)
    for each in reached:
        print(f"{'ok  ' if each.ok else 'MISS'} {each.name}: {each.measured} (wanted: {each.wanted})")
    missed = sum(not each.ok for each in reached)
    print(
        f"bench: {'ok' if not missed else 'missed'} figures={len(reached)} missed={missed}"
        f" dollars_per_million={bills[0].total:.2f} seconds={time.monotonic() - began:.0f}"
    )


if __name__ == "__main__":
    main()
