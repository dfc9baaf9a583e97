"""Everything of one kind in the Settings table, in pages."""

from __future__ import annotations

from typing import Any

from chalicelib.settings import settings
from chalicelib.store import cursors
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item


def page(
    kind: str, limit: int, cursor: str | None, newest_first: bool = False, consistent: bool = False
) -> tuple[list[dict[str, Any]], str | None]:
    """The items of this kind by their ids, or backwards, and where the next page begins. Raises `Malformed` for a cursor of
    another list."""
    start = cursors.opened(cursor, "id", kind=kind)
    answer = send(
        "query",
        TableName=settings().settings_table,
        KeyConditionExpression="kind = :kind",
        ExpressionAttributeValues=to_item({":kind": kind}),
        ScanIndexForward=not newest_first,
        ConsistentRead=consistent,
        Limit=limit,
        **({"ExclusiveStartKey": start} if start else {}),
    )
    return [from_item(item) for item in answer["Items"]], cursors.sealed(answer.get("LastEvaluatedKey"))
