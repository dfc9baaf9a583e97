"""The queue through which a settlement's parts go to whoever is free. SQS delivers at least once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from botocore.session import get_session
from msgspec import json

from chalicelib.domain.errors import Busy
from chalicelib.settings import settings

_MOST = 10
"""Messages that one call takes."""


@cache
def _client() -> Any:
    config = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})
    return get_session().create_client("sqs", region_name=settings().region, config=config)


def hand_over(tasks: Sequence[Any]) -> None:
    """Puts these tasks into the queue. Raises `Busy` unless all of them are in it."""
    for i in range(0, len(tasks), _MOST):
        entries = [
            {"Id": str(n), "MessageBody": json.encode(task).decode()} for n, task in enumerate(tasks[i : i + _MOST])
        ]
        try:
            answer = _client().send_message_batch(QueueUrl=settings().settlements_queue, Entries=entries)
        except (ClientError, ConnectionError, HTTPClientError) as error:
            raise Busy("BUSY") from error
        if answer.get("Failed"):
            raise Busy("BUSY")


def forget() -> None:
    """Drops the client held in this container: for tests."""
    _client.cache_clear()
