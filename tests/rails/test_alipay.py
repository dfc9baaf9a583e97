"""Alipay's transfers: what is sent is what Alipay signs and reads, and only what Alipay signed decides."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.deliveries import Connection, ConnectionSettings
from chalicelib.domain.errors import Refused
from chalicelib.domain.payouts import key_of
from chalicelib.rails import alipay
from chalicelib.rails.rail import UNKNOWN, Answer, Question, Verdict, rail
from tests.rails.china import AT, USER_ID, payout
from tests.rails.simulator.rsa_keys import key, private_pem, public_pem, sign

KEY = key_of("po_1", 1)
NODES = {"submit": "alipay_fund_trans_uni_transfer_response", "query": "alipay_fund_trans_common_query_response"}


def connection(**secrets: str) -> Connection:
    held = {"app_private_key": private_pem("alipay app"), "public_key": public_pem("alipay")} | secrets
    return Connection(
        connection_id="c",
        provider="alipay",
        settings=ConnectionSettings(account="2021000000000001"),
        secrets={name: (value,) for name, value in held.items() if value},
    )


def form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), strict_parsing=True))


def answered(question: Question, said: dict[str, Any], signer: str = "alipay", status: int = 200) -> Answer:
    value = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    return Answer(status, {}, f'{{"{NODES[question]}":{value},"sign":"{sign(signer, value.encode())}"}}'.encode())


def judged(question: Question, **said: Any) -> Verdict:
    return alipay.classify(answered(question, said), question, payout("alipay"), connection())


def done(status: str = "SUCCESS", **more: Any) -> dict[str, Any]:
    return {"code": "10000", "out_biz_no": KEY, "order_id": "2025", "status": status, **more}


def test_it_is_found_by_its_name() -> None:
    assert rail("alipay") is alipay


def test_what_is_sent_names_the_payee_and_the_net_amount_in_yuan() -> None:
    subject = payout("alipay", net=5, fee=0)
    sent = alipay.submit(subject, connection(), 1)
    assert (sent.key, sent.method, sent.path) == (KEY, "POST", "/gateway.do")
    fields = form(sent.body)
    assert fields["app_id"] == "2021000000000001" and fields["sign_type"] == "RSA2"
    assert "timestamp" not in fields and "sign" not in fields
    content = json.loads(fields["biz_content"])
    assert content["trans_amount"] == "0.05" and content["out_biz_no"] == KEY
    assert content["payee_info"] == {"identity": USER_ID, "identity_type": "ALIPAY_USER_ID", "name": "张三"}
    assert content["transfer_scene_name"] == "佣金报酬"
    assert [info["info_type"] for info in content["transfer_scene_report_infos"]] == ["岗位类型", "报酬说明"]


def test_the_same_payout_gives_the_same_bytes_and_another_attempt_another_key() -> None:
    subject = payout("alipay")
    assert alipay.submit(subject, connection(), 1) == alipay.submit(subject, connection(), 1)
    assert alipay.submit(subject, connection(), 2).key != KEY


@pytest.mark.parametrize(
    ("kind", "named"), [("open_id", "ALIPAY_OPEN_ID"), ("logon_id", "ALIPAY_LOGON_ID"), ("user_id", "ALIPAY_USER_ID")]
)
def test_the_kinds_of_accounts(kind: str, named: str) -> None:
    subject = payout("alipay")
    subject = structs.replace(subject, method=subject.method | {"kind": kind})
    content = json.loads(form(alipay.submit(subject, connection(), 1).body)["biz_content"])
    assert content["payee_info"]["identity_type"] == named


def test_an_unknown_kind_is_refused_before_anything_is_sent() -> None:
    subject = payout("alipay")
    with pytest.raises(Refused, match="NOT_ALLOWED"):
        alipay.submit(structs.replace(subject, method=subject.method | {"kind": "card"}), connection(), 1)


def test_the_month_is_china_s() -> None:
    late = payout("alipay", created_at=datetime(2026, 8, 31, 16, tzinfo=UTC))
    content = json.loads(form(alipay.submit(late, connection(), 1).body)["biz_content"])
    assert content["remark"] == "2026-09 佣金"
    assert content["transfer_scene_report_infos"][1]["info_content"] == "9月推广佣金"


def test_only_time_and_signature_differ_between_two_sendings() -> None:
    sent = alipay.submit(payout("alipay"), connection(), 1)
    one = form(alipay.authorised(sent, connection(), AT, lambda *_: None).body)
    two = form(alipay.authorised(sent, connection(), AT + timedelta(hours=1), lambda *_: None).body)
    assert one["timestamp"] == "2026-11-22 10:00:00" and two["timestamp"] == "2026-11-22 11:00:00"
    assert {name for name in one if one[name] != two[name]} == {"timestamp", "sign"}


def test_app_keys_in_all_their_forms_make_the_same_signature() -> None:
    sent = alipay.submit(payout("alipay"), connection(), 1)
    bare = [
        b64encode(key("alipay app").private_bytes(Encoding.DER, form, NoEncryption())).decode()
        for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
    ]
    pems = [private_pem("alipay app", form) for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)]
    bodies = {
        alipay.authorised(sent, connection(app_private_key=each), AT, lambda *_: None).body for each in bare + pems
    }
    assert len(bodies) == 1


@pytest.mark.parametrize("held", ["", "nonsense", "QUJD", public_pem("alipay")])
def test_a_connection_that_cannot_sign_is_refused_before_anything_is_sent(held: str) -> None:
    with pytest.raises(Refused) as refused:
        alipay.submit(payout("alipay"), connection(app_private_key=held), 1)
    assert refused.value.code == ("BAD_SECRET" if held else "MISSING_SECRET")
    assert not held or held not in str(refused.value)


def test_an_elliptic_key_is_refused() -> None:
    pem = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(Refused, match="BAD_SECRET"):
        alipay.submit(payout("alipay"), connection(app_private_key=pem), 1)


def certificate(signer: Any, serial: int) -> str:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ant Financial"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Test R1"),
        ]
    )
    made = x509.CertificateBuilder(name, name, signer.public_key(), serial, AT, AT + timedelta(days=9))
    return made.sign(signer, SHA256()).public_bytes(Encoding.PEM).decode()


def test_certificate_mode_sends_their_numbers() -> None:
    """Of the bundle's roots only those signed with RSA count."""
    own, other = certificate(key("alipay app"), 7), certificate(generate_private_key(SECP256R1()), 8)
    roots = certificate(key("alipay"), 9) + other + certificate(key("alipay"), 10)
    held = connection(app_certificate=own, root_certificate=roots)
    fields = form(alipay.authorised(alipay.submit(payout("alipay"), held, 1), held, AT, lambda *_: None).body)

    def number(serial: int) -> str:
        return md5(f"CN=Test R1,O=Ant Financial,C=CN{serial}".encode(), usedforsecurity=False).hexdigest()

    assert fields["app_cert_sn"] == number(7)
    assert fields["alipay_root_cert_sn"] == f"{number(9)}_{number(10)}"


