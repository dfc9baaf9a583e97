"""Notifications of WeChat Pay, API v3: a signed envelope around an encrypted resource."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Key(NamedTuple):
    """What WeChat Pay signs with, which of its keys that is, and what it encrypts with."""

    private: rsa.RSAPrivateKey
    serial: str
    api_v3_key: str


def keys() -> tuple[dict[str, list[str]], Key]:
    """A connection's secrets (the platform's public key, its id in the line before it), and the key that signs."""
    private = rsa.generate_private_key(65537, 2048)
    serial, api_v3_key = f"PUB_KEY_ID_{secrets.randbelow(10**28):028d}", secrets.token_hex(16)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    held = {"api_v3_key": [api_v3_key], "platform_key": [f"{serial}\n{public}"]}
    return held, Key(private, serial, api_v3_key)


def sign(
    content: bytes,
    key: Key,
    at: datetime,
    *,
    topic: str = "TRANSACTION.SUCCESS",
    delivery_id: str = "EV-2018022511223320873",
    account: str = "1230000109",
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one notification at `at`. `content` is the resource, a JSON object; `account` becomes its `mchid`
    where it has none, and `topic` the event's type."""
    resource = {"mchid": account} | json.loads(content)
    plaintext = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
    kind, nonce = topic.partition(".")[0].lower(), secrets.token_hex(6)
    sealed = AESGCM(key.api_v3_key.encode()).encrypt(nonce.encode(), plaintext, kind.encode())
    envelope = {
        "id": delivery_id,
        "create_time": at.astimezone(timezone(timedelta(hours=8))).isoformat(timespec="seconds"),
        "resource_type": "encrypt-resource",
        "event_type": topic,
        "summary": topic,
        "resource": {
            "original_type": kind,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(sealed).decode(),
            "associated_data": kind,
            "nonce": nonce,
        },
    }
    return sealed_with(json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode(), key, at)


def sealed_with(body: bytes, key: Key, at: datetime) -> tuple[dict[str, str], bytes]:
    """Any body, signed."""
    timestamp, nonce = str(int(at.timestamp())), secrets.token_hex(16).upper()
    signed = b"%b\n%b\n%b\n" % (timestamp.encode(), nonce.encode(), body)
    signature = base64.b64encode(key.private.sign(signed, padding.PKCS1v15(), SHA256())).decode()
    headers = {
        "content-type": "application/json",
        "wechatpay-timestamp": timestamp,
        "wechatpay-nonce": nonce,
        "wechatpay-serial": key.serial,
        "wechatpay-signature": signature,
        "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
    }
    return headers, body
