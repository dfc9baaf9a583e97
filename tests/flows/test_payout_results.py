"""The bank's answers: each counts once, in any order, and a contradiction moves no money."""

from itertools import permutations
from typing import Any

import pytest

from chalicelib.domain.payouts import key_of
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.report_results import Reported, Result, report_results
from chalicelib.observe import logger
from chalicelib.settings import settings
from chalicelib.store import payouts
from tests.flows.money_out import (
    METHOD,
    NOW,
    RUN,
    all_payouts,
    approved,
    asked,
    balance,
    check_books,
    earned,
    joined,
    rows,
    run,
)

pytestmark = pytest.mark.usefixtures("cloud")
PAYOUT = f"po_{RUN}_d_1_CNY"
PAID = Result(payout_id=PAYOUT, outcome="paid", reference="B1")
FAILED = Result(payout_id=PAYOUT, outcome="failed", reason="account closed")
RETURNED = Result(payout_id=PAYOUT, outcome="returned", reason="wrong name")
ALL_BACK = {"available": 5000, "in_flight": 0, "paid": 0}


@pytest.fixture
def alarms(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    raised: list[Any] = []
    monkeypatch.setattr(logger, "error", lambda *_, extra: raised.append(extra["alarm"]))
    return raised


@pytest.fixture
def submitted(cloud: None) -> None:
    earned(joined("d_1"), 5000)
    run()


def report(*results: Result) -> list[tuple[str, str | None, str | None]]:
    return [(one.result, one.state, one.reason) for one in report_results(results, "staff:finance", NOW)]


@pytest.mark.usefixtures("submitted")
def test_what_the_bank_paid_is_paid(alarms: list[Any]) -> None:
    assert report(PAID) == [("moved", "paid", None)]

    payout = payouts.existing(PAYOUT)
    assert (payout.state, payout.reference, payout.history[-1].by) == ("paid", "B1", "staff:finance")
    assert balance("d_1") == {"available": 0, "in_flight": 0, "paid": 5000}
    assert [record["action"] for record in rows(settings().audit_table)] == ["payout.paid"]
    assert alarms == []
    check_books()


@pytest.mark.usefixtures("submitted")
@pytest.mark.parametrize("results", [[FAILED], [RETURNED], [PAID, RETURNED]], ids=["failed", "returned", "paid then"])
def test_what_comes_back_is_put_back_once(results: list[Result], alarms: list[Any]) -> None:
    report(*results)
    assert balance("d_1") == ALL_BACK

    assert report(*results) == [("already", results[-1].outcome, None)] * len(results)

    assert balance("d_1") == ALL_BACK
    assert alarms == []
    check_books()


@pytest.mark.usefixtures("submitted")
def test_the_same_answer_twice_in_one_report_counts_once() -> None:
    assert report(FAILED, FAILED) == [("moved", "failed", None), ("already", "failed", None)]
    assert balance("d_1") == ALL_BACK
    check_books()


@pytest.mark.usefixtures("submitted")
def test_failed_and_then_paid_is_an_alarm_and_nothing_else(alarms: list[Any]) -> None:
    report(FAILED)
    before = all_payouts()

    assert report(PAID) == [("refused", "failed", "PAYOUT_STATE")]

    assert alarms == ["PAYOUT_STATE"]
    assert (all_payouts(), balance("d_1")) == (before, ALL_BACK)
    check_books()


@pytest.mark.usefixtures("submitted")
def test_paid_under_two_references_is_an_alarm(alarms: list[Any]) -> None:
    report(PAID)

    twice = Result(payout_id=PAYOUT, outcome="paid", reference="B2")

    assert report(twice) == [("refused", "paid", "RESULT_DIFFERS")]
    assert alarms == ["RESULT_DIFFERS"]
    assert payouts.existing(PAYOUT).reference == "B1"
    check_books()


def test_in_whatever_order_and_however_often_they_come_no_money_is_lost() -> None:
    for i in range(6):
        earned(joined(f"d_{i}"), 5000)
    run()
    for i, order in enumerate(permutations([PAID, FAILED, RETURNED])):
        named = [
            Result(payout_id=f"po_{RUN}_d_{i}_CNY", outcome=each.outcome, reference=each.reference) for each in order
        ]
        report(*named, *named)
        kept = balance(f"d_{i}")
        assert kept == ALL_BACK, order
    check_books()


def test_an_answer_for_what_the_bank_has_not_got_is_refused(alarms: list[Any]) -> None:
    """A payout whose file is not finished could still be paid: putting its money back now would pay it twice."""
    earned(joined("d_1"), 5000)
    waiting, ready, joining = asked("d_1", 100).id, approved("d_1", 200), approved("d_1", 300)
    gone = asked("d_1", 400).id
    decide_payout(gone, "rejected", "staff:checker", NOW)
    assert payouts.move(payouts.existing(joining), "submitting", at=NOW, by="run:x")
    before = all_payouts()

    for payout_id, state in [(waiting, "requested"), (ready, "approved"), (joining, "submitting"), (gone, "rejected")]:
        for result in (PAID, FAILED, RETURNED):
            one = Result(payout_id=payout_id, outcome=result.outcome)
            assert report(one) == [("refused", state, "PAYOUT_STATE")]

    assert all_payouts() == before
    assert len(alarms) == 12
    check_books()


def api_payout(*states: str) -> str:
    """A payout through a rail that is called over HTTP, as far as these states."""
    earned(joined("d_1", {"card": {**METHOD, "rail": "paypal", "account": "d@shop.example"}}), 5000)
    payout = payouts.existing(approved("d_1"))
    for state in states:
        instructed = ("c", key_of(payout.id, 1), "sealed") if state == "submitting" else None
        moved = payouts.move(payout, state, at=NOW, by="rail", instructed=instructed)  # type: ignore[arg-type]
        assert moved
        payout = moved
    return payout.id


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ((), "PAYOUT_STATE"),
        (("submitting",), "PAYOUT_STATE"),
        (("submitting", "unknown"), "RAIL_ANSWERS"),
        (("submitting", "submitted"), "RAIL_ANSWERS"),
        (("submitting", "submitted", "awaiting_recipient"), "RAIL_ANSWERS"),
    ],
)
def test_a_rail_that_is_called_answers_for_itself(states: tuple[str, ...], code: str, alarms: list[Any]) -> None:
    """Were its payout failed by staff's word while it is being sent, it would be paid twice."""
    payout_id, state = api_payout(*states), states[-1] if states else "approved"
    before = all_payouts()

    for outcome in ("paid", "failed", "returned"):
        assert report(Result(payout_id=payout_id, outcome=outcome)) == [("refused", state, code)]

    assert (all_payouts(), alarms) == (before, [code] * 3)
    check_books()


