"""Payees' personal data at rest: sealed with AES-256-GCM under a key derived from the application's secret.

Sealed text is bound to its distributor: moved to another one's item, it does not open. It begins with the version of the
key it was sealed under.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec import DecodeError, json, structs

from chalicelib.domain.payout_methods import PayoutMethod, masked
from chalicelib.domain.payouts import Payout
from chalicelib.store.secrets import app_secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = "1"
_NONCE_BYTES = 12


class Unreadable(Exception):
    """What was sealed does not open: it is another distributor's, was altered, or the application's secret is another."""


@lru_cache(maxsize=2)
def _cipher(secret: str) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derive = HKDF(algorithm=SHA256(), length=32, salt=b"fenrun/hkdf/v1", info=b"fenrun/payee/v1")
    return AESGCM(derive.derive(secret.encode()))


def _bound(distributor_id: str) -> bytes:
    return f"fenrun/payee/{_VERSION}/{distributor_id}".encode()


def seal(distributor_id: str, plain: bytes) -> str:
    """The bytes as text that only `opened` reads, and only as this distributor's. Raises `Busy` without the secret."""
    nonce = os.urandom(_NONCE_BYTES)
    hidden = _cipher(app_secret()).encrypt(nonce, plain, _bound(distributor_id))
    return f"{_VERSION}.{urlsafe_b64encode(nonce + hidden).decode()}"


def opened(distributor_id: str, sealed: str) -> bytes:
    """What was sealed for this distributor. Raises `Unreadable`, or `Busy` without the secret."""
    from cryptography.exceptions import InvalidTag

    version, _, text = sealed.partition(".")
    try:
        raw = urlsafe_b64decode(text)
        if version != _VERSION or len(raw) <= _NONCE_BYTES:
            raise Unreadable
        cipher = _cipher(app_secret())
        return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(distributor_id))
    except (InvalidTag, ValueError):
        raise Unreadable from None


def sealed_method(distributor_id: str, method: PayoutMethod) -> dict[str, Any]:
    """The method as it is stored: account and holder sealed, beside what may be read of the account (`shown`)."""
    private = json.encode({"account": method.account, "holder": method.holder})
    open_fields = {"rail": method.rail, "kind": method.kind, "bank": method.bank, "shown": masked(method.account)}
    kept = {name: value for name, value in open_fields.items() if value is not None}
    return {**kept, "sealed": seal(distributor_id, private)}


def readable_method(distributor_id: str, method: Mapping[str, Any]) -> dict[str, Any]:
    """A stored method with its account and holder, also one from before they were sealed. Raises as `opened` does."""
    if "sealed" not in method:
        return dict(method)
    try:
        private = json.decode(opened(distributor_id, method["sealed"]), type=dict[str, str])
    except DecodeError:
        raise Unreadable from None
    return {name: value for name, value in method.items() if name not in ("sealed", "shown")} | private


def readable(payout: Payout) -> Payout:
    """The payout as a rail needs it, with account and holder: in memory only, never to be stored. Raises as `opened`."""
    return structs.replace(payout, method=readable_method(payout.distributor_id, payout.method))
