"""The simulated providers of the West themselves: whom they refuse, and what they notify."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain.deliveries import ConnectionSettings, PayoutNews, Request
from chalicelib.domain.errors import Refused
from chalicelib.rails import http, paypal
from chalicelib.rails.rail import Answer, Instruction
from chalicelib.webhooks.provider import provider
from tests.rails.paying import ACCOUNTS, BALANCE, RAILS, asked, connection, payout, submitted
from tests.rails.simulator import Simulator

MINUTES = timedelta(minutes=1)


def test_wrong_credentials_pay_nothing(simulator: Simulator) -> None:
    for name, secret in (("stripe", "api_key"), ("wise", "api_token"), ("paypal", "client_secret")):
        by = connection(name, simulator, **{secret: "wrong"})
        try:
            assert submitted(simulator, payout(name), by).outcome == "unknown"
        except Refused as refused:
            assert (name, refused.code) == ("paypal", "RAIL_CREDENTIALS")
        assert simulator.held(name, "USD") == BALANCE


def test_a_token_that_paypal_forgot_is_fetched_anew(simulator: Simulator) -> None:
    made = payout("paypal")
    made = structs.replace(made, reference=submitted(simulator, made).reference)
    simulator.provider("paypal").tokens.clear()

    assert [asked(simulator, made).outcome for _ in range(2)] == ["unknown", "submitted"]


def _raw(simulator: Simulator, name: str, method: Any, path: str, body: bytes = b"", **headers: str) -> Answer:
    sent = Instruction("k", method, path, {key.replace("_", "-"): value for key, value in headers.items()}, body)
    answer = http.send(f"{simulator.url}/{name}", sent)
    assert answer
    return answer


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "19.99"}, "parameter_invalid_integer"),
        ({"amount": "0"}, "parameter_invalid_integer"),
        ({"currency": "USD"}, None),
        ({"currency": ""}, "parameter_missing"),
        ({"destination": "ba_1"}, "resource_missing"),
        ({"surprise": "1"}, "parameter_unknown"),
    ],
)
def test_simulated_stripe_refuses_what_stripe_refuses(
    simulator: Simulator, changes: dict[str, str], code: str | None
) -> None:
    form = {"amount": "1999", "currency": "usd", "destination": "acct_1"} | changes
    body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    headers = {"Authorization": "Bearer sk_test_simulated", "Content-Type": "application/x-www-form-urlencoded"}
    answer = _raw(simulator, "stripe", "POST", "/v1/transfers", body, **headers, Idempotency_Key="k")

    assert answer.status == 400
    assert json.loads(answer.body)["error"].get("code") == code
    assert _raw(simulator, "stripe", "POST", "/v1/transfers", body, **headers).status == 400
    assert simulator.held("stripe", "USD") == BALANCE


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": {"value": "19.9", "currency": "USD"}},
        {"amount": {"value": "1999", "currency": "USD"}},
        {"amount": {"value": "100.00", "currency": "JPY"}},
        {"amount": {"value": "1.000", "currency": "KWD"}},
        {"amount": {"value": 19.99, "currency": "USD"}},
        {"receiver": "nobody"},
        {"sender_item_id": "x" * 64},
    ],
)
def test_simulated_paypal_refuses_what_paypal_refuses(simulator: Simulator, changes: dict[str, Any]) -> None:
    by = connection("paypal", simulator)
    sent = paypal.submit(payout("paypal"), by, 1)
    batch = json.loads(sent.body)
    batch["items"][0] |= changes
    sent = structs.replace(sent, body=json.dumps(batch).encode())
    answer = http.send(by.settings.base_url or "", paypal.authorised(sent, by, simulator.now, http.send))

    assert answer and answer.status == 400
    assert simulator.provider("paypal").batches == {}


def test_simulated_wise_refuses_what_wise_refuses(simulator: Simulator) -> None:
    headers = {"Authorization": "Bearer simulated-token", "Content-Type": "application/json"}
    quote = {"sourceCurrency": "USD", "targetCurrency": "USD", "targetAmount": "19.99"}
    path = "/v3/profiles/16421159/quotes"

    assert _raw(simulator, "wise", "POST", path, json.dumps(quote).encode(), **headers).status == 422
    assert _raw(simulator, "wise", "POST", "/v3/profiles/1/quotes", b"{}", **headers).status == 404
    assert _raw(simulator, "wise", "POST", "/v1/transfers", b"{}", **headers).status == 422
    simulator.provider("wise").missing.add(ACCOUNTS["wise"])
    assert submitted(simulator, payout("wise")).reason == "http_422"
    assert simulator.provider("wise").transfers == {}


def test_notifications_are_signed_and_say_what_happened(simulator: Simulator) -> None:
    news: list[tuple[str, str]] = []

    def take(name: str, headers: dict[str, str], body: bytes) -> None:
        by = connection(name, simulator)
        if name == "stripe":
            by = structs.replace(by, settings=ConnectionSettings())
        payload = provider(name).verify(Request(headers, body), by, simulator.now)
        assert payload
        for said in provider(name).facts(payload):
            assert isinstance(said, PayoutNews)
            assert said.key == ("" if name == "wise" else payout(name).key)
            assert said.reference == references[name]
            news.append((name, said.outcome))

    for name in RAILS:
        simulator.faults.add("returned", name, on="fund" if name == "wise" else "submit", after=10 * MINUTES)
    references = {name: submitted(simulator, payout(name)).reference for name in RAILS}
    assert simulator.deliver(take) == 2
    simulator.advance(2 * MINUTES)
    simulator.deliver(take)
    assert sorted(news) == [("paypal", "paid"), ("wise", "paid")]
    simulator.advance(30 * MINUTES)

    assert simulator.deliver(take, times=2, shuffled=True) == 10
    assert simulator.webhooks == []
    assert sorted(news[2:]) == [(name, "returned") for name in sorted(RAILS) for _ in range(2)]


def test_a_notification_can_come_before_the_answer(simulator: Simulator) -> None:
    heard: list[str] = []
    simulator.listener = lambda name, headers, body: heard.append(name)
    simulator.faults.add("webhook_first", "stripe")

    assert submitted(simulator, payout("stripe")).outcome == "paid"
    assert (heard, simulator.webhooks) == (["stripe"], [])
