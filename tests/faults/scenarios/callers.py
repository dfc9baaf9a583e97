"""Who asks: storefronts with a key, people with a session."""

from __future__ import annotations

from typing import Any

from chalicelib.flows import tokens
from chalicelib.flows.api_keys import SCOPES, create_api_key
from chalicelib.store import transient
from tests.containers import SECRET
from tests.faults.world import World


def storefront(world: World) -> str:
    """A key that may do everything."""
    return create_api_key("shop", SCOPES, world.now)


def session(world: World, subject: str, kind: Any, *roles: str) -> str:
    """The access token of somebody who has signed in."""
    at, session_id = int(world.now.timestamp()), f"{subject:0>32}"[-32:]
    transient.start_session(transient.Session(session_id, subject, kind, "login", "hash", at, at + 3600))
    return tokens.issue_access(SECRET, subject, kind, roles, session_id, world.now)[0]


def staff(world: World, name: str = "maker") -> str:
    return session(world, name, "staff", "owner", "ops", "finance_maker", "finance_checker")
