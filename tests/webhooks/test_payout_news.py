"""What providers' notifications say of payouts: where something was decided, of ours alone, signed like all others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.deliveries import Connection, ConnectionSettings, Payload, PayoutNews, Request
from chalicelib.domain.errors import FenrunError, Refused, Rejected
from chalicelib.domain.payouts import key_of
from chalicelib.rails import alipay as alipay_rail
from chalicelib.rails import paypal as paypal_rail
from chalicelib.rails import wechatpay as wechatpay_rail
from chalicelib.rails import wise as wise_rail
from chalicelib.webhooks import alipay, payout_news, paypal, stripe, wechatpay, wise
from local.signers import alipay as alipay_signer
from local.signers import wechatpay as wechatpay_signer
from local.signers import wise as wise_signer
from tests.webhooks.samples_cards import NOW, payload
from tests.webhooks.samples_payouts import (
    KEY,
    PROFILE,
    finished_bill,
    payout_item,
    reversed_transfer,
    state_change,
    transfer_changed,
)
from tests.webhooks.samples_wallets import form, text

ALIPAY_NUMBER, WECHAT_NUMBER = "20251009110070000002000000000001", "1330000071100999991182020050700019480001"


def of_alipay(**changes: Any) -> Any:
    return alipay.facts(Payload(delivery_id="d", topic="", content=form(transfer_changed(**changes))))


def of_wechatpay(**changes: Any) -> Any:
    content = text(finished_bill(**changes))
    return wechatpay.facts(Payload(delivery_id="d", topic="MCHTRANSFER.BILL.FINISHED", content=content))


def of_wise(topic: str = "transfers#state-change", **changes: Any) -> Any:
    return wise.facts(Payload(delivery_id="d", topic=topic, content=text(state_change(**changes))))


def test_stripe_tells_of_a_transfer_that_was_reversed() -> None:
    news = PayoutNews(key=KEY, rail="stripe", outcome="returned", reference="tr_1", reason="transfer_reversed")
    assert stripe.facts(payload(reversed_transfer())) == (news,)


def test_a_part_that_was_reversed_is_for_people() -> None:
    event = payload(reversed_transfer(reversed=False, amount_reversed=500))
    with pytest.raises(Refused, match="PAYOUT_PARTLY_REVERSED"):
        stripe.facts(event)
    others = reversed_transfer(reversed=False, amount_reversed=500, transfer_group="ORDER10")
    assert stripe.facts(payload(others)) == ()


def test_transfers_of_stripe_s_test_mode_say_nothing() -> None:
    event = reversed_transfer() | {"account": "acct_1", "livemode": False}
    assert stripe.facts(payload(event)) == ()


@pytest.mark.parametrize(
    ("status", "topic", "outcome"),
    [
        ("SUCCESS", "SUCCEEDED", "paid"),
        ("FAILED", None, "failed"),
        ("UNCLAIMED", None, "awaiting_recipient"),
        ("RETURNED", None, "returned"),
        ("RETURNED", "CANCELED", "returned"),
        ("REFUNDED", None, "returned"),
    ],
)
def test_paypal_tells_of_items(status: str, topic: str | None, outcome: Any) -> None:
    news = PayoutNews(key=KEY, rail="paypal", outcome=outcome, reference="5UXD2E8A7EBQJ")
    assert paypal.facts(payload(payout_item(status, topic))) == (news,)


@pytest.mark.parametrize("status", ["BLOCKED", "ONHOLD", "PENDING", "?"])
def test_items_that_paypal_holds_have_no_news(status: str) -> None:
    assert paypal.facts(payload(payout_item(status))) == ()


def test_why_an_item_is_not_claimed() -> None:
    event = payout_item("UNCLAIMED", errors={"name": "RECEIVER_UNREGISTERED", "message": "m"})
    assert paypal.facts(payload(event))[0].reason == "RECEIVER_UNREGISTERED"


@pytest.mark.parametrize(
    ("status", "outcome"), [("SUCCESS", "paid"), ("FAIL", "failed"), ("CLOSED", "failed"), ("REFUND", "returned")]
)
def test_alipay_tells_of_transfers(status: str, outcome: Any) -> None:
    news = PayoutNews(key=KEY, rail="alipay", outcome=outcome, reference=ALIPAY_NUMBER)
    assert of_alipay(status=status) == (news,)


def test_transfers_that_alipay_is_still_making_have_no_news() -> None:
    assert of_alipay(status="DEALING") == of_alipay(status="") == ()


def test_a_message_of_alipay_s_gateway_is_verified() -> None:
    secrets, key = alipay_signer.keys()
    held = Connection(
        connection_id="c",
        provider="alipay",
        settings=ConnectionSettings(account="2021000000000001"),
        secrets={name: tuple(values) for name, values in secrets.items()},
    )
    headers, body = alipay_signer.sign(form(transfer_changed()), key, NOW)
    verified = alipay.verify(Request(headers, body), held, NOW)
    assert verified.topic == "alipay.fund.trans.order.changed" and len(alipay.facts(verified)) == 1
    with pytest.raises(Rejected, match="BAD_SIGNATURE"):
        alipay.verify(Request(headers, body.replace(b"SUCCESS", b"FAIL")), held, NOW)


def test_no_notice_about_a_trade_can_pass_for_a_message() -> None:
    """What a buyer may write (here: the order's text) is signed; cut out of it, it would be fields of its own."""
    secrets, key = alipay_signer.keys()
    held = Connection(
        connection_id="c", provider="alipay", secrets={name: tuple(values) for name, values in secrets.items()}
    )
    message = transfer_changed()
    for name in ("attach", "subject", "zz"):
        hidden = f"x&biz_content={message['biz_content']}&msg_method={message['msg_method']}&notify_id=9"
        headers, body = alipay_signer.sign(form({name: hidden, "trade_no": "1", "sign_type": "RSA2"}), key, NOW)
        with pytest.raises(Rejected):
            alipay.verify(Request(headers, body), held, NOW)


@pytest.mark.parametrize(("state", "outcome"), [("SUCCESS", "paid"), ("FAIL", "failed"), ("CANCELLED", "failed")])
def test_wechat_pay_tells_of_bills(state: str, outcome: Any) -> None:
    news = PayoutNews(key=KEY, rail="wechatpay", outcome=outcome, reference=WECHAT_NUMBER)
    assert of_wechatpay(state=state) == (news,)


def test_why_a_bill_failed() -> None:
    assert of_wechatpay(state="FAIL", fail_reason="PAYEE_ACCOUNT_ABNORMAL")[0].reason == "PAYEE_ACCOUNT_ABNORMAL"
    assert len(of_wechatpay(state="FAIL", fail_reason="x" * 999)[0].reason) == 128


def test_bills_that_have_not_ended_have_no_news() -> None:
    assert of_wechatpay(state="WAIT_USER_CONFIRM") == of_wechatpay(state="ACCEPTED") == ()


def test_a_bill_s_notification_is_verified_and_decrypted() -> None:
    secrets, key = wechatpay_signer.keys()
    held = Connection(
        connection_id="c",
        provider="wechatpay",
        settings=ConnectionSettings(account="1230000109"),
        secrets={name: tuple(values) for name, values in secrets.items()},
    )
    topic = "MCHTRANSFER.BILL.FINISHED"
    headers, body = wechatpay_signer.sign(text(finished_bill()), key, NOW, topic=topic)
    assert len(wechatpay.facts(wechatpay.verify(Request(headers, body), held, NOW))) == 1
    other = finished_bill(mch_id="1230000110") | {"mchid": "1230000110"}
    headers, body = wechatpay_signer.sign(text(other), key, NOW, topic=topic)
    with pytest.raises(Rejected, match="OTHER_ACCOUNT"):
        wechatpay.verify(Request(headers, body), held, NOW)


@pytest.mark.parametrize("key", ["", "PO20251009001", KEY.lower(), KEY + "\n", f"x{KEY}", KEY[:-1]])
def test_payouts_that_are_not_ours_have_no_news(key: str) -> None:
    assert of_alipay(out_biz_no=key) == of_wechatpay(out_bill_no=key) == ()
    assert stripe.facts(payload(reversed_transfer(transfer_group=key))) == ()
    assert paypal.facts(payload(payout_item("SUCCESS", payout_item={"sender_item_id": key}))) == ()


@given(st.text(max_size=50), st.integers(1, 9999))
def test_every_key_of_ours_has_news(payout_id: str, attempt: int) -> None:
    assert of_alipay(out_biz_no=key_of(payout_id, attempt))[0].key == key_of(payout_id, attempt)


def test_wise_tells_of_transfers_by_its_own_id() -> None:
    paid = PayoutNews(key="", rail="wise", outcome="paid", reference="16521632")
    assert of_wise() == (paid,)
    event = state_change("funds_refunded")
    (back,) = wise.facts(Payload(delivery_id="d", topic="transfers#state-change", content=text(event)))
    assert (back.outcome, back.reference, back.reason) == ("returned", "16521632", "funds_refunded")


@pytest.mark.parametrize("state", ["processing", "funds_converted", "bounced_back", "cancelled", "charged_back", ""])
def test_transfers_that_wise_may_still_turn_round_have_no_news(state: str) -> None:
    event = text(state_change(state))
    assert wise.facts(Payload(delivery_id="d", topic="transfers#state-change", content=event)) == ()


def test_other_events_of_wise_have_no_news() -> None:
    assert of_wise("transfers#active-cases") == of_wise("balances#update") == ()


WISE_SECRETS, WISE_KEY = wise_signer.keys()


def wise_connection(*more: str, account: str | None = PROFILE) -> Connection:
    secrets = {"public_key": (*more, *WISE_SECRETS["public_key"])}
    return Connection(connection_id="c", provider="wise", settings=ConnectionSettings(account=account), secrets=secrets)


def wise_signed(event: dict[str, Any] | None = None, **headers: str) -> Request:
    signed, body = wise_signer.sign(text(event or state_change()), WISE_KEY, NOW)
    return Request(signed | headers, body)


def test_a_delivery_of_wise_goes_by_its_body() -> None:
    one = wise.verify(wise_signed(), wise_connection(), NOW)
    again = wise.verify(wise_signed(**{"x-delivery-id": "another"}), wise_connection(), NOW)
    assert one and again and one.delivery_id == again.delivery_id and len(wise.facts(one)) == 1
    other = wise.verify(wise_signed(state_change("funds_refunded")), wise_connection(), NOW)
    assert other and other.delivery_id != one.delivery_id


def test_wise_s_keys_while_they_change() -> None:
    (old,) = wise_signer.keys()[0]["public_key"]
    assert wise.verify(wise_signed(), wise_connection(old), NOW)


def test_a_test_notification_of_wise_is_a_probe() -> None:
    assert wise.verify(wise_signed(**{"x-test-notification": "true"}), wise_connection(), NOW) is None
    with pytest.raises(Rejected, match="BAD_SIGNATURE"):
        wise.verify(
            wise_signed(**{"x-test-notification": "true", "x-signature-sha256": "QQ=="}), wise_connection(), NOW
        )


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (wise_signed(**{"x-signature-sha256": ""}), "NO_SIGNATURE"),
        (Request({}, b"{}"), "NO_SIGNATURE"),
        (wise_signed(**{"x-signature-sha256": "ü"}), "BAD_SIGNATURE"),
        (wise_signed(**{"x-signature-sha256": "QUJD" * 100_000}), "BAD_SIGNATURE"),
        (Request(wise_signed().headers, wise_signed().body + b" "), "BAD_SIGNATURE"),
        (Request(wise_signed().headers, json.dumps(state_change(), indent=1).encode()), "BAD_SIGNATURE"),
        (wise_signed({"event_type": "transfers#state-change"}), "UNREADABLE_DELIVERY"),
        (wise_signed({"data": {"resource": {"id": 1, "profile_id": 9}}, "event_type": "x"}), "OTHER_ACCOUNT"),
    ],
)
def test_what_is_no_delivery_of_wise_s_to_us(request_: Request, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        wise.verify(request_, wise_connection(), NOW)
    assert refused.value.code == code


def test_wise_signs_for_everybody_so_a_connection_must_say_whose() -> None:
    with pytest.raises(Rejected, match="OTHER_ACCOUNT"):
        wise.verify(wise_signed(), wise_connection(account=None), NOW)
    assert wise.ABOUT.account


def test_notifications_and_queries_mean_the_same() -> None:
    assert payout_news.ALIPAY.items() <= alipay_rail._STATES["query"].items()
    assert payout_news.WECHATPAY.items() <= wechatpay_rail._STATES.items()
    assert payout_news.PAYPAL.items() <= paypal_rail._SAID.items()
    assert wise._STATES.items() <= wise_rail._SAID.items()


@given(st.binary(max_size=100), st.sampled_from([alipay, paypal, stripe, wechatpay, wise]))
def test_nothing_but_known_errors_leaves(content: bytes, handler: Any) -> None:
    topics = {
        stripe: "transfer.reversed",
        paypal: "PAYMENT.PAYOUTS-ITEM.FAILED",
        wechatpay: "MCHTRANSFER.BILL.FINISHED",
        wise: "transfers#state-change",
    }
    if handler is alipay:
        content = form({"msg_method": "alipay.fund.trans.order.changed", "biz_content": content.decode("latin-1")})
    try:
        handler.facts(Payload(delivery_id="d", topic=topics.get(handler, ""), content=content))
    except FenrunError as error:
        assert error.code
