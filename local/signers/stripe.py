"""Events as Stripe sends them (docs.stripe.com/webhooks/signature)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime


def keys() -> tuple[dict[str, list[str]], str]:
    """A connection's secrets, and the key that signs: the same text."""
    secret = f"whsec_{secrets.token_hex(16)}"
    return {"signing_secret": [secret]}, secret


def sign(
    content: bytes, key: str, at: datetime, *, topic: str = "", delivery_id: str = "", account: str = ""
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one delivery at `at`. Type, id and account stand in the event itself."""
    timestamp = str(int(at.timestamp()))
    signature = hmac.digest(key.encode(), timestamp.encode() + b"." + content, hashlib.sha256).hex()
    headers = {"content-type": "application/json", "stripe-signature": f"t={timestamp},v1={signature}"}
    return headers, content
