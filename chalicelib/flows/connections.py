"""Connections to providers: made, changed, taken away; found when a delivery comes for one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from msgspec import structs

from chalicelib.domain.deliveries import Connection, ConnectionSettings
from chalicelib.domain.errors import Busy, Conflict, Fault, Malformed, NotFound, Refused
from chalicelib.domain.payouts import State
from chalicelib.rails.rail import NAMES as RAILS
from chalicelib.rails.rail import About as RailAbout
from chalicelib.rails.rail import rail
from chalicelib.store import audit, connections, payouts, secrets
from chalicelib.store.connections import Stored
from chalicelib.store.payout_items import RAIL_SHARDS
from chalicelib.webhooks.provider import About, SecretKind, provider
from chalicelib.webhooks.secret_kinds import fits

MOST_SECRETS = 4
_UNDECIDED: tuple[State, ...] = ("submitting", "unknown", "manual_review")
_PAGE = 100
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def existing(connection_id: str) -> Stored:
    """The connection. Raises `NotFound` without one that stands."""
    found = connections.get(connection_id)
    if found is None or found.deleted:
        raise NotFound("NO_SUCH_CONNECTION")
    return found


def with_secrets(provider_name: str, connection_id: str) -> Connection:
    """The connection that a delivery came for, with its secrets. Raises `NotFound`, `Busy`."""
    found = existing(connection_id)
    if found.provider != provider_name:
        raise NotFound("NO_SUCH_CONNECTION")
    held = secrets.connection_secrets(connection_id, found.secret_version)
    return Connection(connection_id=connection_id, provider=provider_name, settings=found.settings, secrets=held)


def put_connection(
    connection_id: str,
    provider_name: str,
    given: Mapping[str, tuple[str, ...]],
    settings: ConnectionSettings,
    by: str,
    now: datetime,
) -> Stored:
    """Makes a connection, or changes it: `settings` as a whole; of the secrets those that are given, by name, each with all
    the values that are valid now (the new one and, while it is rotated, the old one). No values take an optional one away.

    Raises `Refused` for secrets that this provider does not have, that are missing, or not of their form, and for a missing
    account; `Conflict` for another provider than the connection has, where somebody else changes it at the same time, and
    for another account while payouts through this one may be sent again (`PAYOUTS_UNDER_WAY`); `Malformed` for an id that
    fits no address.
    """
    if not _ID.fullmatch(connection_id):
        raise Malformed("BAD_CONNECTION_ID", Fault("connection_id", "BAD_CONNECTION_ID"))
    about = provider(provider_name).ABOUT
    before = connections.get(connection_id)
    standing = before if before and not before.deleted else None
    if standing and standing.provider != provider_name:
        fault = Fault("provider", "PROVIDER_FIXED", {"provider": standing.provider})
        raise Conflict("PROVIDER_FIXED", fault, provider=standing.provider)
    # Secrets are never read back: whoever sends them to another address has to know them.
    elsewhere = standing is not None and settings.base_url != standing.settings.base_url
    known = {} if elsewhere else _known(standing, about, given)
    held = {name: values for name, values in {**known, **given}.items() if values}
    _check(provider_name, about, given, held, settings)
    if standing and _pays_from_another(standing, known, held, settings):
        _refuse_under_way(standing)
    stored = Stored(
        connection_id=connection_id,
        provider=provider_name,
        settings=settings,
        secret_counts={name: len(values) for name, values in sorted(held.items())},
        secret_version=standing.secret_version if standing else "",
        created_at=standing.created_at if standing else now,
        updated_at=now,
        revision=before.revision + 1 if before else 1,
    )
    if held != known:
        # Secrets Manager forgets a version that two others have followed. So whoever writes a secret has claimed the
        # connection before, and only one of several who change it at once does.
        claim = structs.replace(standing or structs.replace(stored, deleted=True), revision=stored.revision)
        if not connections.put(claim):
            raise Conflict("CHANGED_MEANWHILE")
        version = secrets.keep_connection_secrets(connection_id, held)
        stored = structs.replace(stored, secret_version=version, revision=stored.revision + 1)
    after = (stored.provider, stored.settings, stored.secret_version)
    record = audit.record(now, by, "connection.put", f"connection:{connection_id}", after=after)
    if not connections.put(stored, record):
        raise Conflict("CHANGED_MEANWHILE")
    return stored


def _known(
    standing: Stored | None, about: About, given: Mapping[str, tuple[str, ...]]
) -> Mapping[str, tuple[str, ...]]:
    """The secrets that the connection has. If they cannot be read, none: as long as all that it needs are given anew."""
    if standing is None:
        return {}
    try:
        return secrets.connection_secrets(standing.connection_id, standing.secret_version)
    except Busy:
        if all(given.get(name) for name in about.secrets if name not in about.optional):
            return {}
        raise


def _check(
    name: str,
    about: About,
    given: Mapping[str, tuple[str, ...]],
    held: Mapping[str, tuple[str, ...]],
    settings: ConnectionSettings,
) -> None:
    faults = []
    pays = rail(name).ABOUT if name in RAILS else None
    extra = {each: kind for each, kind in pays.secrets.items() if each not in about.secrets} if pays else {}
    kinds = {**about.secrets, **extra}
    needed = _needed(about, pays, extra, held)
    for secret, values in given.items():
        if secret not in kinds:
            faults.append(Fault(f"secrets.{secret[:40]}", "UNKNOWN_SECRET", {"provider": name}))
            continue
        for i, value in enumerate(values):
            if not fits(kinds[secret], value):
                faults.append(Fault(f"secrets.{secret}[{i}]", "BAD_SECRET"))
    for secret in sorted(needed):
        if secret not in held:
            faults.append(Fault(f"secrets.{secret}", "MISSING_SECRET", {"provider": name}))
    if (about.account or (pays and pays.account and extra.keys() & held.keys())) and not settings.account:
        faults.append(Fault("settings.account", "ACCOUNT_NEEDED", {"provider": name}))
    if faults:
        raise Refused(faults[0].code, *faults, **faults[0].params)


def _pays_from_another(
    standing: Stored, known: Mapping[str, tuple[str, ...]], held: Mapping[str, tuple[str, ...]], new: ConnectionSettings
) -> bool:
    """Whether payouts would leave another account than before, as far as one can tell. Where the settings name no account,
    its credential does: the same account's new one comes together with the old one."""
    if standing.provider not in RAILS:
        return False
    about, old = rail(standing.provider).ABOUT, standing.settings
    if (old.account, old.app_id, old.base_url) != (new.account, new.app_id, new.base_url):
        return True
    before = known.get(about.named_by or "", ())
    return not new.account and bool(before) and not {*before} & {*held.get(about.named_by or "", ())}


