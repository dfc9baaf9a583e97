"""Keys with which storefronts call: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime

from chalicelib.store import access

PREFIX = "fk_"
SCOPES = frozenset(
    {
        "audit:read",
        "clicks:write",
        "connections:read",
        "connections:write",
        "customers:read",
        "customers:write",
        "distributors:read",
        "distributors:write",
        "ledger:read",
        "orders:read",
        "orders:write",
        "payouts:read",
        "payouts:write",
        "plans:read",
        "plans:write",
    }
)


def create_api_key(name: str, scopes: Iterable[str], now: datetime) -> str:
    """A new key of 256 random bits with these scopes. This is the only time that it is seen."""
    wanted = sorted(set(scopes))
    if unknown := set(wanted) - SCOPES:
        raise ValueError(f"unknown scopes: {', '.join(sorted(unknown))}")
    key = PREFIX + secrets.token_urlsafe(32)
    access.put_api_key(_hash(key), name, wanted, now.isoformat())
    return key


def revoke_api_key(key: str, now: datetime) -> bool:
    """Ends a key; containers that hold it follow within 60 s. False if it was never made."""
    return access.revoke_api_key(_hash(key), now.isoformat())


def identify_key(key: str) -> access.ApiKey | None:
    """Whose key this is; None for an unknown or revoked one."""
    return access.find_api_key(_hash(key)) if key.startswith(PREFIX) and len(key) <= 100 else None


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
