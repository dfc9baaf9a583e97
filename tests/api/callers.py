"""Callers with credentials, in front of the real app."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import app
from chalicelib.flows import api_keys, tokens
from chalicelib.store import transient
from tests.api.conftest import SECRET, Http, Reply


class Caller:
    """Somebody's requests: `caller("GET", "/v1/orders/{order_id}", order_id="o-1")`."""

    def __init__(self, credential: str | None) -> None:
        self.headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        self._http = Http(app.app)

    def __call__(
        self,
        method: str,
        route: str,
        body: Any = None,
        query: dict[str, list[str]] | None = None,
        language: str = "en",
        once: str | None = None,
        **path: str,
    ) -> Reply:
        headers = {**self.headers, "Accept-Language": language, **({"Idempotency-Key": once} if once else {})}
        return self._http(method, route, body, path=path or None, query=query, headers=headers)


def signed_in(subject: str, kind: Any, *roles: str) -> Caller:
    """A distributor or member of staff with a session."""
    now = datetime.now(UTC)
    at = int(now.timestamp())
    session = uuid4().hex
    transient.start_session(transient.Session(session, subject, kind, "login", "hash", at, at + 3600))
    token, _ = tokens.issue_access(SECRET, subject, kind, roles, session, now)
    return Caller(token)


def storefront(*scopes: str) -> Caller:
    """Whoever has an API key with these scopes."""
    return Caller(api_keys.create_api_key("shop", scopes, datetime.now(UTC)))
