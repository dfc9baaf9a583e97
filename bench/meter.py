"""What calls to DynamoDB consume, by botocore's hooks.

Write units are what DynamoDB says itself (`ReturnConsumedCapacity`). Of reads MiniStack says nothing that counts, so they
follow from the items by DynamoDB's rule: 4 KB a unit, half of it where the read need not be consistent; each item by
itself, or together what a query went through, filtered out or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import botocore.session

_READS = {"GetItem", "BatchGetItem", "Query"}


@dataclass(slots=True)
class Consumed:
    """Requests by operation; read units; write units of items and of indexes."""

    requests: Counter[str] = field(default_factory=Counter)
    reads: float = 0
    writes: float = 0
    index_writes: float = 0

    @property
    def calls(self) -> int:
        return sum(self.requests.values())

    @property
    def all_writes(self) -> float:
        return self.writes + self.index_writes


def _units(items: list[dict[str, Any]], consistent: bool) -> float:
    from ministack.services.dynamodb import _item_size_bytes

    return max(1, ceil(sum(map(_item_size_bytes, items)) / 4096)) * (1 if consistent else 0.5)


def read_units(operation: str, asked: dict[str, Any], answer: dict[str, Any], plain: Any) -> float:
    """The read units of a call. `plain`: a client with which a query can be seen without its filter."""
    if operation == "GetItem":
        return _units([answer.get("Item", {})], asked.get("ConsistentRead", False))
    if operation == "BatchGetItem":
        total = 0.0
        for table, wanted in asked["RequestItems"].items():
            found, consistent = answer["Responses"].get(table, []), wanted.get("ConsistentRead", False)
            missing = len(wanted["Keys"]) - len(found)
            total += sum(_units([item], consistent) for item in found) + missing * _units([], consistent)
        return total
    gone_through = answer.get("Items", [])
    if "FilterExpression" in asked and answer["ScannedCount"]:
        unfiltered = {name: value for name, value in asked.items() if name != "FilterExpression"}
        gone_through = plain.query(**unfiltered | {"Limit": answer["ScannedCount"]})["Items"]
    return _units(gone_through, asked.get("ConsistentRead", False))


@contextmanager
def metered() -> Iterator[Consumed]:
    """Counts what the store's client consumes meanwhile."""
    from chalicelib.store.connection import client

    consumed = Consumed()
    plain = botocore.session.get_session().create_client("dynamodb")

    def ask(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["asked"] = {name: value for name, value in params.items() if name != "ReturnConsumedCapacity"}
        params["ReturnConsumedCapacity"] = "INDEXES"

    def add(parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        consumed.requests[model.name] += 1
        if model.name in _READS:
            consumed.reads += read_units(model.name, context["asked"], parsed, plain)
            return
        said = parsed.get("ConsumedCapacity") or []
        for each in said if isinstance(said, list) else [said]:
            indexes = each.get("GlobalSecondaryIndexes", {}).values()
            in_indexes = sum(index["CapacityUnits"] for index in indexes)
            consumed.writes += each["CapacityUnits"] - in_indexes
            consumed.index_writes += in_indexes

    events = client().meta.events
    events.register("provide-client-params.dynamodb.*", ask)
    events.register("after-call.dynamodb.*", add)
    try:
        yield consumed
    finally:
        events.unregister("provide-client-params.dynamodb.*", ask)
        events.unregister("after-call.dynamodb.*", add)
