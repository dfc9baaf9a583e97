"""What was measured as `RESULTS.md` and curves."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.cold_start import TARGET
from bench.curves import curves
from bench.figures import Measured, figures
from bench.growth import FIRST, LINES, Cost
from bench.price import (
    MONTHLY,
    PER_PAYOUT,
    PRICES,
    PROCESSOR_MB,
    READ_ON,
    TRANSACTION_WAIT,
    USUAL,
    WAIT,
    memory,
    share,
)
from bench.units import ORDERS

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "RESULTS.md"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def cell(value: object) -> str:
        return f"{value:,.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)

    lines = [heads, ["---" if i == 0 else "---:" for i in range(len(heads))], *([cell(c) for c in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def written(of: Measured) -> None:
    """Writes the results and the curves."""
    RESULTS.write_text(_text(of), encoding="utf-8")
    by_batch: dict[str, list[tuple[float, float]]] = {}
    for row in of.orders:
        if row.what == "paid order":
            name = f"{'two levels' if row.levels == 2 else 'one level'}, {row.draw}"
            by_batch.setdefault(name, []).append((row.batch, row.writes))
    by_size: dict[str, list[tuple[float, float]]] = {}
    by_time: dict[str, list[tuple[float, float]]] = {}
    for cost in of.by_entries:
        by_size.setdefault(cost.page, []).append((cost.size, cost.read_units))
        by_time.setdefault(cost.page, []).append((cost.size, cost.milliseconds))
    by_days = [(cost.size, cost.read_units) for cost in of.by_days]
    drawings = {
        "write-units": curves("Write units of a paid order", "orders in a batch", "write units an order", by_batch),
        "growth-units": curves("Read units of a page", "entries", "read units", by_size),
        "growth-time": curves("Processor time of a page", "entries", "ms, without the database", by_time),
        "growth-days": curves("Read units of the balance", "days with earnings", "read units", {"balance": by_days}),
    }
    for name, drawing in drawings.items():
        (FOLDER / f"{name}.svg").write_text(drawing, encoding="utf-8")


def _text(of: Measured) -> str:
    facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "seconds": f"{of.seconds:.0f}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "figures": _table(
            ["Figure", "measured", "wanted", "reached"],
            [(f.name, f.measured, f.wanted, "yes" if f.ok else "**no**") for f in figures(of)],
        ),
        "count": ORDERS,
        "orders": _orders(of),
        "steps": _table(
            ["Step", "for each", "writes", "reads", "requests"],
            [(s.what, s.unit, s.writes, s.reads, s.requests) for s in of.steps],
        ),
        "paces": _paces(of),
        "spent": _table(
            ["", "ms an order", "botocore", "our own"], [(s.what, s.whole, s.botocore, s.own) for s in of.spent]
        ),
        "bare": f"{of.bare:.0f}",
        "target": TARGET,
        "starts": _table(["", "ms", "x floor"], [(s.name, s.milliseconds, s.ratio) for s in of.starts]),
        "lines": LINES,
        "first": FIRST,
        "by_entries": _pages("entries", of.by_entries),
        "by_days": _pages("days", of.by_days),
        "read_on": READ_ON,
        "usual": USUAL,
        "price": _price(of),
        "prices": _table(
            ["Price", "dollars", "of", "page"],
            [
                (name, f"{dollars:.10f}".rstrip("0").rstrip("."), what, page)
                for name, (dollars, what, page) in PRICES.items()
            ],
        ),
        "monthly": "; ".join(f"{name} ${dollars:.2f}" for name, (dollars, _) in MONTHLY.items()),
        "whole_mb": PROCESSOR_MB,
        "api_mb": memory("api_handler"),
        "stream_mb": memory("commissions"),
        "wait": f"{WAIT * 1000:.0f}",
        "transaction_wait": f"{TRANSACTION_WAIT * 1000:.0f}",
    }
    return (FOLDER / "RESULTS.template.md").read_text(encoding="utf-8").format(**facts)


def _pages(what: str, costs: Iterable[Cost]) -> str:
    rows = [(c.page, f"{c.size:,}", c.read_units, c.requests, c.milliseconds) for c in costs]
    return _table(["Page", what, "read units", "requests", "ms"], rows)


def _orders(of: Measured) -> str:
    heads = [
        "Order",
        "levels",
        "draw",
        "batch",
        "writes",
        "dearest",
        "of them posting",
        "reads",
        "requests",
        "of the stream",
    ]
    rows = [
        (
            row.what,
            row.levels,
            row.draw,
            row.batch,
            row.writes,
            row.most_writes,
            row.posting_writes,
            row.order_reads + row.posting_reads,
            row.order_requests + row.posting_requests,
            row.posting_requests,
        )
        for row in of.orders
    ]
    return _table(heads, rows)


def _paces(of: Measured) -> str:
    rows = [
        (p.what, f"{p.ours:,.0f}", *((f"{p.floor:,.0f}", p.ratio) if p.floor else ("", "")))
        for p in (*of.paces, *of.http)
    ]
    return _table(["", "orders/s", "floor", "ratio"], rows)


def _price(of: Measured) -> str:
    heads = ["Service", *(f"batches of {bill.batch}" for bill in of.bills)]
    split = [bill.by_service() for bill in of.bills]
    rows = [(name, *(f"${each[name]:.2f}" for each in split)) for name in split[0]]
    rows += [
        ("EventBridge, DynamoDB streams", *("$0.00" for _ in split)),
        ("**sum**", *(f"**${b.total:.2f}**" for b in of.bills)),
    ]
    legs = [
        (
            f"{leg.name}, batches of {bill.batch}",
            f"${sum(leg.dollars().values()):.2f}",
            leg.writes,
            leg.reads,
            leg.requests,
            f"{leg.milliseconds:.0f}" + (f" x {leg.invocations:g}" if leg.invocations else ""),
            f"{leg.log_bytes:.0f}",
        )
        for bill in of.bills
        for leg in bill.legs
    ]
    leg_heads = ["Leg, an order", "a million", "writes", "reads", "requests", "Lambda, ms x runs", "bytes of log"]
    shares = ", ".join(f"${sum(share(of.steps, n).dollars().values()):.2f} at {n}" for n in PER_PAYOUT)
    by_payout = f"The last leg by the orders that come in for every payout: {shares}."
    return "\n\n".join([_table(heads, rows), _table(leg_heads, legs), by_payout])
