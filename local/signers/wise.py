"""Events as Wise sends them (docs.wise.com/guides/developer/webhooks/event-handling)."""

from __future__ import annotations

import base64
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def keys() -> tuple[dict[str, list[str]], rsa.RSAPrivateKey]:
    """A connection's secrets, and the key that signs."""
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"public_key": [public]}, key


def sign(
    content: bytes,
    key: rsa.RSAPrivateKey,
    at: datetime,
    *,
    topic: str = "",
    delivery_id: str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
    account: str = "",
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one delivery. Type, time and profile stand in the event itself; only the body is signed."""
    signature = key.sign(content, padding.PKCS1v15(), SHA256())
    headers = {
        "content-type": "application/json",
        "x-delivery-id": delivery_id,
        "x-signature-sha256": base64.b64encode(signature).decode(),
    }
    return headers, content
