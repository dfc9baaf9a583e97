"""PayPal's signatures: what is let in, and what is not."""

from __future__ import annotations

import json
from datetime import timedelta
from zlib import crc32

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.deliveries import Connection, Request
from chalicelib.domain.errors import Rejected
from chalicelib.webhooks import paypal, paypal_certificates
from local.signers import paypal as signer
from tests.webhooks.samples_cards import NOW, capture, connection, encoded

BODY = encoded(capture())
SECRETS, KEY = signer.keys()
OTHER, _ = signer.keys()
HEADERS, _ = signer.sign(BODY, KEY, NOW)


@pytest.fixture(autouse=True)
def nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paypal_certificates, "fetch", lambda url: pytest.fail(f"fetched {url}"))


def held(**secrets: list[str]) -> Connection:
    return connection("paypal", {**SECRETS, **secrets})


def refusal(headers: dict[str, str], body: bytes = BODY, by: Connection | None = None) -> str:
    with pytest.raises(Rejected) as caught:
        paypal.verify(Request(headers, body), by or held(), NOW)
    return caught.value.code


def changed(name: str, value: str) -> dict[str, str]:
    return {**HEADERS, f"paypal-{name}": value}


def test_a_delivery_verifies_by_each_of_two_pinned_keys_and_webhook_ids():
    (mine,), (other,) = SECRETS["certificate"], OTHER["certificate"]
    for keys in ([mine], [mine, other], [other, mine]):
        for ids in (SECRETS["webhook_id"], ["OTHER", KEY.webhook_id], [KEY.webhook_id, "OTHER"]):
            payload = paypal.verify(Request(HEADERS, BODY), held(certificate=keys, webhook_id=ids), NOW)
            assert payload.delivery_id == HEADERS["paypal-transmission-id"]
            assert (payload.topic, payload.content) == ("PAYMENT.CAPTURE.COMPLETED", BODY)


def test_what_was_changed_is_refused():
    assert refusal(HEADERS, BODY.replace(b"100.00", b"900.00")) == "BAD_SIGNATURE"
    assert refusal(HEADERS, json.dumps(json.loads(BODY)).encode()) == "BAD_SIGNATURE"
    assert refusal(changed("transmission-id", "another")) == "BAD_SIGNATURE"
    assert refusal(changed("transmission-time", "2026-03-01T12:00:01Z")) == "BAD_SIGNATURE"
    assert refusal(HEADERS, by=held(webhook_id=["OTHER"])) == "BAD_SIGNATURE"
    assert refusal(HEADERS, by=held(webhook_id=[])) == "BAD_SIGNATURE"
    assert refusal(HEADERS, by=held(certificate=OTHER["certificate"])) == "BAD_SIGNATURE"


@pytest.mark.parametrize("name", ["transmission-id", "transmission-time", "transmission-sig"])
def test_no_signature(name: str):
    assert refusal({key: value for key, value in HEADERS.items() if key != f"paypal-{name}"}) == "NO_SIGNATURE"
    assert refusal(changed(name, "")) == "NO_SIGNATURE"


@pytest.mark.parametrize("algorithm", ["", "SHA1withRSA", "none", "sha256withrsa", "SHA256withRSA "])
def test_no_other_algorithm(algorithm: str):
    assert refusal(changed("auth-algo", algorithm)) == "WRONG_ALGORITHM"


@pytest.mark.parametrize(("shift", "taken"), [(-3 * 86_400, True), (-3 * 86_400 - 1, False), (300, True), (301, False)])
def test_three_days_back_and_five_minutes_ahead(shift: int, taken: bool):
    headers, body = signer.sign(BODY, KEY, NOW + timedelta(seconds=shift))
    if taken:
        assert paypal.verify(Request(headers, body), held(), NOW)
    else:
        assert refusal(headers, body) == "CLOCK"


@pytest.mark.parametrize(
    "sent", ["yesterday", "2026-03-01T12:00:00", "1", "é\ud800", "9" * 10**6, "２０２６-03-01T12:00:00Z"]
)
def test_a_time_that_is_none(sent: str):
    assert refusal(changed("transmission-time", sent)) == "BAD_SIGNATURE"


