"""What an account holds and why: one instant, page by page."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from msgspec import structs

from chalicelib.domain import accounts
from chalicelib.domain.errors import Malformed
from chalicelib.store import cursors, maturity, statement
from chalicelib.store.ledger import post
from tests.store.builders import ANN, AT, DAY, holds, leg, posting

pytestmark = pytest.mark.usefixtures("cloud_tables")


def of_ann(count: int) -> None:
    post(
        [structs.replace(posting(f"o-{i:02d}", leg("ann", i)), at=AT + timedelta(hours=i)) for i in range(1, count + 1)]
    )


def test_nobody_knows_an_account_without_items() -> None:
    assert statement.balance("nobody", "CNY") == statement.Balance()
    assert statement.entries(["distributor:nobody:CNY"], 10, None) == ([], None)


def test_the_balance_is_of_one_instant_while_days_mature() -> None:
    days = [date.fromordinal(date(2026, 1, 1).toordinal() + i).isoformat() for i in range(24)]
    post([posting(f"o-{day}", leg("ann", 10, day=day)) for day in days])
    seen, done = [], threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append(sum(holds(statement.balance("ann", "CNY"))))

    with ThreadPoolExecutor(3) as pool:
        lookers = [pool.submit(look) for _ in range(2)]
        for day in days:
            for page in maturity.due_days(date.fromordinal(date.fromisoformat(day).toordinal() + 15).isoformat()):
                maturity.mature(page, AT)
        done.set()
        for each in lookers:
            each.result()

    assert set(seen) == {240}
    assert holds(statement.balance("ann", "CNY")) == (0, 240)


def test_the_statement_goes_from_the_newest_to_the_oldest_page_by_page() -> None:
    of_ann(7)

    amounts, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        items, cursor = statement.entries([ANN], 3, cursor)
        amounts += [item["amount"] for item in items]
        pages += 1

    assert amounts == [7, 6, 5, 4, 3, 2, 1]
    assert pages == 3


def test_accounts_in_several_currencies_are_one_statement() -> None:
    of_ann(3)
    dollars = accounts.distributor("ann", "USD")
    later = posting("o-usd", structs.replace(leg("ann", 9), account=dollars))
    post([structs.replace(later, at=AT + timedelta(hours=2, minutes=30))])

    first, cursor = statement.entries([ANN, dollars], 2, None)
    rest, end = statement.entries([ANN, dollars], 2, cursor)

    assert [item["amount"] for item in first + rest] == [3, 9, 2, 1]
    assert end is None


@pytest.mark.parametrize(
    "key",
    [
        {"account": {"S": ANN}},
        {"at": {"S": "BALANCE"}},
        {"at": {"N": "1"}},
        {"at": {"S": ""}},
        {"at": {"S": "ENTRY#" + "x" * 2000}},
        {"at": {"S": "ENTRY#1"}, "more": {"S": "x"}},
        {"id": {"S": "x"}},
    ],
)
def test_a_forged_cursor_is_refused(key: dict[str, dict[str, str]]) -> None:
    of_ann(1)

    with pytest.raises(Malformed):
        statement.entries([ANN], 1, cursors.sealed(key))


@pytest.mark.parametrize("cursor", ["%%%", "bm90IGpzb24", "e30", "W10", "é"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Malformed):
        statement.entries([ANN], 1, cursor)


def test_the_entries_of_one_posting_are_found_by_its_key() -> None:
    of_ann(12)

    (found,) = statement.of_posting(ANN, AT + timedelta(hours=1), "o-01@1")

    assert (found["order_id"], found["amount"]) == ("o-01", 1)


def test_days_are_read_from_one_to_another_both_included() -> None:
    post([posting(f"o-{d}", leg("ann", d, day=f"2026-03-{d:02d}")) for d in (1, 2, 3, 4)])

    assert [day["direct"] for day in statement.days(ANN, DAY, "2026-03-03")] == [1, 2, 3]


def test_what_is_reported_years_late_is_on_hold_until_the_next_run() -> None:
    post([posting("o-1", leg("ann", 100, day="2019-01-01"))])

    assert holds(statement.balance("ann", "CNY")) == (100, 0)
