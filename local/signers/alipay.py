"""Notices of Alipay: a form, signed with RSA2."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def keys() -> tuple[dict[str, list[str]], rsa.RSAPrivateKey]:
    """A connection's secrets (Alipay's key as its console shows it, bare), and the key that signs."""
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {"public_key": [base64.b64encode(public).decode()]}, key


def sign(
    content: bytes,
    key: rsa.RSAPrivateKey,
    at: datetime,
    *,
    topic: str = "TRADE_SUCCESS",
    delivery_id: str = "2025100900222165325051231234567890",
    account: str = "2021000000000001",
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one notice at `at`. `content` is a form; what every notice has beside is added where it lacks:
    `topic` as `trade_status`, `account` as `app_id`."""
    given = dict(parse_qsl(content.decode(), keep_blank_values=True))
    local = at.astimezone(timezone(timedelta(hours=8))).strftime("%Y-%m-%d %H:%M:%S")
    usual = {"notify_id": delivery_id, "notify_time": local, "app_id": account, "charset": "utf-8", "version": "1.0"}
    is_message = "msg_method" in given
    if not is_message:
        usual |= {"notify_type": "trade_status_sync", "trade_status": topic}
    form = usual | given | {"sign_type": "RSA2"}
    signed = [name for name in sorted(form) if form[name] and (is_message or name != "sign_type")]
    text = "&".join(f"{name}={form[name]}" for name in signed).encode(form["charset"])
    form["sign"] = base64.b64encode(key.sign(text, padding.PKCS1v15(), SHA256())).decode()
    headers = {"content-type": f"application/x-www-form-urlencoded; charset={form['charset']}"}
    return headers, urlencode(form, encoding=form["charset"]).encode()
