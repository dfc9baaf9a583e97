"""Adyen's standard webhooks, one item or several a delivery."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime
from typing import Any


def keys() -> tuple[dict[str, list[str]], bytes]:
    """A connection's secrets, and the key that signs."""
    key = secrets.token_bytes(32)
    return {"hmac_key": [key.hex().upper()]}, key


def sign(
    content: bytes,
    key: bytes,
    at: datetime,
    *,
    topic: str = "AUTHORISATION",
    delivery_id: str = "8835511210681324",
    account: str = "TestMerchant",
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one delivery. `content` is a `NotificationRequestItem` or a list of them; what it leaves out of
    `eventCode`, `pspReference`, `merchantAccountCode`, `eventDate` and `success` comes from the arguments."""
    usual = {
        "eventCode": topic,
        "pspReference": delivery_id,
        "merchantAccountCode": account,
        "eventDate": at.isoformat(timespec="seconds"),
        "success": "true",
    }
    given = json.loads(content)
    items = [signed(usual | item, key) for item in (given if isinstance(given, list) else [given])]
    body = {"live": "false", "notificationItems": [{"NotificationRequestItem": item} for item in items]}
    return {"content-type": "application/json; charset=utf-8"}, json.dumps(body, separators=(",", ":")).encode()


def signed(item: dict[str, Any], key: bytes) -> dict[str, Any]:
    """The item with its signature: fields that are not there count as empty, and nothing is escaped."""
    amount = item.get("amount", {})
    parts = (
        item.get("pspReference", ""),
        item.get("originalReference", ""),
        item.get("merchantAccountCode", ""),
        item.get("merchantReference", ""),
        str(amount.get("value", "")),
        amount.get("currency", ""),
        item.get("eventCode", ""),
        item.get("success", ""),
    )
    signature = base64.b64encode(hmac.digest(key, ":".join(parts).encode(), hashlib.sha256)).decode()
    return item | {"additionalData": item.get("additionalData", {}) | {"hmacSignature": signature}}
