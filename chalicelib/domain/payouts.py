"""The states of a payout and what each step does to the money (DESIGN.md, "Money out")."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from msgspec import Struct

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
