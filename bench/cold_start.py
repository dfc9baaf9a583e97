"""What importing each event function costs, with its client, beside the floor nobody can go under.

The floor is `import chalice, pynamodb.models` and one botocore DynamoDB client. Every run of a row is held against a run
of the floor just before it, in fresh processes, and the median of these ratios counts: so a slow minute of the machine
hits both. Time is processor time of the child. `floor, again` is the floor itself: how far it is from 1.00 is the noise.
It asserts nothing.
"""

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"
RUNS = 15
TARGET = 1.15

FLOOR = """
import chalice, pynamodb.models
import botocore.session
botocore.session.get_session().create_client("dynamodb", region_name="us-east-1")
"""
MODULE = """
import importlib
importlib.import_module({module!r})
from chalicelib.store.connection import client
client()
"""
ENVIRONMENT = {
    **{
        f"{name}_TABLE": name.lower()
        for name in ["DISTRIBUTORS", "CUSTOMERS", "ORDERS", "LEDGER", "PAYOUTS", "SETTINGS", "AUDIT"]
    },
    "TRANSIENT_TABLE": "transient",
    "FILES_BUCKET": "files",
    "SECRET_ARN": "secret",
    "TIME_ZONE": "Asia/Shanghai",
    "STAGE": "dev",
    "POWERTOOLS_SERVICE_NAME": "fenrun",
    "POWERTOOLS_METRICS_NAMESPACE": "Fenrun",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def scripts() -> dict[str, str]:
    """What to run, by the name of its row."""
    modules = [
        f"chalicelib.{folder}.{path.stem}"
        for folder in ("streams", "schedules")
        for path in sorted((ROOT / "chalicelib" / folder).glob("*.py"))
        if "@bp." in path.read_text()
    ]
    return {
        "bare python": "",
        "floor": FLOOR,
        "floor, again": FLOOR,
        **{module: MODULE.format(module=module) for module in modules},
        "app (api)": MODULE.format(module="app"),
    }


def seconds(script: str) -> float:
    """The processor time one fresh process takes to start and run `script`, without the clean-up that no Lambda makes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [str(PYTHON) if PYTHON.exists() else sys.executable, "-c", f"{script}\nimport os\nos._exit(0)"],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT},
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@dataclass(frozen=True, slots=True)
class Start:
    """Milliseconds of processor time, bare Python taken off, and the ratio to the floor: medians."""

    name: str
    milliseconds: float
    ratio: float


def starts(runs: int = RUNS) -> tuple[float, list[Start]]:
    """Milliseconds of bare Python, and every row."""
    rows = scripts()
    bare_script, floor_script = rows.pop("bare python"), rows.pop("floor")
    for script in rows.values():
        seconds(script)  # writes the .pyc files, which a deployed package has too
    bare = min(seconds(bare_script) for _ in range(runs))
    taken: dict[str, list[float]] = {name: [] for name in rows}
    ratios: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(runs):
        for name, script in rows.items():
            floor = seconds(floor_script) - bare
            mine = seconds(script) - bare
            taken[name].append(mine)
            ratios[name].append(mine / floor)
    return bare * 1000, [Start(name, median(taken[name]) * 1000, median(ratios[name])) for name in rows]


def main() -> None:
    bare, rows = starts()
    print(f"{'import and client':36} {'ms':>7} {'x floor':>8}   (medians of {RUNS} pairs, bare python taken off)")
    print(f"{'bare python':36} {bare:7.1f}")
    for row in rows:
        print(f"{row.name:36} {row.milliseconds:7.1f} {row.ratio:8.2f}")
    print(f"target for an event function: at most {TARGET} x floor")


if __name__ == "__main__":
    main()
