"""Nightly, and when staff asks for it: the books are held against what they rest on, and what is gone is put back."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from chalice import Blueprint, Cron

from chalicelib.domain.errors import Busy
from chalicelib.flows.repair import repair as repair_books
from chalicelib.observe import observed
from chalicelib.store import jobs
from chalicelib.store.transactions import deadline

bp = Blueprint(__name__)
_RESERVE_SECONDS = 5


@bp.schedule(Cron(0, 20, "*", "*", "?", "*"), name="repair")
@observed
def repair(event: Any) -> dict[str, Any]:
    """Carries out the run of the event's own time. When the function's time is up it starts itself again, with the same
    event, and goes on. Raises `Busy` while another run or a redrive is at work: Lambda then sends the event again."""
    ends, body = float("inf"), event.to_dict()
    if hasattr(event.context, "get_remaining_time_in_millis"):
        ends = time.monotonic() + event.context.get_remaining_time_in_millis() / 1000
        deadline.set(ends - _RESERVE_SECONDS)
    asked = body.get("detail") or {}
    by, correct = asked.get("by", "schedule:repair"), bool(asked.get("correct"))
    done = repair_books(datetime.fromisoformat(body["time"]), by, correct, lambda: ends - time.monotonic())
    if done is None:
        raise Busy("BUSY")
    if done.state != "done":
        jobs.start(event.context.function_name, body)
    return {"repair": done.id, "state": done.state, "found": done.found, "posted": done.posted, "left": done.left}
