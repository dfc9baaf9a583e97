"""Stripe's signatures: what is let in, and what is not."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.deliveries import Connection, Request
from chalicelib.domain.errors import Rejected
from chalicelib.webhooks import stripe
from local.signers import stripe as signer
from tests.webhooks.samples_cards import NOW, T, connection, encoded, session

BODY = encoded(session())
SECRETS, KEY = signer.keys()
HEADERS, _ = signer.sign(BODY, KEY, NOW)
V1 = HEADERS["stripe-signature"].partition("v1=")[2]


def held(*secrets: str, **settings: Any) -> Connection:
    return connection("stripe", {"signing_secret": list(secrets or (KEY,))}, **settings)


def refusal(header: str | None, body: bytes = BODY, by: Connection | None = None) -> str:
    with pytest.raises(Rejected) as caught:
        stripe.verify(Request({} if header is None else {"stripe-signature": header}, body), by or held(), NOW)
    return caught.value.code


def test_a_delivery_verifies_by_each_of_two_secrets():
    for secrets in ((KEY,), ("whsec_other", KEY), (KEY, "whsec_other")):
        payload = stripe.verify(Request(HEADERS, BODY), held(*secrets), NOW)
        assert (payload.delivery_id, payload.topic, payload.content) == ("evt_1", "checkout.session.completed", BODY)


def test_any_v1_counts_and_nothing_else_does():
    assert stripe.verify(Request({"stripe-signature": f"t={T},v0=x,v1={'0' * 64},v1={V1}"}, BODY), held(), NOW)
    assert refusal(f"t={T},v0={V1}") == "NO_SIGNATURE"
    assert refusal(f"t={T},v1={V1.upper()}") == "BAD_SIGNATURE"


def test_what_was_changed_is_refused():
    header = HEADERS["stripe-signature"]
    assert refusal(header, BODY.replace(b"59894", b"99894")) == "BAD_SIGNATURE"
    assert refusal(header, json.dumps(json.loads(BODY)).encode()) == "BAD_SIGNATURE"
    assert refusal(f"t={T + 1},v1={V1}") == "BAD_SIGNATURE"
    assert refusal(header, by=held("whsec_other")) == "BAD_SIGNATURE"
    assert refusal(header, by=connection("stripe", {})) == "BAD_SIGNATURE"


@pytest.mark.parametrize("seconds", [-301, 301, 86_400, -86_400])
def test_five_minutes_either_way(seconds: int):
    headers, body = signer.sign(BODY, KEY, NOW + timedelta(seconds=seconds))
    assert refusal(headers["stripe-signature"], body) == "CLOCK"


@pytest.mark.parametrize("seconds", [-300, 300])
def test_and_not_less(seconds: int):
    headers, body = signer.sign(BODY, KEY, NOW + timedelta(seconds=seconds))
    assert stripe.verify(Request(headers, body), held(), NOW)


def test_the_same_event_has_the_same_id_again():
    again, body = signer.sign(BODY, KEY, NOW + timedelta(seconds=60))
    ids = {stripe.verify(Request(headers, body), held(), NOW).delivery_id for headers in (HEADERS, again)}
    assert ids == {"evt_1"}


def test_an_event_id_that_is_too_long_becomes_a_hash():
    headers, body = signer.sign(encoded({**session(), "id": "e" * 201}), KEY, NOW)
    assert len(stripe.verify(Request(headers, body), held(), NOW).delivery_id) == 64


def test_the_account_must_be_the_connections():
    headers, body = signer.sign(encoded({**session(), "account": "acct_1"}), KEY, NOW)
    assert stripe.verify(Request(headers, body), held(account="acct_1"), NOW)
    assert stripe.verify(Request(headers, body), held(), NOW)
    assert refusal(headers["stripe-signature"], body, held(account="acct_2")) == "OTHER_ACCOUNT"
    assert refusal(HEADERS["stripe-signature"], by=held(account="acct_1")) == "OTHER_ACCOUNT"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"type":"x"}', b"\xff"])
def test_a_signed_body_that_is_no_event(body: bytes):
    headers, _ = signer.sign(body, KEY, NOW)
    assert refusal(headers["stripe-signature"], body) == "UNREADABLE_DELIVERY"


NONE = [None, "", "t", "garbage", f"t={T}", f"v1={V1}", "t=,v1=", ",,,=,"]
HOSTILE = [f"t=１２３,v1={V1}", f"t=-1,v1={V1}", f"t={'9' * 400},v1=a", f"t={T},v1=é\ud800", f"t={T},v1=" + "a" * 10**6]


@pytest.mark.parametrize("header", NONE, ids=range(len(NONE)))
def test_no_signature(header: str | None):
    assert refusal(header) == "NO_SIGNATURE"


@pytest.mark.parametrize("header", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_header_is_a_bad_signature(header: str):
    assert refusal(header) == "BAD_SIGNATURE"


@given(st.text() | st.builds(lambda t, v: f"t={t},v1={v}", st.text(), st.text()), st.binary())
def test_nothing_but_a_refusal_comes_of_noise(header: str, body: bytes):
    with pytest.raises(Rejected):
        stripe.verify(Request({"stripe-signature": header}, body), held(), NOW)
