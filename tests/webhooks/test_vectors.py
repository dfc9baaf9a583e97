"""Signatures made by the providers themselves and by other implementations, where the reference folder is at hand."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.domain.deliveries import Connection, ConnectionSettings, Request
from chalicelib.domain.errors import Rejected
from chalicelib.webhooks.provider import provider

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
if not FIXTURES.is_dir():
    pytest.skip("The vectors are in the reference folder, which is not here.", allow_module_level=True)

ANY_TIME = datetime(2026, 6, 1, tzinfo=UTC)
SHOP = "shop.myshopify.com"
Delivery = tuple[dict[str, tuple[str, ...]], str | None, dict[str, str], bytes, datetime]
"""Secrets, account, headers, body, now."""


def read(name: str) -> Any:
    return json.loads((FIXTURES / name / "vectors.json").read_text())


def body_of(vector: dict[str, Any]) -> bytes:
    return (FIXTURES / vector["payload_file"]).read_bytes() if "payload_file" in vector else vector["payload"].encode()


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def unix(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def standardwebhooks(vector: dict[str, Any], _: Any) -> Delivery:
    return {"signing_secret": (vector["secret"],)}, None, vector["headers"], body_of(vector), unix(vector["now"])


def stripe(vector: dict[str, Any], _: Any) -> Delivery:
    headers = {"stripe-signature": vector["header"]}
    return {"signing_secret": (vector["secret"],)}, None, headers, body_of(vector), unix(vector["now"])


def shopify(vector: dict[str, Any], _: Any) -> Delivery:
    headers = {
        "x-shopify-hmac-sha256": vector["header"],
        "x-shopify-shop-domain": SHOP,
        "x-shopify-topic": "orders/updated",
        "x-shopify-webhook-id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
    }
    return {"client_secret": (vector["secret"],)}, SHOP, headers, body_of(vector), ANY_TIME


def woocommerce(vector: dict[str, Any], _: Any) -> Delivery:
    headers = {
        "x-wc-webhook-source": "https://shop.example/",
        "x-wc-webhook-topic": "order.updated",
        "x-wc-webhook-id": "142",
        "x-wc-webhook-delivery-id": "0b3b2b5ab26cbb4a7d1b8b2b5ab26cbb",
        "x-wc-webhook-signature": vector["header"],
        "content-type": "application/json",
    }
    if not vector["header"]:
        headers = {"content-type": "application/x-www-form-urlencoded"}
    return {"secret": (vector["secret"],)}, None, headers, body_of(vector), ANY_TIME


def paypal(vector: dict[str, Any], whole: Any) -> Delivery:
    headers = lower(vector["headers"])
    now = datetime.fromisoformat(headers["paypal-transmission-time"]) + timedelta(minutes=1)
    secrets = {"webhook_id": (vector["webhook_id"],), "certificate": (whole["keys"][vector["key"]],)}
    return secrets, None, headers, vector["body"].encode(), now


def alipay(vector: dict[str, Any], _: Any) -> Delivery:
    params = vector["params"]
    body = urlencode(params, encoding=params.get("charset", "utf-8")).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return {"public_key": (vector["public_key"],)}, params.get("app_id"), headers, body, ANY_TIME


def wechatpay(vector: dict[str, Any], whole: Any) -> Delivery:
    key = whole["keys"][vector["key_ref"]]
    secrets = {
        "api_v3_key": (vector["apiv3_key"],),
        "platform_key": (f"{key['serial']}\n{key['public_key_pem']}",),
    }
    account = (vector.get("plaintext") or {}).get("mchid")
    return secrets, account, lower(vector["headers"]), vector["body"].encode(), unix(vector["now"])


def adyen(vector: dict[str, Any], _: Any) -> Delivery:
    body = {"live": "false", "notificationItems": [{"NotificationRequestItem": vector["item"]}]}
    account = vector["item"]["merchantAccountCode"]
    return {"hmac_key": (vector["hmac_key"],)}, account, {}, json.dumps(body).encode(), ANY_TIME


DELIVERIES = {
    "standardwebhooks": ("fenrun", standardwebhooks),
    "stripe": ("stripe", stripe),
    "shopify": ("shopify", shopify),
    "woocommerce": ("woocommerce", woocommerce),
    "paypal": ("paypal", paypal),
    "alipay": ("alipay", alipay),
    "wechatpay": ("wechatpay", wechatpay),
    "adyen": ("adyen", adyen),
}


def of_another_scheme(folder: str, vector: dict[str, Any]) -> str | None:
    """Why an entry is none of a webhook."""
    if folder == "shopify" and "header" not in vector:
        return "the query of an OAuth redirect, signed in hex over sorted parameters"
    return None


def vectors() -> list[Any]:
    found = []
    for folder in DELIVERIES:
        whole = read(folder)
        for vector in whole if isinstance(whole, list) else whole["vectors"]:
            if not of_another_scheme(folder, vector):
                found.append(pytest.param(folder, vector, whole, id=f"{folder}: {vector['name']}"))
    return found


@pytest.mark.parametrize(("folder", "vector", "whole"), vectors())
def test_vector(folder, vector, whole):
    name, delivery = DELIVERIES[folder]
    secrets, account, headers, body, now = delivery(vector, whole)
    settings = ConnectionSettings(account=account)
    connection = Connection(connection_id="c", provider=name, settings=settings, secrets=secrets)

    def verified():
        return provider(name).verify(Request(headers, body), connection, now)

    if folder == "stripe" and vector["accept"]:
        # The sample of Stripe's own library is signed, but is no whole event.
        try:
            assert verified() is not None
        except Rejected as refused:
            assert refused.code == "UNREADABLE_DELIVERY"
    elif vector["accept"]:
        assert verified() is not None
    elif folder == "woocommerce" and not vector["header"]:
        assert verified() is None  # the unsigned ping: answered, and nothing done
    else:
        with pytest.raises(Rejected):
            verified()


@pytest.mark.parametrize("folder", DELIVERIES)
def test_every_provider_has_vectors_of_both_kinds(folder):
    ours = [case.values[1]["accept"] for case in vectors() if case.values[0] == folder]

    assert True in ours and False in ours
