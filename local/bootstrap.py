"""What a new stack needs before anyone can use it: an API key for a storefront, and somebody who can sign in."""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from local.stack import Stack

PEOPLE = {"owner": ["owner"], "finance": ["finance_maker"], "checker": ["finance_checker"]}
"""Who is added for development, and their roles: a payout needs two different people."""


def use(stack: Stack) -> None:
    """Lets the app's own modules run in this process against the stack."""
    os.environ.update(stack.environment)
    from chalicelib.settings import settings

    settings.cache_clear()


def bootstrap(stack: Stack, kept: Path) -> dict[str, str]:
    """An API key with every scope and the staff of a development stack, by their labels.

    Made once: secrets cannot be read back, so what was made is kept beside the emulator's data, for this user only.
    """
    if kept.exists():
        made = json.loads(kept.read_text(encoding="utf-8"))
        if made.get("secret_arn") == stack.secret_arn and made.get("settings") == stack.tables["SettingsTable"]:
            return dict(made["rows"])
    use(stack)
    from chalicelib.flows.api_keys import SCOPES, create_api_key
    from chalicelib.flows.staff import add_person

    rows = {"API key": create_api_key("development", SCOPES, datetime.now(UTC))}
    for name, roles in PEOPLE.items():
        password = secrets.token_urlsafe(12)
        add_person(name.capitalize(), f"{name}@shop.example", password, roles)
        rows[f"{name} login"] = f"{name}@shop.example {password}"
    made = {"secret_arn": stack.secret_arn, "settings": stack.tables["SettingsTable"], "rows": rows}
    kept.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(made, file)
    return rows
