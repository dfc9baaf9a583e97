"""A DynamoDB client whose transactions fail as planned: before they arrive, or after they were committed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from chalicelib.store import transactions

Fault = Callable[[Callable[[], Any], int], Any]


def _error(code: str, status: int = 400, **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(response, "TransactWriteItems")


def cancelled(*codes: str) -> Fault:
    """The first items are refused for these reasons, the others are fine."""

    def fail(_commit: Callable[[], Any], items: int) -> Any:
        reasons = [{"Code": code} for code in codes] + [{"Code": "None"}] * (items - len(codes))
        raise _error("TransactionCanceledException", CancellationReasons=reasons)

    return fail


def refused_with(code: str, status: int = 400) -> Fault:
    def fail(_commit: Callable[[], Any], _items: int) -> Any:
        raise _error(code, status)

    return fail


def not_sent(_commit: Callable[[], Any], _items: int) -> Any:
    raise ConnectTimeoutError(endpoint_url="http://127.0.0.1")


def answer_lost(commit: Callable[[], Any], _items: int) -> Any:
    commit()
    raise ReadTimeoutError(endpoint_url="http://127.0.0.1")


class Client:
    """The real client; the first transactions meet the planned faults, in order (None: no fault)."""

    def __init__(self, real: Any, faults: Sequence[Fault | None]) -> None:
        self.real = real
        self.faults = list(faults)
        self.tokens: list[str] = []

    def transact_write_items(self, **arguments: Any) -> Any:
        self.tokens.append(arguments["ClientRequestToken"])
        fault = self.faults.pop(0) if self.faults else None

        def commit() -> Any:
            return self.real.transact_write_items(**arguments)

        return fault(commit, len(arguments["TransactItems"])) if fault else commit()


def plan(monkeypatch: pytest.MonkeyPatch, *faults: Fault | None) -> Client:
    client = Client(transactions.client(), faults)
    monkeypatch.setattr(transactions, "client", lambda: client)
    return client
