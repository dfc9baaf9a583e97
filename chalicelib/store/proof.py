"""Reads for the proof of the books. Reading everything is a scan: only staff asks for it, and only for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.domain.orders import Order
from chalicelib.settings import settings
from chalicelib.store import orders, tax_years
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item


def _scan(table: str) -> Iterator[dict[str, Any]]:
    start: dict[str, Any] = {}
    while True:
        answer = send("scan", TableName=table, ConsistentRead=True, **start)
        yield from map(from_item, answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def whole_ledger() -> Iterator[dict[str, Any]]:
    """Every item of the ledger, as plain attributes."""
    return _scan(settings().ledger_table)


def all_orders() -> Iterator[Order]:
    return map(orders.from_attributes, _scan(settings().orders_table))


def all_payouts() -> Iterator[dict[str, Any]]:
    """Every payout, as plain attributes."""
    return (item for item in _scan(settings().payouts_table) if not item["id"].startswith(tax_years.PREFIX))
