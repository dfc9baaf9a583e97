"""Events as PayPal sends them (developer.paypal.com/api/rest/webhooks/rest), signed by a key that the connection pins."""

from __future__ import annotations

import base64
import secrets
import zlib
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Key(NamedTuple):
    private: RSAPrivateKey
    webhook_id: str


def keys() -> tuple[dict[str, list[str]], Key]:
    """A connection's secrets, and the key that signs."""
    private, webhook_id = generate_private_key(65537, 2048), secrets.token_hex(8).upper()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"webhook_id": [webhook_id], "certificate": [public]}, Key(private, webhook_id)


def sign(
    content: bytes,
    key: Key,
    at: datetime,
    *,
    topic: str = "",
    delivery_id: str = "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
    account: str = "",
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one transmission at `at`; `delivery_id` is its id. The event itself holds its type, and
    names no account."""
    sent = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signed = f"{delivery_id}|{sent}|{key.webhook_id}|{zlib.crc32(content)}"
    signature = key.private.sign(signed.encode(), PKCS1v15(), SHA256())
    headers = {
        "content-type": "application/json",
        "paypal-transmission-id": delivery_id,
        "paypal-transmission-time": sent,
        "paypal-transmission-sig": base64.b64encode(signature).decode(),
        "paypal-cert-url": "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-00000000-00000000-00000000",
        "paypal-auth-algo": "SHA256withRSA",
    }
    return headers, content
