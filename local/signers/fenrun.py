"""Deliveries by Standard Webhooks 1.0.0, as any storefront can send them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime


def keys() -> tuple[dict[str, list[str]], bytes]:
    """A connection's secrets, and the key that signs."""
    key = secrets.token_bytes(32)
    return {"signing_secret": [f"whsec_{base64.b64encode(key).decode()}"]}, key


def sign(
    content: bytes, key: bytes, at: datetime, *, topic: str = "order", delivery_id: str = "msg_1", account: str = ""
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one delivery at `at`. A delivery has no topic and names no account."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((delivery_id.encode(), timestamp.encode(), content))
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    headers = {
        "content-type": "application/json",
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
    return headers, content
