"""Wise: what is sent step by step, and what an answer may be taken for."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.errors import Refused
from chalicelib.rails import wise
from tests.rails.paying import AT, answer, bodies, connection, payout, shapes, spoiled

PAYOUT, BY = payout("wise", "EUR"), connection("wise")
KEY = PAYOUT.key or ""
NAME = str(wise.transaction_id(KEY))
QUOTE_ID = "11144c35-9fe8-4c32-b7fd-d05c2a7734bf"


def quote(**changes: Any) -> dict[str, Any]:
    return {"id": QUOTE_ID, "sourceCurrency": "EUR", "targetCurrency": "EUR", "targetAmount": 19.99} | changes


def transfer(status: str = "incoming_payment_waiting", **changes: Any) -> dict[str, Any]:
    body = {
        "id": 16521632,
        "targetAccount": 40000000,
        "status": status,
        "targetCurrency": "EUR",
        "targetValue": 19.99,
        "customerTransactionId": NAME,
    }
    return body | changes


def said(status: int, body: Any, **changes: Any) -> tuple[str, str | None]:
    verdict = wise.classify(answer(status, body), "query", structs.replace(PAYOUT, **changes), BY)
    return verdict.outcome, verdict.reason


def test_each_step_is_wises_own_and_follows_from_the_one_before() -> None:
    shape = shapes("wise")
    first = wise.submit(PAYOUT, BY, 1)
    second = wise.next(answer(200, quote()), PAYOUT, BY)
    third = wise.next(answer(200, transfer()), PAYOUT, BY)

    assert second and third
    assert [each.path for each in (first, second, third)] == [
        shape[step]["req"]["path"] for step in ("quote", "transfer", "fund")
    ]
    assert (
        first.body == b'{"sourceCurrency":"EUR","targetCurrency":"EUR","targetAmount":19.99,"payOut":"BANK_TRANSFER"}'
    )
    assert json.loads(second.body) == {
        "targetAccount": 40000000,
        "quoteUuid": QUOTE_ID,
        "customerTransactionId": NAME,
        "details": {"reference": "Commission"},
    }
    assert json.loads(third.body) == shape["fund"]["req"]["json"]
    assert wise.next(answer(201, shape["fund"]["res"]["body"]), PAYOUT, BY) is None


def test_the_transfer_is_named_by_our_key_for_ever() -> None:
    assert wise.transaction_id("FR0001") == UUID("94fd9c4e-0ee2-5e22-9b4c-9181c25c523d")
    assert wise.query(PAYOUT, BY) is None
    asked = wise.query(structs.replace(PAYOUT, reference="16521632"), BY)
    assert asked and asked.path == shapes("wise")["get"]["req"]["path"]


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 10**12), st.sampled_from(["USD", "JPY", "KWD"]), st.integers(1, 9))
def test_the_same_attempt_is_the_same_bytes(net: int, currency: str, attempt: int) -> None:
    one = wise.submit(payout("wise", currency, net), BY, attempt)
    changed = payout("wise", currency, net, state="unknown", attempts=attempt, reference="5")

    assert wise.submit(changed, BY, attempt) == one
    assert wise.submit(changed, BY, attempt + 1).key != one.key


@pytest.mark.parametrize(
    "status", ["processing", "outgoing_payment_sent", "cancelled", "funds_refunded", "bounced_back"]
)
def test_only_a_transfer_that_waits_for_money_is_funded(status: str) -> None:
    assert wise.next(answer(200, transfer(status)), PAYOUT, BY) is None


@pytest.mark.parametrize(
    "changes",
    [{"targetAccount": 1}, {"targetValue": 19.98}, {"targetCurrency": "USD"}, {"customerTransactionId": QUOTE_ID}],
)
def test_another_transfer_is_neither_funded_nor_believed(changes: dict[str, Any]) -> None:
    assert wise.next(answer(200, transfer(**changes)), PAYOUT, BY) is None
    assert said(200, transfer("outgoing_payment_sent", **changes))[0] == "unknown"


def test_a_quote_of_another_amount_is_not_used() -> None:
    assert wise.next(answer(200, quote(targetAmount=199.9)), PAYOUT, BY) is None
    assert wise.next(answer(400, quote()), PAYOUT, BY) is None


@pytest.mark.parametrize(
    ("status", "meant"),
    [
        ("incoming_payment_waiting", "submitted"),
        ("incoming_payment_initiated", "submitted"),
        ("processing", "submitted"),
        ("funds_converted", "submitted"),
        ("bounced_back", "submitted"),
        ("waiting_recipient_input_to_proceed", "awaiting_recipient"),
        ("outgoing_payment_sent", "paid"),
        ("cancelled", "failed"),
        ("funds_refunded", "returned"),
        ("charged_back", "unknown"),
        ("unknown", "unknown"),
    ],
)
def test_what_a_transfers_status_means(status: str, meant: str) -> None:
    verdict = wise.classify(answer(200, transfer(status)), "query", PAYOUT, BY)

    assert (verdict.outcome, verdict.reference) == (meant, "16521632")


def test_what_was_paid_and_is_cancelled_comes_back() -> None:
    assert said(200, transfer("cancelled"), state="paid") == ("returned", "cancelled")


def test_funding_that_is_refused_is_tried_again_later() -> None:
    shape = shapes("wise")["fund"]

    assert said(201, shape["res"]["body"]) == ("submitted", None)
    assert said(201, shape["rejected"]) == ("submitted", "balance.payment-option-unavailable")
    assert said(422, {"errors": [{"code": "transfer.invalid-state"}]}) == ("unknown", "http_422")
    assert said(403, {}) == ("unknown", "http_403")


@settings(derandomize=True, deadline=None)
@given(st.integers(100, 599), bodies, st.sampled_from(["submit", "query"]))
def test_an_answer_that_is_not_listed_is_unknown_and_leads_to_nothing(status: int, body: bytes, question: Any) -> None:
    given_ = answer(status, body)

    assert wise.classify(given_, question, PAYOUT, BY).outcome == "unknown"
    assert wise.next(given_, PAYOUT, BY) is None
    assert wise.classify(None, question, PAYOUT, BY).outcome == "unknown"


@settings(derandomize=True, deadline=None)
@given(st.data())
def test_a_spoiled_answer_is_never_taken_for_another_transfer(data: st.DataObject) -> None:
    body = spoiled(transfer("outgoing_payment_sent"), data.draw)
    if said(200, body)[0] in ("paid", "failed", "returned"):
        assert UUID(body["customerTransactionId"]) == UUID(NAME)
        assert (int(body["targetAccount"]), float(body["targetValue"])) == (40000000, 19.99)


def test_a_recipient_that_wise_cannot_have_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        wise.submit(payout("wise", account="acct_1"), BY, 1)

    assert refused.value.code == "BAD_RAIL_ACCOUNT"


def test_the_newest_token_is_used() -> None:
    by = structs.replace(BY, secrets={"api_token": ("new", "old")})

    assert wise.authorised(wise.submit(PAYOUT, BY, 1), by, AT, lambda *_: None).headers["Authorization"] == "Bearer new"
