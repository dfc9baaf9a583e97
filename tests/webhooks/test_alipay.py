"""Alipay's notices: whose they are, and what they say."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, reduce
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.deliveries import Connection, ConnectionSettings, Payload, Request, Said
from chalicelib.domain.errors import FenrunError, Malformed, Refused, Rejected
from chalicelib.domain.orders import Carriers, contradictions, join
from chalicelib.domain.running import refunds
from chalicelib.webhooks import alipay
from local.signers import alipay as signer
from tests.webhooks.samples_wallets import (
    ALIPAY_FINISHED,
    ALIPAY_PAID,
    ALIPAY_REFUND_1,
    ALIPAY_REFUND_2,
    ALIPAY_REFUNDED,
    ALIPAY_TIMED_OUT,
    ALIPAY_TRADE,
    ALIPAY_WAITING,
    form,
)

NOW = datetime(2025, 10, 9, 9, tzinfo=UTC)
APP, SELLER = "2021000000000001", "2088101106499364"
PAYMENT = "alipay:2025100922001400001400000001"
keys = cache(lambda which: signer.keys())


def connection(*held: str, **said: Any) -> Connection:
    secrets = {"public_key": held or tuple(keys(1)[0]["public_key"])}
    said.setdefault("account", APP)
    return Connection(connection_id="c1", provider="alipay", secrets=secrets, settings=ConnectionSettings(**said))


def signed(fields: dict[str, str], which: int = 1, **given_: str) -> bytes:
    return signer.sign(form(fields), keys(which)[1], NOW, **given_)[1]


def refused(body: bytes, to: Connection | None = None) -> str:
    with pytest.raises(Rejected) as caught:
        alipay.verify(Request({}, body), to or connection(), NOW)
    return caught.value.code


def said(fields: dict[str, str], **given_: Any) -> tuple[Said, ...]:
    content = form({"notify_time": "2025-10-09 16:53:25"} | fields)
    return alipay.facts(Payload(delivery_id="N", topic="", content=content, settings=ConnectionSettings(**given_)))


def test_a_notice_verifies_and_is_known_again_by_its_notify_id() -> None:
    body = signed(ALIPAY_PAID, delivery_id="N1")
    payload = alipay.verify(Request({}, body), connection(), NOW)
    assert (payload.delivery_id, payload.topic, payload.content) == ("N1", "TRADE_SUCCESS", body)
    assert alipay.verify(Request({}, body), connection(), NOW) == payload
    assert alipay.facts(payload)[0].facts.payments[PAYMENT].amount == 59894


def test_each_of_two_keys_in_every_form_that_a_console_shows() -> None:
    bare = keys(1)[0]["public_key"][0]
    pem = (
        load_der_public_key(base64.b64decode(bare))
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    other, body = keys(2)[0]["public_key"][0], signed(ALIPAY_PAID)
    wrapped = "\n".join(bare[i : i + 64] for i in range(0, len(bare), 64))
    for held in ((bare, other), (other, bare), (pem,), (f"\n{pem}\n",), (wrapped,)):
        assert alipay.verify(Request({}, body), connection(*held), NOW)
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    unusable = curve.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert refused(body, connection(other)) == "BAD_SIGNATURE"
    assert refused(body, connection("", "no key", "-----BEGIN PUBLIC KEY-----\nx", unusable)) == "BAD_SIGNATURE"


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"598.94", b"998.94"),
        lambda body: body.replace(b"ORDER-1", b"ORDER-2"),
        lambda body: body + b"&refund_fee=598.94",
        lambda body: body + b"&total_amount=998.94",
        lambda body: body + b"&total_amount=",
        lambda body: body.replace(b"charset=utf-8", b"charset=gbk"),
        lambda body: body[:-20],
        lambda body: body + b"&" + b"&".join(b"f%d=1" % i for i in range(600)),
    ],
)
def test_an_altered_notice_is_refused(change: Callable[[bytes], bytes]) -> None:
    assert refused(change(signed(ALIPAY_PAID))) == "BAD_SIGNATURE"


def test_the_same_form_written_otherwise_is_the_same_notice() -> None:
    """What is signed are the fields, in their order: not how the form encodes them, and no field without a value."""
    fields = parse_qsl(signed(ALIPAY_PAID).decode(), keep_blank_values=True)
    rewritten = urlencode(sorted(fields, reverse=True), quote_via=quote) + "&buyer_logon_id=&gmt_close="
    payload = alipay.verify(Request({}, rewritten.encode()), connection(), NOW)
    assert alipay.facts(payload) == said(ALIPAY_PAID)


def test_no_field_can_be_hidden_in_another() -> None:
    """`receipt_amount=590.00&refund_fee=100.00` is signed alike as two fields and as the value of one."""
    fields = dict(parse_qsl(signed(ALIPAY_REFUND_1).decode()))
    fields["receipt_amount"] += "&refund_fee=" + fields.pop("refund_fee")
    assert refused(form(fields)) == "BAD_SIGNATURE"


def test_without_a_signature() -> None:
    assert refused(form(ALIPAY_PAID)) == refused(form(ALIPAY_PAID) + b"&sign=") == refused(b"") == "NO_SIGNATURE"
    assert refused(b'{"a":1}') == refused(b"\xff\xfe\x00&&==;%%%zz") == "NO_SIGNATURE"


@pytest.mark.parametrize("sign", ["x", "****", "签名", "\x00", "A" * 300_000, "QUJD"])
def test_garbage_for_a_signature(sign: str) -> None:
    assert refused(form(ALIPAY_PAID | {"sign": sign, "sign_type": "RSA2"})) == "BAD_SIGNATURE"


def test_a_weaker_algorithm_is_refused() -> None:
    content = "&".join(f"{name}={value}" for name, value in sorted(ALIPAY_PAID.items()) if value).encode()
    sha1 = base64.b64encode(keys(1)[1].sign(content, padding.PKCS1v15(), SHA1())).decode()
    assert refused(form(ALIPAY_PAID | {"sign": sha1, "sign_type": "RSA"})) == "WRONG_ALGORITHM"
    assert refused(form(ALIPAY_PAID | {"sign": sha1, "sign_type": "RSA2"})) == "BAD_SIGNATURE"
    assert refused(form(ALIPAY_PAID | {"sign": sha1})) == "BAD_SIGNATURE"


def test_another_app_and_seller_is_another_account() -> None:
    body = signed(ALIPAY_PAID)
    assert alipay.verify(Request({}, body), connection(account=SELLER), NOW)
    assert refused(body, connection(account="2088000000000000")) == "OTHER_ACCOUNT"


def test_gbk() -> None:
    body = signed(ALIPAY_PAID | {"charset": "GBK", "passback_params": quote("dist_ref=张三", encoding="gbk")})
    payload = alipay.verify(Request({}, body), connection(code=("subject",)), NOW)
    assert alipay.facts(payload)[0].facts.attribution.code == "测试 & 商品=1 + 50%"
    payload = alipay.verify(Request({}, body), connection(), NOW)
    assert alipay.facts(payload)[0].facts.attribution.code == "张三"


def test_a_signed_form_that_cannot_be_read() -> None:
    assert refused(signed(ALIPAY_PAID, delivery_id="")) == "UNREADABLE_DELIVERY"
    assert refused(signed(ALIPAY_PAID | {"charset": "latin-1", "subject": "x"})) == "UNREADABLE_DELIVERY"


def test_a_long_notify_id_becomes_short() -> None:
    payload = alipay.verify(Request({}, signed(ALIPAY_PAID, delivery_id="9" * 999)), connection(), NOW)
    assert len(payload.delivery_id) == 64


def test_messages_of_the_gateway_verify_and_say_nothing() -> None:
    message = {"msg_method": "alipay.fund.trans.order.changed", "biz_content": '{"status":"SUCCESS"}'}
    body = signed(message)
    payload = alipay.verify(Request({}, body), connection(), NOW)
    assert payload.topic == "alipay.fund.trans.order.changed" and alipay.facts(payload) == ()
    assert refused(body.replace(b"&sign_type=RSA2", b"")) == "BAD_SIGNATURE"


def test_paid() -> None:
    (only,) = said(ALIPAY_PAID)
    assert only.payment == "2025100922001400001400000001" and only.facts.order_id == "ORDER-1"
    assert only.facts.currency == "CNY" and only.facts.cancelled_at is None and not only.facts.refunds
    assert only.facts.attribution == Carriers(code="ZHANG3", click_id="clk_1")
    paid = only.facts.payments[PAYMENT]
    assert (paid.amount, paid.paid_at) == (59894, datetime(2025, 10, 9, 8, 53, 19, tzinfo=UTC))
    assert said(ALIPAY_FINISHED) == (only,)


def test_given_back_in_part_and_in_whole() -> None:
    (part,), (whole,) = said(ALIPAY_REFUND_1), said(ALIPAY_REFUNDED)
    assert part.facts.payments == whole.facts.payments == said(ALIPAY_PAID)[0].facts.payments
    ((key, refund),) = part.facts.refunds.items()
    assert key == f"{PAYMENT}=10000" and refund.source == PAYMENT and refund.running
    assert (refund.amount, refund.refunded_at) == (10000, datetime(2025, 10, 10, 2, 0, 0, 123000, tzinfo=UTC))
    assert whole.facts.refunds[f"{PAYMENT}=59894"].amount == 59894 and whole.facts.cancelled_at is None
    both = join(part.facts, whole.facts)
    assert sum(each.amount or 0 for each in refunds(both).values()) == 59894


def test_a_paid_trade_that_closes_was_given_back_in_whole() -> None:
    fields = {name: value for name, value in ALIPAY_REFUNDED.items() if name not in ("refund_fee", "gmt_refund")}
    (only,) = said(fields)
    refund = only.facts.refunds[f"{PAYMENT}=59894"]
    assert refund.refunded_at == datetime(2025, 10, 11, 2, tzinfo=UTC) and only.facts.cancelled_at is None


def test_an_attempt_to_pay_that_expired_says_nothing_about_the_order() -> None:
    assert said(ALIPAY_TIMED_OUT) == ()


@pytest.mark.parametrize("status", ["WAIT_BUYER_PAY", "TRADE_PENDING", "", "trade_success"])
def test_what_says_nothing(status: str) -> None:
    assert said(ALIPAY_WAITING | {"trade_status": status}) == ()


def test_only_what_the_connection_reports() -> None:
    bare = {name: value for name, value in ALIPAY_REFUNDED.items() if name != "passback_params"}
    (only,) = said(ALIPAY_REFUNDED, reports=("refunds",))
    assert only.facts.refunds and not only.facts.payments and only.facts.attribution.code == "ZHANG3"
    (only,) = said(bare, reports=("payments",))
    assert only.facts.payments and not only.facts.refunds
    (only,) = said(bare, reports=("order", "disputes"))
    assert not only.facts.payments and not only.facts.refunds and only.facts.order_id == "ORDER-1" and only.payment
    assert said(bare, reports=("order",), order_id=("passback_params.order",)) == ()
    assert said(ALIPAY_REFUNDED, reports=())[0].facts.attribution.click_id == "clk_1"


@pytest.mark.parametrize(
    ("passed", "code"),
    [
        ("ZHANG3", "ZHANG3"),
        (quote("dist_ref=张三&x=1"), "张三"),
        (quote(f"dist_ref={quote('张三')}"), "张三"),
        (quote('{"dist_ref": "ZHANG3"}'), "ZHANG3"),
        (quote("https://shop.example/a?b=1&dist_ref=ZHANG3"), "ZHANG3"),
        (quote('{"ref": "ZHANG3"}'), None),
        (quote("order=5&x=1"), None),
        ("", None),
        ("{" * 500, None),
        ("&a=" * 600, None),
        ("x" * 65, None),
    ],
)
def test_what_is_passed_back(passed: str, code: str | None) -> None:
    assert said(ALIPAY_PAID | {"passback_params": passed})[0].facts.attribution.code == code


def test_the_order_by_the_connections_rule_or_by_its_payment() -> None:
    assert said(ALIPAY_PAID, order_prefix="cn-")[0].facts.order_id == "cn-ORDER-1"
    assert said(ALIPAY_PAID, order_id=("subject",))[0].facts.order_id == "测试 & 商品=1 + 50%"
    (only,) = said({name: value for name, value in ALIPAY_PAID.items() if name != "out_trade_no"})
    assert only.facts.order_id == "" and only.payment == "2025100922001400001400000001"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"total_amount": "598.945"}, "TOO_MANY_DECIMALS"),
        ({"total_amount": "-1.00"}, "NEGATIVE_AMOUNT"),
        ({"refund_fee": "-1.00"}, "NEGATIVE_AMOUNT"),
        ({"total_amount": "NaN"}, "OUT_OF_RANGE"),
        ({"total_amount": "1e30"}, "OUT_OF_RANGE"),
        ({"total_amount": "99999999999999999"}, "OUT_OF_RANGE"),
        ({"total_amount": ""}, "MISSING_FIELD"),
        ({"gmt_payment": ""}, "MISSING_FIELD"),
        ({"gmt_payment": "gestern"}, "BAD_TIME"),
        ({"gmt_payment": "1999-01-01 00:00:00"}, "BAD_TIME"),
        ({"refund_fee": "1.00"}, "MISSING_FIELD"),
        ({"trade_no": "9" * 65}, "BAD_LENGTH"),
        ({"trade_no": "a\nb"}, "BAD_ID"),
        ({"charset": "utf-7"}, "UNREADABLE_DELIVERY"),
    ],
)
def test_what_cannot_be_read(change: dict[str, str], code: str) -> None:
    with pytest.raises((Malformed, Refused)) as caught:
        said(ALIPAY_PAID | change)
    assert caught.value.code == code


LIFE = [ALIPAY_WAITING, ALIPAY_PAID, ALIPAY_REFUND_1, ALIPAY_REFUND_2, ALIPAY_REFUNDED, ALIPAY_FINISHED]


@given(st.permutations(LIFE), st.lists(st.sampled_from(LIFE)))
def test_any_order_of_arrival_and_any_repetition_says_the_same(first: list[Any], again: list[Any]) -> None:
    told = [each.facts for notice in (*first, *again) for each in said(notice)]
    whole = reduce(join, told)
    assert whole == reduce(join, (each.facts for notice in LIFE for each in said(notice)))
    assert not any(contradictions(whole, each) for each in told)
    assert sum(each.amount or 0 for each in refunds(whole).values()) == 59894


NAMES = sorted({*ALIPAY_REFUNDED, "charset", "trade_status", "sign", "sign_type", "method", "notify_id"})
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from([*ALIPAY_REFUNDED.values(), "null", "true", "1e999999999999999999", "0", "-0"]),
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES), st.binary(max_size=60), st.booleans())
def test_nothing_but_refusals_leaves(change: dict[str, str], rest: bytes, whole: bool) -> None:
    fields = ({} if whole else ALIPAY_REFUNDED) | change
    for content in (urlencode(fields, errors="surrogatepass").encode(), rest, form(ALIPAY_TRADE) + b"&" + rest):
        with suppress(FenrunError):
            alipay.facts(Payload(delivery_id="N", topic="", content=content))
        with pytest.raises(Rejected):
            alipay.verify(Request({}, content), connection(), NOW)
