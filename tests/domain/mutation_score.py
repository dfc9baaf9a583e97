"""The end of `make mutation`: what the tests killed of the mutants in chalicelib/domain. Fails under 90 %."""

from __future__ import annotations

import json
import sys
from pathlib import Path

LEAST = 90
STATS = Path("mutants/mutmut-cicd-stats.json")


def main() -> int:
    stats = json.loads(STATS.read_text("utf-8"))
    killed, total = stats["killed"] + stats["timeout"], stats["total"] - stats["skipped"]
    score = 100 * killed / total
    print(f"killed {killed} · survived {stats['survived']} · without a test {stats['no_tests']} · score {score:.1f} %")
    return int(score < LEAST)


if __name__ == "__main__":
    sys.exit(main())
