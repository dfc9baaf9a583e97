"""Secrets Manager: the application's secret and those of connections, held for five minutes and nowhere else."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from botocore.session import get_session
from msgspec import json

from chalicelib.domain.errors import Busy
from chalicelib.settings import settings

_HELD_SECONDS = 300
_HELD_CONNECTIONS = 200
_held: dict[str, tuple[float, str]] = {}

ConnectionSecrets = dict[str, tuple[str, ...]]
"""A connection's secrets by name, the newest first."""
_held_connections: dict[tuple[str, str], tuple[float, ConnectionSecrets]] = {}


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


def connection_secrets(connection_id: str, version: str) -> ConnectionSecrets:
    """This version of a connection's secrets; held in this container for five minutes. Raises Busy if they cannot be had."""
    now, key = time.monotonic(), (connection_id, version)
    if (held := _held_connections.get(key)) and now - held[0] < _HELD_SECONDS:
        return held[1]
    try:
        answer = _client().get_secret_value(SecretId=_name(connection_id), VersionId=version)
    except (ClientError, ConnectionError, HTTPClientError) as error:
        raise Busy("BUSY") from error
    found = json.decode(answer["SecretString"], type=ConnectionSecrets)
    if len(_held_connections) >= _HELD_CONNECTIONS:
        _held_connections.clear()
    _held_connections[key] = (now, found)
    return found


def keep_connection_secrets(connection_id: str, secrets: ConnectionSecrets) -> str:
    """Stores a connection's secrets as a new version, and says which; the version before stays readable until the next.

    Raises Busy if they cannot be kept now.
    """
    name, text = _name(connection_id), json.encode(secrets).decode()
    client = _client()
    try:
        try:
            answer = client.create_secret(Name=name, SecretString=text)
        except client.exceptions.ResourceExistsException:
            answer = client.put_secret_value(SecretId=name, SecretString=text)
    except (ClientError, ConnectionError, HTTPClientError) as error:
        raise Busy("BUSY") from error
    version: str = answer["VersionId"]
    return version


def drop_connection_secrets(connection_id: str) -> None:
    """Deletes a connection's secrets, for good; nothing if there are none. Raises Busy if that cannot be done now."""
    client = _client()
    try:
        client.delete_secret(SecretId=_name(connection_id), ForceDeleteWithoutRecovery=True)
    except client.exceptions.ResourceNotFoundException:
        return
    except (ClientError, ConnectionError, HTTPClientError) as error:
        raise Busy("BUSY") from error


def _name(connection_id: str) -> str:
    return settings().connection_secrets + connection_id


def forget() -> None:
    """Drops what is held: for tests, and after a rotation."""
    _held.clear()
    _held_connections.clear()
    _client.cache_clear()
