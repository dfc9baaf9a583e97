"""Whatever arrives, `verify` raises `Rejected` and `facts` a `FenrunError`, nothing else; and what was altered after it was
signed is never taken. `make fuzz` tries each 100,000 times (`FUZZ_EXAMPLES`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from os import environ
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.deliveries import REPORTS, Connection, ConnectionSettings, Payload, PayoutNews, Request, Said
from chalicelib.domain.errors import FenrunError, Rejected
from chalicelib.domain.money import DECIMALS, MAX_AMOUNT
from chalicelib.domain.orders import Facts
from chalicelib.webhooks.provider import NAMES, provider
from tests.webhooks import (
    samples_adyen,
    samples_cards,
    samples_payouts,
    samples_storefronts,
    samples_wallets,
    test_fenrun,
)
from tests.webhooks.mutations import contents, requests

NOW = datetime(2026, 6, 1, tzinfo=UTC)
EXAMPLES = int(environ.get("FUZZ_EXAMPLES", 300))
fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@cache
def samples() -> dict[str, list[tuple[str, Any]]]:
    """What each provider says of orders: topic, and the JSON value (or the form) that tells."""
    cards, shops, wallets = samples_cards, samples_storefronts, samples_wallets
    stripe = [
        cards.session(),
        cards.intent(),
        cards.invoice(),
        cards.charge_refunded(20900),
        cards.stripe_refund(),
        cards.stripe_dispute("closed", "lost", cards.T),
        samples_payouts.reversed_transfer(),
    ]
    paypal = [cards.capture(), cards.sale(), cards.paypal_refund(), cards.case("CREATED"), cards.resolved("ACCEPTED")]
    paypal.append(samples_payouts.payout_item("RETURNED"))
    line, weighed = (
        shops.item(11, price="200.00", quantity=2, discount="10.00", tax="39.00"),
        shops.woo_line(quantity=3),
    )
    back = shops.refund(
        501, shops.refunded_item(line, 1, "195.00", "19.50"), transactions=(shops.transaction("214.50"),)
    )
    money = shops.refund(
        502,
        transactions=(shops.transaction("8.00"), shops.transaction("1.00", "failure")),
        order_adjustments=[
            shops.adjustment("shipping_refund", "-3.00"),
            shops.adjustment("refund_discrepancy", "-5.00"),
        ],
    )
    delivered = [{"updated_at": "2026-03-03T10:00:00Z", "status": "success", "shipment_status": "delivered"}]
    order = shops.order(line, shops.item(12), total_price="500.00", refunds=[back, money], fulfillments=delivered)
    shopify = [
        ("orders/updated", order),
        (
            "orders/paid",
            shops.order(line, taxes_included=True, total_price="390.00", total_price_set=shops.both("390.00")),
        ),
        ("refunds/create", back),
        ("refunds/create", money),
        ("disputes/update", shops.dispute("lost", finalized_on="2026-04-10")),
    ]
    completed = {"status": "completed", "date_completed_gmt": "2026-03-03T10:00:00", "total": "90.00"}
    given_back = [{"id": 726, "reason": "", "total": "-10.00"}]
    woocommerce = [shops.woo_order(), shops.woo_order(weighed, shops.woo_line(316), refunds=given_back, **completed)]
    alipay = [
        wallets.ALIPAY_PAID,
        wallets.ALIPAY_REFUND_1,
        wallets.ALIPAY_REFUNDED,
        wallets.ALIPAY_TIMED_OUT,
    ]
    return {
        "adyen": [("AUTHORISATION", each) for each in samples_adyen.LIFE],
        "alipay": [*((each["trade_status"], each) for each in alipay), ("", samples_payouts.transfer_changed())],
        "fenrun": [("order", each) for each in test_fenrun.NOTIFICATIONS],
        "paypal": [(each["event_type"], each) for each in paypal],
        "shopify": shopify,
        "stripe": [(each["type"], each) for each in stripe],
        "wechatpay": [
            ("TRANSACTION.SUCCESS", wallets.WECHAT_PAID),
            ("REFUND.SUCCESS", wallets.WECHAT_REFUND_1),
            ("REFUND.CLOSED", wallets.WECHAT_REFUND_1),
            ("MCHTRANSFER.BILL.FINISHED", samples_payouts.finished_bill()),
        ],
        "wise": [("transfers#state-change", samples_payouts.state_change())],
        "woocommerce": [("order.updated", each) for each in woocommerce],
    }


@dataclass
class Signed:
    """A genuine delivery, and what its connection takes from it."""

    headers: dict[str, str]
    body: bytes
    connection: Connection
    payload: Payload


@cache
def genuine(name: str) -> list[Signed]:
    """Each sample as the provider would send it, verified."""
    signer = import_module(f"local.signers.{name}")
    secrets, key = signer.keys()
    accounts = {"alipay": "2021000000000001", "adyen": samples_adyen.ACCOUNT, "wechatpay": "1230000109"}
    accounts["wise"] = samples_payouts.PROFILE
    account = accounts.get(name, "shop.myshopify.com" if name == "shopify" else None)
    connection = Connection(
        connection_id="c",
        provider=name,
        settings=ConnectionSettings(account=account),
        secrets={each: tuple(values) for each, values in secrets.items()},
    )
    found = []
    for topic, value in samples()[name]:
        content = samples_wallets.form(value) if name == "alipay" else json.dumps(value).encode()
        headers, body = signer.sign(content, key, NOW, topic=topic)
        payload = provider(name).verify(Request(headers, body), connection, NOW)
        assert payload and provider(name).facts(payload) is not None
        found.append(Signed(headers, body, connection, payload))
    return found


def payloads(name: str) -> list[Payload]:
    return [each.payload for each in genuine(name)]


def signed_part(name: str, payload: Payload) -> set[Any]:
    """What the signature is over, taken apart as far as the parts may come alone."""
    if name == "adyen":
        items = [
            each["NotificationRequestItem"]
            for each in json.loads(payload.content.decode(errors="replace"), parse_int=str)["notificationItems"]
        ]
        names = (
            "pspReference",
            "originalReference",
            "merchantAccountCode",
            "merchantReference",
            "eventCode",
            "success",
        )
        amounts = [item["amount"] for item in items]
        return {
            (*(item.get(each) or "" for each in names), int(amount["value"]), amount["currency"])
            for item, amount in zip(items, amounts, strict=True)
        }
    if name == "alipay":
        fields = parse_qsl(payload.content.decode("latin-1"), encoding="latin-1", max_num_fields=500)
        return {(each, value) for each, value in fields if each not in ("sign", "sign_type") and value}
    signed_headers = name in ("fenrun", "paypal", "stripe", "wechatpay")
    return {(payload.content, payload.delivery_id if signed_headers else None)}


@pytest.mark.parametrize("name", NAMES)
def test_what_was_altered_is_rejected(name):
    deliveries = genuine(name)

    @fuzzed
    @given(st.data())
    def run(data):
        original = data.draw(st.sampled_from(deliveries))
        headers, body = data.draw(requests(original.headers, original.body, form=name == "alipay"))
        try:
            taken = provider(name).verify(Request(headers, body), original.connection, NOW)
        except Rejected as refused:
            assert refused.code
            return
        if taken is None:
            assert name == "woocommerce" and body.startswith(b"webhook_id=")
            return
        assert signed_part(name, taken) == signed_part(name, original.payload)
        assert 0 < len(taken.delivery_id) <= 200

    run()


ODD_TOPICS = ["", "orders/updated", "refund.created", "PAYMENT.SALE.REFUNDED", "\ud800", "x" * 300]
PLACES = (
    "",
    "id",
    "metadata.dist_ref",
    "note_attributes.dist_ref",
    "line_items.id",
    "a.b.c",
    "attach",
    "data",
    "amount",
)
places = st.none() | st.lists(st.sampled_from(PLACES), max_size=3).map(tuple)
rules = st.builds(
    ConnectionSettings,
    order_id=places,
    order_prefix=st.sampled_from(["", "web-", "x" * 127, "x" * 200]),
    code=places,
    coupon=places,
    click_id=places,
    merchant_id=st.sampled_from([None, "m-1"]),
    reports=st.lists(st.sampled_from(REPORTS), unique=True).map(tuple) | st.just(REPORTS),
    paid_on=st.sampled_from(["authorisation", "capture"]),
)


def check(said: Said | PayoutNews) -> None:
    """What everything that is said promises, whatever it was read from."""
    if isinstance(said, PayoutNews):
        assert said.key.startswith("FR") if said.key else said.reference
        assert len(said.reference or "") <= 128 and len(said.reason or "") <= 128
        return
    facts = said.facts
    assert len(facts.order_id) <= 128 and facts.currency in DECIMALS
    assert facts.order_id or said.payment
    assert msgspec.json.decode(msgspec.json.encode(facts), type=Facts) == facts
    amounts = [line.amount for line in facts.lines]
    times = [facts.placed_at, facts.delivered_at, facts.cancelled_at]
    if facts.description:
        amounts += [facts.description.shipping, facts.description.tax]
        times.append(facts.description.updated_at)
    for payment in facts.payments.values():
        amounts.append(payment.amount)
        times.append(payment.paid_at)
    for refund in facts.refunds.values():
        amounts += [refund.amount or 0, *(line.amount for line in refund.lines)]
        times.append(refund.refunded_at)
        assert bool(refund.lines) != (refund.amount is not None)
    for dispute in facts.disputes.values():
        amounts.append(dispute.amount)
        times.append(dispute.at)
    assert all(type(amount) is int and 0 <= amount <= MAX_AMOUNT for amount in amounts)
    assert all(time.tzinfo is UTC for time in times if time)
    carriers = (facts.attribution.code, facts.attribution.coupon, facts.attribution.click_id)
    assert all(0 < len(carrier) <= 64 for carrier in carriers if carrier is not None)


@pytest.mark.parametrize("name", NAMES)
def test_only_known_errors_leave_the_translation(name):
    form = name == "alipay"
    known = [(each.topic, unquoted(each.content) if form else json.loads(each.content)) for each in payloads(name)]
    topics = sorted({topic for topic, _ in known})

    @fuzzed
    @given(st.sampled_from(known), st.sampled_from([None] * 30 + topics + ODD_TOPICS), rules, st.data())
    def run(genuine, another, settings, data):
        topic, value = genuine
        content = data.draw(contents(value, form))
        payload = Payload(delivery_id="d", topic=another or topic, content=content, settings=settings)
        try:
            told = provider(name).facts(payload)
        except FenrunError as refused:
            assert refused.code
            return
        for said in told:
            check(said)

    run()


def unquoted(form: bytes) -> dict[str, str]:
    fields = (field.partition(b"=") for field in form.replace(b"+", b" ").split(b"&"))
    return {name.decode(): unquote_to_bytes(value).decode() for name, _, value in fields}
