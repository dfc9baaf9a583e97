"""The application's secret, from Secrets Manager, held for five minutes and nowhere else."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from botocore.session import get_session

from chalicelib.domain.errors import Busy
from chalicelib.settings import settings

_HELD_SECONDS = 300
_held: dict[str, tuple[float, str]] = {}


@cache
def _client() -> Any:
    config = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 3, "mode": "standard"})
    return get_session().create_client("secretsmanager", region_name=settings().region, config=config)


def app_secret() -> str:
    """The secret from which signing keys and blind indexes are derived; at most five minutes old.

    Raises Busy if it cannot be had: without it nobody is let in.
    """
    arn = settings().secret_arn
    now = time.monotonic()
    if (held := _held.get(arn)) and now - held[0] < _HELD_SECONDS:
        return held[1]
    try:
        secret: str = _client().get_secret_value(SecretId=arn)["SecretString"]
    except (ClientError, ConnectionError, HTTPClientError) as error:
        raise Busy("BUSY") from error
    if len(secret) < 32:
        raise ValueError("the application's secret must have at least 32 characters")
    _held[arn] = (now, secret)
    return secret


def forget() -> None:
    """Drops what is held: for tests, and after a rotation."""
    _held.clear()
    _client.cache_clear()
