"""Order images: read, and written on the condition that nobody wrote in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import json

from chalicelib.domain.earnings import Earnings
from chalicelib.domain.errors import Fault, Refused
from chalicelib.domain.orders import Order
from chalicelib.observe import correlation_id
from chalicelib.settings import settings
from chalicelib.store import cursors
from chalicelib.store.batch import Ref, read, ref
from chalicelib.store.dynamo import ConditionFailed, send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import stamp
from chalicelib.store.transactions import transact

_decoder = json.Decoder(Order)
_LARGEST = 390_000
"""Bytes of an image: an item of DynamoDB holds 400 KB."""


def order_ref(order_id: str) -> Ref:
    return ref(settings().orders_table, id=order_id)


def from_attributes(item: dict[str, Any]) -> Order:
    """The image in an item (plain attributes)."""
    return _decoder.decode(item["image"])


def get(order_id: str) -> Order | None:
    item = read(order_ref(order_id)).get(order_ref(order_id))
    return from_attributes(item) if item else None


def get_many(order_ids: Sequence[str]) -> dict[str, Order]:
    """The orders of these ids (at most 100) that exist."""
    found = read(*(order_ref(each) for each in order_ids))
    return {item["id"]: from_attributes(item) for item in found.values()}


def _open(order: Order, earned: Earnings) -> dict[str, str | int | None]:
    """What the two sparse indexes carry while something is still to come."""
    result: dict[str, str | int | None] = {}
    for name, side in (("direct", earned.direct), ("indirect", earned.indirect)):
        due = side.estimated if side.beneficiary else 0
        result[f"open_{name}"] = side.beneficiary.distributor_id if side.beneficiary and due else None
        result[f"estimate_{name}"] = due or None
    return result


def update(new: Order, earned: Earnings, old: Order | None) -> dict[str, Any]:
    """The update, for a transaction, from the old image to the new one, if nobody wrote in between. Raises `Refused` for an
    image that no item can hold."""
    facts, terms, image = new.facts, new.terms, json.encode(new)
    if len(image) > _LARGEST:
        raise Refused("ORDER_TOO_LARGE", Fault("lines", "ORDER_TOO_LARGE"))
    values: dict[str, Any] = {
        "image": image.decode(),
        "revision": new.revision,
        "currency": facts.currency,
        "distributor_id": terms.direct.distributor_id if terms and terms.direct else None,
        "placed_at": stamp(facts.placed_at or (old or new).recorded_at) if terms else None,
        "trace": correlation_id(),
        **_open(new, earned),
    }
    kept = {name: value for name, value in values.items() if value is not None}
    gone = [name for name, value in values.items() if value is None] if old else []
    names = {f"#{name}": name for name in (*kept, *gone)}
    sets = "SET " + ", ".join(f"#{name} = :{name}" for name in kept)
    removes = " REMOVE " + ", ".join(f"#{name}" for name in gone) if gone else ""
    write = {
        "TableName": settings().orders_table,
        "Key": to_item({"id": facts.order_id}),
        "UpdateExpression": sets + removes,
        "ConditionExpression": "#revision = :known" if old else "attribute_not_exists(id)",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": to_item(
            {f":{name}": value for name, value in kept.items()} | ({":known": old.revision} if old else {})
        ),
    }
    return {"Update": write}


def save(new: Order, earned: Earnings, old: Order | None, also: Sequence[dict[str, Any]] = ()) -> bool:
    """Stores the new image over the old one, with `also` in the same transaction.

    False if the order has changed since `old` was read (or a condition of `also` failed): read again and repeat.
    Raises `Refused` for an image that no item can hold.
    """
    write = update(new, earned, old)
    if also:
        return transact([write, *also]) is None
    try:
        send("update_item", **write["Update"])
    except ConditionFailed:
        return False
    return True


def estimates(distributor_id: str) -> dict[str, int]:
    """What is still to come to a distributor at both levels, by currency: read from the two sparse indexes."""
    totals: dict[str, int] = {}
    for level in ("direct", "indirect"):
        for item in _all_open(f"open_{level}", distributor_id):
            totals[item["currency"]] = totals.get(item["currency"], 0) + item.get(f"estimate_{level}", 0)
    return totals


def _all_open(index: str, distributor_id: str) -> Iterator[dict[str, Any]]:
    start: dict[str, Any] = {}
    while True:
        answer = _query(index, index, distributor_id, **start)
        yield from map(from_item, answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _query(index: str, key: str, distributor_id: str, **options: Any) -> dict[str, Any]:
    return send(
        "query",
        TableName=settings().orders_table,
        IndexName=index,
        KeyConditionExpression=f"{key} = :distributor",
        ExpressionAttributeValues=to_item({":distributor": distributor_id}),
        **options,
    )


def of_distributor(distributor_id: str, limit: int, cursor: str | None) -> tuple[list[Order], str | None]:
    """The orders attributed to a distributor, the newest first, and where the next page begins."""
    start = cursors.opened(cursor, "id", "placed_at", distributor_id=distributor_id)
    options = {"ScanIndexForward": False, "Limit": limit, **({"ExclusiveStartKey": start} if start else {})}
    answer = _query("by_distributor", "distributor_id", distributor_id, **options)
    ids = [from_item(key)["id"] for key in answer["Items"]]
    found = get_many(ids)
    return [found[each] for each in ids if each in found], cursors.sealed(answer.get("LastEvaluatedKey"))
