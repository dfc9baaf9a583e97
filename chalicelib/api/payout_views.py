"""A payout as JSON."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field

from chalicelib.domain.payouts import Payout, State, Step


class StepView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step; `from` is absent where the payout began. `by` names a member of staff to staff only."""

    at: datetime
    start: State | None = field(default=None, name="from")
    to: State
    by: str
    reason: str | None = None
    reference: str | None = None


class PayoutView(Struct, frozen=True, kw_only=True):
    """Minor units: `gross` left the account; `fee` and `tax` are kept back; `net` reaches the payee. `key`: what the rail
    knows it by, null to a distributor."""

    id: str
    distributor_id: str
    currency: str
    gross: int
    fee: int
    tax: int
    net: int
    rail: str
    method_id: str
    state: State
    attempts: int
    created_at: datetime
    run_id: str | None
    reference: str | None
    key: str | None
    history: list[StepView]


class PayoutList(Struct, frozen=True):
    items: list[PayoutView]
    next: str | None


def _step(step: Step, to_staff: bool) -> StepView:
    by = step.by if to_staff else step.by.partition(":")[0]
    return StepView(at=step.at, start=step.start, to=step.to, by=by, reason=step.reason, reference=step.reference)


def payout_view(payout: Payout, to_staff: bool) -> PayoutView:
    return PayoutView(
        id=payout.id,
        distributor_id=payout.distributor_id,
        currency=payout.currency,
        gross=payout.gross,
        fee=payout.fee,
        tax=payout.tax,
        net=payout.net,
        rail=payout.rail,
        method_id=payout.method["id"],
        state=payout.state,
        attempts=payout.attempts,
        created_at=payout.created_at,
        run_id=payout.run_id,
        reference=payout.reference,
        key=payout.key if to_staff else None,
        history=[_step(step, to_staff) for step in payout.history],
    )
