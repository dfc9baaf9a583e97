"""How every answer leaves: JSON of our types, or a problem of RFC 9457. The one place where errors become HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
from chalice import Response

from chalicelib.api.messages import Language, detail, title
from chalicelib.domain import errors

_STATUS: dict[type[errors.FenrunError], int] = {
    errors.Malformed: 400,
    errors.NotAuthenticated: 401,
    errors.Rejected: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.Refused: 422,
    errors.TooMany: 429,
    errors.Busy: 503,
}
_BY_LAW = {"JURISDICTION_NOT_ENABLED": 451}
_EXTRA = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "5"}, 503: {"Retry-After": "1"}}

SAFE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}


class ProblemError(msgspec.Struct, frozen=True):
    """One thing that is wrong, and where: `lines[0].amount`; empty for the whole request."""

    path: str
    message: str
    code: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request was not carried out (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemError]
    instance: str | None = None


def status_of(error: errors.FenrunError) -> int:
    """The HTTP status of a refusal."""
    return _BY_LAW.get(error.code) or next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def reply(obj: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`obj` as JSON; times as RFC 3339 (UTC ends in Z). None is an empty body."""
    body = "" if obj is None else msgspec.json.encode(obj).decode()
    kind = {} if obj is None else {"Content-Type": "application/json"}
    return Response(body, status_code=status, headers={**kind, **SAFE, **(headers or {})})


def problem_of(error: BaseException, language: Language, instance: str | None = None) -> Problem:
    """A refusal in words. Anything that is not a `FenrunError` tells only the id under which it was logged."""
    if isinstance(error, errors.FenrunError):
        status, code, faults, params = status_of(error), error.code, error.faults, error.params
    else:
        status, code, faults, params = 500, "INTERNAL", (), {"correlation_id": instance or ""}
    if faults and faults[0].code == code:
        params = {**faults[0].params, **params}
    return Problem(
        type=f"/problems/{code.lower().replace('_', '-')}",
        title=title(code, language),
        status=status,
        detail=detail(code, params, language),
        code=code,
        errors=[ProblemError(f.path, detail(f.code, f.params, language), f.code) for f in faults],
        instance=f"urn:uuid:{instance}" if instance else None,
    )


def problem(error: BaseException, language: Language, instance: str | None = None) -> Response:
    """The answer to a request that was not carried out."""
    body = problem_of(error, language, instance)
    headers = {"Content-Type": "application/problem+json", "Content-Language": language, "Vary": "Accept-Language"}
    return reply(body, body.status, headers | _EXTRA.get(body.status, {}))
