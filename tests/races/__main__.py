"""`python -m tests.races`: 10,000 rounds of contenders who meet, on the local cloud: four processes of eight threads."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from chalicelib.observe import logger
from local import cloud
from tests.races.crew import Crew
from tests.races.pairs import PAIRS
from tests.races.race import race

PROCESSES, THREADS = 4, 8
_SHOWN = 5


def main(wanted: list[str]) -> int:
    """Runs the pairs (all of them, or those whose names contain a wanted word); 1 if anything is as it should not be."""
    logger.setLevel("CRITICAL")
    pairs = [pair for pair in PAIRS if not wanted or any(word in pair.name for word in wanted)]
    began, rounds, violations = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as directory:
        endpoint = cloud.start(Path(directory), cloud.free_port(), persist=False)
        try:
            print(f"races: {PROCESSES} processes of {THREADS} threads", flush=True)
            with Crew(endpoint, PROCESSES, THREADS) as crew:
                for pair in pairs:
                    start = time.monotonic()
                    score = race(crew, pair(), pair.rounds, endpoint)
                    rounds, violations = rounds + score.rounds, violations + len(score.violations)
                    print(
                        f"  {pair.name:26} rounds={score.rounds:5} succeeded={score.succeeded:5} refused={score.refused:5} "
                        f"violations={len(score.violations)} {time.monotonic() - start:5.1f} s",
                        flush=True,
                    )
                    for each in score.violations[:_SHOWN]:
                        print(f"    {each}", flush=True)
                conflicts = crew.conflicts
        finally:
            cloud.stop(Path(directory))
    word, seconds = "FAILED" if violations else "ok", time.monotonic() - began
    print(f"races: {word} rounds={rounds} conflicts={conflicts} seconds={seconds:.0f} violations={violations}")
    return int(violations > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
