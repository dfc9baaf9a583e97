"""What MiniStack never says and DynamoDB does under contention: a transaction, or a write, in conflict with another one."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

_TRANSACTIONS, _WRITES = 0.05, 0.01
_TYPES = "com.amazonaws.dynamodb.v20120810#"


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> list[bytes]:
        return [self._body]


class Conflicts:
    """A handler for botocore's `before-send`: answers some writes by itself, as if another writer had been in the way."""

    def __init__(self, seed: int) -> None:
        self.random, self.made = Random(seed), 0

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        target = request.headers["X-Amz-Target"]
        operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        answer = _ANSWERS.get(operation)
        if answer is None or self.random.random() >= answer[0]:
            return None
        self.made += 1
        return AWSResponse(request.url, 400, {}, _Raw(json.dumps(answer[1](self.random, request.body)).encode()))


def _cancelled(random: Random, body: bytes) -> dict[str, Any]:
    reasons = [{"Code": "None"} for _ in json.loads(body)["TransactItems"]]
    reasons[random.randrange(len(reasons))] = {"Code": "TransactionConflict", "Message": "Transaction is ongoing"}
    return {"__type": f"{_TYPES}TransactionCanceledException", "message": "", "CancellationReasons": reasons}


def _in_conflict(_random: Random, _body: bytes) -> dict[str, Any]:
    return {"__type": f"{_TYPES}TransactionConflictException", "message": "Transaction is ongoing for the item"}


_ANSWERS: dict[str, tuple[float, Callable[[Random, bytes], dict[str, Any]]]] = {
    "TransactWriteItems": (_TRANSACTIONS, _cancelled),
    "PutItem": (_WRITES, _in_conflict),
    "UpdateItem": (_WRITES, _in_conflict),
}
