"""Plan versions: immutable once stored. The index item of a plan lists its versions and when each takes effect."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from msgspec import Struct, convert, to_builtins

from chalicelib.domain.errors import Busy
from chalicelib.domain.plans import Plan
from chalicelib.settings import settings
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import from_stamp, stamp
from chalicelib.store.tables import SettingItem
from chalicelib.store.transactions import transact

DEFAULT = "default"


class Version(Struct, frozen=True):
    version: int
    effective_from: datetime


def index_key(plan_id: str) -> dict[str, str]:
    """The item that lists the versions of a plan."""
    return {"kind": "plan_index", "id": plan_id}


def version_key(plan_id: str, version: int) -> dict[str, str]:
    return {"kind": "plan", "id": f"{plan_id}@{version:06d}"}


def versions_from(item: dict[str, Any] | None) -> tuple[Version, ...]:
    """The versions in an index item (plain attributes), the oldest first."""
    if not item:
        return ()
    return tuple(Version(i + 1, from_stamp(each)) for i, each in enumerate(item["effective_from"]))


def in_force(versions: tuple[Version, ...], at: datetime) -> Version | None:
    """The newest version that had taken effect by this instant; before the first one, the first. None without any."""
    return next((v for v in reversed(versions) if v.effective_from <= at), versions[0] if versions else None)


def versions(plan_id: str) -> tuple[Version, ...]:
    found = SettingItem._get_connection().get_item("plan_index", plan_id, consistent_read=True).get("Item")
    return versions_from(from_item(found) if found else None)


@lru_cache(maxsize=64)
def read(plan_id: str, version: int) -> Plan:
    """One version, read once in the life of a container: it never changes."""
    key = version_key(plan_id, version)
    found = SettingItem._get_connection().get_item(key["kind"], key["id"], consistent_read=True).get("Item")
    if not found:
        raise LookupError(plan_id, version)
    return plan_from(from_item(found))


def plan_from(item: dict[str, Any]) -> Plan:
    """The plan in a version item (plain attributes)."""
    return convert(item["plan"], Plan)


def store(plan_id: str, plan: Plan, effective_from: datetime, audit: dict[str, Any]) -> Version:
    """Stores the plan as the next version, together with its audit record; later ones never overtake it silently."""
    for _ in range(10):
        known = versions(plan_id)
        version = len(known) + 1
        index = {
            "Update": {
                "TableName": settings().settings_table,
                "Key": to_item(index_key(plan_id)),
                "UpdateExpression": "SET effective_from = list_append(if_not_exists(effective_from, :none), :new)",
                "ConditionExpression": "size(effective_from) = :known" if known else "attribute_not_exists(id)",
                "ExpressionAttributeValues": to_item(
                    {":none": [], ":new": [stamp(effective_from)], **({":known": len(known)} if known else {})}
                ),
            }
        }
        body = {
            "Put": {
                "TableName": settings().settings_table,
                "Item": to_item({**version_key(plan_id, version), "plan": to_builtins(plan)}),
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }
        if transact([index, body, audit]) is None:
            return Version(version, effective_from)
    raise Busy("BUSY")
