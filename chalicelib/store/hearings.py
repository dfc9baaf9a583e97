"""When a connection's deliveries last verified, and when and why they last did not: one item a connection, in the
inbox's table.

Written at most once in some seconds by a container, so that neither a busy shop nor an attacker makes it a hot item: the
times are exact to that, and nothing is counted.
"""

from __future__ import annotations

import time
from datetime import datetime

from msgspec import Struct

from chalicelib.settings import settings
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import from_stamp, stamp

VERIFIED = "verified"
_EVERY = {VERIFIED: 10.0}
_REFUSALS_EVERY = 2.0
_written: dict[tuple[str, str], float] = {}


class Hearing(Struct, frozen=True):
    """`refused`: by code, when the last such delivery came, and (for another provider's) whose it looked like."""

    verified_at: datetime | None = None
    refused: dict[str, datetime] = {}
    other: str | None = None


def due(connection_id: str, what: str) -> bool:
    """Whether to write down now that a delivery verified, or was refused (`what`: the code)."""
    now, key = time.monotonic(), (connection_id, what)
    if now - _written.get(key, -3600.0) < _EVERY.get(what, _REFUSALS_EVERY):
        return False
    if len(_written) > 1000:
        _written.clear()
    _written[key] = now
    if what != VERIFIED:  # the first delivery that verifies after it is news
        _written.pop((connection_id, VERIFIED), None)
    return True


def note(connection_id: str, what: str, at: datetime, other: str | None = None) -> None:
    """Writes down that a delivery verified, or was refused by this code."""
    names, values = {"#at": f"at#{what}"}, {":at": stamp(at)}
    if other:
        names["#other"], values[":other"] = "other", other
    send(
        "update_item",
        TableName=settings().inbox_table,
        Key=to_item({"id": f"hearing#{connection_id}"}),
        UpdateExpression="SET #at = :at" + (", #other = :other" if other else ""),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=to_item(values),
    )


def of(connection_id: str) -> Hearing:
    """What was written down of a connection."""
    answer = send(
        "get_item",
        TableName=settings().inbox_table,
        Key=to_item({"id": f"hearing#{connection_id}"}),
        ConsistentRead=True,
    )
    item = from_item(answer.get("Item") or {})
    times = {name.removeprefix("at#"): from_stamp(text) for name, text in item.items() if name.startswith("at#")}
    verified_at = times.pop(VERIFIED, None)
    return Hearing(verified_at, dict(sorted(times.items(), key=lambda each: each[1], reverse=True)), item.get("other"))


def forget() -> None:
    """Drops what this container remembers of its writes."""
    _written.clear()
