"""Records as Lambda hands them over: `dynamodb.Keys`, images, a sequence number and the rest of the envelope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import json

from chalicelib.domain.orders import Order

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"


def image_of(order: Order) -> dict[str, Any]:
    return {
        "id": {"S": order.facts.order_id},
        "image": {"S": json.encode(order).decode()},
        "revision": {"N": str(order.revision)},
    }


def change(number: int, old: Order | None, new: Order | None, **broken: Any) -> dict[str, Any]:
    """A record of the stream; `broken` replaces parts of what DynamoDB says about the change."""
    one = new or old
    assert one
    body: dict[str, Any] = {
        "ApproximateCreationDateTime": 1_772_000_000.0,
        "Keys": {"id": {"S": one.facts.order_id}},
        "SequenceNumber": f"{number:021d}",
        "SizeBytes": 512,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if old:
        body["OldImage"] = image_of(old)
    if new:
        body["NewImage"] = image_of(new)
    return {
        "eventID": f"event-{number}",
        "eventName": ("MODIFY" if old else "INSERT") if new else "REMOVE",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": body | broken,
        "eventSourceARN": ARN,
    }


def event(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"Records": list(records)}


class Context:
    function_name = "commissions"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:commissions"
    aws_request_id = "request-1"
    log_group_name = log_stream_name = "commissions"

    def __init__(self, milliseconds: int = 60_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds
