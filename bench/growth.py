"""What a distributor's own pages cost as their books grow: read units, requests, and processor time without the database.

The entries are of the same ten days, because a balance is summed over days and not over entries: how it grows with days is
a table of its own. MiniStack looks at every item of a partition for every query, which DynamoDB does not; so its own time
is left out, and what DynamoDB does instead is in the read units.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any

import botocore.session

from bench.meter import metered
from bench.program import (
    CURRENCY,
    START,
    bind,
    distributor,
    images,
    opened,
    put,
    records,
    request,
    sales,
    settled_memory,
    stream,
)

SIZES = (10, 1_000, 100_000)
DAYS = (10, 100, 1_000, 3_650)
ROUNDS = 13
PAGES = {
    "balance": "/v1/distributors/{distributor_id}/balance",
    "statement, first page": "/v1/distributors/{distributor_id}/entries",
    "orders, first page": "/v1/distributors/{distributor_id}/orders",
    "team, first page": "/v1/distributors/{distributor_id}/team",
}
FIRST = 5
"""Distributors from this number on are measured: each is the sponsor of ten."""
LINES = "10"
"""A page: as many lines as the smallest statement has."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One page of a distributor who has `size` entries, or days."""

    page: str
    size: int
    read_units: float
    requests: int
    milliseconds: float


class _Engine:
    """The processor time that the engine takes."""

    def __init__(self) -> None:
        from tests import engine

        self.seconds, self._module, self._answer = 0.0, engine, engine.answer

    def __enter__(self) -> _Engine:
        self._module.answer = self._timed
        return self

    def __exit__(self, *_: object) -> None:
        self._module.answer = self._answer

    def _timed(self, asked: Any) -> Any:
        began = time.process_time()
        try:
            return self._answer(asked)
        finally:
            self.seconds += time.process_time() - began


def _write(table: str, items: Iterator[dict[str, Any]]) -> None:
    client, batch = botocore.session.get_session().create_client("dynamodb"), []
    for item in items:
        batch.append({"PutRequest": {"Item": item}})
        if len(batch) == 25:
            client.batch_write_item(RequestItems={table: batch})
            batch = []
    if batch:
        client.batch_write_item(RequestItems={table: batch})


def grow(key: str, n: int, size: int) -> None:
    """Gives distributor number `n` ten orders on ten days, and as many copies of the first, older ones, as make `size`."""
    from chalicelib.settings import settings
    from chalicelib.store.items import to_item
    from chalicelib.store.statement import between

    ours = []
    for day in range(10):
        [order] = sales(1, "uniform", seed=n, at=START + timedelta(days=day))
        ours.append(type(order)(order.order_id, order.customer_id, f"CODE{n:03d}", order.at, 12_900))
    bind(ours)
    for each in ours:
        put(each.event(key))
    stored = images(ours)
    stream(records(stored))
    first = between(f"distributor:{distributor(n)}:{CURRENCY}", "ENTRY#", "ENTRY#~")[0]
    order = stored[0]

    def older(i: int) -> str:
        return (START - timedelta(minutes=i + 1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    copies = range(size - 10)
    of_ledger = ({**first, "at": f"ENTRY#{older(i)}#OLD{i:011d}@1#direct", "order_id": f"OLD{i:011d}"} for i in copies)
    _write(settings().ledger_table, (to_item(each) for each in of_ledger))
    _write(
        settings().orders_table,
        ({**order, "id": {"S": f"OLD{n}{i:011d}"}, "placed_at": {"S": older(i)}} for i in copies),
    )


def grow_days(n: int, days: int) -> None:
    """Gives distributor number `n` so many days on which they earned; all but the last fifteen have matured."""
    from chalicelib.settings import settings
    from chalicelib.store.items import to_item
    from chalicelib.store.statement import between

    account = f"distributor:{distributor(n)}:{CURRENCY}"
    known = between(account, "DAY#", "DAY#~")[0]
    plain = {name: value for name, value in known.items() if name not in ("due", "due_shard")}
    last = date.fromisoformat("2026-02-28")
    items = []
    for i in range(days - 10):
        matured = {"matured_at": "2026-02-28T00:00:00.000000Z"} if i >= 5 else {}
        items.append(to_item({**plain, "at": f"DAY#{(last - timedelta(days=i)).isoformat()}#015", **matured}))
    _write(settings().ledger_table, iter(items))


def page_event(key: str, page: str, n: int) -> dict[str, Any]:
    event = request("GET", PAGES[page], key, distributor_id=distributor(n))
    return event | ({} if page == "balance" else {"multiValueQueryStringParameters": {"limit": [LINES]}})


def units_of(key: str, page: str, n: int) -> tuple[float, int]:
    """Read units and requests of a page of distributor number `n`, in a container that knows the key."""
    put(page_event(key, page, n))
    with metered() as consumed:
        put(page_event(key, page, n))
    return consumed.reads, consumed.calls


def _costs(key: str, page: str, who: dict[int, int]) -> list[Cost]:
    """The page of each of these distributors (number by size), by turns."""
    taken: dict[int, list[float]] = {size: [] for size in who}
    units = {size: units_of(key, page, n) for size, n in who.items()}
    settled_memory()
    for _ in range(ROUNDS):
        for size, n in who.items():
            with _Engine() as engine:
                began = time.process_time()
                put(page_event(key, page, n))
                taken[size].append(time.process_time() - began - engine.seconds)
    return [Cost(page, size, *units[size], median(taken[size]) * 1000) for size in who]


def by_entries() -> list[Cost]:
    """Every page with 10, 1,000 and 100,000 entries and as many orders."""
    key = opened()
    who = {size: FIRST + i for i, size in enumerate(SIZES)}
    for size, n in who.items():
        grow(key, n, size)
    return [cost for page in PAGES for cost in _costs(key, page, who)]


def by_days() -> list[Cost]:
    """The balance with days of up to ten years."""
    key = opened()
    who = {days: FIRST + i for i, days in enumerate(DAYS)}
    for days, n in who.items():
        grow(key, n, 10)
        grow_days(n, days)
    return _costs(key, "balance", who)
