"""Staff approves, all at once, what a run asked about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from chalicelib.domain.errors import Conflict
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.store import open_index, payout_runs, payouts

_PAGE = 50


class Approved(Struct, frozen=True):
    """How many payouts were approved by this call; `more`: time was up before all were seen."""

    approved: int
    more: bool


def approve_run(run_id: str, by: str, now: datetime, goes_on: Callable[[], bool]) -> Approved:
    """Approves every payout that the run (mode `approval`) made and nobody has decided on, until `goes_on` says to stop.

    Raises `NotFound`. What somebody else decides on meanwhile is left alone.
    """
    run = payout_runs.get(run_id)
    approved, cursor = 0, open_index.since("requested", run.at)
    while goes_on():
        page, cursor = payouts.unfinished("requested", _PAGE, cursor)
        for payout in page:
            if payout.created_at > run.at:  # a run's payouts are of its own time
                return Approved(approved, more=False)
            if payout.requested_by == f"run:{run.id}":
                approved += _approve(payout.id, by, now)
        if cursor is None:
            return Approved(approved, more=False)
    return Approved(approved, more=True)


def _approve(payout_id: str, by: str, now: datetime) -> int:
    try:
        decide_payout(payout_id, "approved", by, now)
    except Conflict:
        return 0
    return 1
