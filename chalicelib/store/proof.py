"""Reads for the proof of the books. Reading everything is a scan: for staff who ask for it, and at night."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain import accounts
from chalicelib.domain.orders import Order
from chalicelib.domain.payouts import Payout
from chalicelib.domain.postings import holdings, leg
from chalicelib.settings import settings
from chalicelib.store import keys, orders, payouts, statement, tax_years
from chalicelib.store.batch import Ref, read, ref
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item

Page = tuple[list[dict[str, Any]], dict[str, Any] | None]
"""Items as plain attributes, and where the next page begins."""


def _page(table: str, after: dict[str, Any] | None, limit: int | None = None) -> Page:
    more = {"ExclusiveStartKey": after, "Limit": limit}
    answer = send("scan", TableName=table, ConsistentRead=True, **{name: each for name, each in more.items() if each})
    return [from_item(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")


def _scan(table: str) -> Iterator[dict[str, Any]]:
    after: dict[str, Any] | None = None
    while True:
        items, after = _page(table, after)
        yield from items
        if after is None:
            return


def whole_ledger() -> Iterator[dict[str, Any]]:
    """Every item of the ledger, as plain attributes."""
    return _scan(settings().ledger_table)


def ledger_page(after: dict[str, Any] | None) -> Page:
    """A page of the ledger: the items of one account follow each other, BALANCE, then days, then entries."""
    return _page(settings().ledger_table, after)


def all_orders() -> Iterator[Order]:
    return map(orders.from_attributes, _scan(settings().orders_table))


def orders_page(after: dict[str, Any] | None, limit: int) -> Page:
    """A page of the orders' items."""
    return _page(settings().orders_table, after, limit)


def paid_out() -> tuple[list[Payout], dict[tuple[str, str], int]]:
    """Every payout, and every running total that tax depends on, by item and attribute."""
    return sorted_out(_scan(settings().payouts_table))


def payouts_page(after: dict[str, Any] | None, limit: int) -> Page:
    """A page of the payouts' table: payouts and running totals (`sorted_out` tells them apart)."""
    return _page(settings().payouts_table, after, limit)


def sorted_out(items: Iterable[dict[str, Any]]) -> tuple[list[Payout], dict[tuple[str, str], int]]:
    """The payouts among these items, and the running totals, by item and attribute."""
    found: list[Payout] = []
    totals: dict[tuple[str, str], int] = {}
    for item in items:
        if item["id"].startswith(tax_years.PREFIX):
            totals |= {(item["id"], name): amount for name, amount in item.items() if "_" in name}
        else:
            found.append(payouts.from_attributes(item))
    return found, totals


def tax_year(item_id: str) -> tuple[dict[tuple[str, str], int], list[Payout]]:
    """The running totals of one item, by item and attribute, and the payee's payouts around that year."""
    of_payee, _, year = item_id.rpartition("#")
    distributor_id, _, _ = of_payee.removeprefix(tax_years.PREFIX).rpartition("#")
    key = ref(settings().payouts_table, id=item_id)
    _, totals = sorted_out(read(key).values())
    first, last = datetime(int(year) - 1, 12, 30, tzinfo=UTC), datetime(int(year) + 1, 1, 3, tzinfo=UTC)
    return totals, payouts.made_between(distributor_id, first, last)


def read_account(account: str, add: Callable[[dict[str, Any]], None]) -> bool:
    """Hands every item of an account to `add`. False if it changed meanwhile: then what was added is of no instant."""
    before = statement.between(account, keys.BALANCE, "DAY#~")
    start: dict[str, Any] | None = None
    while True:
        page = statement.query(account, "ENTRY#", "ENTRY#~", ExclusiveStartKey=start)
        for item in page["Items"]:
            add(item)
        start = page.get("LastEvaluatedKey")
        if not start:
            break
    after = statement.between(account, keys.BALANCE, "DAY#~")
    for item in after:
        add(item)
    return before == after


def entries_of(orders_read: Sequence[Order]) -> dict[str, list[dict[str, Any]]]:
    """The entries of these orders (plain attributes), by order: those that their images know of, whoever is paid by them.

    An order whose first posting is its last, as most are, costs one item each of a read of many; another one costs a query
    for each posting and payee.
    """
    found: dict[str, list[dict[str, Any]]] = {order.facts.order_id: [] for order in orders_read}
    wanted: list[Ref] = []
    for order in orders_read:
        if len(order.written) == 1 and not order.former:
            wanted += _first_entries(order)
        else:
            found[order.facts.order_id] = _queried(order)
    for item in read(*wanted).values():
        found[item["order_id"]].append(item)
    return found


def _first_entries(order: Order) -> list[Ref]:
    [only], currency = order.written, order.facts.currency
    posting = f"{order.facts.order_id}@{only.revision}"
    return [
        ref(
            settings().ledger_table,
            account=accounts.distributor(distributor_id, currency),
            at=keys.entry(only.at, posting, leg(level, bucket)),
        )
        for level, distributor_id, bucket in holdings(order)
    ]


def _queried(order: Order) -> list[dict[str, Any]]:
    terms, order_id = order.terms, order.facts.order_id
    now = [each.distributor_id for each in (terms.direct, terms.indirect) if each] if terms else []
    payees = dict.fromkeys(accounts.distributor(each, order.facts.currency) for each in (*now, *order.former))
    return [
        entry
        for written in order.written
        for account in payees
        for entry in statement.of_posting(account, written.at, f"{order_id}@{written.revision}")
        if entry["order_id"] == order_id
    ]
