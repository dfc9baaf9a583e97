"""What a month may still earn under a plan's limit: reserved by each order when it is attributed, never given back."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.rates import Level
from chalicelib.settings import settings
from chalicelib.store.batch import Ref, distributor
from chalicelib.store.items import to_item


def allowance_ref(distributor_id: str, currency: str, month: str) -> Ref:
    """The item that counts what a distributor's orders of a month (`2026-11`) have reserved, by level."""
    return distributor(f"month#{month}#{currency}#{distributor_id}")


def reserve(item: Ref, level: Level, known: int | None, amount: int) -> dict[str, Any]:
    """An update, for a transaction, that reserves `amount` on top of the `known` one (None: nothing was counted yet)."""
    return {
        "Update": {
            "TableName": settings().distributors_table,
            "Key": to_item(dict(item.key)),
            "UpdateExpression": "SET #level = :sum",
            "ConditionExpression": "attribute_not_exists(#level)" if known is None else "#level = :known",
            "ExpressionAttributeNames": {"#level": level},
            "ExpressionAttributeValues": to_item({":sum": (known or 0) + amount, ":known": known}),
        }
    }
