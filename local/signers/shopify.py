"""Deliveries as Shopify sends them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime


def keys() -> tuple[dict[str, list[str]], bytes]:
    """A connection's secrets, and the key that signs."""
    secret = f"shpss_{secrets.token_hex(16)}"
    return {"client_secret": [secret]}, secret.encode()


def sign(
    content: bytes,
    key: bytes,
    at: datetime,
    *,
    topic: str = "orders/updated",
    delivery_id: str = "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
    account: str = "shop.myshopify.com",
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one delivery at `at` from the shop `account`. Only the body is signed."""
    headers = {
        "content-type": "application/json",
        "x-shopify-topic": topic,
        "x-shopify-shop-domain": account,
        "x-shopify-webhook-id": delivery_id,
        "x-shopify-triggered-at": at.isoformat(),
        "x-shopify-hmac-sha256": base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode(),
    }
    return headers, content
