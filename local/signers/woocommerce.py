"""Deliveries as WooCommerce sends them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime


def keys() -> tuple[dict[str, list[str]], bytes]:
    """A connection's secrets, and the key that signs: a secret as typed in, with the characters that WordPress escapes."""
    typed = f"{secrets.token_urlsafe(24)} & 'co'"
    return {"secret": [typed]}, typed.encode()


def sign(
    content: bytes,
    key: bytes,
    at: datetime,
    *,
    topic: str = "order.updated",
    delivery_id: str = "1",
    account: str = "https://shop.example/",
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one delivery from the shop at `account`. Only the body is signed, and nothing tells the time."""
    resource, _, event = topic.partition(".")
    headers = {
        "content-type": "application/json",
        "x-wc-webhook-source": account,
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-resource": resource,
        "x-wc-webhook-event": event,
        "x-wc-webhook-id": "142",
        "x-wc-webhook-delivery-id": delivery_id,
        "x-wc-webhook-signature": base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode(),
    }
    return headers, content
