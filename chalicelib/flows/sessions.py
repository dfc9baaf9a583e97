"""Signing in, staying signed in and signing out, for distributors, staff and people of merchants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chalicelib.domain.contacts import normalise_email, normalise_phone
from chalicelib.domain.errors import NotAuthenticated, NotFound
from chalicelib.domain.people import Distributor
from chalicelib.flows import credentials, tokens
from chalicelib.store import access, distributors, transient
from chalicelib.store.secrets import app_secret

ContactKind = Literal["email", "phone"]

_DAY = 86400
IDLE_DAYS = 14
LONGEST_DAYS = 90


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The tokens of a session, and whose it is."""

    access_token: str
    expires_at: datetime
    refresh_token: str
    kind: tokens.Kind
    subject: str


@dataclass(frozen=True, slots=True)
class _Known:
    kind: tokens.Kind
    subject: str
    roles: tuple[str, ...]
    password_hash: str | None
    active: bool
    merchant_id: str | None = None


def log_in(login: str, password: str, now: datetime) -> SignedIn:
    """A new session for an e-mail address or phone with its password.

    An unknown login, a wrong password and a closed account get the same refusal after the same work. An address that is
    both a distributor's and somebody else's (staff, or a merchant's person) signs in the other.
    """
    secret = app_secret()
    claim: ContactKind = "email" if "@" in login else "phone"
    spelled = normalise_email(login) if claim == "email" else normalise_phone(login)
    # What is no address at all is looked up like any other, so that it takes as long.
    blind = tokens.blind(secret, claim, spelled or login)
    known = _find(claim, blind)
    verdict = credentials.verify_password(password, known.password_hash if known else None)
    if known is None or not verdict.right or not known.active:
        raise NotAuthenticated("LOGIN_FAILED")
    if verdict.rehash:
        _keep_new_hash(known, blind, credentials.hash_password(password))
    session_id = tokens.new_session_id()
    random, refresh_hash = tokens.new_refresh()
    started = int(now.timestamp())
    session = transient.Session(
        id=session_id,
        subject=known.subject,
        kind=known.kind,
        login=blind,
        refresh_hash=refresh_hash,
        started=started,
        expires=started + IDLE_DAYS * _DAY,
    )
    transient.start_session(session)
    return _signed_in(secret, known, session_id, random, now)


def refresh(refresh_token: str, now: datetime) -> SignedIn:
    """The next tokens of a session, with the roles that the person has now. A refresh token works once: a second use
    ends the whole session, because one of its two users is a thief."""
    session_id, _, random = refresh_token.partition(".")
    at = int(now.timestamp())
    session = transient.find_session(session_id, at) if random and len(session_id) == 32 else None
    known = _find_again(session, at) if session else None
    if session is None or known is None or not known.active:
        raise NotAuthenticated("REFRESH_REUSED")
    next_random, next_hash = tokens.new_refresh()
    expires = min(at + IDLE_DAYS * _DAY, session.started + LONGEST_DAYS * _DAY)
    if not transient.rotate_refresh(session_id, tokens.hash_of(random), next_hash, expires, at):
        transient.end_session(session_id, at)
        raise NotAuthenticated("REFRESH_REUSED")
    return _signed_in(app_secret(), known, session_id, next_random, now)


def log_out(session_id: str, now: datetime) -> None:
    """Ends a session with all its tokens; access tokens follow within 60 s."""
    transient.end_session(session_id, int(now.timestamp()))


def end_all(kind: tokens.Kind, subject: str, now: datetime) -> None:
    """Ends every session of a person, as when his account is closed; access tokens follow within 60 s."""
    transient.bar_subject(kind, subject, int(now.timestamp()))


def set_password(login: str, password: str, now: datetime) -> tokens.Kind:
    """Gives whoever signs in with this e-mail address or phone another password, and ends their sessions; whose it is.

    For an operator at a terminal. Raises `NotFound` if nobody does, `Malformed` for a password that is too weak.
    """
    claim: ContactKind = "email" if "@" in login else "phone"
    spelled = normalise_email(login) if claim == "email" else normalise_phone(login)
    blind = tokens.blind(app_secret(), claim, spelled or login)
    known = _find(claim, blind)
    if known is None:
        raise NotFound("NOT_FOUND")
    credentials.check_password(password)
    _keep_new_hash(known, blind, credentials.hash_password(password))
    end_all(known.kind, known.subject, now)
    return known.kind


def identify(token: str, now: datetime) -> tokens.Identity:
    """Whom a session token names, while its session stands."""
    identity = tokens.read_access(app_secret(), token, now)
    if not transient.session_alive(identity.session_id, identity.kind, identity.subject, int(now.timestamp())):
        raise NotAuthenticated("NOT_AUTHENTICATED")
    return identity


def _find(claim: ContactKind, blind: str) -> _Known | None:
    person = access.find_person(blind) if claim == "email" else None
    distributor = distributors.find_by_claim(claim, blind)
    if distributor is None:
        distributors.get("nobody")  # a known login costs this second read
    return _person(person) if person else _distributor(distributor)


def _find_again(session: transient.Session, at: int) -> _Known | None:
    if not transient.session_alive(session.id, session.kind, session.subject, at):
        return None
    if session.kind != "distributor":
        return _person(access.find_person(session.login))
    return _distributor(distributors.get(session.subject))


def _person(person: access.Person | None) -> _Known | None:
    if person is None:
        return None
    kind: tokens.Kind = "merchant" if person.merchant_id else "staff"
    active = person.status == "active"
    return _Known(kind, person.person_id, person.roles, person.password_hash, active, person.merchant_id)


def _distributor(found: Distributor | None) -> _Known | None:
    if found is None:
        return None
    return _Known("distributor", found.id, (), found.password_hash, found.status == "active")


def _keep_new_hash(known: _Known, blind: str, password_hash: str) -> None:
    if known.kind != "distributor":
        access.set_password_hash(blind, password_hash)
    else:
        access.set_distributor_password_hash(known.subject, password_hash)


def _signed_in(secret: str, known: _Known, session_id: str, random: str, now: datetime) -> SignedIn:
    token, ends = tokens.issue_access(
        secret, known.subject, known.kind, known.roles, session_id, now, known.merchant_id
    )
    return SignedIn(token, ends, f"{session_id}.{random}", known.kind, known.subject)
