"""One call to DynamoDB, its failures sorted: a condition that did not hold, a passing trouble, or a fault of ours."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from chalicelib.domain.errors import Busy
from chalicelib.store.connection import client
from chalicelib.store.items import from_item

_PASSING = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
        "LimitExceededException",
    }
)


class ConditionFailed(Exception):
    """The condition of a write did not hold. `item` is what the table holds, if the call asked for it."""

    def __init__(self, item: dict[str, Any]) -> None:
        super().__init__("the condition of a write did not hold")
        self.item = item


def send(operation: str, **arguments: Any) -> dict[str, Any]:
    """Calls the client's `operation`. Raises ConditionFailed, or Busy once the client's own retries are used up."""
    try:
        answer: dict[str, Any] = getattr(client(), operation)(**arguments)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "ConditionalCheckFailedException":
            raise ConditionFailed(from_item(error.response.get("Item") or {})) from None
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _PASSING or status >= 500:
            raise Busy("BUSY") from error
        raise
    except (ConnectionError, HTTPClientError) as error:
        raise Busy("BUSY") from error
    return answer
