"""Who signed what WooCommerce is said to have sent."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.deliveries import Connection, ConnectionSettings, Request
from chalicelib.domain.errors import Rejected
from chalicelib.webhooks import woocommerce
from chalicelib.webhooks.provider import provider
from local.signers.woocommerce import keys, sign
from tests.webhooks.samples_storefronts import escaped, woo_order

NOW = datetime(2026, 3, 1, 8, 0, 6, tzinfo=UTC)
SECRETS, KEY = keys()
BODY = escaped(woo_order())
FORM = {"content-type": "application/x-www-form-urlencoded"}


def connection(account=None, secrets=SECRETS):
    return Connection(
        connection_id="c",
        provider="woocommerce",
        settings=ConnectionSettings(account=account),
        secrets={name: tuple(held) for name, held in secrets.items()},
    )


def verified(headers, body=BODY, **of):
    return woocommerce.verify(Request(headers, body), connection(**of), NOW)


def refusal(headers, body=BODY, **of):
    with pytest.raises(Rejected) as refused:
        verified(headers, body, **of)
    return refused.value.code


def signed(content=BODY, **how):
    return sign(content, KEY, NOW, **how)


def test_what_the_shop_signed_is_its_own():
    payload = verified(*signed(topic="order.created"))

    assert (payload.topic, payload.content) == ("order.created", BODY)
    assert not provider("woocommerce").ABOUT.account


def test_each_of_two_secrets_holds_while_they_are_rotated():
    other, key = keys()
    both = {"secret": [*other["secret"], *SECRETS["secret"]]}

    assert verified(*signed(), secrets=both)
    assert verified(*sign(BODY, key, NOW), secrets=both)
    assert refusal(*sign(BODY, key, NOW)) == "BAD_SIGNATURE"
    assert refusal(*signed(), secrets={}) == "BAD_SIGNATURE"


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("a & b", "a & b"),
        ("a &amp; b", "a & b"),
        ("&lt;&gt;&quot;&#039;&#39;&#x27;", "<>\"'''"),
        ("&amp;lt;", "&lt;"),
        ("&copy;&AMP;&#65;", "&copy;&AMP;&#65;"),
        ("&#0060;&#62;&#38;&#034;&#X26;&#x0022;", '<>&"&"'),
        ("密钥", "密钥"),
    ],
)
def test_the_key_is_the_secret_without_the_entities_of_wordpress(typed, key):
    assert woocommerce.unescaped(typed) == key
    assert verified(*sign(BODY, key.encode(), NOW), secrets={"secret": [typed]})


def test_the_ping_of_a_new_webhook_is_answered_and_says_nothing():
    assert verified(FORM, b"webhook_id=142") is None
    for body in (b"webhook_id=", b"webhook_id=142&x=1", b"webhook_id=142\n", b"webhook_id=" + b"1" * 99, BODY, b""):
        assert refusal(FORM, body) == "NO_SIGNATURE"
    assert refusal(FORM | {"x-wc-webhook-signature": "A" * 44}, b"webhook_id=142") == "BAD_SIGNATURE"


def test_no_id_is_sent_that_lasts_so_topic_and_body_are_it():
    first = verified(*signed(delivery_id="1"))
    again = verified(*sign(BODY, KEY, NOW + timedelta(hours=3), delivery_id="2"))
    others = [verified(*signed(topic="order.created")), verified(*signed(escaped(woo_order(id=2)), delivery_id="1"))]

    assert first.delivery_id == again.delivery_id
    assert len({first.delivery_id, *(other.delivery_id for other in others)}) == 3


@pytest.mark.parametrize(
    "account", ["shop.example", "https://shop.example", "http://SHOP.example/store/", " shop.example "]
)
def test_the_shop_is_the_host_of_the_settings(account):
    assert verified(*signed(), account=account)
    assert refusal(*signed(account="https://other.example/"), account=account) == "OTHER_ACCOUNT"
    assert refusal(*signed(account="https://[::1/shop.example"), account=account) == "OTHER_ACCOUNT"
    headers, body = signed()
    headers.pop("x-wc-webhook-source")
    assert refusal(headers, body, account=account) == "OTHER_ACCOUNT"


def test_an_altered_or_rewritten_body_is_refused():
    headers, _ = signed()

    assert b"\\/" in BODY
    assert refusal(headers, BODY.replace(b'"110.00"', b'"910.00"')) == "BAD_SIGNATURE"
    assert refusal(headers, json.dumps(json.loads(BODY), separators=(",", ":")).encode()) == "BAD_SIGNATURE"
    assert refusal(headers, BODY + b"\n") == "BAD_SIGNATURE"


@pytest.mark.parametrize("signature", ["=" * 44, "é" * 44, "\udcff", "\x00", "A" * 10**6, "🧨", "null"])
def test_a_strange_signature_is_a_bad_one(signature):
    headers, body = signed()

    assert refusal(headers | {"x-wc-webhook-signature": signature}, body) == "BAD_SIGNATURE"


def test_a_signature_by_another_hash_is_a_bad_one():
    headers, body = signed()

    assert refusal(headers | {"x-wc-webhook-signature": "2jmj7l5rSw0yVb/vlWAYkK/YBwk="}, body) == "BAD_SIGNATURE"
    assert refusal(headers | {"x-wc-webhook-signature": ""}, body) == "NO_SIGNATURE"


@given(st.dictionaries(st.sampled_from(sorted(signed()[0])), st.text() | st.just("\udcff")), st.binary())
def test_nothing_but_a_refusal_leaves_verify(headers, body):
    with pytest.raises(Rejected):
        verified(headers, body, account="shop.example")
