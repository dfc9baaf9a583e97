"""WeChat Pay's transfer bills: what is sent is what it signs and reads; only a bill's own signed state decides."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.deliveries import Connection, ConnectionSettings
from chalicelib.domain.errors import Refused
from chalicelib.domain.payouts import key_of
from chalicelib.rails import wechatpay
from chalicelib.rails.rail import UNKNOWN, Answer, Question, Verdict, rail
from tests.rails.china import AT, OPENID, payout
from tests.rails.simulator.rsa_keys import key, private_pem, public_pem, sign

KEY = key_of("po_1", 1)
SERIAL = "PUB_KEY_ID_0114232134912410000000000000"
PATH = "/v3/fund-app/mch-transfer/transfer-bills"


def connection(app_id: str | None = "wx1", notify_url: str | None = None, **secrets: str) -> Connection:
    held = {
        "merchant_key": private_pem("wechatpay merchant"),
        "merchant_serial": "1DDE55",
        "platform_key": f"{SERIAL}\n{public_pem('wechatpay')}",
        "api_v3_key": "0" * 32,
    }
    return Connection(
        connection_id="c",
        provider="wechatpay",
        settings=ConnectionSettings(account="1230000109", app_id=app_id, notify_url=notify_url),
        secrets={name: (value,) for name, value in (held | secrets).items() if value},
    )


def answered(said: Any, status: int = 200, signer: str = "wechatpay", serial: str = SERIAL) -> Answer:
    body = json.dumps(said, ensure_ascii=False).encode()
    headers = {
        "wechatpay-timestamp": "1760000000",
        "wechatpay-nonce": "N",
        "wechatpay-serial": serial,
        "wechatpay-signature": sign(signer, b"1760000000\nN\n" + body + b"\n"),
    }
    return Answer(status, headers, body)


def bill(state: str = "SUCCESS", **more: Any) -> dict[str, Any]:
    return {"out_bill_no": KEY, "transfer_bill_no": "1330", "state": state, **more}


def judged(said: Any, question: Question = "query", status: int = 200, **more: Any) -> Verdict:
    return wechatpay.classify(answered(said, status, **more), question, payout("wechatpay"), connection())


def test_it_is_found_by_its_name() -> None:
    assert rail("wechatpay") is wechatpay


def test_what_is_sent_names_the_recipient_and_the_net_amount_in_fen() -> None:
    sent = wechatpay.submit(payout("wechatpay"), connection(notify_url="https://api.example/n"), 1)
    assert (sent.key, sent.method, sent.path) == (KEY, "POST", PATH)
    assert json.loads(sent.body) == {
        "appid": "wx1",
        "out_bill_no": KEY,
        "transfer_scene_id": "1005",
        "openid": OPENID,
        "transfer_amount": 1999,
        "transfer_remark": "2026年11月佣金",
        "notify_url": "https://api.example/n",
        "user_recv_perception": "劳务报酬",
        "transfer_scene_report_infos": [
            {"info_type": "岗位类型", "info_content": "推广员"},
            {"info_type": "报酬说明", "info_content": "11月推广佣金"},
        ],
    }
    assert sent.headers["Wechatpay-Serial"] == SERIAL


def test_without_an_address_for_notifications_none_are_asked_for() -> None:
    assert "notify_url" not in json.loads(wechatpay.submit(payout("wechatpay"), connection(), 1).body)


def test_the_same_payout_gives_the_same_bytes_and_another_attempt_another_key() -> None:
    subject = payout("wechatpay", net=199_999)
    assert wechatpay.submit(subject, connection(), 1) == wechatpay.submit(subject, connection(), 1)
    assert wechatpay.submit(subject, connection(), 2).key != KEY


def test_the_month_is_china_s() -> None:
    late = payout("wechatpay", created_at=datetime(2026, 12, 31, 16, tzinfo=UTC))
    assert json.loads(wechatpay.submit(late, connection(), 1).body)["transfer_remark"] == "2027年1月佣金"


def test_from_2000_yuan_on_the_name_is_encrypted() -> None:
    """Anew in each call: that is why the body is stored."""
    subject = payout("wechatpay", net=200_000)
    one, two = (json.loads(wechatpay.submit(subject, connection(), 1).body) for _ in range(2))
    assert one.pop("user_name") != two.pop("user_name") and one == two
    sealed = json.loads(wechatpay.submit(subject, connection(), 1).body)["user_name"]
    assert key("wechatpay").decrypt(b64decode(sealed), OAEP(MGF1(SHA1()), SHA1(), None)).decode() == "张三"
    assert "user_name" not in json.loads(wechatpay.submit(payout("wechatpay", net=199_999), connection(), 1).body)


def test_a_name_that_is_too_long_to_encrypt_is_refused() -> None:
    with pytest.raises(Refused, match="BAD_LENGTH"):
        wechatpay.submit(payout("wechatpay", net=200_000, holder="张" * 72), connection(), 1)
    assert wechatpay.submit(payout("wechatpay", net=200_000, holder="张" * 71), connection(), 1)


@pytest.mark.parametrize(
    ("lacking", "code"),
    [
        ({"merchant_key": ""}, "MISSING_SECRET"),
        ({"merchant_key": "nonsense"}, "BAD_SECRET"),
        ({"merchant_serial": ""}, "MISSING_SECRET"),
        ({"platform_key": ""}, "MISSING_SECRET"),
        ({"platform_key": public_pem("wechatpay")}, "PLATFORM_KEY_UNNAMED"),
        ({"platform_key": "-----BEGIN CERTIFICATE-----\nx"}, "PLATFORM_KEY_UNNAMED"),
        ({"app_id": None}, "MISSING_FIELD"),
    ],
)
def test_a_connection_that_cannot_pay_is_refused_before_anything_is_sent(lacking: Any, code: str) -> None:
    with pytest.raises(Refused) as refused:
        wechatpay.submit(payout("wechatpay"), connection(**lacking), 1)
    assert refused.value.code == code


def certificate(number: int) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenpay.com Root CA")])
    public = key("wechatpay").public_key()
    made = x509.CertificateBuilder(name, name, public, number, AT, AT + timedelta(days=9)).sign(
        key("wechatpay"), SHA256()
    )
    return made.public_bytes(Encoding.PEM).decode()


def test_a_certificate_goes_by_its_number() -> None:
    held = connection(platform_key=certificate(0xABC))
    assert wechatpay.submit(payout("wechatpay"), held, 1).headers["Wechatpay-Serial"] == "0ABC"
    for serial, outcome in (("0ABC", "paid"), ("abc", "paid"), ("ABD", "unknown"), (SERIAL, "unknown")):
        verdict = wechatpay.classify(answered(bill(), serial=serial), "query", payout("wechatpay"), held)
        assert verdict.outcome == outcome


def test_each_sending_has_a_signature_of_its_own_over_the_same_bytes() -> None:
    sent = wechatpay.submit(payout("wechatpay"), connection(), 1)
    one, two = (wechatpay.authorised(sent, connection(), AT, lambda *_: None) for _ in range(2))
    assert one.body == two.body == sent.body
    assert one.headers["Authorization"] != two.headers["Authorization"]
    assert one.headers["Authorization"].startswith('WECHATPAY2-SHA256-RSA2048 mchid="1230000109",nonce_str="')


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("ACCEPTED", "submitted"),
        ("PROCESSING", "submitted"),
        ("WAIT_USER_CONFIRM", "awaiting_recipient"),
        ("TRANSFERING", "submitted"),
        ("SUCCESS", "paid"),
        ("FAIL", "failed"),
        ("CANCELING", "submitted"),
        ("CANCELLED", "failed"),
        ("REFUND", "unknown"),
    ],
)
def test_what_a_bill_s_state_means(state: str, outcome: str) -> None:
    for question in ("submit", "query"):
        assert judged(bill(state), question).outcome == outcome


def test_what_the_recipient_confirms_with_is_the_reason() -> None:
    assert judged(bill("WAIT_USER_CONFIRM", package_info="aff/d+=="), "submit") == Verdict(
        "awaiting_recipient", "1330", "aff/d+=="
    )


def test_why_a_bill_failed() -> None:
    assert judged(bill("FAIL", fail_reason="PAYEE_ACCOUNT_ABNORMAL")).reason == "PAYEE_ACCOUNT_ABNORMAL"
    assert judged(bill("FAIL", fail_reason="张三")).reason is None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "INVALID_REQUEST"),
        (400, "PARAM_ERROR"),
        (403, "NOT_ENOUGH"),
        (403, "NO_AUTH"),
        (401, "SIGN_ERROR"),
        (429, "FREQUENCY_LIMITED"),
        (500, "SYSTEM_ERROR"),
        (404, "NOT_FOUND"),
        (202, "ACCEPTED"),
    ],
)
def test_no_error_of_a_submission_decides_but_it_is_told(status: int, code: str) -> None:
    assert judged({"code": code, "message": "m"}, "submit", status) == Verdict("unknown", reason=code)


def test_a_bill_that_is_not_there() -> None:
    assert judged({"code": "NOT_FOUND"}, "query", 404).outcome == "not_found"
    assert judged({"code": "NOT_FOUND"}, "query", 400).outcome == "unknown"
    assert judged({"code": "OTHER"}, "query", 404).outcome == "unknown"


def test_another_bill_s_answer_says_nothing() -> None:
    assert judged(bill() | {"out_bill_no": "FR0"}) == UNKNOWN
    assert judged(bill(transfer_amount=1998)) == UNKNOWN
    assert judged(bill(transfer_amount=1999)).outcome == "paid"


def test_what_wechat_pay_did_not_sign_says_nothing() -> None:
    genuine = answered(bill())
    forged = [
        answered(bill(), signer="stranger"),
        answered(bill(), serial="PUB_KEY_ID_9"),
        structs.replace(genuine, body=genuine.body + b" "),
        structs.replace(genuine, headers={}),
        structs.replace(genuine, headers=dict(genuine.headers) | {"wechatpay-signature": "ü"}),
        structs.replace(genuine, headers=dict(genuine.headers) | {"wechatpay-timestamp": "1760000001"}),
        structs.replace(genuine, body=genuine.body[:20]),
    ]
    assert {wechatpay.classify(each, "query", payout("wechatpay"), connection()) for each in forged} == {UNKNOWN}
    assert wechatpay.classify(None, "query", payout("wechatpay"), connection()) == UNKNOWN


def test_a_lost_confirmation_is_fetched_by_the_stored_body() -> None:
    stored = wechatpay.submit(payout("wechatpay"), connection(), 1)
    lost = payout("wechatpay", state="unknown", sent=b64encode(stored.body).decode())
    waiting = answered(bill("WAIT_USER_CONFIRM"))
    assert wechatpay.next(waiting, lost, connection()) == stored
    nothing = [
        (answered(bill("WAIT_USER_CONFIRM", package_info="p")), lost),
        (answered(bill("SUCCESS")), lost),
        (answered(bill("WAIT_USER_CONFIRM"), signer="stranger"), lost),
        (answered({"code": "NOT_FOUND"}, 404), lost),
        (waiting, structs.replace(lost, state="awaiting_recipient")),
        (waiting, structs.replace(lost, sent=None)),
    ]
    assert [wechatpay.next(answer, subject, connection()) for answer, subject in nothing] == [None] * len(nothing)


STATES = ("SUCCESS", "FAIL", "CANCELLED", "CANCELING", "ACCEPTED", "success", "", "PAID", "REFUND")
WORDS = st.sampled_from([*STATES, KEY, "FR0", "NOT_FOUND", "PARAM_ERROR", "NOT_ENOUGH", "X" * 200])
FIELDS = st.sampled_from(
    ["out_bill_no", "transfer_bill_no", "state", "fail_reason", "package_info", "transfer_amount", "code", "message"]
)
SAID = st.dictionaries(FIELDS, WORDS | st.text(max_size=5) | st.integers(0, 3000) | st.none(), max_size=8)


@given(
    SAID | SAID.map(lambda more: bill() | more),
    st.sampled_from(["submit", "query"]),
    st.sampled_from([200, 200, 202, 400, 403, 404, 500]),
    st.sampled_from(["wechatpay", "wechatpay", "stranger"]),
)
def test_what_is_not_listed_neither_pays_nor_fails(said: Any, question: Question, status: int, signer: str) -> None:
    verdict = judged(said, question, status, signer=signer)
    if verdict.outcome in ("paid", "failed"):
        assert (status, signer, said["out_bill_no"]) == (200, "wechatpay", KEY)
        assert said["state"] in (("SUCCESS",) if verdict.outcome == "paid" else ("FAIL", "CANCELLED"))


@given(st.binary(max_size=200), st.sampled_from(["submit", "query"]), st.integers(100, 599), st.text(max_size=20))
def test_noise_says_nothing(body: bytes, question: Question, status: int, header: str) -> None:
    headers = {f"wechatpay-{name}": header for name in ("timestamp", "nonce", "serial", "signature")}
    assert wechatpay.classify(Answer(status, headers, body), question, payout("wechatpay"), connection()) == UNKNOWN
