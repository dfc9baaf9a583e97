"""A binding (绑定/锁客) ties a customer to a distributor. It is a fold over the customer's recorded claims, in the order
in which they happened: so a claim that arrives late or twice ends in the same binding.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct, json

from chalicelib.domain.plans import AttributionRules

Outcome = Literal["bound", "kept", "refused"]


class Claim(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody's claim on a customer: a code or click presented at `at` (UTC), under the rules in force then."""

    at: datetime
    distributor_id: str
    sponsor_id: str | None = None
    source: Literal["code", "click"] = "code"
    takes_over: bool = False
    days: int | None = None
    protect_days: int = 0


class Binding(Struct, frozen=True, kw_only=True):
    """The binding in force. Until `protected_until` nobody takes the customer over; at `expires_at` it ends."""

    distributor_id: str
    sponsor_id: str | None
    bound_at: datetime
    expires_at: datetime | None
    protected_until: datetime | None


def claim(
    rules: AttributionRules,
    at: datetime,
    distributor_id: str,
    sponsor_id: str | None,
    source: Literal["code", "click"],
) -> Claim:
    """A claim under these rules; they are kept with it, so that a later plan does not change the past."""
    return Claim(
        at=at,
        distributor_id=distributor_id,
        sponsor_id=sponsor_id,
        source=source,
        takes_over=rules.binding == "last",
        days=rules.binding_days,
        protect_days=rules.protect_days,
    )


def _bound(by: Claim) -> Binding:
    return Binding(
        distributor_id=by.distributor_id,
        sponsor_id=by.sponsor_id,
        bound_at=by.at,
        expires_at=by.at + timedelta(days=by.days) if by.days is not None else None,
        protected_until=by.at + timedelta(days=by.protect_days) if by.protect_days else None,
    )


def _in_force(binding: Binding | None, at: datetime) -> bool:
    return binding is not None and (binding.expires_at is None or at < binding.expires_at)


def _step(now: Binding | None, by: Claim) -> tuple[Binding, Outcome, str]:
    """The binding after one claim, what became of the claim, and why."""
    if now is None or not _in_force(now, by.at):
        return _bound(by), "bound", "EXPIRED" if now else "FIRST"
    if by.distributor_id == now.distributor_id:
        return (_bound(by), "bound", "RENEWED") if by.takes_over else (now, "kept", "SAME_DISTRIBUTOR")
    if not by.takes_over:
        return now, "kept", "FIRST_BINDING_WINS"
    if now.protected_until and by.at < now.protected_until:
        return now, "refused", "PROTECTED"
    return _bound(by), "bound", "LAST_BINDING_WINS"


def ordered(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """The claims in the order in which they happened, each once; at the same instant in a fixed order of their content."""
    return tuple(sorted(set(claims), key=lambda claim: (claim.at, json.encode(claim, order="sorted"))))


def binding_at(claims: Iterable[Claim], at: datetime) -> Binding | None:
    """The binding in force at this instant, from every claim that had happened by then; None if there is none."""
    now: Binding | None = None
    for each in ordered(claims):
        if each.at <= at:
            now, _, _ = _step(now, each)
    return now if _in_force(now, at) else None


def outcome(claims: Iterable[Claim], mine: Claim) -> tuple[Outcome, str]:
    """What became of one claim among the others, and why (a code for the reader)."""
    now: Binding | None = None
    became: dict[Claim, tuple[Outcome, str]] = {}
    for each in ordered([*claims, mine]):
        now, result, reason = _step(now, each)
        became[each] = (result, reason)
    return became[mine]
