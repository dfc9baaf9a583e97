"""A payout on its way to its rail, step by step: what is sent, when, and where each answer leads."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain.deliveries import ConnectionSettings
from chalicelib.domain.errors import Busy, Conflict, Refused
from chalicelib.domain.payout_methods import PayoutMethod
from chalicelib.domain.payouts import BACK, Payout, key_of
from chalicelib.flows.connections import delete_connection, put_connection
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.follow_payout import follow_payout
from chalicelib.flows.retry_payout import retry_payout
from chalicelib.flows.submit_payout import LEASE, submit_payout
from chalicelib.rails import paypal, stripe
from chalicelib.rails.rail import Answer, Instruction, Verdict
from chalicelib.schedules import submit as schedule
from chalicelib.settings import settings
from chalicelib.store import payment_names, payouts, sealed
from tests.flows.money_out import NOW, asked, balance, check_books, earned, joined, plan, rows

pytestmark = pytest.mark.usefixtures("tables")

Said = Answer | None | Callable[[], Answer | None] | Exception
MINUTE, LAG = timedelta(minutes=1), stripe.ABOUT.lag
GROSS, NET = 5000, 4950
ACCOUNT = "acct_1"


class Wire:
    """Answers in their order what is sent; `paid` is what the rail was asked to pay, `sent` everything."""

    def __init__(self, *answers: Said) -> None:
        self.answers, self.sent = list(answers), list[Instruction]()

    def __call__(self, base_url: str, instruction: Instruction) -> Answer | None:
        self.sent.append(instruction)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    @property
    def paid(self) -> list[Instruction]:
        return [each for each in self.sent if each.method == "POST"]


@pytest.fixture(autouse=True)
def program(tables: Any) -> None:
    plan(fee_rate="0.01", rails={"stripe": "stripe", "paypal": "paypal"})
    put_connection("stripe", "stripe", {"api_key": ("sk_test_1",)}, ConnectionSettings(), "staff:1", NOW)


def approved(name: str = "d_1", rail: str = "stripe", currency: str = "USD", account: str = ACCOUNT) -> str:
    method = sealed.sealed_method(name, PayoutMethod(rail=rail, holder="Zhang San", account=account))  # type: ignore
    earned(joined(name, {"card": method}), GROSS, currency)
    return decide_payout(asked(name, currency=currency).id, "approved", "staff:checker", NOW).id


def answer(status: int, told: Any) -> Answer:
    return Answer(status, {}, json.dumps(told).encode())


def made(payout_id: str, **changes: Any) -> Answer:
    return answer(200, transfer(payout_id, **changes))


def transfer(payout_id: str, **changes: Any) -> dict[str, Any]:
    told = {
        "id": "tr_1",
        "object": "transfer",
        "amount": NET,
        "currency": "usd",
        "destination": ACCOUNT,
        "transfer_group": key_of(payout_id, 1),
    }
    return {**told, **changes}


def found(*transfers: dict[str, Any]) -> Answer:
    return answer(200, {"object": "list", "data": transfers, "has_more": False})


NOT_FOUND = found()
BROKEN = answer(500, {"error": {"type": "api_error"}})
NO_MONEY = answer(400, {"error": {"type": "invalid_request_error", "code": "balance_insufficient"}})


def states(payout_id: str) -> list[str]:
    return [step.to for step in payouts.existing(payout_id).history[1:]]


def out(payout_id: str, wire: Wire, after: timedelta = timedelta()) -> Payout | None:
    return submit_payout(payout_id, NOW + after, wire)


def lost(payout_id: str) -> Wire:
    """The payout was sent, and its answer never came."""
    wire = Wire(None)
    assert out(payout_id, wire)
    assert states(payout_id) == ["approved", "submitting", "unknown"]
    return wire


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


def contradictions() -> list[str]:
    return [row["action"] for row in rows(settings().audit_table) if "contradicted" in row["action"]]


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


def test_without_a_connection_it_stays_approved() -> None:
    payout_id = approved()
    delete_connection("stripe", "staff:1", NOW)
    assert out(payout_id, Wire()) is None
    plan()
    assert out(payout_id, Wire()) is None
    assert states(payout_id) == ["approved"]


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


def test_what_a_rail_can_never_pay_is_rejected_before_anything_is_sent() -> None:
    payout_id = approved(currency="KWD")
    assert out(payout_id, Wire()) is None or payouts.existing(payout_id).state == "paid"
    gone = payouts.existing(payout_id)
    assert (gone.state, gone.history[-1].reason) == ("rejected", "TOO_MANY_DECIMALS")
    assert balance("d_1", "KWD")["available"] == GROSS
    check_books()


def test_without_a_token_nothing_was_sent_and_the_stored_instruction_goes_out_later() -> None:
    paypal._tokens.clear()
    secrets = {"client_id": ("client-1",), "client_secret": ("secret-1",)}
    put_connection("paypal", "paypal", secrets, ConnectionSettings(), "staff:1", NOW)
    payout_id = approved(rail="paypal", account="zhang3@example.com")
    for refusal, after, error in ((None, timedelta(), Busy), (answer(401, {}), LEASE, Refused)):
        wire = Wire(refusal)
        with pytest.raises(error):
            # The second time it is not known yet that nothing was sent; nothing is there to be asked for either.
            out(payout_id, wire, after + paypal.ABOUT.lag if after else after)
        assert [each.path for each in wire.sent] == ["/v1/oauth2/token"]
    token = answer(200, {"access_token": "A21", "expires_in": 32400})
    batch = {
        "payout_batch_id": "B1",
        "batch_status": "PENDING",
        "sender_batch_header": {"sender_batch_id": key_of(payout_id, 1)},
    }
    wire = Wire(token, answer(201, {"batch_header": batch}))

    done = out(payout_id, wire, timedelta(hours=1))

    assert done and (done.state, done.reference) == ("submitted", "B1")
    assert wire.sent[1].body == sealed.opened("d_1", done.sent or "")


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


def test_staff_may_ask_again_at_any_time_but_not_for_what_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    payout_id = approved()
    assert "paid" not in BACK
    out(payout_id, Wire(made(payout_id)))

    with pytest.raises(Conflict):
        retry_payout(payout_id, "staff:1", NOW)
    with pytest.raises(Conflict):
        retry_payout(asked_only(), "staff:1", NOW)
    assert not [row for row in rows(settings().audit_table) if row["action"] == "payout.retry"]


def asked_only() -> str:
    method = sealed.sealed_method("d_9", PayoutMethod(rail="stripe", holder="L", account=ACCOUNT))
    earned(joined("d_9", {"card": method}), GROSS, "USD")
    return asked("d_9", currency="USD").id
