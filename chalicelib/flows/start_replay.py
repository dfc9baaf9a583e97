"""A draft is to be compared with what past orders earned: checked, noted, and handed to a function of its own."""

from __future__ import annotations

import secrets
from datetime import date, datetime

from chalicelib.domain.errors import Fault, NotFound, Refused
from chalicelib.domain.plans import Plan, check
from chalicelib.domain.replays import MERCHANT_PREFIX
from chalicelib.settings import settings
from chalicelib.store import audit, jobs, plans, replays
from chalicelib.store.replays import Replay

LONGEST_DAYS = 400


def start_replay(
    plan_id: str, draft: Plan, first: date, last: date, by: str, now: datetime, once: str | None
) -> Replay:
    """Starts to compare the draft with the orders of the plan that were placed from `first` to before `last`.

    The same `once` makes one replay, however often it is sent. Raises `Refused` for a plan that contradicts itself and for
    a range that is empty or longer than 400 days, `NotFound` for a plan that governs nothing.
    """
    check(draft)
    days = (last - first).days
    if not 1 <= days <= LONGEST_DAYS:
        raise Refused("REPLAY_RANGE", Fault("to", "REPLAY_RANGE", {"limit": LONGEST_DAYS}), limit=LONGEST_DAYS)
    if not plan_id.startswith(MERCHANT_PREFIX) and not plans.versions(plan_id):
        raise NotFound("NOT_FOUND")
    replay_id = f"rp_{once[:32] if once else secrets.token_hex(16)}"
    record = audit.record(now, by, "plan.replay", f"plan:{plan_id}", after=draft)
    started = replays.create(replay_id, plan_id, draft, first.isoformat(), last.isoformat(), now, record)
    if started.state != "done":
        jobs.start(settings().replay_function, {"replay_id": replay_id})
    return started
