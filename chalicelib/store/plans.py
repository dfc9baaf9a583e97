"""Plan versions: immutable once stored. The index item of a plan lists its versions and when each takes effect."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct, convert, to_builtins

from chalicelib.domain.plans import AttributionRules, Plan
from chalicelib.settings import settings
from chalicelib.store import batch
from chalicelib.store.batch import Ref, ref
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import from_stamp, stamp
from chalicelib.store.transactions import pauses, transact

DEFAULT = "default"
MERCHANT_PREFIX = "merchant:"
"""A merchant's own plan is the one with the id `merchant:<merchant id>`; without one, the default plan is theirs."""
_HELD_PLANS = 64
_LAST = 10
_held: dict[tuple[str, int], Plan] = {}


class Version(Struct, frozen=True):
    """`attribution` is the plan's own, and `monthly` says whether it limits what a month may earn: both also in the index,
    so that everything an order needs is known before the plan itself is read."""

    version: int
    effective_from: datetime
    attribution: AttributionRules
    monthly: bool


def index_key(plan_id: str) -> dict[str, str]:
    """The item that lists the versions of a plan."""
    return {"kind": "plan_index", "id": plan_id}


def version_key(plan_id: str, version: int) -> dict[str, str]:
    return {"kind": "plan", "id": f"{plan_id}@{version:06d}"}


def versions_from(item: dict[str, Any] | None) -> tuple[Version, ...]:
    """The versions in an index item (plain attributes), the oldest first."""
    if not item:
        return ()
    known = zip(item["effective_from"], item["attribution"], item["monthly"], strict=True)
    return tuple(
        Version(i + 1, from_stamp(at), convert(rules, AttributionRules), monthly)
        for i, (at, rules, monthly) in enumerate(known)
    )


def in_force(versions: tuple[Version, ...], at: datetime) -> Version | None:
    """The newest version that had taken effect by this instant; before the first one, the first. None without any."""
    return next((v for v in reversed(versions) if v.effective_from <= at), versions[0] if versions else None)


def versions(plan_id: str) -> tuple[Version, ...]:
    key = to_item(index_key(plan_id))
    answer = send("get_item", TableName=settings().settings_table, Key=key, ConsistentRead=True)
    return versions_from(from_item(answer.get("Item") or {}))


def wanted(plan_id: str, version: int) -> tuple[Ref, ...]:
    """The item to read before `among` can answer: none, once this container holds the version. It never changes."""
    key = (plan_id, version)
    return () if key in _held else (ref(settings().settings_table, **version_key(plan_id, version)),)


def among(items: dict[Ref, dict[str, Any]], plan_id: str, version: int) -> Plan:
    """The version, from items read with what it `wanted`. Raises `LookupError` if there is none."""
    key = (plan_id, version)
    for each in wanted(plan_id, version):
        if each not in items:
            raise LookupError(plan_id, version)
        if len(_held) >= _HELD_PLANS:
            _held.clear()
        _held[key] = convert(items[each]["plan"], Plan)
    return _held[key]


def read(plan_id: str, version: int) -> Plan:
    """One version, read once in the life of a container. Raises `LookupError` if there is none."""
    return among(batch.read(*wanted(plan_id, version)), plan_id, version)


def forget() -> None:
    """Drops the versions held in this container."""
    _held.clear()


def store(
    plan_id: str, plan: Plan, effective_from: datetime, audit: dict[str, Any], once: str | None = None
) -> Version:
    """Stores the plan as the next version, together with its audit record; later ones never overtake it silently. The
    version that `once` made already, if it is among the last ones: again, it would take the place of a newer one.

    Raises `Busy` if others are faster for as long as the function may run."""
    monthly = any(limit.per == "month" for limit in plan.limits)
    waits = pauses()
    while True:
        known = versions(plan_id)
        if once and (made := _made_by(plan_id, known, once)):
            return made
        version = len(known) + 1
        index = {
            "Update": {
                "TableName": settings().settings_table,
                "Key": to_item(index_key(plan_id)),
                "UpdateExpression": "SET effective_from = list_append(if_not_exists(effective_from, :none), :new)"
                ", attribution = list_append(if_not_exists(attribution, :none), :rules)"
                ", monthly = list_append(if_not_exists(monthly, :none), :monthly)",
                "ConditionExpression": "size(effective_from) = :known" if known else "attribute_not_exists(id)",
                "ExpressionAttributeValues": to_item(
                    {
                        ":none": [],
                        ":new": [stamp(effective_from)],
                        ":rules": [to_builtins(plan.attribution)],
                        ":monthly": [monthly],
                        ":known": len(known) or None,
                    }
                ),
            }
        }
        body = {
            "Put": {
                "TableName": settings().settings_table,
                "Item": to_item({**version_key(plan_id, version), "plan": to_builtins(plan), "once": once}),
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }
        if transact([index, body, audit]) is None:
            return Version(version, effective_from, plan.attribution, monthly)
        next(waits)


def _made_by(plan_id: str, known: tuple[Version, ...], once: str) -> Version | None:
    refs = {ref(settings().settings_table, **version_key(plan_id, each.version)): each for each in known[-_LAST:]}
    return next((refs[each] for each, item in batch.read(*refs).items() if item.get("once") == once), None)
