"""Who may call: API keys, the operator's staff and people of merchants, in the Settings table."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from chalicelib.settings import settings
from chalicelib.store.dynamo import ConditionFailed, send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.transactions import transact

_HELD_SECONDS = 60
_HELD_KEYS = 1000
_held: dict[str, tuple[float, ApiKey]] = {}


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A storefront's key, known by its hash only."""

    id: str
    name: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the operator's staff, or of a merchant, found by the blind index of his e-mail address."""

    person_id: str
    name: str
    email_masked: str
    password_hash: str
    roles: tuple[str, ...]
    status: str
    merchant_id: str | None = None


def find_api_key(key_hash: str) -> ApiKey | None:
    """The key with this hash unless it is unknown or revoked. A revoked key is let in for 60 s at most."""
    now = time.monotonic()
    if (held := _held.get(key_hash)) and now - held[0] < _HELD_SECONDS:
        return held[1]
    _held.pop(key_hash, None)
    answer = send("get_item", TableName=settings().settings_table, Key=to_item({"kind": "api_key", "id": key_hash}))
    found = from_item(answer.get("Item") or {})
    if not found or found.get("revoked_at"):
        return None
    key = ApiKey(key_hash, found["name"], frozenset(found["scopes"]))
    if len(_held) >= _HELD_KEYS:
        _held.clear()
    _held[key_hash] = (now, key)
    return key


def put_api_key(key_hash: str, name: str, scopes: list[str], created_at: str) -> None:
    """Keeps a new key."""
    item = {"kind": "api_key", "id": key_hash, "name": name, "scopes": sorted(scopes), "created_at": created_at}
    send("put_item", TableName=settings().settings_table, Item=to_item(item))


def revoke_api_key(key_hash: str, at: str) -> bool:
    """Ends a key for ever; False if there is none."""
    try:
        send(
            "update_item",
            TableName=settings().settings_table,
            Key=to_item({"kind": "api_key", "id": key_hash}),
            UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :at)",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeValues=to_item({":at": at}),
        )
    except ConditionFailed:
        return False
    _held.pop(key_hash, None)
    return True


def find_person(blind: str) -> Person | None:
    """The member of staff, or of a merchant, with this e-mail address."""
    answer = send("get_item", TableName=settings().settings_table, Key=to_item({"kind": "person", "id": blind}))
    found = from_item(answer.get("Item") or {})
    if not found:
        return None
    return Person(
        person_id=found["person_id"],
        name=found["name"],
        email_masked=found["email_masked"],
        password_hash=found["password_hash"],
        roles=tuple(found["roles"]),
        status=found["status"],
        merchant_id=found.get("merchant_id"),
    )


def put_person(blind: str, person: Person, audit: dict[str, Any] | None = None) -> bool:
    """Keeps a new person, with the `audit` record in one transaction; False if the e-mail address is in use."""
    item = {
        "kind": "person",
        "id": blind,
        "person_id": person.person_id,
        "name": person.name,
        "email_masked": person.email_masked,
        "password_hash": person.password_hash,
        "roles": sorted(person.roles),
        "status": person.status,
        "merchant_id": person.merchant_id,
    }
    put = {
        "TableName": settings().settings_table,
        "Item": to_item(item),
        "ConditionExpression": "attribute_not_exists(id)",
    }
    return transact([{"Put": put}, *([audit] if audit else [])]) is None


def set_password_hash(blind: str, password_hash: str) -> None:
    """Replaces the hash of a known person of staff or a merchant; nobody is created."""
    _set_hash(settings().settings_table, {"kind": "person", "id": blind}, password_hash)


def set_distributor_password_hash(distributor_id: str, password_hash: str) -> None:
    """Replaces the hash of a known distributor; nobody is created."""
    _set_hash(settings().distributors_table, {"id": distributor_id}, password_hash)


def _set_hash(table: str, key: dict[str, str], password_hash: str) -> None:
    try:
        send(
            "update_item",
            TableName=table,
            Key=to_item(key),
            UpdateExpression="SET password_hash = :hash",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeValues=to_item({":hash": password_hash}),
        )
    except ConditionFailed:
        return


def forget() -> None:
    """Drops the keys held in this container."""
    _held.clear()
