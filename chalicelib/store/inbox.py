"""The inbox: every delivery that verified, kept before it is acted on, and which orders a provider's payments belong to.

A delivery is one item with its body compressed, or the path of the body in the operator's bucket where that is large. While
it is open (`received` or `stuck`) it stands in the sparse index `open`: `open_shard`, `open_at` =
`<state>#<received_at>#<id>`; `by_connection` lists all of a connection. What is done is forgotten after 90 days, what is
stuck never.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from zlib import crc32

from msgspec import json, structs

from chalicelib.domain.deliveries import OPEN, Delivery, State, Trouble
from chalicelib.settings import settings
from chalicelib.store import cursors, files, open_index
from chalicelib.store.batch import read, ref
from chalicelib.store.dynamo import ConditionFailed, send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import stamp
from chalicelib.store.transactions import transact

OPEN_SHARDS = tuple("01234567")
_KEPT_SECONDS = 90 * 86400
_LARGEST_INSIDE = 64_000


def delivery_key(connection_id: str, delivery_id: str) -> str:
    """The id of a delivery in the inbox: of fixed length, fit for an address."""
    return sha256(f"{connection_id}\n{delivery_id}".encode()).hexdigest()[:32]


def keep(delivery: Delivery, body: bytes, content: bytes) -> Delivery | None:
    """Stores a new delivery; the one that is there already if the provider sent it before. `content`: what was encrypted in
    the body, or the body."""
    item = {
        "id": delivery.id,
        "delivery": json.encode(delivery).decode(),
        "connection_id": delivery.connection_id,
        "received_at": f"{stamp(delivery.received_at)}#{delivery.id}",
        **_open(delivery),
        **_packed("body", delivery.id, body),
        **(_packed("content", delivery.id, content) if content != body else {}),
    }
    try:
        send(
            "put_item",
            TableName=settings().inbox_table,
            Item=to_item(item),
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as failed:
        return _delivery(failed.item)
    return None


def _packed(name: str, delivery_id: str, text: bytes) -> dict[str, Any]:
    packed = zlib.compress(text)
    if len(packed) <= _LARGEST_INSIDE:
        return {name: packed}
    path = f"inbox/{delivery_id}/{name}"
    files.put(path, packed, "application/zlib")
    return {f"{name}_file": path}


def _unpacked(name: str, item: dict[str, Any]) -> bytes | None:
    if name in item:
        return zlib.decompress(item[name])
    path = item.get(f"{name}_file")
    packed = files.get(path) if path else None
    return zlib.decompress(packed) if packed is not None else None


def _open(delivery: Delivery) -> dict[str, str]:
    if delivery.state not in OPEN:
        return {}
    return {
        "open_shard": OPEN_SHARDS[crc32(delivery.id.encode()) % len(OPEN_SHARDS)],
        "open_at": f"{delivery.state}#{stamp(delivery.received_at)}#{delivery.id}",
    }


def _delivery(item: dict[str, Any]) -> Delivery:
    return json.decode(item["delivery"], type=Delivery)


def get(inbox_id: str) -> Delivery | None:
    """The delivery, without its body."""
    item = _item(inbox_id)
    return _delivery(item) if item and "delivery" in item else None


def with_content(inbox_id: str) -> tuple[Delivery, bytes] | None:
    """The delivery and what it says. None without such a delivery."""
    item = _item(inbox_id)
    if not item or "delivery" not in item:
        return None
    content = _unpacked("content", item) or _unpacked("body", item)
    return (_delivery(item), content) if content is not None else None


def _item(inbox_id: str) -> dict[str, Any] | None:
    answer = send("get_item", TableName=settings().inbox_table, Key=to_item({"id": inbox_id}), ConsistentRead=True)
    return from_item(answer["Item"]) if "Item" in answer else None


def settle(
    delivery: Delivery,
    state: State,
    now: datetime,
    order_ids: tuple[str, ...] = (),
    trouble: Trouble | None = None,
    also: Sequence[dict[str, Any]] = (),
) -> Delivery:
    """Stores what became of a delivery, with `also` in one transaction. What is done stays done, whatever a slower run of
    the same delivery says."""
    settled = structs.replace(
        delivery,
        state=state,
        order_ids=order_ids,
        trouble=trouble,
        attempts=delivery.attempts + 1,
        tried_at=now,
    )
    values = {":delivery": json.encode(settled).decode()}
    if state in OPEN:
        index = _open(settled)
        update = "SET delivery = :delivery, open_shard = :open_shard, open_at = :open_at REMOVE expires"
        values |= {":open_shard": index["open_shard"], ":open_at": index["open_at"]}
        condition = "attribute_exists(id) AND attribute_exists(open_at)"
    else:
        update = "SET delivery = :delivery, expires = :expires REMOVE open_shard, open_at"
        condition = "attribute_exists(id)"
    expires = {":expires": int(now.timestamp()) + _KEPT_SECONDS} if state not in OPEN else {}
    write = {
        "TableName": settings().inbox_table,
        "Key": to_item({"id": delivery.id}),
        "UpdateExpression": update,
        "ConditionExpression": condition,
        "ExpressionAttributeValues": to_item({**values, **expires}),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if also:
        failed = transact([{"Update": write}, *also])
        return _delivery(from_item(failed[0].item)) if failed and failed[0].item else settled
    try:
        send("update_item", **write)
    except ConditionFailed as refused:
        return _delivery(refused.item) if refused.item else settled
    return settled


def in_state(state: State, limit: int, cursor: str | None = None) -> tuple[list[Delivery], str | None]:
    """Deliveries in this open state, the oldest first, and where the next page begins."""
    ids, following = open_index.page(settings().inbox_table, "open", OPEN_SHARDS, state, limit, cursor)
    return [each for each in _many(ids) if each.state == state], following


def of_connection(connection_id: str, limit: int, cursor: str | None = None) -> tuple[list[Delivery], str | None]:
    """A connection's deliveries, the newest first, and where the next page begins."""
    start = cursors.opened(cursor, "id", "received_at", connection_id=connection_id)
    answer = send(
        "query",
        TableName=settings().inbox_table,
        IndexName="by_connection",
        KeyConditionExpression="connection_id = :connection",
        ExpressionAttributeValues=to_item({":connection": connection_id}),
        ScanIndexForward=False,
        Limit=limit,
        **({"ExclusiveStartKey": start} if start else {}),
    )
    return _many([from_item(key)["id"] for key in answer["Items"]]), cursors.sealed(answer.get("LastEvaluatedKey"))


def _many(inbox_ids: list[str]) -> list[Delivery]:
    wanted = [ref(settings().inbox_table, id=each) for each in inbox_ids]
    found = {each: _delivery(item) for each, item in read(*wanted).items()}
    return [found[each] for each in wanted if each in found]
