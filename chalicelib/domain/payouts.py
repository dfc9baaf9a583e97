"""The states of a payout and what each step does to the money (DESIGN.md, "Money out")."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from hashlib import sha256
from typing import Literal

from msgspec import Struct, field, structs

from chalicelib.domain.errors import Conflict, Fault
from chalicelib.domain.money import rounded

State = Literal[
    "requested",
    "approved",
    "rejected",
    "submitting",
    "unknown",
    "submitted",
    "awaiting_recipient",
    "paid",
    "failed",
    "returned",
    "manual_review",
]

NEXT: dict[State, frozenset[State]] = {
    "requested": frozenset({"approved", "rejected"}),
    "approved": frozenset({"submitting", "rejected"}),
    "submitting": frozenset({"submitted", "unknown", "failed"}),
    "unknown": frozenset({"submitted", "paid", "failed", "manual_review"}),
    "manual_review": frozenset({"submitted", "paid", "failed"}),
    "submitted": frozenset({"awaiting_recipient", "paid", "failed", "returned"}),
    "awaiting_recipient": frozenset({"paid", "returned"}),
    "paid": frozenset({"returned"}),
    "rejected": frozenset(),
    "failed": frozenset(),
    "returned": frozenset(),
}
INSTRUCTED: frozenset[State] = frozenset({"unknown", "manual_review", "submitted", "awaiting_recipient", "paid"})
"""The states in which the rail has, or may have, our instruction: only then can it have an answer."""
BACK: frozenset[State] = frozenset({"rejected", "failed", "returned"})
"""The states that put the money back, exactly once: nothing leads out of them."""
UNFINISHED: frozenset[State] = frozenset(state for state in NEXT if state not in BACK | {"paid"})


class Effect(Struct, frozen=True, kw_only=True):
    """What a step adds to the payee's BALANCE and to the system accounts, in units of gross, net, tax and fee.

    Every effect sums to zero over distributor, clearing, bank, tax and fees: `in_flight` and `paid` only say where the
    money is that has left the distributor's account.
    """

    available: int = 0
    in_flight: int = 0
    paid: int = 0
    clearing: int = 0
    bank: int = 0
    tax: int = 0
    fees: int = 0


class Amounts(Struct, frozen=True, kw_only=True):
    """Minor units: `gross` leaves the account; `fee` and `tax` are kept back; `net` reaches the payee."""

    gross: int
    fee: int
    tax: int

    @property
    def net(self) -> int:
        return self.gross - self.fee - self.tax


def amounts(gross: int, fee_rate: str, tax: int = 0) -> Amounts:
    """The fee is rounded half up once; tax comes from its own rules."""
    return Amounts(gross=gross, fee=rounded(Fraction(fee_rate) * gross, "half_up"), tax=tax)


def reserved(of: Amounts) -> Effect:
    """Asking for a payout: the gross amount leaves `available` and waits in the rail's clearing account."""
    return Effect(available=-of.gross, in_flight=of.gross, clearing=of.net, tax=of.tax, fees=of.fee)


def moved(state: State, to: State, of: Amounts) -> Effect:
    """What going from one state to another does. Raises `Conflict` for a step that is not in `NEXT`."""
    if to not in NEXT[state]:
        raise Conflict("PAYOUT_STATE", Fault("state", "PAYOUT_STATE", {"state": state, "to": to}), state=state, to=to)
    if to == "paid":
        return Effect(in_flight=-of.gross, paid=of.gross, clearing=-of.net, bank=of.net)
    if to not in BACK:
        return Effect()
    if state == "paid":
        return Effect(available=of.gross, paid=-of.gross, bank=-of.net, tax=-of.tax, fees=-of.fee)
    return Effect(available=of.gross, in_flight=-of.gross, clearing=-of.net, tax=-of.tax, fees=-of.fee)


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a payout's history. `start` (in JSON `from`) is None where the payout began."""

    at: datetime
    start: State | None = field(default=None, name="from")
    to: State
    by: str
    reason: str | None = None
    reference: str | None = None


class Payout(Struct, frozen=True, kw_only=True):
    """Money on its way to a distributor. `method` is the payout method as it was when the payout was made; `country`
    whose tax rules apply; `run_id` and `file` the one run and file that it joined; `reference` the rail's own name for
    it. `tax_month` (`2026-11`): the month in whose running totals it stands, if its tax depends on any. `connection_id`:
    through which it is submitted; `key` what the rail knows its instruction by, and `sent` that
    instruction's body, to be sent again as it is. `trace` is the correlation id of the request that asked for it. No state
    is ever entered twice, so a state is also a version."""

    id: str
    distributor_id: str
    country: str
    currency: str
    gross: int
    fee: int
    tax: int
    rail: str
    method: dict[str, str]
    state: State
    history: tuple[Step, ...]
    requested_by: str
    created_at: datetime
    attempts: int = 0
    run_id: str | None = None
    file: str | None = None
    reference: str | None = None
    tax_month: str | None = None
    connection_id: str | None = None
    key: str | None = None
    sent: str | None = None
    trace: str | None = None

    @property
    def amounts(self) -> Amounts:
        return Amounts(gross=self.gross, fee=self.fee, tax=self.tax)

    @property
    def net(self) -> int:
        return self.amounts.net


Said = Literal["submitted", "awaiting_recipient", "paid", "failed", "returned"]
"""What a rail can say of a payout."""
_UNSURE: frozenset[State] = frozenset({"submitting", "unknown", "manual_review"})
_OLDER: dict[State, frozenset[State]] = {
    "awaiting_recipient": frozenset({"submitted"}),
    "paid": frozenset({"submitted", "awaiting_recipient"}),
    "failed": frozenset({"submitted", "awaiting_recipient", "returned"}),
    "returned": frozenset({"submitted", "awaiting_recipient", "paid", "failed"}),
}
"""What may be heard late, after the state that followed it; and that what failed came back says nothing new."""


def steps_to(state: State, said: Said) -> tuple[State, ...] | None:
    """The steps that a rail's word leads through from a state: none where it was known, or is older than what is known;
    None where it contradicts what is known, or the rail cannot have been instructed yet."""
    if said == state or said in _OLDER.get(state, ()):
        return ()
    if state == "awaiting_recipient" and said == "failed":
        return ("returned",)  # the recipient let it expire
    if said in NEXT[state]:
        return (said,)
    if state in _UNSURE and said in NEXT["submitted"]:
        return ("submitted", said)
    return None


def key_of(payout_id: str, attempt: int) -> str:
    """What a rail knows an attempt at a payout by: 28 capital letters and digits, the same for ever, fit for every rail
    (WeChat Pay takes 32, pain.001 35)."""
    return f"FR{sha256(payout_id.encode()).hexdigest()[:24].upper()}{attempt:02d}"


def worth_paying(of: Amounts, minimum: int) -> bool:
    """Whether the gross amount reaches the minimum (at least one minor unit) and something is left for the payee."""
    return of.gross >= max(minimum, 1) and of.net >= 1


def stepped(
    payout: Payout, to: State, *, at: datetime, by: str, reason: str | None = None, reference: str | None = None
) -> Payout:
    """The payout one step on, with the step in its history. Raises `Conflict` for a step that is not in `NEXT`."""
    moved(payout.state, to, payout.amounts)
    step = Step(at=at, start=payout.state, to=to, by=by, reason=reason, reference=reference)
    return structs.replace(
        payout,
        state=to,
        history=(*payout.history, step),
        attempts=payout.attempts + (to == "submitting"),
        reference=reference or payout.reference,
    )
