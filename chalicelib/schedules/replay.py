"""Behind a request: a draft plan is compared with past orders."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from chalice import Blueprint

from chalicelib.domain.errors import Busy
from chalicelib.flows.run_replay import fail_replay, run_replay
from chalicelib.observe import logger, observed
from chalicelib.store.transactions import deadline

bp = Blueprint(__name__)
_RESERVE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Job:
    """What the function was started with, and the container's word on its time."""

    body: dict[str, str]
    context: Any


@bp.lambda_function(name="replay")
def replay(event: dict[str, str], context: Any) -> dict[str, Any]:
    """Goes on with the replay that the event names. Started again by itself when its time is up; safe to start twice."""
    return _replay(Job(event, context))


@observed
def _replay(job: Job) -> dict[str, Any]:
    ends = time.monotonic() + job.context.get_remaining_time_in_millis() / 1000
    deadline.set(ends - _RESERVE_SECONDS)
    replay_id = job.body["replay_id"]
    try:
        now = run_replay(replay_id, job.context.function_name, lambda: ends - time.monotonic())
    except Busy:
        raise
    except Exception:
        fail_replay(replay_id)
        raise
    summary = {"replay": replay_id, "state": now.state if now else None, "seen": now.seen if now else None}
    logger.info("replayed", extra=summary)
    return summary
