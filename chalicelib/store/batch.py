"""Several items of several tables in one round trip."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from chalicelib.settings import settings
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.transactions import pauses

_MOST = 100


class Ref(Struct, frozen=True):
    """One item: the name of its table, and its key."""

    table: str
    key: tuple[tuple[str, str], ...]


def ref(table: str, **key: str) -> Ref:
    return Ref(table, tuple(key.items()))


def distributor(item_id: str) -> Ref:
    """A distributor, or a claim in their table."""
    return ref(settings().distributors_table, id=item_id)


def read(*wanted: Ref) -> dict[Ref, dict[str, Any]]:
    """The items that exist, as plain attributes, read consistently: up to 100 in one round trip. Raises `Busy` if some stay
    throttled."""
    distinct = list(dict.fromkeys(wanted))
    found: dict[Ref, dict[str, Any]] = {}
    for i in range(0, len(distinct), _MOST):
        found |= _read(set(distinct[i : i + _MOST]))
    return found


def _read(todo: set[Ref]) -> dict[Ref, dict[str, Any]]:
    found: dict[Ref, dict[str, Any]] = {}
    waits = pauses()
    while todo:
        request: dict[str, Any] = {}
        for each in todo:
            table = request.setdefault(each.table, {"Keys": [], "ConsistentRead": True})
            table["Keys"].append(to_item(dict(each.key)))
        answer = send("batch_get_item", RequestItems=request)
        names = {each.table: tuple(name for name, _ in each.key) for each in todo}
        for table, items in answer["Responses"].items():
            for item in map(from_item, items):
                found[Ref(table, tuple((name, item[name]) for name in names[table]))] = item
        left = answer.get("UnprocessedKeys") or {}
        todo = {
            Ref(table, tuple((name, key[name]["S"]) for name in names[table]))
            for table, keys in left.items()
            for key in keys["Keys"]
        }
        if todo:
            next(waits)
    return found