@pytest.mark.parametrize("held", ["nonsense", "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"])
def test_certificates_that_cannot_be_read_are_refused_before_anything_is_sent(held: str) -> None:
    with pytest.raises(Refused, match="BAD_SECRET"):
        alipay.submit(payout("alipay"), connection(app_certificate=held), 1)


def test_what_a_transfer_s_answer_means() -> None:
    assert judged("submit", **done()) == Verdict("paid", "2025")
    assert judged("submit", **done("DEALING")) == Verdict("submitted", "2025")
    assert judged("submit", code="40004", sub_code="PAYEE_NOT_EXIST") == Verdict("failed", reason="PAYEE_NOT_EXIST")
    assert judged("submit", code="40004", sub_code="SYSTEM_ERROR") == Verdict("unknown", reason="SYSTEM_ERROR")
    assert judged("submit", code="20000", sub_code="isp.unknow-error").outcome == "unknown"
    assert judged("submit", code="40004", sub_code="PAYMENT_INFO_INCONSISTENCY").outcome == "unknown"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("SUCCESS", "paid"),
        ("FAIL", "failed"),
        ("CLOSED", "failed"),
        ("REFUND", "returned"),
        ("DEALING", "submitted"),
        ("INIT", "submitted"),
        ("WAIT", "submitted"),
        ("UNKNOWN", "unknown"),
    ],
)
def test_what_a_query_s_answer_means(status: str, outcome: str) -> None:
    assert judged("query", **done(status, trans_amount="19.99")).outcome == outcome


def test_why_a_transfer_failed() -> None:
    assert judged("query", **done("FAIL", error_code="PAYEE_ACCOUNT_STATUS_ERROR")) == Verdict(
        "failed", "2025", "PAYEE_ACCOUNT_STATUS_ERROR"
    )


