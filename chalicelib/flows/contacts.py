"""How the contacts that come with an order are compared: as blind indexes, never as themselves."""

from __future__ import annotations

from chalicelib.domain.contacts import normalise_email, normalise_phone
from chalicelib.flows import tokens
from chalicelib.flows.attribute_order import Contact
from chalicelib.store.secrets import app_secret


def blinded(email: str | None, phone: str | None) -> Contact:
    """The blind indexes of an e-mail and a phone; of what is none, nothing."""
    spelled = normalise_email(email) if email else None
    number = normalise_phone(phone) if phone else None
    return Contact(
        email=tokens.blind(app_secret(), "email", spelled) if spelled else None,
        phone=tokens.blind(app_secret(), "phone", number) if number else None,
    )
