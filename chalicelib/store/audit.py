"""Who did what to what, append only. Written in the transaction of the change itself."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4
from zlib import crc32

from msgspec import json

from chalicelib.settings import settings
from chalicelib.store.dynamo import send
from chalicelib.store.items import to_item
from chalicelib.store.keys import stamp

_SHARDS = 4
request: ContextVar[str | None] = ContextVar("request", default=None)
"""What is the same for every run of the request that is carried out; None where nobody repeats it under a key. Then what it
did is on record once, however often it was run."""


def fingerprint(value: object) -> str:
    """A hash of an object's content: the record says that it changed, not what personal data it held."""
    return sha256(json.encode(value, order="sorted")).hexdigest()


def record(
    at: datetime, who: str, action: str, what: str, before: object = None, after: object = None
) -> dict[str, Any]:
    """The write of one record, for a transaction."""
    once = request.get()
    unique = sha256(f"{once}\n{action}\n{what}".encode()).hexdigest()[:32] if once else uuid4().hex
    item = {
        "day_shard": f"{at.date().isoformat()}#{crc32(unique.encode()) % _SHARDS}",
        "at_id": f"{stamp(at)}#{unique}",
        "who": who,
        "action": action,
        "object": what,
        "before": fingerprint(before) if before is not None else None,
        "after": fingerprint(after) if after is not None else None,
    }
    return {"Put": {"TableName": settings().audit_table, "Item": to_item(item)}}


def keep(at: datetime, who: str, action: str, what: str, after: object = None) -> None:
    """Writes a record of something that changes nothing else."""
    send("put_item", **record(at, who, action, what, after=after)["Put"])
