"""Which order a provider's payment belongs to: said by one delivery, asked by others that name the payment only.

One item a payment in the inbox's table: `order_id` once it is known, `waiting` with the deliveries that asked before. Asking
and saying are one write each, so that neither can miss the other. Kept for ever: a dispute may come after years.
"""

from __future__ import annotations

from typing import Any

from chalicelib.settings import settings
from chalicelib.store.dynamo import ConditionFailed, send
from chalicelib.store.items import from_item, to_item


def name(provider: str, payment: str, order_id: str) -> frozenset[str]:
    """Says which order the payment belongs to; the first word stands. The deliveries that were waiting for it."""
    found = _update(provider, payment, "SET order_id = if_not_exists(order_id, :order_id)", {":order_id": order_id})
    return frozenset(found.get("waiting", ()))


def ask(provider: str, payment: str, inbox_id: str) -> str | None:
    """The order that the payment belongs to; None if nobody has said so yet: then the delivery waits for it."""
    try:
        _update(provider, payment, "ADD waiting :waiting", {":waiting": {inbox_id}}, "attribute_not_exists(order_id)")
    except ConditionFailed as known:
        order_id: str = known.item["order_id"]
        return order_id
    return None


def heard(provider: str, payment: str, inbox_ids: frozenset[str]) -> None:
    """These deliveries wait no more."""
    _update(provider, payment, "DELETE waiting :waiting", {":waiting": set(inbox_ids)})


def _update(
    provider: str, payment: str, expression: str, values: dict[str, Any], condition: str | None = None
) -> dict[str, Any]:
    answer = send(
        "update_item",
        TableName=settings().inbox_table,
        Key=to_item({"id": f"payment#{provider}#{payment}"}),
        UpdateExpression=expression,
        ExpressionAttributeValues=to_item(values),
        ReturnValues="ALL_NEW",
        **({"ConditionExpression": condition} if condition else {}),
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    return from_item(answer["Attributes"])