def test_a_transfer_that_alipay_does_not_know() -> None:
    said = {"code": "40004", "sub_code": "ORDER_NOT_EXIST"}
    assert judged("query", **said).outcome == "not_found"
    assert judged("submit", **said).outcome == "unknown"


def test_an_error_of_the_query_says_nothing_of_the_transfer() -> None:
    assert judged("query", code="40004", sub_code="PAYEE_NOT_EXIST").outcome == "unknown"


def test_another_transfer_s_answer_says_nothing() -> None:
    assert judged("submit", **done() | {"out_biz_no": "FR0"}) == UNKNOWN
    assert judged("query", **done(trans_amount="19.98")) == UNKNOWN


def test_what_alipay_did_not_sign_says_nothing() -> None:
    held, subject, said = connection(), payout("alipay"), done()
    genuine = answered("submit", said)
    forged = [
        answered("submit", said, signer="stranger"),
        Answer(200, {}, genuine.body.replace(b'"status":"SUCCESS"', b'"status": "SUCCESS"')),
        Answer(200, {}, json.dumps({NODES["submit"]: said}).encode()),
        Answer(200, {}, genuine.body[:-40]),
        Answer(200, {}, genuine.body.replace(NODES["submit"].encode(), NODES["query"].encode())),
        Answer(502, {}, genuine.body),
        Answer(200, {}, b"<html>"),
        Answer(200, {}, b'{"sign":"\xff"}'),
        None,
    ]
    assert [alipay.classify(each, "submit", subject, held) for each in forged] == [UNKNOWN] * len(forged)
    rotated = structs.replace(
        held, secrets=held.secrets | {"public_key": (public_pem("stranger"), public_pem("alipay"))}
    )
    assert alipay.classify(genuine, "submit", subject, rotated).outcome == "paid"


def test_a_value_that_comes_twice_is_judged_by_the_one_that_is_signed() -> None:
    genuine = answered("submit", {"code": "40004", "sub_code": "PAYEE_NOT_EXIST"}).body.decode()
    paid = json.dumps(done())
    before = "{" + f'"{NODES["submit"]}":{paid},' + genuine[1:]
    after = genuine[:-1] + f',"{NODES["submit"]}":{paid}' + "}"
    outcomes = {
        alipay.classify(Answer(200, {}, each.encode()), "submit", payout("alipay"), connection()).outcome
        for each in (before, after)
    }
    assert outcomes <= {"failed", "unknown"}


PAID = {("submit", "SUCCESS"), ("query", "SUCCESS")}
FAILED = {("query", "FAIL"), ("query", "CLOSED")}
REFUSED = {"PAYEE_NOT_EXIST", "PAYER_BALANCE_NOT_ENOUGH"}
STATUSES = ("SUCCESS", "FAIL", "CLOSED", "REFUND", "DEALING", "success", "", "10000", "40004", "20000")
WORDS = st.sampled_from([*STATUSES, *REFUSED, "SYSTEM_ERROR", "ORDER_NOT_EXIST", "X" * 200, KEY, "FR0", "19.99"])
FIELDS = st.sampled_from(["code", "sub_code", "status", "out_biz_no", "order_id", "trans_amount", "error_code", "msg"])
SAID = st.dictionaries(FIELDS, WORDS | st.text(max_size=5) | st.integers() | st.none(), max_size=8)


@given(
    SAID | SAID.map(lambda more: done() | more),
    st.sampled_from(["submit", "query"]),
    st.sampled_from([200, 200, 201, 500]),
)
def test_what_is_not_listed_neither_pays_nor_fails(said: dict[str, Any], question: Question, status: int) -> None:
    verdict = alipay.classify(answered(question, said, status=status), question, payout("alipay"), connection())
    about_it = status == 200 and said.get("code") == "10000" and said.get("out_biz_no") == KEY
    if verdict.outcome == "paid":
        assert about_it and (question, said["status"]) in PAID
    if verdict.outcome == "failed":
        listed = question == "submit" and said["sub_code"] in REFUSED
        assert (about_it and (question, said["status"]) in FAILED) or (said["code"] == "40004" and listed)


@given(st.binary(max_size=200), st.sampled_from(["submit", "query"]), st.integers(100, 599))
def test_noise_says_nothing(body: bytes, question: Question, status: int) -> None:
    assert alipay.classify(Answer(status, {}, body), question, payout("alipay"), connection()) == UNKNOWN
