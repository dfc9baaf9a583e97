"""Connections: one account at a provider each. The item names the version of its secrets; the secrets stand elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct, convert, to_builtins

from chalicelib.domain.deliveries import ConnectionSettings
from chalicelib.settings import settings
from chalicelib.store import kinds
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import from_stamp, stamp
from chalicelib.store.transactions import transact

_KIND = "connection"


class Stored(Struct, frozen=True, kw_only=True):
    """A connection without its secrets: `secret_counts` says how many there are by each name, `secret_version` where
    they are. `revision` counts the changes; one that is `deleted` stays as the record that there was one."""

    connection_id: str
    provider: str
    settings: ConnectionSettings
    secret_counts: dict[str, int]
    secret_version: str
    created_at: datetime
    updated_at: datetime
    revision: int
    deleted: bool = False


def get(connection_id: str) -> Stored | None:
    """The connection, deleted or not, read consistently: what was changed counts from the next delivery on."""
    answer = send(
        "get_item",
        TableName=settings().settings_table,
        Key=to_item({"kind": _KIND, "id": connection_id}),
        ConsistentRead=True,
    )
    return _from(from_item(answer["Item"])) if "Item" in answer else None


def all_of_them(limit: int, cursor: str | None) -> tuple[list[Stored], str | None]:
    """Connections that stand, by id, and where the next page begins."""
    items, following = kinds.page(_KIND, limit, cursor)
    return [found for found in map(_from, items) if not found.deleted], following


def put(connection: Stored, *also: dict[str, Any]) -> bool:
    """Stores a connection in place of its revision before, with the record of who did it. False if somebody else changed it
    meanwhile."""
    item = {
        "kind": _KIND,
        "id": connection.connection_id,
        "provider": connection.provider,
        "settings": to_builtins(connection.settings),
        "secret_counts": connection.secret_counts,
        "secret_version": connection.secret_version,
        "created_at": stamp(connection.created_at),
        "updated_at": stamp(connection.updated_at),
        "revision": connection.revision,
        "deleted": connection.deleted or None,
    }
    first = connection.revision == 1
    write = {
        "TableName": settings().settings_table,
        "Item": to_item(item),
        "ConditionExpression": "attribute_not_exists(id)" if first else "revision = :before",
        **({} if first else {"ExpressionAttributeValues": to_item({":before": connection.revision - 1})}),
    }
    return transact([{"Put": write}, *also]) is None


def _from(item: dict[str, Any]) -> Stored:
    return Stored(
        connection_id=item["id"],
        provider=item["provider"],
        settings=convert(item["settings"], ConnectionSettings),
        secret_counts=item["secret_counts"],
        secret_version=item["secret_version"],
        created_at=from_stamp(item["created_at"]),
        updated_at=from_stamp(item["updated_at"]),
        revision=item["revision"],
        deleted=item.get("deleted", False),
    )