def _refuse_under_way(connection: Stored) -> None:
    """Raises `Conflict` while nobody knows what became of payouts through this connection: what was sent may be sent again,
    and another account would pay it a second time."""
    if connection.provider not in RAILS:
        return
    if number := sum(_number(connection.connection_id, state) for state in _UNDECIDED):
        raise Conflict("PAYOUTS_UNDER_WAY", count=number)


def _number(connection_id: str, state: State) -> int:
    number, cursor = 0, None
    while True:
        page, cursor = payouts.unfinished(state, _PAGE, cursor, RAIL_SHARDS)
        number += sum(each.connection_id == connection_id for each in page)
        if cursor is None:
            return number


def _needed(
    about: About, pays: RailAbout | None, extra: Mapping[str, SecretKind], held: Mapping[str, tuple[str, ...]]
) -> set[str]:
    """The secrets that must be there: those for notifications, those for paying out, or both. With any that only paying out
    needs, all of those; and those for notifications may be missing then."""
    notified = {each for each in about.secrets if each not in about.optional}
    if pays is None or not extra.keys() & held.keys():
        return notified
    paying = {each for each in pays.secrets if each not in pays.optional}
    return paying | (notified if (notified - paying) & held.keys() else set())


def delete_connection(connection_id: str, by: str, now: datetime) -> None:
    """Takes a connection away: from now on its deliveries are refused, and its secrets are gone. What it delivered stays.

    Raises `NotFound`; `Conflict` while payouts through it may be sent again.
    """
    known = connections.get(connection_id)
    if known and known.deleted and not known.secret_counts:
        secrets.drop_connection_secrets(connection_id)  # in case the run before did not come so far
    found = existing(connection_id)
    _refuse_under_way(found)
    gone = Stored(
        connection_id=connection_id,
        provider=found.provider,
        settings=found.settings,
        secret_counts={},
        secret_version="",
        created_at=found.created_at,
        updated_at=now,
        revision=found.revision + 1,
        deleted=True,
    )
    if not connections.put(gone, audit.record(now, by, "connection.delete", f"connection:{connection_id}")):
        raise Busy("BUSY")
    secrets.drop_connection_secrets(connection_id)
