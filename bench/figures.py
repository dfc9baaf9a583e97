"""What was measured, and the figures to reach."""

from __future__ import annotations

from dataclasses import dataclass

from bench.cold_start import Start
from bench.growth import SIZES, Cost
from bench.price import Bill
from bench.processor import Spent
from bench.throughput import Pace
from bench.units import Row, Step


@dataclass(frozen=True, slots=True)
class Measured:
    orders: list[Row]
    steps: list[Step]
    spent: list[Spent]
    bills: list[Bill]
    paces: list[Pace]
    by_entries: list[Cost]
    by_days: list[Cost]
    http: list[Pace]
    bare: float
    starts: list[Start]
    seconds: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure to reach, and what was measured."""

    name: str
    measured: str
    wanted: str
    ok: bool


def _at_most(name: str, measured: float, most: float, unit: str = "") -> Figure:
    return Figure(name, f"{unit}{measured:.2f}", f"<= {unit}{most:g}", measured <= most)


def _at_least(name: str, measured: float, least: float) -> Figure:
    return Figure(name, f"{measured:.2f}", f">= {least:g}", measured >= least)


def figures(of: Measured) -> list[Figure]:
    """Every figure to reach."""
    rows = {(row.levels, row.draw, row.batch, row.what): row for row in of.orders}
    alone, batch = rows[2, "uniform", 1, "paid order"], rows[2, "zipf", 100, "paid order"]
    pace = {each.what: each.ratio for each in of.paces}
    spent = {each.what: each for each in of.spent}
    cost = {(each.page, each.size): each for each in of.by_entries}
    found = [
        _at_most("write units of an order, alone (the dearest)", alone.most_writes, 14),
        _at_most("write units of an order, batch of 100, Zipf (the dearest batch)", batch.most_writes, 10),
        _at_most("of them the posting, alone, once the day's items exist", alone.least_posting, 10),
        _at_most("of them the posting, batch of 100, Zipf", batch.posting_writes, 6.5),
        _at_most("requests of the stream function an order, batch of 100", batch.posting_requests, 0.1),
        _at_most("read units of the stream function", batch.posting_reads + alone.posting_reads, 0),
        _at_least("stream function, ratio to the floor", pace["stream function"], 0.7),
        _at_least("order API, ratio to the floor", pace["order API"], 0.6),
        _at_most("our own ms of processor an order, stream", spent["stream function, batches of 100"].own, 1),
    ]
    for page in ("balance", "statement, first page"):
        few, many = cost[page, SIZES[0]], cost[page, SIZES[-1]]
        ratio = many.milliseconds / few.milliseconds
        found += [
            Figure(f"{page}, time at 100,000 entries to 10", f"{ratio:.2f}", "0.8 to 1.2", 0.8 <= ratio <= 1.2),
            Figure(
                f"{page}, read units at 10 and 100,000 entries",
                f"{few.read_units:g} and {many.read_units:g}",
                "the same",
                few.read_units == many.read_units,
            ),
        ]
    return found + [_at_most(f"dollars per million orders, batch of {b.batch}", b.total, 15, "$") for b in of.bills]
