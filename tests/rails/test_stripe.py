"""Stripe transfers: what is sent, and what an answer may be taken for."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.errors import Refused
from chalicelib.rails import stripe
from tests.rails.paying import AT, answer, bodies, connection, payout, shapes, spoiled

PAYOUT, NOWHERE = payout("stripe"), connection("stripe")
KEY = PAYOUT.key or ""
HOLDS = structs.replace(NOWHERE, secrets={"api_key": ("sk_new", "sk_old")})


def transfer(**changes: Any) -> dict[str, Any]:
    body = {
        "id": "tr_1",
        "object": "transfer",
        "amount": 1999,
        "amount_reversed": 0,
        "currency": "usd",
        "destination": "acct_dist_1",
        "reversed": False,
        "transfer_group": KEY,
    }
    return body | changes


def listed(*transfers: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": list(transfers), "has_more": more}


def said(status: int, body: Any, question: Any = "submit") -> tuple[str, str | None]:
    verdict = stripe.classify(answer(status, body), question, PAYOUT, NOWHERE)
    return verdict.outcome, verdict.reason


def test_the_request_is_stripes_own() -> None:
    wanted, sent = shapes("stripe")["create"]["req"], stripe.submit(PAYOUT, NOWHERE, 1)
    headers = stripe.authorised(sent, HOLDS, AT, lambda *_: None).headers

    form = wanted["form"] | {"transfer_group": KEY, "metadata[payout_id]": "po_1"}
    assert dict(parse_qsl(sent.body.decode())) == form
    assert headers == wanted["headers"] | {"Idempotency-Key": KEY, "Authorization": "Bearer sk_new"}
    assert (sent.method, sent.path) == (wanted["method"], wanted["path"])
    assert stripe.query(PAYOUT, NOWHERE).path == f"/v1/transfers?transfer_group={KEY}&limit=10"


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 10**12), st.sampled_from(["USD", "JPY", "CNY", "EUR"]), st.integers(1, 9))
def test_the_same_attempt_is_the_same_bytes_and_another_attempt_another_key(
    net: int, currency: str, attempt: int
) -> None:
    one = stripe.submit(payout("stripe", currency, net), NOWHERE, attempt)
    changed = payout("stripe", currency, net, state="unknown", attempts=attempt, reference="tr_1")

    assert stripe.submit(changed, HOLDS, attempt) == one
    assert stripe.submit(changed, HOLDS, attempt + 1).key != one.key


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [(1999, "USD", 1999), (500, "JPY", 500), (500, "UGX", 50000), (1500, "MGA", 15), (1230, "KWD", 1230)],
)
def test_amounts_are_in_stripes_own_units(amount: int, currency: str, units: int) -> None:
    assert stripe.units(amount, currency) == units


@pytest.mark.parametrize(("amount", "currency"), [(1501, "MGA"), (1234, "KWD")])
def test_what_stripe_cannot_move_exactly_is_refused(amount: int, currency: str) -> None:
    with pytest.raises(Refused) as refused:
        stripe.submit(payout("stripe", currency, amount), NOWHERE, 1)

    assert refused.value.code == "TOO_MANY_DECIMALS"


def test_stripes_examples_are_understood() -> None:
    shape = shapes("stripe")
    made = shape["create"]["res"]["body"] | {"transfer_group": KEY}

    assert said(200, made) == ("paid", None)
    assert said(200, shape["recover"]["res"]["body"] | {"data": [made]}, "query") == ("paid", None)
    assert said(400, shape["insufficient"]["body"]) == ("failed", "balance_insufficient")
    assert said(400, shape["param_mismatch"]["body"]) == ("unknown", "idempotency_error")
    assert said(409, shape["in_progress"]["body"]) == ("unknown", "idempotency_key_in_use")


@pytest.mark.parametrize(
    ("status", "body", "question", "meant"),
    [
        (200, transfer(), "submit", ("paid", None)),
        (200, transfer(reversed=True, amount_reversed=1999), "submit", ("returned", "reversed")),
        (200, listed(transfer(amount_reversed=1)), "query", ("paid", "partly_reversed")),
        (200, listed(transfer(reversed=True)), "query", ("returned", "reversed")),
        (200, listed(), "query", ("not_found", None)),
        (200, listed(transfer(), transfer()), "query", ("unknown", "several_transfers")),
        (200, listed(transfer(), more=True), "query", ("unknown", "several_transfers")),
        (200, transfer(amount=1998), "submit", ("unknown", "another_transfer")),
        (200, transfer(currency="eur"), "submit", ("unknown", "another_transfer")),
        (200, transfer(destination="acct_2"), "submit", ("unknown", "another_transfer")),
        (200, listed(transfer(transfer_group="x")), "query", ("unknown", "another_transfer")),
        (201, transfer(), "submit", ("unknown", None)),
        (500, transfer(), "submit", ("unknown", None)),
    ],
)
def test_what_an_answer_means(status: int, body: Any, question: str, meant: tuple[str, str | None]) -> None:
    assert said(status, body, question) == meant


@pytest.mark.parametrize(("code", "param"), [("transfers_not_allowed", None), ("resource_missing", "destination")])
def test_what_stripe_refuses_for_good_has_failed_and_only_when_it_answers_the_submission(
    code: str, param: str | None
) -> None:
    body = {"error": {"type": "invalid_request_error", "code": code, "param": param}}

    assert said(400, body) == ("failed", code)
    assert said(400, body, "query")[0] == "unknown"
    assert said(401, body)[0] == said(404, body)[0] == said(402, body)[0] == "unknown"
    assert said(400, {"error": body["error"] | {"type": "api_error"}})[0] == "unknown"


def test_no_answer_is_no_verdict() -> None:
    assert stripe.classify(None, "submit", PAYOUT, NOWHERE).outcome == "unknown"


@settings(derandomize=True, deadline=None)
@given(st.integers(100, 599), bodies, st.sampled_from(["submit", "query"]))
def test_an_answer_that_is_not_listed_is_unknown(status: int, body: bytes, question: Any) -> None:
    assert said(status, body, question)[0] == "unknown"


@settings(derandomize=True, deadline=None)
@given(st.data(), st.sampled_from(["submit", "query"]), st.booleans())
def test_a_spoiled_answer_never_pays_another_amount_or_payee(data: st.DataObject, question: Any, fails: bool) -> None:
    refusal = {"error": {"type": "invalid_request_error", "code": "balance_insufficient"}}
    body = refusal if fails else transfer() if question == "submit" else listed(transfer())
    body = spoiled(body, data.draw)
    outcome = said(400 if fails else 200, body, question)[0]

    told = body["data"][0] if outcome == "paid" and question == "query" else body
    if outcome == "paid":
        ours = (told["amount"], told["currency"], told["destination"], told["transfer_group"])
        assert (int(ours[0]), *ours[1:]) == (1999, "usd", "acct_dist_1", KEY)
    assert outcome != "failed" or body["error"]["code"] == "balance_insufficient"


def test_a_connection_without_its_secret_sends_nothing() -> None:
    with pytest.raises(Refused) as refused:
        stripe.authorised(stripe.query(PAYOUT, NOWHERE), NOWHERE, AT, lambda *_: None)

    assert refused.value.code == "MISSING_SECRET"
