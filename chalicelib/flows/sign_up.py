"""Somebody becomes a distributor: free, at once, with or without an invitation."""

from __future__ import annotations

import secrets
from datetime import datetime
from hashlib import sha256

from chalicelib.domain.codes import CODE_LETTERS, letters, normalised_code
from chalicelib.domain.contacts import normalise_email, normalise_phone
from chalicelib.domain.errors import Conflict, Fault, Malformed, Refused
from chalicelib.domain.people import Distributor
from chalicelib.flows import credentials, tokens
from chalicelib.store import distributors
from chalicelib.store.distributors import ClaimKind
from chalicelib.store.keys import stamp
from chalicelib.store.secrets import app_secret

_ID_LETTERS = 16


def sign_up(
    *,
    name: str,
    email: str | None,
    phone: str | None,
    password: str,
    invite_code: str | None,
    locale: str,
    country: str,
    now: datetime,
    once: str | None = None,
) -> Distributor:
    """Stores a new distributor with a code of their own. `invite_code` names the sponsor. The same `once` makes one
    distributor, however often it is sent.

    Raises `Malformed` for no contact or one that is none, `Refused` for an unknown invite code or a weak password,
    `Conflict` for an e-mail or phone that somebody has.
    """
    contacts = _contacts(email, phone)
    credentials.check_password(password)
    sponsor_id = _sponsor(invite_code) if invite_code else None
    password_hash = credentials.hash_password(password)
    drawn = sha256(once.encode()).digest()[:_ID_LETTERS] if once else secrets.token_bytes(_ID_LETTERS)
    while True:
        distributor = Distributor(
            id=f"d_{letters(drawn).lower()}",
            code=letters(secrets.token_bytes(CODE_LETTERS)),
            name=name,
            status="active",
            joined_at=stamp(now),
            email=email,
            phone=phone,
            password_hash=password_hash,
            sponsor_id=sponsor_id,
            locale=locale,
            country=country,
        )
        try:
            distributors.create(distributor, contacts)
        except Conflict as conflict:
            if once and (made := distributors.get(distributor.id)):
                return made
            if conflict.code == "CODE_TAKEN":
                continue
            field = "phone" if conflict.code == "PHONE_TAKEN" else "email"
            raise Conflict(conflict.code, Fault(field, conflict.code)) from None
        return distributor


def _contacts(email: str | None, phone: str | None) -> dict[ClaimKind, str]:
    """Blind indexes of the contacts given, by which they are unique and found at sign-in."""
    found: dict[ClaimKind, str] = {}
    spelled = normalise_email(email) if email else None
    number = normalise_phone(phone) if phone else None
    if email and not spelled:
        raise Malformed("BAD_EMAIL", Fault("email", "BAD_EMAIL"))
    if phone and not number:
        raise Malformed("BAD_PHONE", Fault("phone", "BAD_PHONE"))
    if spelled:
        found["email"] = tokens.blind(app_secret(), "email", spelled)
    if number:
        found["phone"] = tokens.blind(app_secret(), "phone", number)
    if not found:
        raise Malformed("LOGIN_NEEDED", Fault("email", "LOGIN_NEEDED"))
    return found


def _sponsor(invite_code: str) -> str:
    sponsor = distributors.by_code(normalised_code(invite_code))
    if sponsor is None or sponsor.status != "active":
        raise Refused("UNKNOWN_INVITE_CODE", Fault("invite_code", "UNKNOWN_INVITE_CODE"))
    return sponsor.id
