"""Reconciliations: what each one found, as a file of its own; and the reads that one is made from."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, json

from chalicelib.domain.accounts import clearing
from chalicelib.domain.errors import Refused
from chalicelib.domain.payouts import Payout
from chalicelib.domain.reconciliation import Finding
from chalicelib.settings import settings
from chalicelib.store import files, payouts, statement
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import stamp

MOST_PAYOUTS = 10_000
_LONGEST_SECONDS = 8


class Clearing(Struct, frozen=True, kw_only=True):
    """The clearing account of the rail and currency, in minor units: what is on its way."""

    before: int
    after: int


class Reconciliation(Struct, frozen=True, kw_only=True):
    """What a statement came to. `matched`: lines that agree; `cleared`: payouts that it moved; `left`: those that it would
    move, and did not, because it was not to apply them or time was up (the same statement again goes on)."""

    id: str
    rail: str
    currency: str
    format: str
    first: str
    last: str
    apply: bool
    state: Literal["done", "partly"]
    matched: int
    cleared: int
    left: int
    findings: tuple[Finding, ...]
    clearing: Clearing
    by: str
    at: datetime


def _path(reconciliation_id: str) -> str:
    return f"reconciliations/{reconciliation_id}.json"


def put(found: Reconciliation) -> None:
    files.put(_path(found.id), json.encode(found), "application/json")


def get(reconciliation_id: str) -> Reconciliation | None:
    stored = files.get(_path(reconciliation_id))
    return json.decode(stored, type=Reconciliation) if stored else None


def in_clearing(rail: str, currency: str) -> int:
    """What the rail's clearing account holds: the sum of its days."""
    return sum(day.get("amount", 0) for day in statement.days(clearing(rail, currency), "0000", "9999"))


def made_between(start: datetime, end: datetime) -> list[Payout]:
    """Everybody's payouts that were made from `start` on and before `end`; one that was made a moment ago may be missing.

    Reads the keys of all payouts (some 0.1 KB each) in the index `by_distributor`. Raises `Refused`
    (`RECONCILIATION_TOO_LARGE`) where more than `MOST_PAYOUTS` are in the range, or the keys take longer than 8 seconds.
    """
    ids: list[str] = []
    more: dict[str, Any] = {}
    until = time.monotonic() + _LONGEST_SECONDS
    while True:
        answer = send(
            "scan",
            TableName=settings().payouts_table,
            IndexName="by_distributor",
            FilterExpression="created_at >= :start AND created_at < :end",
            ExpressionAttributeValues=to_item({":start": stamp(start), ":end": stamp(end)}),
            **more,
        )
        ids += [from_item(key)["id"] for key in answer["Items"]]
        if len(ids) > MOST_PAYOUTS or time.monotonic() > until:
            raise Refused("RECONCILIATION_TOO_LARGE", limit=MOST_PAYOUTS)
        if "LastEvaluatedKey" not in answer:
            return list(payouts.get_many(ids).values())
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
