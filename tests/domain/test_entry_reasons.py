"""Why a line of a statement is there, step by step. The sentences are the API's."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain.accounts import distributor
from chalicelib.domain.entry_reasons import entry_reasons
from chalicelib.domain.orders import Dispute, Facts, Order, Payment, Refund, Written
from chalicelib.domain.plans import Match, Override, Rule
from chalicelib.domain.terms import Beneficiary
from tests.domain.builders import at, facts, line, order, paid, plan, terms


def entry(amount: int = 1000, level: str = "direct", to: str = "pending", **more: Any) -> dict[str, Any]:
    given = {
        "account": distributor("ann", "CNY"),
        "kind": "reversal" if amount < 0 else "commission",
        "level": level,
        "amount": amount,
        "day": "2026-03-01",
        "hold_days": 15,
        "to": to,
        "order_id": "o-1",
        "revision": 1,
        "happened_at": "2026-03-01T00:00:00.000000Z",
    }
    return given | more


def steps(image: Order | None = None, **more: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(reason.code, reason.params) for reason in entry_reasons(entry(**more), image)]


def codes(image: Order | None = None, **more: Any) -> list[str]:
    return [code for code, _ in steps(image, **more)]


EARNED = {"amount": 1000, "of": "o-1"}
HOLD = {"day": "2026-03-01", "days": 15, "matures_on": "2026-03-16"}


def test_commission_is_on_hold_or_available_at_once() -> None:
    assert steps() == [("ENTRY_EARNED_DIRECT", EARNED), ("HOLD", HOLD)]
    assert steps(level="indirect", to="available") == [("ENTRY_EARNED_INDIRECT", EARNED), ("AVAILABLE_AT_ONCE", {})]
    assert codes(day="HELD") == ["ENTRY_EARNED_DIRECT", "HELD"]


def test_a_reversal_takes_back_from_where_the_money_waits() -> None:
    from_hold = ("FROM_HOLD", {"day": "2026-03-01", "matures_on": "2026-03-16"})
    assert steps(amount=-1000) == [("ENTRY_TAKEN_BACK_DIRECT", EARNED), from_hold]
    assert codes(amount=-1, level="indirect", to="available") == ["ENTRY_TAKEN_BACK_INDIRECT", "FROM_AVAILABLE"]
    assert codes(amount=-1, day="HELD") == ["ENTRY_TAKEN_BACK_DIRECT", "FROM_HELD"]


def test_what_only_counts_says_so() -> None:
    assert steps(amount=0) == [("ENTRY_COUNTED", {"amount": 0, "of": "o-1"})]


@pytest.mark.parametrize("kind", ["payout", "payout_returned"])
def test_a_payout_says_so(kind: str) -> None:
    line_of = {"kind": kind, "amount": -5000, "payout_id": "po_1", "to": "available"}
    assert [(r.code, r.params) for r in entry_reasons(line_of, None)] == [
        (f"ENTRY_{kind.upper()}", {"amount": 5000, "of": "po_1"})
    ]


def test_the_rule_is_told_as_long_as_the_order_is_still_theirs() -> None:
    general = ("RULE_GENERAL_RATE", {"detail": "", "percent": "10"})
    mine = order(paid(line(10_000)))

    assert steps(mine)[-2:] == [general, ("HOLD", HOLD)]
    assert codes(mine, amount=-5) == ["ENTRY_TAKEN_BACK_DIRECT", "FROM_HOLD"]
    assert steps(mine, account=distributor("bob", "CNY"), level="indirect")[-2][1]["percent"] == "3"
    for other in (
        order(paid(line(10_000)), terms(direct=Beneficiary(distributor_id="cas"))),
        order(paid(line(10_000)), terms(direct=None)),
        Order(facts=facts(), revision=1, recorded_at=at(0)),
    ):
        assert codes(other) == ["ENTRY_EARNED_DIRECT", "HOLD"]


def test_the_same_rule_is_told_once_and_many_are_counted() -> None:
    skus = tuple(Override(match=Match(sku=f"s{i}"), direct=Rule(rate=f"0.{i + 1}")) for i in range(5))
    lines = [line(1000, f"{i}", sku=f"s{i}") for i in range(5)]

    def rules(*of: Any) -> list[tuple[str, dict[str, Any]]]:
        return [step for step in steps(order(paid(*of), terms(plan(overrides=skus)))) if step[0].startswith("RULE")]

    assert rules(*lines) == [("RULES_OF_LINES", {"rules": 5})]
    assert [step[1]["percent"] for step in rules(*lines[:3])] == ["10", "20", "30"]
    assert len(rules(line(1, "a", sku="s1"), line(2, "b", sku="s1"))) == 1


@pytest.mark.parametrize(
    ("of", "code", "params"),
    [
        ({"payments": {"p": Payment(amount=5, paid_at=at(3))}}, "CAUSE_PAYMENT", {"id": "p"}),
        ({"refunds": {"r": Refund(refunded_at=at(3), amount=5)}}, "CAUSE_REFUND", {"id": "r"}),
        ({"disputes": {"d": Dispute(at=at(3), amount=5, state="open")}}, "CAUSE_DISPUTE_OPEN", {"id": "d"}),
        ({"disputes": {"d": Dispute(at=at(3), amount=5, state="won")}}, "CAUSE_DISPUTE_WON", {"id": "d"}),
        ({"disputes": {"d": Dispute(at=at(3), amount=5, state="lost")}}, "CAUSE_DISPUTE_LOST", {"id": "d"}),
        ({"delivered_at": at(3)}, "CAUSE_DELIVERED", {}),
        ({"cancelled_at": at(3)}, "CAUSE_CANCELLED", {}),
    ],
)
def test_what_brought_it_about_is_the_fact_of_its_time(of: dict[str, Any], code: str, params: dict[str, str]) -> None:
    image = order(Facts(order_id="o-1", currency="CNY", **of))

    for amount in (-5, 0, 5):
        assert steps(image, amount=amount, happened_at=at(3).isoformat())[1] == (code, params)
        assert code not in codes(image, amount=amount, happened_at=at(4).isoformat())


def test_of_several_facts_of_one_time_one_is_told() -> None:
    both = {"payments": {"p": Payment(amount=5, paid_at=at(3))}, "refunds": {"r": Refund(refunded_at=at(3), amount=5)}}
    image = order(Facts(order_id="o-1", currency="CNY", **both))

    assert codes(image, happened_at=at(3).isoformat())[1:-1] == ["CAUSE_REFUND"]


def test_what_has_no_fact_of_its_time_was_a_decision_of_staff() -> None:
    image = Order(
        facts=paid(line(10_000)),
        terms=terms(because="staff"),
        revision=2,
        recorded_at=at(5),
        former=("cas",),
        written=(Written(revision=1, at=at(1)), Written(revision=2, at=at(5))),
    )

    assert "CAUSE_ATTRIBUTED" in codes(image, revision=2, happened_at=at(5).isoformat())
    assert "CAUSE_ATTRIBUTED" not in codes(image, revision=1, happened_at=at(5).isoformat())
    assert "CAUSE_ATTRIBUTED" not in codes(image, revision=2, happened_at=at(4).isoformat())
    assert "CAUSE_ATTRIBUTED" not in codes(order(paid(line(1)), revision=1), happened_at=at(31).isoformat())


def test_a_fact_of_a_clock_that_is_ahead_is_still_the_cause() -> None:
    ahead = order(facts(line(1000), payments={"p-1": Payment(amount=1000, paid_at=at(9))}), terms())
    recorded = structs.replace(ahead, written=(Written(revision=1, at=at(0)),), former=("cas",))
    happened = at(0).isoformat()

    assert "CAUSE_PAYMENT" in codes(recorded, happened_at=happened)
    assert "CAUSE_ATTRIBUTED" not in codes(recorded, happened_at=happened)
