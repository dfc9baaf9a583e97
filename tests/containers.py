"""This process as a Lambda container: fresh, and pointed at one set of tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.settings import settings
from chalicelib.store import access, connection, dead_letters, files, hearings, jobs, plans, secrets, transient
from chalicelib.store.transactions import deadline

SECRET = "0123456789abcdef0123456789abcdef0123456789abcdef"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def forget() -> None:
    """Makes this process a fresh container."""
    settings.cache_clear()
    if hasattr(connection.shared, "cache_clear"):
        connection.shared.cache_clear()
    deadline.set(None)
    for held in (access, dead_letters, files, hearings, jobs, plans, secrets, transient):
        held.forget()


def become(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    """Makes this process a fresh container with this environment."""
    for name, value in {**CREDENTIALS, **environment}.items():
        monkeypatch.setenv(name, value)
    forget()


def become_local(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], shared: Any) -> None:
    """The same against MiniStack, with the connection of the tests before: it is the same whatever the tables are."""
    become(monkeypatch, environment)
    monkeypatch.setattr(connection, "shared", lambda: shared)
