"""What can happen to a call to AWS, and which of it can happen to which operation."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError

Kind = Literal[
    "crash before",  # the process dies before the call leaves it
    "crash after",  # the call is carried out, and the process dies
    "answer lost",  # it is carried out, its answer never comes, and the client sends it again
    "given up",  # each time that the client sends it, it is carried out, and no answer comes
    "throttled",
    "partly throttled",  # of several items that are read at once, all but the first stay unread
    "conflict",  # another transaction is at the same item
    "500",
]
KINDS: tuple[Kind, ...] = (
    "crash before",
    "crash after",
    "answer lost",
    "given up",
    "throttled",
    "partly throttled",
    "conflict",
    "500",
)
Answer = Callable[[AWSPreparedRequest], AWSResponse]
_READS = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "GetObject", "GetSecretValue", "ListObjectsV2"})


class Crash(BaseException):
    """The process is gone: no `except Exception` sees it, and nothing after it is done."""


class Operation:
    """A request's service and operation (`dynamodb`, `PutItem`)."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        text = {name: value.decode() if isinstance(value, bytes) else str(value) for name, value in headers.items()}
        self.service = text["authorization"].split("Credential=")[1].split("/")[3]
        self.call_id = text["amz-sdk-invocation-id"]
        if target := text.get("x-amz-target"):
            self.name = target.rpartition(".")[2]
        elif self.service == "lambda":
            self.name = "Invoke"
        else:
            self.name = _object_operation(request, text)


def _object_operation(request: AWSPreparedRequest, headers: Mapping[str, str]) -> str:
    if "list-type=2" in request.url:
        return "ListObjectsV2"
    return "CopyObject" if "x-amz-copy-source" in headers else f"{request.method.title()}Object"


def reads(service: str, name: str) -> bool:
    """Whether the operation leaves everything as it was."""
    return name in _READS


def senseless(kind: Kind, service: str, name: str) -> str | None:
    """Why this cannot happen to the operation; None if it can."""
    if kind in ("crash after", "answer lost") and name in _READS:
        return "a read leaves nothing behind: the same as no answer, or a crash before the next call"
    if kind == "conflict" and (service != "dynamodb" or name in _READS):
        return "only writes to DynamoDB conflict with transactions"
    if kind == "partly throttled" and name != "BatchGetItem":
        return "only reads of several items come back in part"
    return None


def faulty(request: AWSPreparedRequest, kind: Kind, operation: Operation, answer: Answer) -> AWSResponse:
    """What becomes of a request that this happens to; `answer` carries requests out."""
    match kind:
        case "crash before":
            raise Crash
        case "crash after":
            answer(request)
            raise Crash
        case "answer lost" | "given up":
            answer(request)
            raise ReadTimeoutError(endpoint_url=request.url)
        case "partly throttled":
            return _partly(request, answer)
    return _refused(request, kind, operation)


def _refused(request: AWSPreparedRequest, kind: Kind, operation: Operation) -> AWSResponse:
    if operation.service == "s3":
        status, code = (500, "InternalError") if kind == "500" else (503, "SlowDown")
        return response(request, status, f"<Error><Code>{code}</Code><Message/></Error>".encode())
    told: dict[str, Any] = {"__type": "InternalServerError", "message": ""}
    status = 500
    if kind != "500":
        status = 429 if operation.service == "lambda" else 400
        told = _throttled(operation) if kind == "throttled" else {"__type": "TransactionConflictException"}
        if operation.name == "TransactWriteItems":
            code = "ThrottlingError" if kind == "throttled" else "TransactionConflict"
            items = len(json.loads(request.body)["TransactItems"])
            reasons = [{"Code": code}, *([{"Code": "None"}] * (items - 1))]
            told = {"__type": "TransactionCanceledException", "CancellationReasons": reasons}
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-errortype": str(told["__type"])}
    return response(request, status, json.dumps(told).encode(), headers)


def _throttled(operation: Operation) -> dict[str, Any]:
    code = {"dynamodb": "ProvisionedThroughputExceededException", "lambda": "TooManyRequestsException"}
    return {"__type": code.get(operation.service, "ThrottlingException"), "message": ""}


def _partly(request: AWSPreparedRequest, answer: Answer) -> AWSResponse:
    """The first key of the first table is read, the others are handed back."""
    wanted: dict[str, dict[str, Any]] = json.loads(request.body)["RequestItems"]
    first, *others = wanted
    left = {table: wanted[table] for table in others}
    if rest := wanted[first]["Keys"][1:]:
        left[first] = {**wanted[first], "Keys": rest}
    request.body = json.dumps({"RequestItems": {first: {**wanted[first], "Keys": wanted[first]["Keys"][:1]}}})
    found = json.loads(answer(request).content)
    return response(request, 200, json.dumps({**found, "UnprocessedKeys": left}).encode())


def response(
    request: AWSPreparedRequest, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> AWSResponse:
    """An answer that the engine did not give."""
    raw = urllib3.HTTPResponse(body=io.BytesIO(body), preload_content=False)
    return AWSResponse(request.url, status, dict(headers or {}), raw)
