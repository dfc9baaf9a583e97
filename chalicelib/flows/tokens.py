"""Session tokens, refresh tokens and blind indexes: everything derived from the application's secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from chalicelib.domain.errors import NotAuthenticated

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ACCESS_LIFE = timedelta(minutes=10)
_CLOCKS = timedelta(seconds=10)
"""How far two containers' clocks may differ; a token's end is taken strictly."""
_ALGORITHM = "EdDSA"
_TYPE = "at+jwt"
_ISSUER = "fenrun"
_AUDIENCE = "fenrun-api"
_CLAIMS = ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "sid", "kind", "roles"]

Kind = Literal["distributor", "staff", "merchant"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a session token says is calling."""

    subject: str
    kind: Kind
    roles: tuple[str, ...]
    session_id: str
    merchant_id: str | None = None
    """Whose person it is, of the kind `merchant`."""


def _derived(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose (HKDF-SHA256, RFC 5869): none of them tells anything about another."""
    root = hmac.digest(b"fenrun/hkdf/v1", secret.encode(), "sha256")
    return hmac.digest(root, f"fenrun/{purpose}/v1".encode() + b"\x01", "sha256")


@lru_cache(maxsize=2)
def _signing_key(secret: str) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(_derived(secret, "session"))


def issue_access(
    secret: str,
    subject: str,
    kind: Kind,
    roles: Sequence[str],
    session_id: str,
    now: datetime,
    merchant_id: str | None = None,
) -> tuple[str, datetime]:
    """A token that says for ten minutes who its bearer is, and when it ends."""
    import jwt

    start = int(now.timestamp())
    end = start + int(ACCESS_LIFE.total_seconds())
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": subject,
        "iat": start,
        "nbf": start,
        "exp": end,
        "jti": secrets.token_hex(16),
        "sid": session_id,
        "kind": kind,
        "roles": list(roles),
        **({"merchant": merchant_id} if merchant_id else {}),
    }
    token = jwt.encode(claims, _signing_key(secret), algorithm=_ALGORITHM, headers={"typ": _TYPE})
    return token, datetime.fromtimestamp(end, UTC)


def read_access(secret: str, token: str, now: datetime) -> Identity:
    """Whom a token of ours names at `now`. One algorithm, one key, every claim; anything else is nobody."""
    import jwt

    try:
        # PyJWT looks at its own clock: the moments are judged below, by the caller's `now`.
        decoded = jwt.decode_complete(
            token,
            _signing_key(secret).public_key(),
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            options={
                "require": _CLAIMS,
                "strict_aud": True,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except jwt.InvalidTokenError:
        raise NotAuthenticated("NOT_AUTHENTICATED") from None
    header, claims = decoded["header"], decoded["payload"]
    if set(header) != {"alg", "typ"} or header["typ"] != _TYPE:
        raise NotAuthenticated("NOT_AUTHENTICATED")
    _judge_moments(claims, now)
    return _identity(claims)


def _judge_moments(claims: dict[str, Any], now: datetime) -> None:
    moments = claims["iat"], claims["nbf"], claims["exp"]
    if not all(type(moment) is int for moment in moments):
        raise NotAuthenticated("NOT_AUTHENTICATED")
    issued, start, end = moments
    at = now.timestamp()
    if max(issued, start) > at + _CLOCKS.total_seconds() or end - issued > ACCESS_LIFE.total_seconds():
        raise NotAuthenticated("NOT_AUTHENTICATED")
    if end <= at:
        raise NotAuthenticated("TOKEN_EXPIRED")


def _identity(claims: dict[str, Any]) -> Identity:
    kind, roles, merchant_id = claims["kind"], claims["roles"], claims.get("merchant")
    texts = [claims["sub"], claims["sid"], *(roles if isinstance(roles, list) else [None])]
    if kind == "merchant" or merchant_id is not None:
        texts.append(merchant_id if kind == "merchant" else None)
    if kind not in get_args(Kind) or not all(isinstance(text, str) and text for text in texts):
        raise NotAuthenticated("NOT_AUTHENTICATED")
    return Identity(claims["sub"], kind, tuple(roles), claims["sid"], merchant_id)


def new_refresh() -> tuple[str, str]:
    """A refresh token of 256 random bits, and the hash under which it is kept."""
    token = secrets.token_urlsafe(32)
    return token, hash_of(token)


def hash_of(token: str) -> str:
    """How a random token is kept: it is too long to guess, so a plain SHA-256 hides it."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_session_id() -> str:
    """The random name of a session and of all the tokens that follow from it."""
    return secrets.token_hex(16)


def blind(secret: str, kind: Literal["email", "phone"], value: str) -> str:
    """What an e-mail address or phone (normalised) is found by: without the secret it tells nothing about it."""
    digest = hmac.digest(_derived(secret, f"blind/{kind}"), value.encode(), "sha256")
    return base64.b32encode(digest).decode().rstrip("=").lower()
