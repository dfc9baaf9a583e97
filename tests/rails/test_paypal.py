"""PayPal Payouts: what is sent, what an answer may be taken for, and the token."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.errors import FenrunError, Refused
from chalicelib.rails import paypal
from chalicelib.rails.rail import Answer, Instruction
from tests.rails.paying import AT, answer, bodies, connection, payout, shapes, spoiled

PAYOUT = payout("paypal")
KNOWN = structs.replace(PAYOUT, reference="5UXD2E8A7EBQJ")
KEY = PAYOUT.key or ""
BY = structs.replace(connection("paypal"), secrets={"client_id": ("client",), "client_secret": ("secret",)})


@pytest.fixture(autouse=True)
def no_tokens() -> None:
    paypal._tokens.clear()


def batch(status: str = "SUCCESS", *items: dict[str, Any], name: str = KEY) -> dict[str, Any]:
    header = {
        "payout_batch_id": "5UXD2E8A7EBQJ",
        "batch_status": status,
        "sender_batch_header": {"sender_batch_id": name},
    }
    return {"batch_header": header, "items": list(items)}


def item(status: str = "SUCCESS", value: str = "19.99", receiver: str = "zhang3@example.com") -> dict[str, Any]:
    amount = {"value": value, "currency": "USD"}
    asked = {"recipient_type": "EMAIL", "amount": amount, "receiver": receiver, "sender_item_id": KEY}
    return {"payout_item_id": "8AE", "transaction_status": status, "payout_item": asked}


def said(status: int, body: Any, question: Any = "query") -> tuple[str, str | None]:
    verdict = paypal.classify(answer(status, body), question, KNOWN, BY)
    return verdict.outcome, verdict.reason


def test_the_request_is_paypals_own() -> None:
    wanted, sent = shapes("paypal")["create"]["req"], paypal.submit(PAYOUT, BY, 1)
    body = json.loads(sent.body)

    assert (sent.method, sent.path, sent.headers["PayPal-Request-Id"]) == (wanted["method"], wanted["path"], KEY)
    assert body["sender_batch_header"]["sender_batch_id"] == body["items"][0]["sender_item_id"] == KEY
    assert body.keys() == wanted["json"].keys()
    assert body["items"][0].keys() == wanted["json"]["items"][0].keys()
    assert body["items"][0]["amount"] == wanted["json"]["items"][0]["amount"]
    assert body["items"][0]["receiver"] == wanted["json"]["items"][0]["receiver"]


def test_a_batch_is_asked_about_once_its_name_is_known() -> None:
    asked = paypal.query(KNOWN, BY)

    assert paypal.query(PAYOUT, BY) is None
    assert asked and asked.path == shapes("paypal")["get_batch"]["req"]["path"]


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 10**12), st.sampled_from(["USD", "JPY", "EUR"]), st.integers(1, 9))
def test_the_same_attempt_is_the_same_bytes_and_another_attempt_another_name(
    net: int, currency: str, attempt: int
) -> None:
    one = paypal.submit(payout("paypal", currency, net), BY, attempt)
    changed = payout("paypal", currency, net, state="unknown", attempts=attempt, reference="5UXD")

    assert paypal.submit(changed, connection("paypal"), attempt) == one
    assert paypal.submit(changed, BY, attempt + 1).key != one.key


@pytest.mark.parametrize(
    ("net", "currency", "value"),
    [(1999, "USD", "19.99"), (5, "EUR", "0.05"), (500, "JPY", "500"), (50000, "HUF", "500"), (70000, "TWD", "700")],
)
def test_amounts_have_the_decimals_that_paypal_takes(net: int, currency: str, value: str) -> None:
    sent = json.loads(paypal.submit(payout("paypal", currency, net), BY, 1).body)

    assert sent["items"][0]["amount"] == {"value": value, "currency": currency}


def test_what_paypal_cannot_pay_exactly_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        paypal.submit(payout("paypal", "HUF", 50001), BY, 1)

    assert refused.value.code == "TOO_MANY_DECIMALS"


def test_paypals_examples_are_understood() -> None:
    shape = shapes("paypal")
    created = shape["create"]["res"]["body"]
    created["batch_header"]["sender_batch_header"]["sender_batch_id"] = KEY
    got = shape["get_batch"]["res"]["body"]
    got["batch_header"]["sender_batch_header"]["sender_batch_id"] = got["items"][0]["payout_item"]["sender_item_id"] = (
        KEY
    )

    assert said(201, created, "submit") == ("submitted", None)
    assert said(200, got) == ("paid", None)
    assert said(400, shape["duplicate_OBSERVED_LIVE"]["body"], "submit") == ("submitted", None)
    assert said(422, shape["insufficient"]["body"], "submit") == ("failed", "INSUFFICIENT_FUNDS")
    got["items"][0] |= shape["item_unclaimed_errors"]
    assert said(200, got) == ("awaiting_recipient", "RECEIVER_UNREGISTERED")


def test_a_name_that_is_taken_says_whose_it_is() -> None:
    body = shapes("paypal")["duplicate_OBSERVED_LIVE"]["body"]
    href = body["details"][0]["link"][0]

    assert paypal.classify(answer(400, body), "submit", PAYOUT, BY).reference == "Q6K2CE4GQ36MQ"
    href["href"] = "https://api.paypal.com/v1/payments/payouts/../../x"
    assert said(400, body, "submit")[0] == "unknown"


@pytest.mark.parametrize(
    ("status", "meant"),
    [
        ("SUCCESS", "paid"),
        ("PENDING", "submitted"),
        ("ONHOLD", "submitted"),
        ("BLOCKED", "submitted"),
        ("UNCLAIMED", "awaiting_recipient"),
        ("FAILED", "failed"),
        ("DENIED", "failed"),
        ("RETURNED", "returned"),
        ("REFUNDED", "returned"),
        ("REVERSED", "returned"),
        ("CANCELED", "unknown"),
        ("success", "unknown"),
    ],
)
def test_only_the_items_state_counts(status: str, meant: str) -> None:
    assert said(200, batch("SUCCESS", item(status)))[0] == meant


@pytest.mark.parametrize(
    ("status", "body", "question", "meant"),
    [
        (200, batch("SUCCESS"), "query", "unknown"),
        (200, batch("PENDING"), "query", "submitted"),
        (200, batch("DENIED"), "query", "failed"),
        (200, batch("CANCELED"), "query", "unknown"),
        (200, batch("SUCCESS", item(), item()), "query", "unknown"),
        (200, batch("SUCCESS", item(), name="other"), "query", "unknown"),
        (200, batch("SUCCESS", item(value="19.98")), "query", "unknown"),
        (200, batch("SUCCESS", item(receiver="li4@example.com")), "query", "unknown"),
        (201, batch("SUCCESS", item()), "query", "unknown"),
        (200, batch("SUCCESS", item()), "submit", "unknown"),
        (201, batch("PENDING", name="other"), "submit", "unknown"),
        (422, {"name": "INSUFFICIENT_FUNDS"}, "query", "unknown"),
        (400, {"name": "INSUFFICIENT_FUNDS"}, "submit", "unknown"),
        (404, {"name": "INVALID_RESOURCE_ID"}, "query", "unknown"),
        (500, batch("SUCCESS", item()), "query", "unknown"),
    ],
)
def test_what_an_answer_means(status: int, body: Any, question: str, meant: str) -> None:
    assert said(status, body, question)[0] == meant


@settings(derandomize=True, deadline=None)
@given(st.integers(100, 599), bodies, st.sampled_from(["submit", "query"]))
def test_an_answer_that_is_not_listed_is_unknown(status: int, body: bytes, question: Any) -> None:
    assert said(status, body, question)[0] == "unknown"
    assert paypal.classify(None, question, PAYOUT, BY).outcome == "unknown"


@settings(derandomize=True, deadline=None)
@given(st.data())
def test_a_spoiled_answer_is_never_taken_for_another_payment(data: st.DataObject) -> None:
    body = spoiled(batch("SUCCESS", item()), data.draw)
    outcome = said(200, body)[0]

    if outcome in ("paid", "failed", "returned"):
        told = body["items"][0]["payout_item"] if body["items"] else None
        assert told is None or (told["amount"]["value"], told["sender_item_id"]) == ("19.99", KEY)


class Tokens:
    """Answers token requests, and counts them."""

    def __init__(self, *answers: Answer | None) -> None:
        self.answers, self.asked = list(answers), list[Instruction]()

    def __call__(self, base_url: str, asked: Instruction) -> Answer | None:
        self.asked.append(asked)
        return self.answers.pop(0)


def token(text: str = "A21AA") -> Answer:
    return answer(200, {"access_token": text, "token_type": "Bearer", "expires_in": 32400})


def test_a_token_is_held_until_shortly_before_it_expires() -> None:
    send, asked = Tokens(token("one"), token("two")), paypal.submit(PAYOUT, BY, 1)
    used = [paypal.authorised(asked, BY, AT + timedelta(hours=hours), send) for hours in (0, 8, 9)]

    assert [each.headers["Authorization"] for each in used] == ["Bearer one", "Bearer one", "Bearer two"]
    assert send.asked[0].headers["Authorization"] == "Basic Y2xpZW50OnNlY3JldA=="
    assert all(each.body == asked.body for each in used)


def test_a_token_that_is_refused_is_not_used_again() -> None:
    send, asked = Tokens(token("one"), token("two")), paypal.submit(PAYOUT, BY, 1)
    paypal.authorised(asked, BY, AT, send)

    assert said(401, {"name": "AUTHENTICATION_FAILURE"}) == ("unknown", "AUTHENTICATION_FAILURE")
    assert paypal.authorised(asked, BY, AT, send).headers["Authorization"] == "Bearer two"


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        (None, "RAIL_NOT_REACHED"),
        (answer(500, {}), "RAIL_NOT_REACHED"),
        (answer(200, b"{"), "RAIL_NOT_REACHED"),
        (answer(401, {"error": "invalid_client"}), "RAIL_CREDENTIALS"),
    ],
)
def test_without_a_token_nothing_is_sent(given_: Answer | None, code: str) -> None:
    with pytest.raises(FenrunError) as refused:
        paypal.authorised(paypal.submit(PAYOUT, BY, 1), BY, AT, Tokens(given_))

    assert refused.value.code == code
    assert "secret" not in str(refused.value)


def test_few_tokens_are_held() -> None:
    for number in range(200):
        other = structs.replace(BY, secrets={"client_id": (f"client{number}",), "client_secret": ("s",)})
        paypal.authorised(paypal.submit(PAYOUT, BY, 1), other, AT, Tokens(token()))

    assert len(paypal._tokens) <= 64
