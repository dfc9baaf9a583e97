"""The operator's staff: people with roles, who sign in with an e-mail address."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from chalicelib.domain.contacts import masked_email, normalise_email
from chalicelib.domain.errors import Conflict, Malformed
from chalicelib.flows import credentials, tokens
from chalicelib.store import access
from chalicelib.store.secrets import app_secret

ROLES = frozenset({"owner", "ops", "finance_maker", "finance_checker", "support", "auditor"})


def add_person(name: str, email: str, password: str, roles: Iterable[str]) -> access.Person:
    """A new member of staff. There is none until somebody with access to the deployment adds one."""
    wanted = tuple(sorted(set(roles)))
    if unknown := set(wanted) - ROLES:
        raise ValueError(f"unknown roles: {', '.join(sorted(unknown))}")
    spelled = normalise_email(email)
    if spelled is None:
        raise Malformed("BAD_EMAIL")
    credentials.check_password(password)
    person = access.Person(
        person_id=f"person-{secrets.token_hex(8)}",
        name=name,
        email_masked=masked_email(email),
        password_hash=credentials.hash_password(password),
        roles=wanted,
        status="active",
    )
    if not access.put_person(tokens.blind(app_secret(), "email", spelled), person):
        raise Conflict("EMAIL_TAKEN")
    return person
