"""Payouts in several hands: workers at once or gone, answers and news that cross. Each is sent, and counts, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Conflict
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.follow_payout import follow_payout
from chalicelib.flows.retry_payout import retry_payout
from chalicelib.flows.submit_payout import LEASE, submit_payout
from chalicelib.rails.rail import Answer, Verdict
from chalicelib.settings import settings
from chalicelib.store import payment_names, payouts
from tests.flows.money_out import NOW, balance, check_books, rows
from tests.flows.stripe_wire import (
    GROSS,
    LAG,
    MINUTE,
    NO_MONEY,
    NOT_FOUND,
    Wire,
    approved,
    contradictions,
    found,
    lost,
    made,
    open_rails,
    out,
    states,
    transfer,
)


@pytest.fixture(autouse=True)
def rails(tables: Any) -> None:
    open_rails()


def test_a_refusal_proves_nothing_while_an_earlier_request_may_still_be_carried_out() -> None:
    """Sent twice because nobody knew: that there is no money for the second says nothing of the first."""
    payout_id = approved()
    lost(payout_id)
    refused = out(payout_id, Wire(NOT_FOUND, NO_MONEY), LAG)
    assert refused and refused.state == "unknown"
    assert balance("d_1", "USD")["available"] == 0

    done = out(payout_id, Wire(found(transfer(payout_id))), 2 * LAG)

    assert done and done.state == "paid"
    check_books()


def test_a_slow_worker_s_refusal_proves_nothing_when_another_has_sent_since() -> None:
    payout_id = approved()

    def meanwhile() -> Answer:
        other = out(payout_id, Wire(NOT_FOUND, None), LEASE)
        assert other and other.state == "unknown"
        return NO_MONEY

    done = out(payout_id, Wire(meanwhile))

    assert done and done.state == "unknown"
    assert balance("d_1", "USD")["in_flight"] == GROSS


def test_a_slow_worker_sends_the_same_as_the_one_who_took_over() -> None:
    payout_id, other = approved(), Wire(NOT_FOUND, None)

    def meanwhile() -> Answer:
        assert out(payout_id, other, LEASE)
        return made(payout_id)

    slow = Wire(meanwhile)
    done = out(payout_id, slow)

    assert done and done.state == "paid"
    assert slow.paid == other.paid
    check_books()


@pytest.mark.parametrize("news", ["paid", "returned"])
def test_news_may_come_before_the_answer(news: Any) -> None:
    payout_id = approved()

    def first() -> Answer:
        follow_payout(payouts.existing(payout_id), Verdict(news, "tr_1"), "connection:stripe", NOW)
        return made(payout_id)

    done = out(payout_id, Wire(first))

    assert done and done.state == news
    assert states(payout_id) == ["approved", "submitting", "submitted", news]
    check_books()


def test_news_twice_and_late_and_out_of_order_count_once() -> None:
    payout_id = approved()
    out(payout_id, Wire(made(payout_id)))
    for said in ("submitted", "paid", "returned", "paid", "awaiting_recipient", "returned", "submitted"):
        follow_payout(payouts.existing(payout_id), Verdict(said, "tr_1"), "connection:stripe", NOW)  # type: ignore

    assert states(payout_id) == ["approved", "submitting", "submitted", "paid", "returned"]
    assert balance("d_1", "USD") == {"available": GROSS, "in_flight": 0, "paid": 0}
    check_books()


def test_paid_after_it_failed_is_an_alarm_and_moves_nothing() -> None:
    payout_id = approved()
    out(payout_id, Wire(NO_MONEY))
    assert contradictions() == []

    after = follow_payout(payouts.existing(payout_id), Verdict("paid", "tr_1"), "connection:stripe", NOW)

    assert after.state == "failed"
    assert contradictions() == ["payout.contradicted: failed to paid"]
    assert balance("d_1", "USD") == {"available": GROSS, "in_flight": 0, "paid": 0}
    check_books()


def test_that_what_failed_came_back_is_no_contradiction() -> None:
    """Wise cancels a transfer first, and refunds it later."""
    payout_id = approved()
    out(payout_id, Wire(NO_MONEY))

    after = follow_payout(payouts.existing(payout_id), Verdict("returned", "tr_1"), "connection:stripe", NOW)

    assert (after.state, contradictions()) == ("failed", [])
    check_books()


def test_two_workers_send_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second comes while the first is about to claim, and again while it waits for the answer."""
    payout_id, name, other = approved(), payment_names.name, Wire(None)

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(payment_names, "name", name)
        assert out(payout_id, other)
        return name(*arguments)

    monkeypatch.setattr(payment_names, "name", meanwhile)
    assert out(payout_id, Wire()) is None
    assert len(other.paid) == 1

    second = approved("d_2")
    wire = Wire(lambda: made(second) if out(second, Wire(), LEASE - MINUTE) is None else None)
    done = out(second, wire)
    assert done and done.state == "paid"
    check_books()


def test_a_worker_that_vanished_is_waited_for_and_then_taken_for_a_lost_answer() -> None:
    payout_id = approved()
    with pytest.raises(ZeroDivisionError):
        out(payout_id, Wire(ZeroDivisionError()))
    assert states(payout_id) == ["approved", "submitting"]
    assert out(payout_id, Wire(), LEASE - timedelta(seconds=1)) is None

    done = out(payout_id, Wire(NOT_FOUND, made(payout_id)), LEASE)

    assert done and done.state == "paid"
    assert states(payout_id) == ["approved", "submitting", "unknown", "paid"]
    check_books()


def test_staff_may_ask_again_but_not_for_what_is_over_or_not_approved(monkeypatch: pytest.MonkeyPatch) -> None:
    payout_id, wire = approved(), Wire(None, NOT_FOUND)
    monkeypatch.setattr(
        "chalicelib.flows.retry_payout.submit_payout", lambda which, now: submit_payout(which, now, wire)
    )

    assert [retry_payout(payout_id, "staff:1", NOW).state for _ in range(2)] == ["unknown", "unknown"]
    assert len(wire.paid) == 1
    out(payout_id, Wire(found(transfer(payout_id))))
    waiting = approved("d_2")
    decide_payout(waiting, "rejected", "staff:checker", NOW)
    for over in (payout_id, waiting):
        with pytest.raises(Conflict):
            retry_payout(over, "staff:1", NOW)
    assert len([row for row in rows(settings().audit_table) if row["action"] == "payout.retry"]) == 2
