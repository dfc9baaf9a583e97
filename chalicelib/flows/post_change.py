"""What a change of an order, as the stream tells of it, does to the books."""

from __future__ import annotations

from typing import Any

from msgspec import json

from chalicelib.domain.accounts import payee
from chalicelib.domain.orders import Order
from chalicelib.domain.postings import Posting, difference

_decoder = json.Decoder(Order)


def posting_of(change: dict[str, Any]) -> Posting | None:
    """The posting of a record (its part `dynamodb`); None where nothing is to be posted: the order is gone, earns what it
    earned before, or came from a backup, with its entries. Raises whatever is wrong with an image that cannot be read."""
    old, new = change.get("OldImage"), change.get("NewImage")
    if new is None or (old is None and "restored" in new):
        return None
    return difference(_decoder.decode(old["image"]["S"]) if old else None, _decoder.decode(new["image"]["S"]))


def trace_of(change: dict[str, Any]) -> str:
    """The correlation id of the request that made the change; empty if none is known."""
    return str(change["NewImage"].get("trace", {}).get("S", ""))


def said(posting: Posting, trace: str = "") -> dict[str, Any]:
    """What a log line says of a posting: it leads from the request to whoever is paid for it."""
    who = sorted({payee(entry.account)[0] for entry in posting.entries})
    return {"order": posting.entries[0].order_id, "distributors": who, **({"correlation_id": trace} if trace else {})}