def test_only_the_rail_itself_sends_back_what_it_has_paid(alarms: list[Any]) -> None:
    payout_id = api_payout("submitting", "submitted", "paid")

    assert report(Result(payout_id=payout_id, outcome="returned")) == [("refused", "paid", "RAIL_ANSWERS")]
    assert report(Result(payout_id=payout_id, outcome="paid")) == [("already", "paid", None)]
    check_books()


@pytest.mark.parametrize(("outcome", "back"), [("paid", False), ("failed", True)])
def test_what_is_left_to_people_they_decide(outcome: Any, back: bool, alarms: list[Any]) -> None:
    payout_id = api_payout("submitting", "unknown", "manual_review")

    assert report(Result(payout_id=payout_id, outcome="returned")) == [("refused", "manual_review", "PAYOUT_STATE")]
    assert report(Result(payout_id=payout_id, outcome=outcome)) == [("moved", outcome, None)]

    assert balance("d_1") == (ALL_BACK if back else {"available": 0, "in_flight": 0, "paid": 5000})
    check_books()


@pytest.mark.usefixtures("submitted")
def test_one_bad_answer_does_not_hold_up_the_others(alarms: list[Any]) -> None:
    unknown = Result(payout_id="po_nothing", outcome="paid")

    assert report_results([unknown, PAID], "staff:finance", NOW) == [
        Reported(payout_id="po_nothing", result="refused", state=None, reason="NOT_FOUND"),
        Reported(payout_id=PAYOUT, result="moved", state="paid"),
    ]
    assert alarms == ["NOT_FOUND"]
