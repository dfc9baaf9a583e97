"""MiniStack's own DynamoDB, S3, SQS and Secrets Manager called in this process: the same engine without its HTTP server.

For tests with many calls: a call takes a tenth of what it takes over a socket. One engine per process; `reset` empties it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from operator import ge, gt, le, lt
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from ministack.services import dynamodb, s3, secretsmanager, sqs

ENDPOINT = "http://engine.invalid"
# It reads an expression anew for every item that a query looks at, and a number several times in every write; what these
# find depends on the text alone.
for _name in (
    "_tokenize",
    "_condition_syntax_error",
    "_number_error",
    "_number_size_bytes",
    "_ddb_canonicalize_number",
):
    setattr(dynamodb, _name, lru_cache(maxsize=4096)(getattr(dynamodb, _name)))


def _copied(value: Any) -> Any:
    """A deep copy of what JSON can hold: items are nothing else."""
    if type(value) is dict:
        return {name: _copied(each) for name, each in value.items()}
    if type(value) is list:
        return [_copied(each) for each in value]
    return value


dynamodb.copy = SimpleNamespace(deepcopy=_copied)
_KEYS_WANTED = re.compile(r"(#?\w+) = (:\w+)(?: AND (#?\w+) (?:(BETWEEN) (:\w+) AND (:\w+)|([<>]=?) (:\w+)))?")
_COMPARED: dict[str, Callable[[str, str], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_evaluate_condition = dynamodb._evaluate_condition


def _evaluated(
    expr: str, item: dict[str, Any], values: dict[str, Any], names: dict[str, str], slot: str = "ConditionExpression"
) -> Any:
    """The same; a query's plain condition on keys that are texts without reading the expression again."""
    found = _KEYS_WANTED.fullmatch(expr) if slot == "KeyConditionExpression" else None
    if not found:
        return _evaluate_condition(expr, item, values, names, slot)
    name, value, range_name, between, low, high, compares, bound = found.groups()
    wanted = [values[each].get("S") for each in (value, low, high, bound) if each]
    has = [item.get(names.get(each, each), {}).get("S") for each in (name, range_name) if each]
    if None in wanted or None in has:
        return _evaluate_condition(expr, item, values, names, slot)
    if has[0] != wanted[0]:
        return False
    if between:
        return wanted[1] <= has[1] <= wanted[2]
    return _COMPARED[compares](has[1], wanted[1]) if compares else True


dynamodb._evaluate_condition = _evaluated
_SERVICES = {"dynamodb": dynamodb, "s3": s3, "sqs": sqs, "secretsmanager": secretsmanager}


class _Raw:
    """The body of an answer, as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body

    def read(self, *_: Any, **__: Any) -> bytes:
        body, self._body = self._body, b""
        return body


def answer(request: AWSPreparedRequest) -> AWSResponse:
    """What the engine says to a signed request of botocore."""
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    # Credential=<key>/<date>/<region>/<service>/aws4_request
    service = headers["authorization"].split("Credential=")[1].split("/")[3]
    url = urlsplit(request.url)
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else body.read()
    # Nobody fills a queue while this process waits for it.
    body = re.sub(rb'"WaitTimeSeconds": ?\d+', b'"WaitTimeSeconds": 0', body) if service == "sqs" else body
    call = _SERVICES[service].handle_request(
        request.method, url.path, headers, body, parse_qs(url.query, keep_blank_values=True)
    )
    status, given, content = _run(call)
    content = content.encode() if isinstance(content, str) else content or b""
    return AWSResponse(request.url, status, given, _Raw(content))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _run(call: Any) -> Any:
    """Its handlers do not wait for anything: a loop would cost more than they do."""
    try:
        call.send(None)
    except StopIteration as done:
        return done.value
    call.close()
    raise AssertionError("a handler of the engine waits")


@contextmanager
def inside() -> Iterator[None]:
    """Every botocore client of this process talks to the engine, whatever its endpoint."""
    sent = URLLib3Session.send
    URLLib3Session.send = lambda _self, request: answer(request)
    try:
        yield
    finally:
        URLLib3Session.send = sent


def reset() -> None:
    """Nothing is in the engine any more."""
    for service in _SERVICES.values():
        service.reset()
