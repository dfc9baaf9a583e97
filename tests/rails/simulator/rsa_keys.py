"""RSA keys of the simulated providers and of their merchants: made once, because each takes a while."""

from __future__ import annotations

import base64
from functools import cache

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


@cache
def key(of: str) -> rsa.RSAPrivateKey:
    """The key of somebody, the same while the process lives."""
    return rsa.generate_private_key(65537, 2048)


def private_pem(of: str, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key(of).private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def public_pem(of: str) -> str:
    return key(of).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def sign(of: str, content: bytes) -> str:
    return base64.b64encode(key(of).sign(content, padding.PKCS1v15(), SHA256())).decode()
