"""One botocore client for every table. PynamoDB would open one per model class: 60 ms and 10 MB each."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.config import Config
from pynamodb.connection import Connection
from pynamodb.connection.table import TableConnection
from pynamodb.models import Model

from chalicelib.settings import settings

_CONNECT_SECONDS, _READ_SECONDS, _RETRIES = 1, 2, 2


@cache
def shared() -> Connection:
    """The connection of this process: answers within seconds or fails, well inside API Gateway's 29 s."""
    connection = Connection(
        region=settings().region,
        connect_timeout_seconds=_CONNECT_SECONDS,
        read_timeout_seconds=_READ_SECONDS,
        max_retry_attempts=_RETRIES,
        max_pool_connections=10,
    )
    # Without a name of its own, botocore puts together what it says of itself twice for every call: a quarter of its time.
    connection.session.set_default_client_config(Config(user_agent="fenrun"))
    return connection


def client() -> Any:
    """The shared botocore DynamoDB client (thread-safe)."""
    return shared().client


class TableName:
    """The name of a table, read from the settings at first use: importing a model needs no environment."""

    def __init__(self, setting: str) -> None:
        self.setting = setting

    def __get__(self, _instance: object, _owner: type) -> str:
        return str(getattr(settings(), self.setting))


class Table(Model):
    """A PynamoDB model on the shared connection. Models give the shapes, the reads and single writes; what must happen
    together goes through `transactions.transact`."""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        connection = super()._get_connection()
        if connection.connection is not shared():
            if cls.Meta.table_name not in shared()._tables:
                shared().add_meta_table(connection.get_meta_table())
            connection.connection = shared()
        return connection
