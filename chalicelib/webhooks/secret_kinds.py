"""Whether a text can be the secret that it is given as: a mistyped one is refused when written, not at the first sale."""

from __future__ import annotations

import base64
import binascii
import re

from chalicelib.webhooks.provider import SecretKind

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){16,64}")


def fits(kind: SecretKind, text: str) -> bool:
    """`standard_webhooks`: base64 of 24 to 64 bytes, with or without `whsec_`; `aes_256`: 32 ASCII characters;
    `public_key`: an RSA key of at least 2048 bits (PEM, certificate or bare base64)."""
    if kind == "hex":
        return bool(_HEX.fullmatch(text))
    if kind == "aes_256":
        return text.isascii() and len(text) == 32
    if kind == "standard_webhooks":
        try:
            return 24 <= len(base64.b64decode(text.removeprefix("whsec_"), validate=True)) <= 64
        except (binascii.Error, ValueError):
            return False
    if kind == "public_key":
        from chalicelib.webhooks.public_keys import public_key

        try:
            return public_key(text).key_size >= 2048
        except ValueError:
            return False
    return text == text.strip() and len(text) >= 4
