"""A payout on its way to its rail, step by step: what is sent, when, and where each answer leads."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain.deliveries import ConnectionSettings
from chalicelib.domain.errors import Busy, Conflict, Refused
from chalicelib.domain.payouts import Payout, key_of
from chalicelib.flows.connections import delete_connection, put_connection
from chalicelib.flows.follow_payout import follow_payout
from chalicelib.flows.retry_payout import retry_payout
from chalicelib.rails import paypal, stripe
from chalicelib.rails.rail import Answer, Verdict
from chalicelib.schedules import submit as schedule
from chalicelib.settings import settings
from chalicelib.store import payment_names, payouts, sealed
from tests.flows.money_out import NOW, balance, check_books, plan, rows
from tests.flows.stripe_wire import (
    ACCOUNT,
    BROKEN,
    GROSS,
    LAG,
    MINUTE,
    NO_MONEY,
    NOT_FOUND,
    Wire,
    answer,
    approved,
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


def test_it_is_claimed_with_what_is_sent_before_it_is_sent() -> None:
    payout_id, seen = approved(), list[Payout]()

    def look() -> Answer:
        seen.append(payouts.existing(payout_id))
        return made(payout_id)

    wire = Wire(look)
    done = out(payout_id, wire)

    assert done and (done.state, done.reference) == ("paid", "tr_1")
    claimed = seen[0]
    assert (claimed.state, claimed.key, claimed.connection_id, claimed.attempts) == (
        "submitting",
        key_of(payout_id, 1),
        "stripe",
        1,
    )
    assert sealed.opened("d_1", claimed.sent or "") == wire.sent[0].body
    assert ACCOUNT not in json.dumps(rows(settings().payouts_table), default=str)
    assert payment_names.ask("rail:stripe", key_of(payout_id, 1), "inbox") == payout_id
    assert payment_names.ask("rail:stripe", "tr_1", "inbox") == payout_id
    assert states(payout_id) == ["approved", "submitting", "submitted", "paid"]
    assert balance("d_1", "USD") == {"available": 0, "in_flight": 0, "paid": GROSS}
    check_books()


def test_a_lost_answer_is_asked_for_and_nothing_is_sent_again() -> None:
    payout_id = approved()
    lost(payout_id)
    wire = Wire(found(transfer(payout_id)))

    done = out(payout_id, wire, LAG)

    assert done and done.state == "paid"
    assert not wire.paid
    check_books()


def test_what_the_rail_does_not_know_is_sent_again_to_the_byte() -> None:
    payout_id = approved()
    first = lost(payout_id)
    again = Wire(NOT_FOUND, None)
    assert out(payout_id, again, LAG)
    plan(fee_rate="0.5", rails={"stripe": "another"})
    last = Wire(NOT_FOUND, made(payout_id))

    done = out(payout_id, last, LAG + 5 * MINUTE)

    assert done and done.state == "paid"
    assert first.paid == again.paid == last.paid
    assert len({(each.path, each.key, each.body) for each in (*first.paid, *last.paid)}) == 1
    assert first.paid[0].headers["Idempotency-Key"] == last.paid[0].headers["Idempotency-Key"]
    assert states(payout_id) == ["approved", "submitting", "unknown", "paid"]
    check_books()


def test_not_found_proves_nothing_at_first() -> None:
    payout_id = approved()
    lost(payout_id)
    for after in (timedelta(), MINUTE, LAG - timedelta(seconds=1)):
        wire = Wire(NOT_FOUND)
        after_that = out(payout_id, wire, after)
        assert after_that and after_that.state == "unknown"
        assert not wire.paid


def test_with_its_key_expired_people_decide() -> None:
    payout_id = approved()
    lost(payout_id)
    assert stripe.ABOUT.key_lives
    last = out(payout_id, Wire(NOT_FOUND, BROKEN), stripe.ABOUT.key_lives - MINUTE)
    assert last and last.state == "unknown"
    wire = Wire(NOT_FOUND)

    done = out(payout_id, wire, stripe.ABOUT.key_lives)

    assert done and done.state == "manual_review"
    assert "expired" in (done.history[-1].reason or "")
    assert not wire.paid
    assert balance("d_1", "USD")["in_flight"] == GROSS
    later = Wire(NOT_FOUND)
    still = out(payout_id, later, timedelta(days=5))
    assert still and (still.state, later.paid) == ("manual_review", [])
    seen = out(payout_id, Wire(found(transfer(payout_id))), timedelta(days=6))
    assert seen and seen.state == "paid"
    check_books()


def test_what_the_rail_never_explains_goes_to_people_after_three_days() -> None:
    payout_id = approved()
    lost(payout_id)
    for days in (1, 2, 3):
        waiting = out(payout_id, Wire(BROKEN), timedelta(days=days))
        assert waiting and waiting.state == "unknown"

    done = out(payout_id, Wire(BROKEN), timedelta(days=3, minutes=1))

    assert done and (done.state, done.history[-1].reason) == ("manual_review", "api_error")


def test_a_refusal_gives_the_money_back_once() -> None:
    payout_id = approved()
    wire = Wire(NO_MONEY)

    done = out(payout_id, wire)

    assert done and (done.state, done.history[-1].reason) == ("failed", "balance_insufficient")
    assert balance("d_1", "USD") == {"available": GROSS, "in_flight": 0, "paid": 0}
    follow_payout(done, Verdict("failed"), "rail", NOW)
    assert out(payout_id, Wire(), LAG) is None
    with pytest.raises(Conflict):
        retry_payout(payout_id, "staff:1", NOW)
    assert balance("d_1", "USD")["available"] == GROSS
    check_books()


def test_without_a_connection_it_stays_approved() -> None:
    payout_id = approved()
    delete_connection("stripe", "staff:1", NOW)
    assert out(payout_id, Wire()) is None
    plan()
    assert out(payout_id, Wire()) is None
    assert states(payout_id) == ["approved"]


def test_what_a_rail_can_never_pay_is_rejected_before_anything_is_sent() -> None:
    payout_id = approved(currency="KWD", gross=GROSS + 1)

    assert out(payout_id, Wire()) is None

    gone = payouts.existing(payout_id)
    assert (gone.state, gone.history[-1].reason) == ("rejected", "TOO_MANY_DECIMALS")
    assert balance("d_1", "KWD") == {"available": GROSS + 1, "in_flight": 0, "paid": 0}
    check_books()


def test_without_a_token_nothing_was_sent_and_the_stored_instruction_goes_out_later() -> None:
    paypal._tokens.clear()
    secrets = {"client_id": ("client-1",), "client_secret": ("secret-1",)}
    put_connection("paypal", "paypal", secrets, ConnectionSettings(), "staff:1", NOW)
    payout_id = approved(rail="paypal", account="zhang3@example.com")
    for told, after, error in ((None, timedelta(), Busy), (answer(401, {}), timedelta(hours=1), Refused)):
        wire = Wire(told)
        with pytest.raises(error):
            out(payout_id, wire, after)
        assert [each.path for each in wire.sent] == ["/v1/oauth2/token"]
    assert states(payout_id) == ["approved", "submitting", "unknown"]
    header = {"sender_batch_id": key_of(payout_id, 1)}
    batch = {"payout_batch_id": "B1", "batch_status": "PENDING", "sender_batch_header": header}
    token = answer(200, {"access_token": "A21", "expires_in": 32400})
    wire = Wire(token, answer(201, {"batch_header": batch}))

    done = out(payout_id, wire, timedelta(hours=2))

    assert done and (done.state, done.reference) == ("submitted", "B1")
    assert wire.sent[1].body == sealed.opened("d_1", done.sent or "")


def test_a_rail_that_does_not_answer_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a round is for what nobody knows about; what is sent to a silent rail is three payouts."""
    down = [approved(f"d_{i}") for i in range(6)]
    up = approved("d_up", rail="paypal", account="zhang3@example.com")
    clock, dealt = [400.0], list[str]()

    def deal(payout_id: str, now: Any) -> Payout:
        dealt.append(payout_id)
        clock[0] -= 1 if payout_id == up else 60
        return structs.replace(payouts.existing(payout_id), state="paid" if payout_id == up else "unknown")

    monkeypatch.setattr(schedule, "submit_payout", deal)

    assert schedule.go_round(NOW, lambda: clock[0]) == schedule.Round(seen=7, moved=4, failed=0)
    assert (len(dealt), up in dealt) == (4, True)
    for payout_id in down:
        lost(payout_id)
    clock[0] = 400.0
    dealt.clear()
    schedule.go_round(NOW, lambda: clock[0])
    assert up in dealt
    assert len(dealt) == 5


