"""The platform keys of WeChat Pay, as operators paste them (a certificate, or a public key with its id in the line before
it), and what is signed with them: notifications and answers alike (pay.weixin.qq.com/doc/v3/merchant/4013053249)."""

from __future__ import annotations

import base64
from collections.abc import Iterable

_BEGIN, _CERTIFICATE = "-----BEGIN ", "CERTIFICATE-----"


def serial_of(key: str) -> str | None:
    """What WeChat Pay calls this key: the certificate's number, or the public key's id. None where no id was pasted.
    Raises `ValueError` for a certificate that cannot be read."""
    key_id, begin, rest = key.partition(_BEGIN)
    if not rest.startswith(_CERTIFICATE):
        return (key_id.strip() or None) if begin else None
    from cryptography.x509 import load_pem_x509_certificate

    number = f"{load_pem_x509_certificate((begin + rest).encode()).serial_number:X}"
    return number.zfill(len(number) + len(number) % 2)


def named(keys: Iterable[str], serial: str) -> list[str]:
    """Those of the keys that the serial may name: one without an id may be any."""

    def goes_by(key: str) -> bool:
        try:
            own = serial_of(key)
        except ValueError:
            return False
        return own in (None, serial) or (_CERTIFICATE in key and (own or "").lstrip("0") == serial.upper().lstrip("0"))

    return [key for key in keys if goes_by(key)]


def signed_by(keys: Iterable[str], signature: str, timestamp: str, nonce: str, body: bytes) -> bool:
    """Whether one of the keys made this signature (base64) over timestamp, nonce and body."""
    from chalicelib.webhooks.public_keys import verified

    try:
        made = base64.b64decode(signature, validate=True)
    except ValueError:
        return False
    signed = b"%b\n%b\n%b\n" % (timestamp.encode("utf-8", "replace"), nonce.encode("utf-8", "replace"), body)
    return any(verified(key, made, signed) for key in keys)
