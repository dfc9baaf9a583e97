"""What the simulated providers did with our money against what our books say of it: to the last minor unit."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from chalicelib.domain import accounts
from chalicelib.domain.payouts import BACK, Payout
from chalicelib.flows import verify
from chalicelib.rails import wise
from chalicelib.rails.rail import NAMES
from chalicelib.settings import settings
from chalicelib.store import keys, proof, sealed

if TYPE_CHECKING:
    from tests.rails.chaos import Chaos


def check(chaos: Chaos) -> Counter[str]:
    """How many payouts ended in each state. Raises `AssertionError` with what is wrong."""
    made = {payout.id: payout for payout in proof.paid_out()[0]}
    assert made.keys() == chaos.payouts.keys()
    for payout in made.values():
        _ended(payout)
    _as_the_providers_say(chaos, made)
    _nothing_is_missing(chaos, made)
    with patch.object(verify, "_LONGEST_SECONDS", 1e9):
        proved = verify.verify(chaos.simulator.now)
    # The money to begin with comes from an account that no payout accounts for.
    wrong = [each for each in proved.mismatches if not each.account.startswith("bank:shop:")]
    assert (wrong, set(proved.imbalance.values())) == ([], {0})
    contradicted = [record for record in rows_of(settings().audit_table) if "contradicted" in record["action"]]
    assert not contradicted, contradicted
    return Counter(payout.state for payout in made.values())


def rows_of(table: str) -> list[dict[str, Any]]:
    return list(proof._scan(table))


def _ended(payout: Payout) -> None:
    assert payout.state in BACK | {"paid", "manual_review"}, payout
    if payout.state == "manual_review":
        assert payout.history[-1].reason, payout
    entered = [step.to for step in payout.history]
    assert len(entered) == len(set(entered)) and payout.attempts <= 1, payout


def _as_the_providers_say(chaos: Chaos, made: dict[str, Payout]) -> None:
    """Under each key at most one payment was ever made; it reached its payee if, and only if, the books say so."""
    names = {_name(payout): payout for payout in made.values() if payout.key}
    paid: Counter[tuple[str, str, str]] = Counter()
    for rail in NAMES:
        books = chaos.simulator.provider(rail).books
        known = Counter(payment.key for payment in books.payments)
        assert max(known.values(), default=1) == 1, known.most_common(3)
        there = {payment.key: payment for payment in books.payments if payment.place == "paid"}
        assert not [payment for payment in books.payments if payment.place == "reserved"]
        for key, payment in there.items():
            payout = names[rail, key]
            account = sealed.readable(payout).method["account"]
            said = (payment.account, payment.currency, payment.amount)
            assert (payout.state, account, payout.currency, payout.net) == ("paid", *said), (payout, payment)
            paid[rail, payment.account, payment.currency] += payment.amount
        for (of, key), payout in names.items():
            assert of != rail or payout.state != "paid" or key in there, payout
    booked: Counter[tuple[str, str, str]] = Counter()
    for payout in made.values():
        if payout.state == "paid":
            booked[payout.rail, sealed.readable(payout).method["account"], payout.currency] += payout.net
    assert paid == booked


def _name(payout: Payout) -> tuple[str, str]:
    key = payout.key or ""
    return payout.rail, str(wise.transaction_id(key)) if payout.rail == "wise" else key


def _nothing_is_missing(chaos: Chaos, made: dict[str, Payout]) -> None:
    """What everybody earned is available, in flight or paid; the accounts of the rails are what the providers hold."""
    held: dict[str, int] = {}
    totals: dict[str, int] = defaultdict(int)
    for row in rows_of(settings().ledger_table):
        if row["at"] == keys.BALANCE:
            held[row["account"]] = sum(row.get(name, 0) for name in ("available", "in_flight", "paid"))
        elif row["at"].startswith("DAY#"):
            totals[row["account"]] += row["amount"]
    assert held == {accounts.distributor(*whose): amount for whose, amount in chaos.earned.items()}
    in_review: Counter[tuple[str, str]] = Counter()
    for payout in made.values():
        if payout.state == "manual_review":
            in_review[payout.rail, payout.currency] += payout.net
    for rail in NAMES:
        books = chaos.simulator.provider(rail).books
        for currency in books.topped_up:
            assert totals[accounts.bank(rail, currency)] == books.topped_up[currency] - books.held(currency)
            assert totals[accounts.clearing(rail, currency)] == in_review[rail, currency]
