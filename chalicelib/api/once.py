"""Idempotency-Key: the same key with the same request gets the first answer, with another request a refusal."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from chalice import Response

from chalicelib.api.callers import Caller
from chalicelib.api.replies import SAFE, status_of
from chalicelib.domain.errors import Busy, Conflict, FenrunError, Malformed
from chalicelib.observe import logger
from chalicelib.store import audit, transient
from chalicelib.store.secrets import app_secret

LONGEST_KEY = 255
LEASE_SECONDS = 60
"""Longer than a function may run: after it, a run that never answered is dead."""
LIFE_SECONDS = 86400
AGAIN = "Retry-After"
_NOT_REMEMBERED = frozenset({401, 403, 429})


def key_of(header: str | None) -> str | None:
    """The caller's key, if he sent one."""
    if header is None:
        return None
    if not 1 <= len(header) <= LONGEST_KEY or not all("!" <= letter <= "~" for letter in header):
        raise Malformed("BAD_IDEMPOTENCY_KEY", limit=LONGEST_KEY)
    return header


def identity(caller: Caller, method: str, path: str, key: str) -> str:
    """What a key stands for: it belongs to one caller and one route, so nobody meets another's answers."""
    return _digest([caller.kind, caller.id, method, path, key])


def fingerprint(path: Mapping[str, str], query: Any, raw: bytes) -> str:
    """What makes two requests the same: where they go, and every byte of their bodies. Keyed by the app's secret: a body
    may hold a password, and a plain hash of it could be guessed from a copy of the table."""
    asked = sorted((name, query.getlist(name)) for name in query) if query else []
    where = json.dumps([dict(path), asked], ensure_ascii=True, sort_keys=True).encode()
    return hmac.digest(app_secret().encode(), where + b"\n" + raw, "sha256").hex()


def run_once(
    once_id: str,
    request: str,
    now: datetime,
    run: Callable[[datetime], Response],
    refuse: Callable[[FenrunError], Response],
) -> Response:
    """Runs the request unless its answer is known, as of when it came first: a run that died may have done all of it
    already, and the next one then does the same. A run that failed by our fault, or says when to try again, gives its key
    up and may be repeated; a refusal is an answer, and is remembered."""
    claim = str(uuid4())
    known = transient.claim_key(once_id, request, claim, now, LEASE_SECONDS, LIFE_SECONDS)
    if isinstance(known, transient.Known):
        return _replayed(known)
    kept = False
    request_of_audit = audit.request.set(once_id)
    try:
        answer = _attempt(lambda: run(known.began), refuse)
        if answer.status_code < 500 and answer.status_code not in _NOT_REMEMBERED and AGAIN not in answer.headers:
            headers = {name: value for name, value in answer.headers.items() if name not in SAFE}
            kept = _remember(once_id, claim, transient.Answer(answer.status_code, answer.body, headers))
    finally:
        audit.request.reset(request_of_audit)
        if not kept:
            _release(once_id, claim)
    return answer


def _attempt(run: Callable[[], Response], refuse: Callable[[FenrunError], Response]) -> Response:
    try:
        return run()
    except FenrunError as error:
        if status_of(error) >= 500:
            raise
        return refuse(error)


def _replayed(known: transient.Known) -> Response:
    if not known.same_request:
        raise Conflict("SAME_KEY_OTHER_BODY")
    if known.answer is None:
        raise Conflict("IN_PROGRESS")
    headers = {**known.answer.headers, **SAFE, "Idempotency-Replayed": "true"}
    return Response(known.answer.body, status_code=known.answer.status, headers=headers)


def _remember(once_id: str, claim: str, answer: transient.Answer) -> bool:
    """The work is done: an answer that cannot be remembered is still given. Its key then stays taken until its lease
    ends, so that a retry at once does not run beside it."""
    try:
        if not transient.remember_answer(once_id, claim, answer):
            logger.warning("an answer was not remembered")
    except Busy:
        logger.warning("an answer was not remembered", exc_info=True)
    return True


def _release(once_id: str, claim: str) -> None:
    try:
        transient.release_key(once_id, claim)
    except Busy:
        logger.warning("an idempotency key was not released", exc_info=True)


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True, sort_keys=True).encode()).hexdigest()
