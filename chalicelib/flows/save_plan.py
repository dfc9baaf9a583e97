"""A plan is saved: checked, then stored as the next immutable version."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.plans import Plan, check
from chalicelib.store import audit, plans
from chalicelib.store.plans import Version


def save_plan(
    plan_id: str, plan: Plan, effective_from: datetime | None, by: str, now: datetime, once: str | None = None
) -> Version:
    """Stores the plan, in force from `effective_from` (whole seconds; now, if not given). Orders that have their terms
    keep them. The same `once` makes one version, however often it is sent. Raises `Refused` with the path of every fault."""
    check(plan)
    since = (effective_from or now).replace(microsecond=0)
    return plans.store(plan_id, plan, since, audit.record(now, by, "plan.save", f"plan:{plan_id}", after=plan), once)
