"""What must happen together: TransactWriteItems with our own retries, because botocore makes none for a conflict."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextvars import ContextVar
from hashlib import sha256
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
from msgspec import Struct

from chalicelib.domain.errors import Busy
from chalicelib.store.connection import client

MAX_ITEMS = 100
_FIRST_PAUSE, _LONGEST_PAUSE, _PATIENCE = 0.02, 1.0, 10.0
RETRIED = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_AGAIN_ERRORS = {
    "TransactionInProgressException",
    "TransactionConflictException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
    "InternalFailure",
}

deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""When (`time.monotonic`) the running function must have answered; the outermost edge sets it."""


class Failed(Struct, frozen=True):
    """Why one item of a transaction was refused: `code` is None for an item that was fine; `item` is what is stored."""

    code: str | None
    item: dict[str, Any]


def pauses() -> Any:
    """Waits with full jitter before each further try, until the time is up: then raises `Busy`."""
    until = deadline.get() or time.monotonic() + _PATIENCE
    longest = _FIRST_PAUSE
    while True:
        pause = random.uniform(0, longest)
        if time.monotonic() + pause >= until:
            raise Busy("BUSY")
        time.sleep(pause)
        yield
        longest = min(2 * longest, _LONGEST_PAUSE)


def clear(error: ClientError | BotoCoreError) -> str | None:
    """The error code of an answer that is an answer; None where the outcome is unclear (time-out, lost connection)."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else None


def transact(items: Sequence[dict[str, Any]]) -> list[Failed] | None:
    """Commits all of the items or none. None if committed; else why not, in the order of `items`.

    Conflicts, throttles and faults are retried with full jitter until the function's time is up (`Busy`). An unclear
    answer is settled by sending the same transaction under the same token again: DynamoDB then applies it once. Refused
    conditions come back at once; put `ReturnValuesOnConditionCheckFailure` on an item to see what is stored.
    """
    token = sha256(uuid4().bytes).hexdigest()[:36]
    waits = pauses()
    while True:
        try:
            client().transact_write_items(TransactItems=list(items), ClientRequestToken=token)
            return None
        except ClientError as error:
            if clear(error) == "TransactionCanceledException":
                reasons = error.response.get("CancellationReasons", [])
                codes = {reason.get("Code", "None") for reason in reasons} - {"None"}
                if not codes <= RETRIED:
                    return [Failed(_code(reason), reason.get("Item") or {}) for reason in reasons]
                token = sha256(uuid4().bytes).hexdigest()[:36]
            elif clear(error) not in _AGAIN_ERRORS and not _at_fault(error):
                raise
        except (ConnectionError, HTTPClientError):
            pass
        next(waits)


def _at_fault(error: ClientError) -> bool:
    return bool(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500)


def _code(reason: dict[str, Any]) -> str | None:
    return None if reason.get("Code", "None") == "None" else str(reason["Code"])
