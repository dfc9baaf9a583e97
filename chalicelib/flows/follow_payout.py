"""A rail has said something about a payout: it goes where that leads, once, whoever heard it first."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.payouts import Payout, steps_to
from chalicelib.flows.move_payout import move_payout
from chalicelib.observe import count, logger
from chalicelib.rails.rail import Verdict
from chalicelib.store import audit, payouts
from chalicelib.store.transactions import pauses


def follow_payout(payout: Payout, said: Verdict, by: str, at: datetime) -> Payout:
    """The payout where the rail's word leads from its present state. Answers, queries and notifications all come here.

    What is known already, or older than what is known, changes nothing. What contradicts it (paid after it failed) changes
    nothing either: it is recorded and raises an alarm, because money may have left twice.
    """
    if said.outcome == "unknown" or said.outcome == "not_found":
        return payout
    waits = pauses()
    while True:
        steps = steps_to(payout.state, said.outcome)
        if steps is None:
            _contradicted(payout, said, by, at)
            return payout
        moved: Payout | None = payout
        for step in steps:
            if moved is None:
                break
            when = max(at, moved.history[-1].at)
            reason = said.reason if step == steps[-1] else None
            moved = move_payout(moved, step, at=when, by=by, reason=reason, reference=said.reference)
        if moved is not None:
            return moved
        next(waits)
        payout = payouts.existing(payout.id)


def _contradicted(payout: Payout, said: Verdict, by: str, at: datetime) -> None:
    logger.error(
        "a rail contradicts itself about a payout",
        extra={"payout": payout.id, "state": payout.state, "said": said.outcome, "reason": said.reason},
    )
    count("PayoutsContradicted")
    audit.keep(at, by, f"payout.contradicted: {payout.state} to {said.outcome}", f"payout:{payout.id}")
