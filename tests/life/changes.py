"""The engine's DynamoDB without botocore around it, and every change of an item that a call made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

from botocore.exceptions import ClientError
from ministack.services import dynamodb
from msgspec import json

from tests import engine

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem", "PutObject"})
_HANDLERS = {
    "GetItem": "_get_item",
    "PutItem": "_put_item",
    "UpdateItem": "_update_item",
    "DeleteItem": "_delete_item",
    "Query": "_query",
    "BatchGetItem": "_batch_get_item",
    "TransactWriteItems": "_transact_write_items",
    "CreateTable": "_create_table",
    "DescribeTable": "_describe_table",
}
_TOKENS_LIVE_SECONDS = 20.0
"""Of the clock on the wall: a life sends nothing again later than that, and the engine would keep each transaction."""
Item = dict[str, dict[str, Any]]


class Change(NamedTuple):
    """An item before and after, as DynamoDB writes it; None where there was none."""

    table: str
    old: Item | None
    new: Item | None


class Engine:
    """Carries calls out. `committed` hears of what each of them changed, before its answer goes anywhere."""

    def __init__(self) -> None:
        self.committed: Callable[[list[Change]], None] = lambda _: None
        self.calls = 0
        self._changes: list[Change] = []

    def carry_out(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls += 1
        self._changes = []
        status, _, told = getattr(dynamodb, _HANDLERS[operation])(json.decode(json.encode(arguments)))
        answer: dict[str, Any] = json.decode(told)
        if status != 200:
            error = {"Code": answer.pop("__type").rpartition("#")[2], "Message": answer.pop("message", "")}
            answered = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}, **answer}
            raise ClientError(answered, operation)  # type: ignore[arg-type]
        if self._changes:
            self.committed(self._changes)
        return answer

    @contextmanager
    def listening(self, streamed: Callable[[], str]) -> Iterator[None]:
        """Notes every change; only the table that `streamed` names keeps its stream."""
        emit = dynamodb._emit_stream_event

        def noted(table: str, event: str, old: Item | None, new: Item | None, replicate: bool = True) -> None:
            if old != new:
                self._changes.append(Change(table, old, new))
            if table == streamed():
                emit(table, event, old, new, replicate)

        with (
            patch.object(dynamodb, "_emit_stream_event", noted),
            patch.object(dynamodb, "_TXN_TOKEN_TTL", _TOKENS_LIVE_SECONDS),
            patch.object(dynamodb, "json_response", _answered),
            patch.object(dynamodb, "json", SimpleNamespace(dumps=_written)),
        ):
            yield
        engine.reset()


def _answered(data: Any, status: int = 200) -> tuple[int, dict[str, str], bytes]:
    return status, {}, json.encode(data)


def _written(data: Any, **_: Any) -> str:
    """How large a transaction is: to the engine it is no matter of blanks."""
    return json.encode(data).decode()


def records(table: str) -> list[dict[str, Any]]:
    """Takes what is in the table's stream: records as Lambda hands them over."""
    held: list[dict[str, Any]] = dynamodb._stream_records.get(table) or []
    taken = list(held)
    held.clear()
    return taken


def items(table: str) -> Iterator[Item]:
    """Every item of a table as it lies there."""
    for partition in dynamodb._tables[table]["items"].values():
        yield from partition.values()


def item(table: str, key: str, sort_key: str = "__no_sort__") -> Mapping[str, dict[str, Any]] | None:
    """One item as it lies there."""
    found: Mapping[str, dict[str, Any]] | None = dynamodb._tables[table]["items"].get(key, {}).get(sort_key)
    return found
