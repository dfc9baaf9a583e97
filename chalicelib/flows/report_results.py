"""Somebody says what became of payouts: they are paid, have failed, or came back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from chalicelib.domain.errors import Conflict
from chalicelib.domain.payouts import INSTRUCTED, Payout, State
from chalicelib.flows.move_payout import move_payout
from chalicelib.observe import count, logger
from chalicelib.rails.rail import NAMES
from chalicelib.store import audit, payouts
from chalicelib.store.transactions import pauses


class Result(Struct, frozen=True, kw_only=True):
    """What the bank says about one payout; `reference` is its own name for the transfer."""

    payout_id: str
    outcome: Literal["paid", "failed", "returned"]
    reference: str | None = None
    reason: str | None = None


class Reported(Struct, frozen=True, kw_only=True):
    """What became of one answer, and the state in which the payout is now. `refused` says why."""

    payout_id: str
    result: Literal["moved", "already", "refused"]
    state: State | None
    reason: str | None = None


def report_results(results: Sequence[Result], by: str, now: datetime, *, in_statement: bool = False) -> list[Reported]:
    """Takes each payout where the answer says, once; the answers' outcomes, in their order.

    An answer that was known changes nothing. One that contradicts what is known, or that the bank cannot have given,
    is refused alone and raises an alarm: somebody has to look. Where a rail is called over HTTP, it answers for itself:
    staff's word counts in `manual_review` only; what stands in the rail's own statement (`in_statement`) always but for
    a failure while nobody knows, because then the payout may still be sent again.
    """
    known = payouts.get_many(list({result.payout_id for result in results}))
    reported = []
    for result in results:
        one = _report(result, known, by, now, in_statement)
        if one.result == "refused":
            logger.error(
                "a payout's result is refused",
                extra={"payout": result.payout_id, "outcome": result.outcome, "state": one.state, "alarm": one.reason},
            )
            count("PayoutsContradicted")
        reported.append(one)
    return reported


def _report(result: Result, known: dict[str, Payout], by: str, now: datetime, in_statement: bool) -> Reported:
    waits = pauses()
    while True:
        payout = known.get(result.payout_id)
        if payout is None:
            return _outcome(result, "refused", None, "NOT_FOUND")
        before = [step for step in payout.history if step.to == result.outcome]
        if before:
            # Paid twice under two names would be two transfers.
            same = result.reference in (None, before[0].reference)
            return _outcome(result, "already" if same else "refused", payout, None if same else "RESULT_DIFFERS")
        try:
            moved = _move(payout, result, by, now, in_statement)
        except Conflict as conflict:
            return _outcome(result, "refused", payout, conflict.code)
        if moved:
            known[result.payout_id] = moved
            return _outcome(result, "moved", moved)
        next(waits)
        known[result.payout_id] = payouts.existing(result.payout_id)


def _move(payout: Payout, result: Result, by: str, now: datetime, in_statement: bool) -> Payout | None:
    if payout.state not in INSTRUCTED:
        raise Conflict("PAYOUT_STATE", state=payout.state)
    told = in_statement and not (payout.state == "unknown" and result.outcome == "failed")
    if payout.rail in NAMES and payout.state != "manual_review" and not told:
        raise Conflict("RAIL_ANSWERS", state=payout.state)
    action = f"payout.{result.outcome}"
    record = audit.record(now, by, action, f"payout:{payout.id}", payout.state, result.outcome)
    return move_payout(
        payout, result.outcome, at=now, by=by, reason=result.reason, reference=result.reference, also=[record]
    )


def _outcome(
    result: Result, what: Literal["moved", "already", "refused"], payout: Payout | None, reason: str | None = None
) -> Reported:
    state = payout.state if payout else None
    return Reported(payout_id=result.payout_id, result=what, state=state, reason=reason)
