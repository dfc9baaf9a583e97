"""Staff has the books repaired now, and not in the night."""

from __future__ import annotations

from datetime import datetime

from chalicelib.settings import settings
from chalicelib.store import audit, jobs
from chalicelib.store.keys import stamp


def start_repair(correct: bool, reason: str, by: str, now: datetime) -> str:
    """Starts a run, and says which. With `correct` it also sets right what holds something else than it should. Raises
    `Busy` if it cannot be started."""
    audit.keep(now, by, "ledger.repair", "ledger", after={"correct": correct, "reason": reason})
    event = {
        "version": "0",
        "id": stamp(now),
        "detail-type": "Repair",
        "source": "fenrun",
        "account": "",
        "time": stamp(now),
        "region": settings().region,
        "resources": [],
        "detail": {"by": by, "correct": correct},
    }
    jobs.start(settings().repair_function, event)
    return stamp(now)
