"""Where a list goes on, as opaque text. It names keys of the caller's own list only; a forged one finds nothing more."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from msgspec import DecodeError, json

from chalicelib.domain.errors import Fault, Malformed

_LONGEST = 1024
"""Bytes of the longest sort key; what is longer is none of ours."""


def sealed(key: dict[str, Any] | None) -> str | None:
    """The cursor for DynamoDB's last evaluated key; None at the end of the list."""
    return urlsafe_b64encode(json.encode(key)).decode().rstrip("=") if key else None


def opened(cursor: str | None, *names: str, **own: str) -> dict[str, Any] | None:
    """The key behind a cursor. Raises `Malformed` for anything that `sealed` did not make, and for a key that has not
    the attributes `names` and `own` or not the values of `own`: it belongs to another list."""
    if not cursor:
        return None
    try:
        key = json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=dict[str, dict[str, str]])
    except (ValueError, DecodeError) as error:
        raise Malformed("BAD_CURSOR", Fault("cursor", "BAD_CURSOR")) from error
    if not all(value.keys() == {"S"} and 0 < len(value["S"]) <= _LONGEST for value in key.values()):
        raise Malformed("BAD_CURSOR", Fault("cursor", "BAD_CURSOR"))
    here = any((names, own))
    if here and (key.keys() != {*names, *own} or any(key[name] != {"S": value} for name, value in own.items())):
        raise Malformed("BAD_CURSOR", Fault("cursor", "BAD_CURSOR"))
    return key