def test_payouts_whose_fate_is_not_told_do_not_stop_those_that_are_to_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do those that can never be sent: the rail answers, only not about these."""
    for i in range(4):
        lost(approved(f"d_lost{i}"))
    refused, ready = [approved(f"d_no{i}") for i in range(4)], [approved(f"d_{i}") for i in range(2)]
    dealt: list[str] = []

    def deal(payout_id: str, now: Any) -> Payout:
        dealt.append(payout_id)
        if payout_id in refused:
            raise Refused("MISSING_SECRET")
        return payouts.existing(payout_id)

    monkeypatch.setattr(schedule, "submit_payout", deal)
    schedule.go_round(NOW, lambda: 1e9)

    assert {*refused, *ready} <= set(dealt)


def test_a_round_deals_with_everything_that_is_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be dealt with does not stop the others; what nobody knows comes first; time is kept."""
    first, second, third = approved("d_1"), approved("d_2"), approved("d_3")
    lost(second)
    dealt: list[str] = []

    def deal(payout_id: str, now: Any) -> Payout:
        dealt.append(payout_id)
        if payout_id == first:
            raise Busy("BUSY")
        return structs.replace(payouts.existing(payout_id), state="paid")

    monkeypatch.setattr(schedule, "submit_payout", deal)

    assert schedule.go_round(NOW, lambda: 1e9) == schedule.Round(seen=3, moved=2, failed=1)
    assert dealt[0] == second
    assert sorted(dealt) == sorted([first, second, third])
    assert schedule.go_round(NOW, lambda: 59) == schedule.Round(0, 0, 0)
