"""A distributor says where their money shall go."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from msgspec import convert

from chalicelib.domain.errors import Refused
from chalicelib.domain.payout_methods import MOST_METHODS, MethodChange, PayoutMethod, checked
from chalicelib.flows.payout_rules import payout_rules
from chalicelib.flows.read_balance import existing
from chalicelib.store import audit, distributors, sealed
from chalicelib.store.keys import stamp
from chalicelib.store.transactions import pauses


def set_payout_method(
    distributor_id: str, method_id: str, method: PayoutMethod, by: str, now: datetime
) -> dict[str, Any]:
    """Stores the method under this name, in place of what was there, and notes that it was set; the method as it is stored.

    Payouts on their way keep theirs. The first method a distributor ever sets may be paid to at once; any later one, under
    whatever name, only when the plan's `cool_off_hours` are over. Raises `NotFound`, or `Refused` for what is no account of
    its rail (`domain.payout_methods.checked`) and for one more than a distributor may have (`TOO_MANY_PAYOUT_METHODS`).
    """
    method, waits = checked(method), pauses()
    while True:
        known = existing(distributor_id)
        before = known.payout_methods.get(method_id)
        if before is not None and _same(distributor_id, before, method):
            return before
        since = _usable_from(now) if known.payout_methods else None
        stored = sealed.sealed_method(distributor_id, method) | ({"usable_from": stamp(since)} if since else {})
        methods = {**known.payout_methods, method_id: stored}
        if len(methods) > MOST_METHODS:
            raise Refused("TOO_MANY_PAYOUT_METHODS", limit=MOST_METHODS)
        what = f"distributor:{distributor_id}:payout_method:{method_id}"
        # What is hashed is sealed: a plain account number could be guessed from its hash.
        record = audit.record(now, by, "payout_method.set", what, before, stored)
        change = MethodChange(at=now, method_id=method_id, by=by, usable_from=since)
        if distributors.set_payout_methods(known, methods, [record], change):
            return stored
        next(waits)


def _same(distributor_id: str, stored: dict[str, Any], method: PayoutMethod) -> bool:
    """Whether that is what is stored. What cannot be read any more, or is no account as they are checked now, is not."""
    with suppress(sealed.Unreadable, Refused):
        return checked(convert(sealed.readable_method(distributor_id, stored), PayoutMethod)) == method
    return False


def _usable_from(now: datetime) -> datetime | None:
    hours = payout_rules(now).cool_off_hours
    return now.replace(microsecond=0) + timedelta(hours=hours) if hours else None
