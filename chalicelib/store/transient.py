"""What is kept for a while: sessions and remembered answers. DynamoDB deletes expired rows days late, so readers ask."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.errors import Busy
from chalicelib.settings import settings
from chalicelib.store.batch import read, ref
from chalicelib.store.dynamo import ConditionFailed, send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import from_stamp, stamp

_HELD_SECONDS = 60
_HELD_SESSIONS = 1000
_LARGEST = 380_000
_held: dict[str, float] = {}

# ------------------------------------------------------------------ sessions


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in and every token that followed from it. `refresh_hash` is of the only refresh token now valid; `login`
    is the blind index of the address that signed in."""

    id: str
    subject: str
    kind: str
    login: str
    refresh_hash: str
    started: int
    expires: int


def start_session(session: Session) -> None:
    """Keeps a new session."""
    item = {
        "id": f"session#{session.id}",
        "subject": session.subject,
        "kind": session.kind,
        "login": session.login,
        "refresh_hash": session.refresh_hash,
        "started": session.started,
        "expires": session.expires,
    }
    try:
        send(
            "put_item",
            TableName=settings().transient_table,
            Item=to_item(item),
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as failed:
        # The client sends it twice if the first answer is lost.
        if failed.item.get("refresh_hash") != session.refresh_hash:
            raise


def find_session(session_id: str, now: int) -> Session | None:
    """The session unless it ended."""
    found = _row(f"session#{session_id}")
    if not found or found.get("ended") or found["expires"] <= now:
        return None
    return Session(
        id=session_id,
        subject=found["subject"],
        kind=found["kind"],
        login=found["login"],
        refresh_hash=found["refresh_hash"],
        started=found["started"],
        expires=found["expires"],
    )


def rotate_refresh(session_id: str, used_hash: str, new_hash: str, expires: int, now: int) -> bool:
    """Puts the next refresh token in place of the used one, for exactly one of those who try.

    False if the used one is not the valid one any more, or the session has ended.
    """
    try:
        send(
            "update_item",
            TableName=settings().transient_table,
            Key=to_item({"id": f"session#{session_id}"}),
            UpdateExpression="SET refresh_hash = :new, expires = :expires",
            ConditionExpression="refresh_hash = :used AND attribute_not_exists(ended) AND expires > :now",
            ExpressionAttributeValues=to_item({":used": used_hash, ":new": new_hash, ":expires": expires, ":now": now}),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as failed:
        # The client sent it twice because the first answer was lost: the new hash is known to this run only.
        return bool(failed.item.get("refresh_hash") == new_hash)
    return True


def end_session(session_id: str, now: int) -> None:
    """Ends a session and all its tokens: at once for refreshing, within 60 s for access tokens."""
    _held.pop(session_id, None)
    try:
        send(
            "update_item",
            TableName=settings().transient_table,
            Key=to_item({"id": f"session#{session_id}"}),
            UpdateExpression="SET ended = if_not_exists(ended, :now)",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeValues=to_item({":now": now}),
        )
    except ConditionFailed:
        return


def bar_subject(kind: str, subject: str, now: int) -> None:
    """Ends all sessions that a person started up to `now`; access tokens follow within 60 s."""
    _held.clear()
    # Longer than a session can last.
    item = {"id": f"barred#{kind}#{subject}", "at": now, "expires": now + 100 * 86400}
    send("put_item", TableName=settings().transient_table, Item=to_item(item))


def session_alive(session_id: str, kind: str, subject: str, now: int) -> bool:
    """Whether a session still stands and its person was not barred since; a yes is held for 60 s."""
    clock = time.monotonic()
    if clock - _held.get(session_id, -_HELD_SECONDS) < _HELD_SECONDS:
        return True
    _held.pop(session_id, None)
    wanted = [
        ref(settings().transient_table, id=each) for each in (f"session#{session_id}", f"barred#{kind}#{subject}")
    ]
    session, barred = map(read(*wanted).get, wanted)
    if not session or session.get("ended") or session["expires"] <= now:
        return False
    if barred and barred["at"] >= session["started"]:
        return False
    if len(_held) >= _HELD_SESSIONS:
        _held.clear()
    _held[session_id] = clock
    return True


def forget() -> None:
    """Drops the sessions held in this container."""
    _held.clear()


# ------------------------------------------------------------------ remembered answers


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it left."""

    status: int
    body: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Claimed:
    """The key was free, or its holder is dead: `claim` proves who holds it now. `began`: when the request came first."""

    claim: str
    began: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """The key was used before: for the same request or another, answered or not yet."""

    same_request: bool
    answer: Answer | None


def claim_key(key: str, request: str, claim: str, at: datetime, lease: int, life: int) -> Claimed | Known:
    """Takes an idempotency key for one run of a request. A run that never answered gives it up after `lease` seconds."""
    now = int(at.timestamp())
    row = {"id": f"answer#{key}", "asked": request, "claim": claim, "leased_to": now + lease, "expires": now + life}
    held = _put_claim({**row, "began": stamp(at)}, "attribute_not_exists(id) OR expires <= :now", {":now": now})
    if held is None:
        return Claimed(claim, at)
    same, died = held["asked"] == request, "answered" not in held and held["leased_to"] <= now
    if same and died:
        # Whatever the dead run did, it did as of then: doing it again as of then is doing the same.
        unchanged = "claim = :dead AND attribute_not_exists(answered)"
        if _put_claim({**row, "began": held["began"]}, unchanged, {":dead": held["claim"]}) is None:
            return Claimed(claim, from_stamp(held["began"]))
    return Known(same, _answer(held))


def _put_claim(row: dict[str, Any], condition: str, values: dict[str, Any]) -> dict[str, Any] | None:
    """Puts the row on this condition. What is there instead, if it did not hold."""
    try:
        send(
            "put_item",
            TableName=settings().transient_table,
            Item=to_item(row),
            ConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as failed:
        held = failed.item or _row(row["id"])
        if not held:
            raise Busy("BUSY") from failed
        # The client sends it twice if the first answer is lost.
        return None if held["claim"] == row["claim"] else held
    return None


def remember_answer(key: str, claim: str, answer: Answer) -> bool:
    """Keeps the answer of the run that holds the key. False if it lost the key, or the answer is too large to keep."""
    body = zlib.compress(answer.body.encode())
    if len(body) > _LARGEST:
        return False
    try:
        send(
            "update_item",
            TableName=settings().transient_table,
            Key=to_item({"id": f"answer#{key}"}),
            UpdateExpression="SET answered = :status, body = :body, headers = :headers",
            ConditionExpression="claim = :claim",
            ExpressionAttributeValues=to_item(
                {":status": answer.status, ":body": body, ":headers": answer.headers, ":claim": claim}
            ),
        )
    except ConditionFailed:
        return False
    return True


def release_key(key: str, claim: str) -> None:
    """Gives the key up, so that the same request may run again."""
    try:
        send(
            "delete_item",
            TableName=settings().transient_table,
            Key=to_item({"id": f"answer#{key}"}),
            ConditionExpression="claim = :claim AND attribute_not_exists(answered)",
            ExpressionAttributeValues=to_item({":claim": claim}),
        )
    except ConditionFailed:
        return


def _answer(row: dict[str, Any]) -> Answer | None:
    if not row.get("answered"):
        return None
    return Answer(row["answered"], zlib.decompress(row["body"]).decode(), row["headers"])


def _row(row_id: str) -> dict[str, Any]:
    answer = send("get_item", TableName=settings().transient_table, Key=to_item({"id": row_id}), ConsistentRead=True)
    return from_item(answer.get("Item") or {})
