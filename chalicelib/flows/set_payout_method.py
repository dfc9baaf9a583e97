"""A distributor says where their money shall go."""

from __future__ import annotations

from datetime import datetime

from msgspec import to_builtins

from chalicelib.domain.errors import Refused
from chalicelib.domain.payout_methods import MOST_METHODS, PayoutMethod
from chalicelib.flows.read_balance import existing
from chalicelib.store import audit, distributors
from chalicelib.store.transactions import pauses


def set_payout_method(distributor_id: str, method_id: str, method: PayoutMethod, by: str, now: datetime) -> None:
    """Stores the method under this name, in place of what was there. Payouts on their way keep theirs.

    Raises `NotFound`, or `Refused` (`TOO_MANY_PAYOUT_METHODS`) for one more than a distributor may have.
    """
    waits = pauses()
    while True:
        known = existing(distributor_id)
        methods = {**known.payout_methods, method_id: to_builtins(method)}
        if len(methods) > MOST_METHODS:
            raise Refused("TOO_MANY_PAYOUT_METHODS", limit=MOST_METHODS)
        before = known.payout_methods.get(method_id)
        what = f"distributor:{distributor_id}:payout_method:{method_id}"
        record = audit.record(now, by, "payout_method.set", what, before, method)
        if methods == known.payout_methods or distributors.set_payout_methods(known, methods, [record]):
            return
        next(waits)
