"""Staff approves or rejects a payout."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from chalicelib.domain.errors import Forbidden
from chalicelib.domain.payouts import Payout
from chalicelib.flows.move_payout import move_payout
from chalicelib.store import audit, payouts
from chalicelib.store.transactions import pauses


def decide_payout(
    payout_id: str,
    decision: Literal["approved", "rejected"],
    by: str,
    now: datetime,
    reason: str | None = None,
    once: str | None = None,
) -> Payout:
    """Approves a requested payout, or rejects one that is not with the rail yet and gives its money back. With `once`, the
    same decision of the same moment again is the same request, and changes nothing.

    Raises `Forbidden` (`MAKER_IS_CHECKER`) if whoever requested it approves it, `Conflict` (`PAYOUT_STATE`) where its
    state does not allow the step, `NotFound`.
    """
    waits = pauses()
    while True:
        payout = payouts.existing(payout_id)
        if once and any((step.to, step.by, step.at) == (decision, by, now) for step in payout.history):
            return payout  # this very request did it, and nobody heard of it
        if decision == "approved" and payout.requested_by == by:
            raise Forbidden("MAKER_IS_CHECKER")
        record = audit.record(now, by, f"payout.{decision}", f"payout:{payout_id}", payout.state, decision)
        decided = move_payout(payout, decision, at=now, by=by, reason=reason, also=[record])
        if decided:
            return decided
        next(waits)
