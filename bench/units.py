"""Write units, read units and requests: of an order, by how many come in one batch and whom they go to; and of what happens
before and after it: binding, maturing, paying.

All of it follows from the code and the seed: no time is measured. A row is 300 orders of one day, the first of which make
the day's items; each draw is a day of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bench.meter import Consumed, metered
from bench.program import (
    DISTRIBUTORS,
    START,
    Sale,
    bind,
    distributor,
    images,
    opened,
    put,
    records,
    sales,
    stream,
)

ORDERS = 300


@dataclass(frozen=True, slots=True)
class Row:
    """Per order. `order_writes`: the order and its indexes; `posting_writes`: its entries, days and theirs."""

    levels: int
    draw: str
    batch: int
    what: str
    order_writes: float
    order_reads: float
    order_requests: float
    posting_writes: float
    posting_reads: float
    posting_requests: float
    most_writes: float
    """Of the batch that took most."""
    least_posting: float
    """Of the batch whose posting took least: the day's items were there."""

    @property
    def writes(self) -> float:
        return self.order_writes + self.posting_writes


def batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for i in range(0, len(items), size):
        yield items[i : i + size]


def posted(new: Sequence[Any], old: Sequence[Any], batch: int) -> tuple[Consumed, list[float]]:
    """Posts the changes in batches. What it took in all, and the write units an order of each batch."""
    each = []
    with metered() as taken:
        for now, was in zip(batches(new, batch), batches(old, batch), strict=True):
            before = taken.all_writes
            stream(records(now, was))
            each.append((taken.all_writes - before) / len(now))
    return taken, each


def row(
    levels: int, draw: str, batch: int, what: str, reported: Consumed, posting: Consumed, writes: list[float]
) -> Row:
    return Row(
        levels=levels,
        draw=draw,
        batch=batch,
        what=what,
        order_writes=reported.all_writes / ORDERS,
        order_reads=reported.reads / ORDERS,
        order_requests=reported.calls / ORDERS,
        posting_writes=posting.all_writes / ORDERS,
        posting_reads=posting.reads / ORDERS,
        posting_requests=posting.calls / ORDERS,
        most_writes=max(writes) + reported.all_writes / ORDERS,
        least_posting=min(writes),
    )


def measure(key: str, levels: int, draw: str, batch: int, at: datetime, refunds: bool) -> Iterator[Row]:
    """Reports and posts a day's orders, then gives all of each back."""
    orders, [first] = sales(ORDERS, draw, at=at), sales(1, draw, seed=2, at=at)
    bind([*orders, first])
    put(first.event(key))  # from here on the container holds the key and the plan
    with metered() as reported:
        for each in orders:
            put(each.event(key))
    new = images(orders)
    yield row(levels, draw, batch, "paid order", reported, *posted(new, [None] * ORDERS, batch))
    if refunds:
        with metered() as reported:
            for each in orders:
                put(each.event(key, refunds=[given_back(each)]))
        yield row(levels, draw, batch, "full refund of it", reported, *posted(images(orders), new, batch))


def given_back(order: Sale) -> dict[str, Any]:
    at = (order.at + timedelta(hours=1)).isoformat()
    return {"refund_id": "r-1", "refunded_at": at, "amount": order.amount + 5300}


def orders() -> list[Row]:
    """Every row about orders."""
    rows: list[Row] = []
    for levels in (2, 1):
        key = opened(levels)
        day = 0
        for draw in ("uniform", "zipf"):
            for batch in (1, 10, 100):
                day += 1
                rows += measure(key, levels, draw, batch, START + timedelta(days=day), refunds=levels == 2)
    return rows


@dataclass(frozen=True, slots=True)
class Step:
    """What one `unit` of something takes."""

    what: str
    unit: str
    count: int
    writes: float
    reads: float
    requests: float


def step(what: str, unit: str, count: int, taken: Consumed) -> Step:
    return Step(what, unit, count, taken.all_writes / count, taken.reads / count, taken.calls / count)


METHOD = {"rail": "bank_file", "holder": "Li Wei", "account": "6222020200112233445", "bank": "ICBC"}


def paid_out(at: datetime) -> Iterator[Step]:
    """Matures what is due by `at`, settles it into a file for the bank, and takes the bank's answer."""
    from chalicelib.flows.mature import mature
    from chalicelib.flows.report_results import Result, report_results
    from chalicelib.flows.settle import settle
    from chalicelib.store import run_members

    with metered() as taken:
        days = mature(at)
    yield step("maturing", "account and day", days, taken)
    with metered() as taken:
        settled = settle(at, lambda: 1e9)
    assert settled.state == "filed", settled
    yield step("settling", "payout", settled.payouts, taken)
    made = [payout for _, group in run_members.members(settled.run) for payout in group]
    with metered() as taken:
        for some in batches(made, 50):
            report_results([Result(payout_id=each, outcome="paid") for each in some], "bench", at + timedelta(days=1))
    yield step("the bank's answer", "payout", settled.payouts, taken)


def with_methods() -> None:
    """Every distributor can be paid."""
    from chalicelib.store import distributors

    for n in range(DISTRIBUTORS + 1):
        known = distributors.get(distributor(n))
        assert known and distributors.set_payout_methods(known, {"card": METHOD})


def around() -> list[Step]:
    """Binding customers, and what becomes of a day's orders until they are paid out."""
    key = opened()
    with_methods()
    orders = sales(ORDERS, "zipf")
    with metered() as taken:
        bind(orders)
    steps = [step("binding", "customer", ORDERS, taken)]
    for each in orders:
        put(each.event(key))
    posted(images(orders), [None] * ORDERS, 100)
    return steps + list(paid_out(START + timedelta(days=30)))
