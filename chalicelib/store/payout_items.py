"""What a payout is in the tables, and the writes that its steps are made of.

An item holds what `domain.payouts.Payout` says (method and history as JSON), and while it is unfinished its place in the
sparse index `unfinished`: `open_shard`, and `open_at` = `<state>#<created_at>#<id>`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zlib import crc32

from msgspec import json, structs

from chalicelib.domain import accounts
from chalicelib.domain.buckets import day_of
from chalicelib.domain.payouts import UNFINISHED, Effect, Payout
from chalicelib.settings import settings
from chalicelib.store import keys, sums
from chalicelib.store.items import to_item

OPEN_SHARDS = tuple("01234567")
RAIL_SHARDS = tuple(f"r{shard}" for shard in OPEN_SHARDS)
"""Where payouts through rails that are called over HTTP stand: they are asked about every few minutes, files are not."""


def item(payout: Payout) -> dict[str, Any]:
    """The payout's item, as plain attributes."""
    return {
        **structs.asdict(payout),
        "method": json.encode(payout.method).decode(),
        "history": json.encode(payout.history).decode(),
        "created_at": keys.stamp(payout.created_at),
        **_open(payout),
    }


def _open(payout: Payout) -> dict[str, str]:
    if payout.state not in UNFINISHED:
        return {}
    shards = OPEN_SHARDS if payout.rail == "bank_file" else RAIL_SHARDS
    return {
        "open_shard": shards[crc32(payout.id.encode()) % len(shards)],
        "open_at": f"{payout.state}#{keys.stamp(payout.created_at)}#{payout.id}",
    }


def put(payout: Payout) -> dict[str, Any]:
    """Stores a payout whose id is free."""
    new = {
        "TableName": settings().payouts_table,
        "Item": to_item(item(payout)),
        "ConditionExpression": "attribute_not_exists(id)",
    }
    return {"Put": new}


def update(old: Payout, new: Payout) -> dict[str, Any]:
    """Takes a payout from one state to another, if it is still in the first."""
    before, after = item(old), item(new)
    sets = {name: value for name, value in after.items() if value != before.get(name)}
    gone = [name for name in before if name not in after]
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
    if gone:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in gone)
    change = {
        "TableName": settings().payouts_table,
        "Key": to_item({"id": old.id}),
        "UpdateExpression": expression,
        # No state is entered twice: whoever finds the state that he read finds everything as he read it.
        "ConditionExpression": "#state = :was",
        "ExpressionAttributeNames": {f"#{name}": name for name in (*sets, *gone)},
        "ExpressionAttributeValues": to_item({**{f":{name}": v for name, v in sets.items()}, ":was": old.state}),
    }
    return {"Update": change}


def entry(payout: Payout, leg: str, kind: str, amount: int, at: datetime) -> dict[str, Any]:
    """The line in the distributor's statement. Put if absent, although the payout's own state guards it already."""
    line = {
        "account": accounts.distributor(payout.distributor_id, payout.currency),
        "at": keys.entry(at, payout.id, leg),
        "kind": kind,
        "amount": amount,
        "day": day_of(at, settings().time_zone),
        "to": "available",
        "payout_id": payout.id,
        "happened_at": keys.stamp(at),
    }
    condition = "attribute_not_exists(account)"
    return {"Put": {"TableName": settings().ledger_table, "Item": to_item(line), "ConditionExpression": condition}}


def totals(steps: Sequence[tuple[Payout, Effect]], at: datetime) -> list[dict[str, Any]]:
    """What these effects add to the accounts that only count by day: one update for each item, whoever adds to it."""
    added: dict[tuple[str, str], int] = defaultdict(int)
    for payout, effect in steps:
        currency = payout.currency
        shard = keys.shard(accounts.distributor(payout.distributor_id, currency))
        added[accounts.clearing(payout.rail, currency), shard] += effect.clearing
        added[accounts.bank(payout.rail, currency), shard] += effect.bank
        added[accounts.fees(payout.rail, currency), shard] += effect.fees
        added[accounts.tax(payout.country, currency), shard] += effect.tax
    day = day_of(at, settings().time_zone)
    return [sums.total(account, day, amount, shard=shard) for (account, shard), amount in added.items() if amount]
