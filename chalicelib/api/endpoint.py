"""The one frame around every view: who, what, once, answer. Views get a typed `Call` and give back an object."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

from chalice import Blueprint, Response

from chalicelib.api import once
from chalicelib.api.callers import NOBODY, Caller, Rule, authenticate
from chalicelib.api.messages import Language, language_of
from chalicelib.api.replies import SAFE, problem, reply
from chalicelib.bodies.fields import ID_PATTERN
from chalicelib.bodies.parse import parse, parse_query, refusal
from chalicelib.domain.errors import Busy, Fault, FenrunError, Malformed
from chalicelib.observe import framed, logger, named

View = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Call:
    """What a view may know about its request."""

    caller: Caller
    body: Any
    query: Any
    now: datetime
    language: Language
    raw: bytes
    headers: Any
    correlation_id: str
    once_id: str | None
    """The same for every retry of one request under an Idempotency-Key; else None. An object that is created under an
    id made from it is created once, even if the first run died before its answer was remembered."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route: what the OpenAPI document and the tests of permissions are made from."""

    method: str
    path: str
    who: Rule
    body: Any
    query: Any
    answers: Any
    status: int
    summary: str
    idempotent: bool
    raw: bool
    tag: str
    name: str


ENDPOINTS: list[Endpoint] = []
_LOGGED = {
    "order_id": "order",
    "payout_id": "payout",
    "run_id": "run",
    "distributor_id": "distributor",
    "inbox_id": "delivery",
    "connection_id": "connection",
}
"""What of a path stands in the log, and under which name. A customer's id is the shop's, and may be a person's address."""


def endpoint(
    bp: Blueprint,
    method: str,
    path: str,
    *,
    who: Rule,
    summary: str,
    body: Any = None,
    query: Any = None,
    answers: Any = None,
    status: int = 200,
    idempotent: bool | None = None,
    raw: bool = False,
    cors: bool = False,
) -> Callable[[View], View]:
    """Registers a view `(call: Call, **path) -> object | chalice.Response` for a route.

    The view runs only for whom `who` allows, with body and query of the given types. Under an Idempotency-Key it runs
    once (POST, PUT and PATCH, unless `idempotent` says otherwise). Its object is sent as JSON with `status`. A `raw`
    route takes any body and any query as they come. With `cors`, scripts of any site may call it and read its answer.
    """
    replayable = idempotent if idempotent is not None else method in ("POST", "PUT", "PATCH")

    def register(view: View) -> View:
        tag = view.__module__.rpartition(".")[2]
        entry = Endpoint(method, path, who, body, query, answers, status, summary, replayable, raw, tag, view.__name__)

        @functools.wraps(view)
        def framed(**path_params: str) -> Response:
            return _answer(entry, view, bp.current_request, path_params)

        # Chalice would answer 415 by itself in its own form: `parse` looks at the type instead.
        bp.route(path, methods=[method], content_types=["*/*"], cors=cors)(framed)
        ENDPOINTS.append(entry)
        return view

    return register


def _answer(entry: Endpoint, view: View, request: Any, path_params: dict[str, str]) -> Response:
    """The outermost edge: whatever happens inside leaves as an answer and as one line of the log, and with what went wrong
    if it is our fault."""
    correlation_id = _correlation_id(request)
    with framed(correlation_id, route=f"{entry.method} {entry.path}", **_own_id(request, correlation_id)):
        return _answered(entry, view, request, path_params, correlation_id)


def _answered(entry: Endpoint, view: View, request: Any, path_params: dict[str, str], correlation_id: str) -> Response:
    language, began = language_of(request.headers.get("accept-language")), time.monotonic()
    try:
        answer = _run(entry, view, request, path_params, language, correlation_id)
    except FenrunError as error:
        if isinstance(error, Busy):
            logger.warning("busy", exc_info=True)
        answer = problem(error, language, correlation_id)
    except Exception as error:
        logger.exception("unhandled error")
        answer = problem(error, language, correlation_id)
    for name, value in SAFE.items():
        answer.headers.setdefault(name, value)
    answer.headers["X-Request-Id"] = correlation_id
    logger.info("answered", extra={"status": answer.status_code, "ms": int((time.monotonic() - began) * 1000)})
    return answer


def _run(
    entry: Endpoint,
    view: View,
    request: Any,
    path_params: dict[str, str],
    language: Language,
    correlation_id: str,
) -> Response:
    now = datetime.now(UTC)
    path = {name: _path_value(name, value) for name, value in path_params.items()}
    named(**{_LOGGED[name]: value for name, value in path.items() if name in _LOGGED})
    caller = NOBODY if entry.who.public else authenticate(request.headers.get("authorization"), now)
    named(caller=caller.name)
    entry.who.check(caller, path)
    raw = request.raw_body
    if entry.body is None and not entry.raw and raw.strip():
        raise Malformed("BODY_NOT_EXPECTED")
    body = None if entry.body is None else parse(raw, request.headers.get("content-type"), entry.body)
    params = request.query_params
    given = {name: params.getlist(name) for name in params} if params and not entry.raw else {}
    query = parse_query(given, entry.query)
    key = once.key_of(request.headers.get("idempotency-key")) if entry.idempotent else None
    once_id = once.identity(caller, entry.method, entry.path, key) if key else None

    def run(as_of: datetime) -> Response:
        call = Call(caller, body, query, as_of, language, raw, request.headers, correlation_id, once_id)
        outcome = view(call, **path)
        return outcome if isinstance(outcome, Response) else reply(outcome, entry.status)

    if once_id is None:
        return run(now)
    fingerprint = once.fingerprint(path, params, raw)
    return once.run_once(once_id, fingerprint, now, run, lambda error: problem(error, language, correlation_id))


def _path_value(name: str, value: str) -> str:
    """API Gateway hands path parameters over as they stood in the URL."""
    try:
        decoded = unquote(value, errors="strict")
    except UnicodeDecodeError:
        decoded = ""
    if not 1 <= len(decoded) <= 128 or not re.search(ID_PATTERN, decoded):
        raise refusal(Fault(name, "BAD_ID"))
    return decoded


def _correlation_id(request: Any) -> str:
    """The caller's `X-Request-Id` if it is a UUID (nothing else gets into logs and tables by it), or API Gateway's."""
    for given in (request.headers.get("x-request-id"), request.context.get("requestId")):
        with suppress(ValueError):
            return str(UUID(given or ""))
    return str(uuid4())


def _own_id(request: Any, correlation_id: str) -> dict[str, str]:
    """What API Gateway calls the request, where the correlation id is the caller's."""
    own = request.context.get("requestId")
    return {"request_id": own} if own and own != correlation_id else {}
