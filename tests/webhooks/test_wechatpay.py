"""WeChat Pay's notifications: whose they are, and what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache, reduce
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.deliveries import Connection, ConnectionSettings, Payload, Request, Said
from chalicelib.domain.errors import FenrunError, Malformed, Refused, Rejected
from chalicelib.domain.orders import Carriers, contradictions, join
from chalicelib.domain.running import refunds
from chalicelib.webhooks import wechatpay
from local.signers import wechatpay as signer
from tests.webhooks.samples_wallets import WECHAT_PAID, WECHAT_REFUND_1, WECHAT_REFUND_2, text, wechat_refund

NOW = datetime(2025, 10, 9, 9, tzinfo=UTC)
MCHID = "1230000109"
TRANSACTION = "4200001234202510091234567890"
PAYMENT = f"wechatpay:{TRANSACTION}"
keys = cache(lambda which: signer.keys())


def connection(held: dict[str, list[str]] | None = None, **said: Any) -> Connection:
    said.setdefault("account", MCHID)
    secrets = {name: tuple(each) for name, each in (held or keys(1)[0]).items()}
    return Connection(connection_id="c1", provider="wechatpay", secrets=secrets, settings=ConnectionSettings(**said))


def signed(resource: Any = WECHAT_PAID, which: int = 1, at: datetime = NOW, **given_: str) -> Request:
    return Request(*signer.sign(text(resource), keys(which)[1], at, **given_))


def refused(request: Request, to: Connection | None = None) -> str:
    with pytest.raises(Rejected) as caught:
        wechatpay.verify(request, to or connection(), NOW)
    return caught.value.code


def sealed(body: bytes) -> Request:
    return Request(*signer.sealed_with(body, keys(1)[1], NOW))


def said(resource: Any, topic: str = "TRANSACTION.SUCCESS", **given_: Any) -> tuple[Said, ...]:
    content = resource if isinstance(resource, bytes) else text(resource)
    return wechatpay.facts(
        Payload(delivery_id="EV", topic=topic, content=content, settings=ConnectionSettings(**given_))
    )


def certificate(serial: int) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Tenpay.com sign")])
    private = keys(1)[1].private
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    built = built.serial_number(serial).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1800))
    return built.sign(private, SHA256()).public_bytes(Encoding.PEM).decode()


def test_a_notification_verifies_and_is_decrypted() -> None:
    request = signed(delivery_id="EV-1")
    payload = wechatpay.verify(request, connection(), NOW)
    assert (payload.delivery_id, payload.topic) == ("EV-1", "TRANSACTION.SUCCESS")
    assert json.loads(payload.content) == WECHAT_PAID
    assert wechatpay.verify(request, connection(), NOW + timedelta(seconds=300)) == payload
    assert wechatpay.facts(payload)[0].facts.payments[PAYMENT].amount == 59894


def test_each_secret_of_two() -> None:
    one, two = keys(1)[0], keys(2)[0]
    for first, second in ((one, two), (two, one)):
        held = {name: [*first[name], *second[name]] for name in one}
        assert wechatpay.verify(signed(), connection(held), NOW)
    assert refused(signed(), connection(two)) == "UNKNOWN_KEY"
    assert refused(signed(), connection(one | {"api_v3_key": two["api_v3_key"]})) == "NOT_DECRYPTABLE"
    assert refused(signed(), connection(one | {"api_v3_key": ["short", "长" * 32]})) == "NOT_DECRYPTABLE"


def test_which_key_a_serial_names() -> None:
    held, key = keys(1)
    serial, _, bare = held["platform_key"][0].partition("\n")

    def verified(platform_key: str, named: str) -> str:
        request = Request(*signer.sign(text(WECHAT_PAID), key._replace(serial=named), NOW))
        try:
            wechatpay.verify(request, connection(held | {"platform_key": [platform_key]}), NOW)
        except Rejected as error:
            return error.code
        return "verified"

    assert verified(f"{serial}\n{bare}", serial) == verified(f"  {serial} \r\n{bare}\n", serial) == "verified"
    assert verified(bare, "PUB_KEY_ID_1") == verified(bare, "5157F09EFDC096DE15EBE81A47057A72") == "verified"
    assert verified(f"PUB_KEY_ID_1\n{bare}", serial) == "UNKNOWN_KEY"
    assert verified(certificate(0x5157F09E), "5157F09E") == verified(certificate(0x57F), "0000057f") == "verified"
    assert verified(certificate(0x5157F09E), serial) == verified(certificate(1), "0") == "UNKNOWN_KEY"
    assert verified("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----", "1") == "UNKNOWN_KEY"
    assert verified("no key at all", serial) == "BAD_SIGNATURE"
    other = keys(2)[0]["platform_key"][0].partition("\n")[2]
    assert verified(f"{serial}\n{other}", serial) == "BAD_SIGNATURE"


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"TRANSACTION.SUCCESS", b"TRANSACTION.SUCCESs"),
        lambda body: body.replace(b"EV-2018022511223320873", b"EV-2018022511223320874"),
        lambda body: body + b" ",
        lambda body: json.dumps(json.loads(body), indent=1).encode(),
        lambda body: b"",
    ],
)
def test_an_altered_or_rewritten_body_is_refused(change: Callable[[bytes], bytes]) -> None:
    request = signed()
    assert refused(Request(request.headers, change(request.body))) == "BAD_SIGNATURE"


@pytest.mark.parametrize("name", ["timestamp", "nonce", "serial", "signature"])
def test_missing_and_hostile_headers(name: str) -> None:
    request = signed()
    without = {header: value for header, value in request.headers.items() if header != f"wechatpay-{name}"}
    assert refused(Request(without, request.body)) == "NO_SIGNATURE"
    for value in ("x", "张三", "\udcff", "A" * 1_000_000, "-1", "１７６０", "9" * 12, "\n\n", "=", "0x1"):
        code = refused(Request(without | {f"wechatpay-{name}": value}, request.body))
        assert code in ("BAD_SIGNATURE", "CLOCK", "UNKNOWN_KEY")


def test_stale_and_ahead() -> None:
    for seconds in (-301, 301):
        assert refused(signed(at=NOW + timedelta(seconds=seconds))) == "CLOCK"
    assert wechatpay.verify(signed(at=NOW - timedelta(seconds=300)), connection(), NOW)
    assert wechatpay.verify(signed(at=NOW + timedelta(seconds=300)), connection(), NOW)


def test_the_probes_of_wechat_pay_are_refused() -> None:
    request = signed()
    probe = {"wechatpay-signature": "WECHATPAY/SIGNTEST/" + request.headers["wechatpay-signature"]}
    assert refused(Request({**request.headers, **probe}, request.body)) == "PROBE"


def test_other_algorithms_are_refused() -> None:
    request = signed()
    kind = {"wechatpay-signature-type": "WECHATPAY2-SM2-WITH-SM3"}
    assert refused(Request({**request.headers, **kind}, request.body)) == "WRONG_ALGORITHM"
    untyped = {name: value for name, value in request.headers.items() if name != "wechatpay-signature-type"}
    assert wechatpay.verify(Request(untyped, request.body), connection(), NOW)
    assert refused(sealed(request.body.replace(b"AEAD_AES_256_GCM", b"AEAD_SM4_GCM"))) == "WRONG_ALGORITHM"


def test_a_resource_that_cannot_be_decrypted() -> None:
    envelope = json.loads(signed().body)
    for name, value in (
        ("ciphertext", "QUJD"),
        ("ciphertext", "***"),
        ("ciphertext", "密文"),
        ("nonce", "short"),
        ("nonce", "n" * 999),
        ("associated_data", "refund"),
        ("associated_data", None),
    ):
        changed = envelope | {"resource": envelope["resource"] | {name: value}}
        assert refused(sealed(text(changed))) == "NOT_DECRYPTABLE"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id":"","event_type":"","resource":{}}', b"\xff", b"[" * 9999])
def test_a_signed_body_that_is_no_notification(body: bytes) -> None:
    assert refused(sealed(body)) == "UNREADABLE_DELIVERY"


def test_another_merchant() -> None:
    assert refused(signed(), connection(account="1230000110")) == "OTHER_ACCOUNT"
    assert refused(signed(WECHAT_PAID | {"mchid": None})) == "OTHER_ACCOUNT"
    assert refused(signed(WECHAT_REFUND_1 | {"mchid": ""}, topic="REFUND.SUCCESS")) == "OTHER_ACCOUNT"
    assert refused(signed(WECHAT_PAID | {"mchid": 7})) == "UNREADABLE_DELIVERY"
    partner = WECHAT_PAID | {"mchid": None, "sp_mchid": "1900000109", "sub_mchid": MCHID}
    assert wechatpay.verify(signed(partner), connection(), NOW)
    complaint = {"mchid": None, "complaint_id": "200201820200101080076610000", "action_type": "CREATE_COMPLAINT"}
    payload = wechatpay.verify(signed(complaint, topic="COMPLAINT.CREATE"), connection(), NOW)
    assert payload.topic == "COMPLAINT.CREATE" and wechatpay.facts(payload) == ()


def test_a_long_id_becomes_short() -> None:
    assert len(wechatpay.verify(signed(delivery_id="E" * 999), connection(), NOW).delivery_id) == 64


def test_paid() -> None:
    (only,) = said(WECHAT_PAID)
    assert only.payment == TRANSACTION and only.facts.order_id == "ORDER-1" and only.facts.currency == "CNY"
    assert only.facts.attribution == Carriers(code="ZHANG3", click_id="clk_1") and not only.facts.refunds
    paid = only.facts.payments[PAYMENT]
    assert (paid.amount, paid.paid_at) == (59894, datetime(2025, 10, 9, 8, 53, 19, tzinfo=UTC))


@pytest.mark.parametrize(("code", "total"), [("HKD", 500), ("JPY", 500), ("KWD", 1230)])
def test_other_currencies_are_counted_in_their_own_minor_units(code: str, total: int) -> None:
    (only,) = said(WECHAT_PAID | {"amount": {"total": total, "currency": code}})
    assert (only.facts.payments[PAYMENT].amount, only.facts.currency) == (total, code)


def test_given_back() -> None:
    (only,) = said(WECHAT_REFUND_1, "REFUND.SUCCESS")
    refund = only.facts.refunds["wechatpay:R1"]
    assert (refund.amount, refund.source, refund.running, refund.state) == (10000, PAYMENT, False, "succeeded")
    assert refund.refunded_at == datetime(2025, 10, 10, 2, tzinfo=UTC)
    assert only.payment == TRANSACTION and only.facts.order_id == "ORDER-1" and not only.facts.payments


@pytest.mark.parametrize("status", ["ABNORMAL", "CLOSED"])
def test_what_never_left_was_not_given_back(status: str) -> None:
    assert said(wechat_refund("R1", 10000, status), f"REFUND.{status}") == ()


def test_a_refund_that_had_succeeded() -> None:
    """Whatever the bank does with it later: the merchant still owes an abnormal one; a closed one is undone."""
    known = said(WECHAT_REFUND_1, "REFUND.SUCCESS")[0].facts
    abnormal = said(WECHAT_REFUND_1 | {"refund_status": "ABNORMAL"}, "REFUND.ABNORMAL")[0].facts
    closed = said(WECHAT_REFUND_1 | {"refund_status": "CLOSED"}, "REFUND.CLOSED")[0].facts
    assert abnormal == known and closed.refunds["wechatpay:R1"].state == "failed"
    assert contradictions(known, closed) == contradictions(closed, known) == []
    assert refunds(join(known, closed)) == refunds(join(closed, known)) == {}


@pytest.mark.parametrize(
    "topic",
    [
        "MCHTRANSFER.BILL.FINISHED",
        "COMPLAINT.CREATE",
        "COMPLAINT.STATE_CHANGE",
        "PAYSCORE.USER_PAID",
        "REFUND",
        "",
        "x",
    ],
)
def test_what_says_nothing(topic: str) -> None:
    assert said(WECHAT_PAID, topic) == ()


def test_transactions_that_collect_nothing_say_nothing() -> None:
    assert said(WECHAT_PAID | {"trade_state": "PAY_FAIL"}) == ()
    share = {"mchid": MCHID, "transaction_id": TRANSACTION, "receiver": {"amount": 888}, "success_time": "x"}
    assert said(share) == ()


def test_only_what_the_connection_reports() -> None:
    (only,) = said(WECHAT_PAID, reports=("refunds",))
    assert not only.facts.payments and only.facts.attribution.code == "ZHANG3"
    (only,) = said(WECHAT_REFUND_1, "REFUND.SUCCESS", reports=("payments",))
    assert not only.facts.refunds and (only.facts.order_id, only.payment) == ("ORDER-1", TRANSACTION)
    places: Any = {"reports": ("payments",), "order_id": ("attach.order",)}
    assert said(WECHAT_REFUND_1, "REFUND.SUCCESS", **places) == ()


@pytest.mark.parametrize(
    ("attach", "code"),
    [
        ("ZHANG3", "ZHANG3"),
        ("dist_ref=%E5%BC%A0%E4%B8%89", "张三"),
        ('{"dist_ref":"张三"}', "张三"),
        ("https://shop.example/?dist_ref=ZHANG3", "ZHANG3"),
        ('{"ref":"张三-D1"}', None),
        ("order=5", None),
        ("&a=" * 200, None),
        ("{" * 9999, None),
        (7, "7"),
        (None, None),
    ],
)
def test_what_is_attached(attach: Any, code: str | None) -> None:
    assert said(WECHAT_PAID | {"attach": attach})[0].facts.attribution.code == code


def test_the_order_by_the_connections_rule_or_by_its_payment() -> None:
    assert said(WECHAT_PAID, order_prefix="wx-")[0].facts.order_id == "wx-ORDER-1"
    (only,) = said(WECHAT_REFUND_1, "REFUND.SUCCESS", order_id=("attach.order",))
    assert only.facts.order_id == "" and only.payment == TRANSACTION


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": {"total": -1}}, "NEGATIVE_AMOUNT"),
        ({"amount": {"total": 10**16}}, "OUT_OF_RANGE"),
        ({"amount": {"total": 5.5}}, "NOT_INTEGER"),
        ({"amount": {"total": 5, "currency": "XXX"}}, "NO_SUCH_CURRENCY"),
        ({"amount": {}}, "MISSING_FIELD"),
        ({"amount": 5}, "WRONG_TYPE"),
        ({"success_time": "1999-01-01T00:00:00+08:00"}, "BAD_TIME"),
        ({"success_time": "gestern"}, "BAD_TIME"),
        ({"transaction_id": "9" * 65}, "BAD_LENGTH"),
        ({"transaction_id": ""}, "BAD_LENGTH"),
        ({"transaction_id": "a\nb"}, "BAD_ID"),
    ],
)
def test_what_cannot_be_read(change: dict[str, Any], code: str) -> None:
    with pytest.raises((Malformed, Refused)) as caught:
        said(WECHAT_PAID | change)
    assert caught.value.code == code
    if "amount" in change and "total" in str(change):
        refund = {"amount": {"refund" if name == "total" else name: value for name, value in change["amount"].items()}}
        with pytest.raises((Malformed, Refused)) as caught:
            said(WECHAT_REFUND_1 | refund, "REFUND.SUCCESS")
        assert caught.value.code == code


def test_orders_paid_together_are_not_passed_over_in_silence() -> None:
    together = {"combine_mchid": MCHID, "combine_out_trade_no": "C1", "sub_orders": [WECHAT_PAID]}
    with pytest.raises(Malformed):
        said(together)


LIFE = [
    (WECHAT_PAID, "TRANSACTION.SUCCESS"),
    (WECHAT_REFUND_1, "REFUND.SUCCESS"),
    (wechat_refund("R2", 49894, "ABNORMAL"), "REFUND.ABNORMAL"),
    (WECHAT_REFUND_2, "REFUND.SUCCESS"),
    (wechat_refund("R3", 100, "CLOSED"), "REFUND.CLOSED"),
]


@given(st.permutations(LIFE), st.lists(st.sampled_from(LIFE)))
def test_any_order_of_arrival_and_any_repetition_says_the_same(first: list[Any], again: list[Any]) -> None:
    told = [each.facts for notice in (*first, *again) for each in said(*notice)]
    whole = reduce(join, told)
    assert whole == reduce(join, (each.facts for notice in LIFE for each in said(*notice)))
    assert not any(contradictions(whole, each) for each in told)
    assert sum(each.amount or 0 for each in refunds(whole).values()) == 59894


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["total", "refund", "currency"]), inner)
    ),
    max_leaves=6,
)
TOPICS = st.sampled_from(["TRANSACTION.SUCCESS", "REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted({*WECHAT_PAID, *WECHAT_REFUND_1})), VALUES), VALUES, st.binary(), TOPICS)
def test_nothing_but_refusals_leaves(change: dict[str, Any], other: Any, raw: bytes, topic: str) -> None:
    for content in (text(WECHAT_PAID | change), text(WECHAT_REFUND_1 | change), text(other), raw):
        with suppress(FenrunError):
            said(content, topic)
    with pytest.raises(Rejected):
        wechatpay.verify(sealed(raw), connection(), NOW)
