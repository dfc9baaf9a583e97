"""Stripe, PayPal and Wise against the simulated providers over real HTTP: whatever goes wrong, nobody is paid twice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.payouts import Payout, key_of
from chalicelib.rails import http, paypal, wise
from chalicelib.rails.rail import Instruction, rail
from tests.rails.paying import ACCOUNTS, BALANCE, RAILS, asked, connection, outcome, payout, pursued, submitted
from tests.rails.simulator import Simulator
from tests.rails.simulator.faults import TRANSPORT, Kind

MINUTES = timedelta(minutes=1)


def paid(simulator: Simulator, name: str) -> int:
    """What reached the payee, after every unit is found at one place."""
    books = simulator.provider(name).books
    reserved = sum(each.amount for each in books.payments if each.place == "reserved" and each.currency == "USD")
    reached = sum(simulator.paid_to(ACCOUNTS[name], "USD", name).values())
    assert books.available["USD"] + reserved == simulator.held(name, "USD") == books.topped_up["USD"] - reached
    return reached


@pytest.mark.parametrize("name", RAILS)
def test_a_payout_reaches_its_payee_once(simulator: Simulator, name: str) -> None:
    said = [each for _, each in pursued(simulator, payout(name))]

    assert said[-1].outcome == "paid"
    assert len({each.reference for each in said}) == 1
    assert paid(simulator, name) == 1999
    assert simulator.held(name, "USD") == BALANCE - 1999


@pytest.mark.parametrize("name", RAILS)
@pytest.mark.parametrize("kind", ["drop", "cut", "late", "too_many", "unavailable", "hidden", "error_committed"])
def test_a_fault_at_submission_costs_nothing(simulator: Simulator, name: str, kind: Kind) -> None:
    simulator.faults.add(kind, name, after=4 * MINUTES)

    assert outcome(simulator, payout(name)) == "paid"
    assert paid(simulator, name) == 1999


@pytest.mark.parametrize("name", RAILS)
@pytest.mark.parametrize("kind", ["drop", "cut", "too_many", "unavailable", "error"])
def test_a_fault_at_a_query_is_only_a_delay(simulator: Simulator, name: str, kind: Kind) -> None:
    simulator.faults.add("drop", name)
    simulator.faults.add(kind, name, on="query", times=3)

    assert outcome(simulator, payout(name)) == "paid"
    assert paid(simulator, name) == 1999


@pytest.mark.parametrize("kind", [*TRANSPORT, "slow"])
def test_a_fault_at_wises_funding_costs_nothing(simulator: Simulator, kind: Kind) -> None:
    simulator.faults.add(kind, "wise", on="fund")

    assert outcome(simulator, payout("wise")) == "paid"
    assert paid(simulator, "wise") == 1999
    assert len(simulator.provider("wise").transfers) == 1


def test_a_500_that_stripe_saved_is_replayed_and_people_look(simulator: Simulator) -> None:
    simulator.faults.add("error", "stripe")

    assert outcome(simulator, payout("stripe")) == "not_found"
    assert {request.method for _, request in simulator.requests} == {"GET", "POST"}
    assert paid(simulator, "stripe") == 0


@pytest.mark.parametrize("name", ["paypal", "wise"])
def test_a_500_that_is_not_saved_is_tried_again(simulator: Simulator, name: str) -> None:
    simulator.faults.add("error", name, times=3)

    assert outcome(simulator, payout(name)) == "paid"
    assert paid(simulator, name) == 1999


@pytest.mark.parametrize("name", RAILS)
def test_what_is_sent_again_is_what_was_sent(simulator: Simulator, name: str) -> None:
    simulator.faults.add("unavailable", name, times=3)
    outcome(simulator, payout(name))
    posts = [request for _, request in simulator.requests if request.method == "POST" and "oauth2" not in request.path]
    firsts = [request for request in posts if request.path == posts[0].path]

    assert len(firsts) == 4
    assert len({(request.target, request.body, *sorted(request.headers.items())) for request in firsts}) == 1


def test_too_little_money_fails_under_this_key_and_another_attempt_pays(simulator: Simulator) -> None:
    for name in ("stripe", "paypal"):
        dear = payout(name, net=BALANCE + 1)
        assert submitted(simulator, dear).outcome == "failed"
        simulator.top_up(name, "USD", 1)
        again = outcome(simulator, dear)
        assert again == ("failed" if name == "stripe" else "paid")  # Stripe replays its answer for a day
    simulator.top_up("stripe", "USD", 0)
    second = payout("stripe", net=BALANCE + 1, attempts=2, key=key_of("po_1", 2))

    assert outcome(simulator, second) == "paid"
    assert paid(simulator, "stripe") == paid(simulator, "paypal") == BALANCE + 1


def test_wise_funds_a_transfer_when_there_is_money_again(simulator: Simulator) -> None:
    said = pursued(simulator, payout("wise", net=BALANCE + 1))

    assert [(each.outcome, each.reason) for _, each in (next(said), next(said))] == [
        ("submitted", "transfer.insufficient_funds")
    ] * 2
    simulator.top_up("wise", "USD", 1)
    assert [each.outcome for _, each in said][-1] == "paid"
    assert paid(simulator, "wise") == BALANCE + 1


def test_wise_cancels_what_is_never_funded(simulator: Simulator) -> None:
    assert outcome(simulator, payout("wise", net=BALANCE + 1)) == "failed"
    assert simulator.held("wise", "USD") == BALANCE


def test_two_workers_pay_once(simulator: Simulator) -> None:
    for name in RAILS:
        with ThreadPoolExecutor(8) as workers:
            list(workers.map(lambda _, name=name: submitted(simulator, payout(name)), range(16)))
        assert outcome(simulator, payout(name)) == "paid"
        assert paid(simulator, name) == 1999


def test_a_key_in_use_is_unknown_while_its_first_request_runs(simulator: Simulator) -> None:
    simulator.faults.add("late", "stripe", after=MINUTES)

    assert submitted(simulator, payout("stripe")).reason is None
    assert submitted(simulator, payout("stripe")).reason == "idempotency_key_in_use"
    simulator.advance(MINUTES)
    assert submitted(simulator, payout("stripe")).outcome == "paid"
    assert paid(simulator, "stripe") == 1999


def test_the_same_key_with_other_parameters_is_unknown(simulator: Simulator) -> None:
    assert submitted(simulator, payout("stripe")).outcome == "paid"
    assert submitted(simulator, payout("stripe", net=5)).reason == "idempotency_error"


@pytest.mark.parametrize("name", RAILS)
def test_after_its_key_has_expired_only_a_look_up_is_safe(simulator: Simulator, name: str) -> None:
    lives = rail(name).ABOUT.key_lives
    first = submitted(simulator, payout(name))
    simulator.advance(timedelta(days=31))
    again = submitted(simulator, payout(name))

    assert paid(simulator, name) == (1999 if lives is None or name == "paypal" else 2 * 1999)
    simulator.advance(MINUTES)
    assert paid(simulator, name) == (1999 if lives is None else 2 * 1999)
    assert (first.reference == again.reference) == (lives is None)
    assert lives is None or lives < {"stripe": timedelta(hours=24), "paypal": timedelta(days=30)}[name]


@pytest.mark.parametrize(
    ("name", "kind", "on", "ends", "reached"),
    [
        ("stripe", "rejected", "submit", ["failed"], 0),
        ("stripe", "returned", "submit", ["paid", "returned"], 0),
        ("paypal", "rejected", "submit", ["submitted", "failed"], 0),
        ("paypal", "unconfirmed", "submit", ["submitted", "awaiting_recipient", "returned"], 0),
        ("paypal", "slow", "submit", ["submitted", "paid"], 1999),
        ("paypal", "returned", "submit", ["submitted", "paid", "returned"], 0),
        ("wise", "rejected", "fund", ["submitted", "returned"], 0),
        ("wise", "unconfirmed", "fund", ["submitted", "awaiting_recipient"], 0),
        ("wise", "returned", "fund", ["submitted", "paid", "submitted", "returned"], 0),
    ],
)
def test_what_becomes_of_a_payment(
    simulator: Simulator, name: str, kind: Kind, on: Any, ends: list[str], reached: int
) -> None:
    simulator.faults.add(kind, name, on=on, after=timedelta(hours=1))
    simulator.provider(name).takes = 5 * MINUTES
    made = payout(name)
    said = [each for _, each in pursued(simulator, made)]
    made = structs.replace(made, reference=said[-1].reference)
    outcomes = [each.outcome for each in said]
    for _ in range(40):
        simulator.advance(2 * MINUTES)
        outcomes.append(asked(simulator, made).outcome) if said[-1].outcome == "paid" else None

    assert [each for i, each in enumerate(outcomes) if i == 0 or outcomes[i - 1] != each] == ends
    assert paid(simulator, name) == reached


def test_unclaimed_money_can_be_claimed_or_cancelled(simulator: Simulator) -> None:
    provider = simulator.provider("paypal")
    provider.unregistered.add(ACCOUNTS["paypal"])
    made = payout("paypal")
    made = structs.replace(made, reference=submitted(simulator, made).reference)
    simulator.advance(MINUTES)

    assert asked(simulator, made).outcome == "awaiting_recipient"
    assert simulator.held("paypal", "USD") == BALANCE
    provider.claim(made.key)
    assert asked(simulator, made).outcome == "paid"
    assert paid(simulator, "paypal") == 1999


def test_of_a_batch_one_item_fails_and_the_others_are_paid(simulator: Simulator) -> None:
    """Not as our rail sends them, but as PayPal takes them."""
    simulator.faults.add("rejected", "paypal")
    by = connection("paypal", simulator)
    one = json.loads(paypal.submit(payout("paypal"), by, 1).body)
    one["items"].append(one["items"][0] | {"sender_item_id": "other"})
    sent = Instruction("k", "POST", "/v1/payments/payouts", {"PayPal-Request-Id": "k"}, json.dumps(one).encode())
    base_url = by.settings.base_url or ""
    http.send(base_url, paypal.authorised(sent, by, simulator.now, http.send))
    simulator.advance(MINUTES)

    [batch] = simulator.provider("paypal").batches.values()
    assert (batch.status, [item.status for item in batch.items]) == ("SUCCESS", ["FAILED", "SUCCESS"])
    assert simulator.paid_to(ACCOUNTS["paypal"], "USD") == {"other": 1999}


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.sampled_from(RAILS), st.integers(0, 2**32), st.lists(st.integers(1, 60_000), min_size=1, max_size=6))
def test_whatever_goes_wrong_what_is_said_is_what_was_paid(name: str, seed: int, nets: list[int]) -> None:
    paypal._tokens.clear()
    with Simulator(seed=seed) as simulator:
        simulator.top_up(name, "USD", BALANCE)
        simulator.faults.at_random(0.4, (*TRANSPORT, "hidden", "webhook_first"), ("submit", "fund", "query"))
        for number, net in enumerate(nets):
            made = payout(name, net=net, payout_id=f"po_{number}")
            end = outcome(simulator, made)
            simulator.advance(timedelta(minutes=11))
            key = str(wise.transaction_id(made.key or "")) if name == "wise" else made.key or ""
            reached = simulator.paid_to(ACCOUNTS[name], "USD", name).get(key, 0)
            assert reached in (0, net)
            assert end != "paid" or reached == net
            assert end not in ("failed", "returned") or reached == 0
        paid(simulator, name)


def test_faults_at_random_are_the_same_for_the_same_seed() -> None:
    def run(made: Payout) -> list[str]:
        paypal._tokens.clear()
        with Simulator(seed=7) as simulator:
            simulator.top_up("paypal", "USD", BALANCE)
            simulator.faults.at_random(0.6)
            return [said.outcome for _, said in pursued(simulator, made)]

    assert run(payout("paypal")) == run(payout("paypal"))
