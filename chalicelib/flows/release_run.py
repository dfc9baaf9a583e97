"""Staff lets a run go on that a limit stopped."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.errors import Conflict
from chalicelib.store import audit, payout_runs
from chalicelib.store.payout_runs import Run
from chalicelib.store.transactions import transact


def release_run(run_id: str, by: str, now: datetime) -> Run:
    """Lets the next settlement go on with a stopped run, whatever it comes to. One that is released already stays so.

    Raises `NotFound`, or `Conflict` (`RUN_NOT_STOPPED`) for a run that no limit stopped.
    """
    run = payout_runs.get(run_id)
    if run.state == "stopped":
        record = audit.record(now, by, "payout_run.released", f"payout_run:{run_id}", "stopped", "collecting")
        transact([payout_runs.releasing(run_id), record])
        run = payout_runs.get(run_id)
    if not run.released:
        raise Conflict("RUN_NOT_STOPPED")
    return run
