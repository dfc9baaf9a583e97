"""Who signed what Shopify is said to have sent."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.deliveries import Connection, ConnectionSettings, Request
from chalicelib.domain.errors import Rejected
from chalicelib.webhooks import shopify
from chalicelib.webhooks.provider import provider
from local.signers.shopify import keys, sign
from tests.webhooks.samples_storefronts import SHOP, order

NOW = datetime(2026, 3, 1, 13, 0, 6, tzinfo=UTC)
SECRETS, KEY = keys()
BODY = json.dumps(order()).encode()


def connection(account=SHOP, secrets=SECRETS):
    return Connection(
        connection_id="c",
        provider="shopify",
        settings=ConnectionSettings(account=account),
        secrets={name: tuple(held) for name, held in secrets.items()},
    )


def verified(headers, body=BODY, **of):
    return shopify.verify(Request(headers, body), connection(**of), NOW)


def refusal(headers, body=BODY, **of):
    with pytest.raises(Rejected) as refused:
        verified(headers, body, **of)
    return refused.value.code


def signed(content=BODY, **how):
    return sign(content, KEY, NOW, **how)


def test_what_shopify_signed_is_its_own():
    headers, body = signed(topic="orders/paid", delivery_id="b545")
    payload = verified(headers, body)

    assert (payload.topic, payload.content, payload.settings.account) == ("orders/paid", BODY, SHOP)
    assert payload.delivery_id.startswith("b545:")
    assert provider("shopify").ABOUT.account


def test_each_of_two_secrets_holds_while_they_are_rotated():
    other, key = keys()
    both = {"client_secret": [*other["client_secret"], *SECRETS["client_secret"]]}

    assert verified(*signed(), secrets=both)
    assert verified(*sign(BODY, key, NOW), secrets=both)
    assert refusal(*sign(BODY, key, NOW)) == "BAD_SIGNATURE"
    assert refusal(*signed(), secrets={}) == "BAD_SIGNATURE"


def test_what_comes_again_has_the_same_id_and_another_body_under_that_id_has_not():
    first = verified(*signed(delivery_id="b545"))
    again = verified(*sign(BODY, KEY, NOW + timedelta(hours=3), delivery_id="b545"))
    stolen = verified(*signed(json.dumps(order(id=2)).encode(), delivery_id="b545"))

    assert first.delivery_id == again.delivery_id != stolen.delivery_id


@pytest.mark.parametrize("name", ["x" * 5000, "名", "a\nb", "\udcff"])
def test_an_odd_delivery_id_is_replaced_by_its_hash(name):
    headers, body = signed()

    assert len(verified(headers | {"x-shopify-webhook-id": name}, body).delivery_id) == 64 + 17


def test_events_have_the_headers_without_their_x():
    headers, body = signed(b'{"topic":"Order","action":"update"}', topic="Order")
    renamed = {name.removeprefix("x-"): value for name, value in headers.items() if name != "x-shopify-webhook-id"}
    payload = verified(renamed | {"shopify-event-id": "e1"}, body)

    assert payload.topic == "Order" and payload.delivery_id.startswith("e1:")
    assert shopify.facts(payload) == ()


def test_the_shop_is_the_one_of_the_settings_in_any_case_of_letters():
    assert verified(*signed(account="Shop.MyShopify.com"))
    assert verified(*signed(account="other.myshopify.com"), account=None)
    assert refusal(*signed(account="other.myshopify.com")) == "OTHER_ACCOUNT"
    headers, body = signed()
    headers.pop("x-shopify-shop-domain")
    assert refusal(headers, body) == "OTHER_ACCOUNT"


def test_an_altered_or_rewritten_body_is_refused():
    headers, _ = signed()

    assert refusal(headers, BODY.replace(b'"110.00"', b'"910.00"')) == "BAD_SIGNATURE"
    assert refusal(headers, json.dumps(order(), separators=(",", ":")).encode()) == "BAD_SIGNATURE"
    assert refusal(headers, BODY + b"\n") == "BAD_SIGNATURE"
    assert refusal(headers, b"") == "BAD_SIGNATURE"


@pytest.mark.parametrize("signature", ["=" * 44, "é" * 44, "\udcff", "\x00", "A" * 10**6, "🧨", "null"])
def test_a_strange_signature_is_a_bad_one(signature):
    headers, body = signed()

    assert refusal(headers | {"x-shopify-hmac-sha256": signature}, body) == "BAD_SIGNATURE"


def test_the_signature_in_hex_is_a_bad_one_and_none_at_all_is_none():
    headers, body = signed()
    in_hex = "abc1264ed45ef51bf60a76cae9084e151a6f9612295ac66dd614924eec26c15a"

    assert refusal(headers | {"x-shopify-hmac-sha256": in_hex}, body) == "BAD_SIGNATURE"
    assert refusal(headers | {"x-shopify-hmac-sha256": ""}, body) == "NO_SIGNATURE"
    assert refusal({}, body) == "NO_SIGNATURE"


@given(st.dictionaries(st.sampled_from(sorted(signed()[0])), st.text() | st.just("\udcff")), st.binary())
def test_nothing_but_a_refusal_leaves_verify(headers, body):
    with pytest.raises(Rejected):
        verified(headers, body)
