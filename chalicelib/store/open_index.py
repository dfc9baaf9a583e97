"""Sparse indexes of what is open: `open_shard`, and `open_at` = `<state>#<time>#<id>`. In shards: all writes pass there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chalicelib.store import cursors
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import stamp


def page(
    table: str, index: str, shards: Sequence[str], state: str | None, limit: int, cursor: str | None
) -> tuple[list[str], str | None]:
    """The ids of what is in this state, or in any open one, in the order of `open_at`, and where the next page begins."""
    low, high = (f"{state}#", f"{state}#~") if state else ("a", "z")
    if after := cursors.opened(cursor, "open_at"):
        low = max(low, after["open_at"].get("S", "") + "\0")
    if low > high:
        return [], None
    keys = sorted((key["open_at"], key["id"]) for each in shards for key in _of(table, index, each, low, high, limit))
    following = to_item({"open_at": keys[limit - 1][0]}) if len(keys) >= limit else None
    return [open_id for _, open_id in keys[:limit]], cursors.sealed(following)


def since(state: str, at: datetime) -> str | None:
    """The cursor from which a page begins with what is in this state since `at`."""
    return cursors.sealed(to_item({"open_at": f"{state}#{stamp(at)}"}))


def older(table: str, index: str, shards: Sequence[str], state: str, before: str) -> int:
    """How many are in this state since before this time (as `keys.stamp` writes it)."""
    return sum(_counted(table, index, shard, f"{state}#", f"{state}#{before}") for shard in shards)


def _counted(table: str, index: str, shard: str, low: str, high: str) -> int:
    found, start = 0, dict[str, Any]()
    while True:
        answer = send(
            "query",
            TableName=table,
            IndexName=index,
            KeyConditionExpression="open_shard = :shard AND open_at BETWEEN :low AND :high",
            ExpressionAttributeValues=to_item({":shard": shard, ":low": low, ":high": high}),
            Select="COUNT",
            **start,
        )
        found += int(answer["Count"])
        if "LastEvaluatedKey" not in answer:
            return found
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _of(table: str, index: str, shard: str, low: str, high: str, limit: int) -> list[dict[str, Any]]:
    answer = send(
        "query",
        TableName=table,
        IndexName=index,
        KeyConditionExpression="open_shard = :shard AND open_at BETWEEN :low AND :high",
        ExpressionAttributeValues=to_item({":shard": shard, ":low": low, ":high": high}),
        Limit=limit,
    )
    return [from_item(key) for key in answer["Items"]]