@pytest.mark.parametrize("signature", ["x", "====", "é", "\ud800", "A" * 10**6, "AAAA"])
def test_a_signature_that_is_none(signature: str):
    assert refusal(changed("transmission-sig", signature)) == "BAD_SIGNATURE"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://user:word@api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../../elsewhere",
        "https://api.paypal.com/v1/notifications/certs/%2e%2e",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?next=https://evil.example",
        "https://api.paypal.com/v1/notifications/certs/CERT-1#x",
        "https://api.paypal.com/v1/notifications/certs/CERT-1\n",
        "https://api.paypal.com\\@evil.example/v1/notifications/certs/CERT-1",
        "https://apiXpaypal.com/v1/notifications/certs/CERT-1",
        "https://www.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/elsewhere/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://169.254.169.254/v1/notifications/certs/CERT-1",
    ],
)
@pytest.mark.parametrize("pinned", [True, False])
def test_no_certificate_from_elsewhere(url: str, pinned: bool):
    by = held() if pinned else held(certificate=[])
    assert refusal(changed("cert-url", url), by=by) == "FOREIGN_CERTIFICATE_HOST"


@pytest.mark.parametrize("host", ["api", "api-m", "api.sandbox", "api-m.sandbox"])
def test_paypals_own_hosts(host: str):
    url = f"https://{host}.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"
    assert paypal.verify(Request(changed("cert-url", url), BODY), held(), NOW)


@pytest.mark.parametrize("pem", ["", "garbage", "é", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"])
def test_a_pinned_text_that_is_no_key(pem: str):
    assert refusal(HEADERS, by=held(certificate=[pem])) == "BAD_CERTIFICATE"


def test_a_pinned_key_of_another_kind():
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert refusal(HEADERS, by=held(certificate=[pem])) == "BAD_CERTIFICATE"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"id":"WH-1"}', b"\xff"])
def test_a_signed_body_that_is_no_event(body: bytes):
    headers, _ = signer.sign(body, KEY, NOW)
    assert refusal(headers, body) == "UNREADABLE_DELIVERY"


def test_a_second_body_with_the_same_sum_is_the_same_delivery():
    """CRC-32 is linear: four bytes make any body come to the sum of another. The id stays, and so it has no effect."""
    forged = with_sum_of(BODY, BODY.replace(b"100.00", b"900.00").replace(b'"WH-1"', b'"WH-2","x":"????"'))
    payload = paypal.verify(Request(HEADERS, forged), held(), NOW)
    assert b"900.00" in payload.content
    assert payload.delivery_id == paypal.verify(Request(HEADERS, BODY), held(), NOW).delivery_id


def with_sum_of(genuine: bytes, forged: bytes) -> bytes:
    place = forged.index(b"????")
    zero = bytearray(forged)
    zero[place : place + 4] = bytes(4)
    wanted, rows = crc32(genuine) ^ crc32(zero), []
    for bit in range(32):
        changed_body = bytearray(zero)
        changed_body[place + bit // 8] ^= 1 << bit % 8
        rows.append((crc32(changed_body) ^ crc32(zero), 1 << bit))
    chosen = 0
    for bit in reversed(range(32)):
        pivot = next((row for row in rows if row[0] >> bit & 1), (0, 0))
        rows = [(a ^ pivot[0], b ^ pivot[1]) if a >> bit & 1 else (a, b) for a, b in rows if (a, b) != pivot]
        if wanted >> bit & 1:
            wanted, chosen = wanted ^ pivot[0], chosen ^ pivot[1]
    zero[place : place + 4] = chosen.to_bytes(4, "little")
    assert crc32(zero) == crc32(genuine)
    return bytes(zero)


@given(st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text()), st.binary())
def test_nothing_but_a_refusal_comes_of_noise(noise: dict[str, str], body: bytes):
    with pytest.raises(Rejected):
        paypal.verify(Request({**HEADERS, **noise}, body), held(), NOW)
