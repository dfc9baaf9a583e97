"""Merchants: registered by the operator, with people of their own who sign in."""

from __future__ import annotations

import secrets
from datetime import datetime

from chalicelib.domain.accounts import OPERATOR
from chalicelib.domain.contacts import masked_email, normalise_email
from chalicelib.domain.errors import Conflict, Fault, Malformed, NotFound, Refused
from chalicelib.flows import credentials, tokens
from chalicelib.store import access, audit, merchants
from chalicelib.store.merchants import Merchant
from chalicelib.store.secrets import app_secret


def save_merchant(merchant: Merchant, by: str, now: datetime) -> Merchant:
    """Stores the merchant, audited. Raises `Refused` for the name under which the operator's own lines are booked."""
    if merchant.merchant_id == OPERATOR:
        raise Refused("MERCHANT_RESERVED", Fault("merchant_id", "MERCHANT_RESERVED"))
    record = audit.record(now, by, "merchant.save", f"merchant:{merchant.merchant_id}", after=merchant)
    merchants.put(merchant, record)
    return merchant


def existing(merchant_id: str) -> Merchant:
    """The merchant. Raises `NotFound`."""
    found = merchants.get(merchant_id)
    if found is None:
        raise NotFound("NOT_FOUND")
    return found


def add_merchant_user(
    merchant_id: str, name: str, email: str, password: str, by: str, now: datetime, once: str | None = None
) -> access.Person:
    """A new person of a merchant, audited. The same `once` makes one person, however often it is sent. Raises `Conflict` if
    somebody signs in with this e-mail address already."""
    merchant = existing(merchant_id)
    spelled = normalise_email(email)
    if spelled is None:
        raise Malformed("BAD_EMAIL", Fault("email", "BAD_EMAIL"))
    credentials.check_password(password)
    person = access.Person(
        person_id=f"person-{once[:16] if once else secrets.token_hex(8)}",
        name=name,
        email_masked=masked_email(email),
        password_hash=credentials.hash_password(password),
        roles=(),
        status="active",
        merchant_id=merchant.merchant_id,
    )
    record = audit.record(now, by, "merchant.user.add", f"merchant:{merchant_id}", after=person.person_id)
    blind = tokens.blind(app_secret(), "email", spelled)
    if access.put_person(blind, person, record):
        return person
    known = access.find_person(blind)
    if not (once and known and known.person_id == person.person_id):
        raise Conflict("EMAIL_TAKEN")
    return known
