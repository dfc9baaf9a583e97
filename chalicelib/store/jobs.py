"""Functions that work behind a request: started and left to themselves. Lambda may deliver a start twice."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from botocore.session import get_session
from msgspec import json

from chalicelib.domain.errors import Busy
from chalicelib.settings import settings


@cache
def _client() -> Any:
    config = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})
    return get_session().create_client("lambda", region_name=settings().region, config=config)


def start(function: str, event: Mapping[str, Any]) -> None:
    """Has the function of this name run with this event, without waiting for it. Raises `Busy` if it cannot be now."""
    try:
        _client().invoke(FunctionName=function, InvocationType="Event", Payload=json.encode(event))
    except (ClientError, ConnectionError, HTTPClientError) as error:
        raise Busy("BUSY") from error


def forget() -> None:
    """Drops the client held in this container: for tests."""
    _client.cache_clear()
