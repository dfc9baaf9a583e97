"""RSA public keys as operators paste them. Imported where a key is needed: `cryptography` takes a tenth of a second."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key
from cryptography.x509 import InvalidVersion, load_pem_x509_certificate

_BEGIN = "-----BEGIN "


@lru_cache(maxsize=64)
def public_key(text: str) -> RSAPublicKey:
    """The key in a PEM public key, a PEM certificate (lines before either are passed over), or bare base64 of the DER form.
    Raises `ValueError` for anything else."""
    head, found, rest = text.partition(_BEGIN)
    try:
        if not found:
            key = load_der_public_key(base64.b64decode("".join(head.split()), validate=True))
        elif rest.startswith("CERTIFICATE-----"):
            key = load_pem_x509_certificate((found + rest).encode()).public_key()
        else:
            key = load_pem_public_key((found + rest).encode())
    except (binascii.Error, InvalidVersion, TypeError, UnsupportedAlgorithm, ValueError) as error:
        raise ValueError("not a public key") from error
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")
    return key


def verified(text: str, signature: bytes, signed: bytes) -> bool:
    """Whether this key made this signature over these bytes (RSASSA-PKCS1-v1_5 with SHA-256)."""
    try:
        public_key(text).verify(signature, signed, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True
