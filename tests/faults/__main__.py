"""The whole matrix, in two processes: `python -m tests.faults [part of a scenario's name]`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from multiprocessing import get_context

from tests.faults.half import PROCESSES, half
from tests.faults.scenarios import SCENARIOS
from tests.faults.writing import writing


def main(name: str) -> int:
    """The exit code: whether any cell ended otherwise than in fair weather."""
    began = time.monotonic()
    with get_context("spawn").Pool(PROCESSES) as pool:
        both = pool.map(half, [(number, name) for number in range(PROCESSES)])
    troubles = [text for found in both for each in found for text in each.troubles]
    print("\n\n".join(troubles), end="\n\n" if troubles else "")
    for halves in zip(*both, strict=True):
        print(f"{sum(each.cells for each in halves):5} cells {halves[0].calls:4} calls  {halves[0].name}")
    print()
    for why, number in sum((each.left_out for each in both[0]), Counter[str]()).most_common():
        print(f"{number:5} cells left out: {why}")
    for scenario in SCENARIOS:
        if scenario.because and name in scenario.name:
            print(f"in part only: {scenario.name}: {scenario.because}")
    flows = writing() & {writer for each in both[0] for writer in each.writers}
    calls, size = sum(each.calls for each in both[0]), sum(each.cells for found in both for each in found)
    word = f"{len(troubles)} troubles" if troubles else "ok"
    seconds = time.monotonic() - began
    figures = f"scenarios={len(both[0])} flows={len(flows)} calls={calls} cells={size}"
    print(f"\nfaults: {word} {figures} seconds={seconds:.0f}")
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
