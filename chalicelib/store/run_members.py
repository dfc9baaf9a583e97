"""Which payouts joined a run: in the Settings table, read consistently. Complete, and in order, once the run is closed.

An item holds the ids of those that joined in one transaction, and stands under the first of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.settings import settings
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item

_KIND = "payout_run"
_PAGE = 100


def joining(run_id: str, payout_ids: Sequence[str]) -> dict[str, Any]:
    """The write by which payouts become members."""
    item = {"kind": f"{_KIND}#{run_id}", "id": payout_ids[0], "all": list(payout_ids)}
    return {"Put": {"TableName": settings().settings_table, "Item": to_item(item)}}


def members(run_id: str, after: str = "") -> Iterator[tuple[str, list[str]]]:
    """Groups of payouts that joined together, in order, from the one after `after` on: the name of each, and the ids."""
    while True:
        answer = send(
            "query",
            TableName=settings().settings_table,
            KeyConditionExpression="kind = :kind AND id > :after",
            # No payout's id begins with a blank; a key may not be empty.
            ExpressionAttributeValues=to_item({":kind": f"{_KIND}#{run_id}", ":after": after or " "}),
            Limit=_PAGE,
            ConsistentRead=True,
        )
        for item in map(from_item, answer["Items"]):
            yield item["id"], item.get("all") or [item["id"]]
        if "LastEvaluatedKey" not in answer:
            return
        after = from_item(answer["LastEvaluatedKey"])["id"]
