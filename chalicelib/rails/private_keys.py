"""The RSA keys that we sign with, as operators paste them, and what is made with them."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from chalicelib.domain.deliveries import Connection
from chalicelib.domain.errors import Fault, Refused
from chalicelib.rails.carry import secret

_BEGIN = "-----BEGIN "


def private_key(connection: Connection, name: str) -> RSAPrivateKey:
    """The connection's newest key of this name: PEM or bare base64, PKCS#8 or PKCS#1. Raises `Refused`, which shows
    nothing of it, where there is none that can be read."""
    text = secret(connection, name)
    try:
        return _read(text)
    except ValueError:
        raise Refused("BAD_SECRET", Fault(f"secrets.{name}", "BAD_SECRET")) from None


@lru_cache(maxsize=16)
def _read(text: str) -> RSAPrivateKey:
    _, found, rest = text.partition(_BEGIN)
    try:
        if found:
            key = load_pem_private_key((found + rest).encode(), None)
        else:
            key = load_der_private_key(base64.b64decode("".join(text.split()), validate=True), None)
    except (binascii.Error, TypeError, UnsupportedAlgorithm, ValueError):
        raise ValueError("not a private key") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key


def signature(key: RSAPrivateKey, message: bytes) -> str:
    """Base64 of RSASSA-PKCS1-v1_5 with SHA-256 over the message."""
    return base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode()
