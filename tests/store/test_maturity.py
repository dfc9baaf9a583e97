"""Days on hold become available money, once, whatever else happens to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest

from chalicelib.store import maturity, statement
from chalicelib.store.ledger import post
from tests.store import faults
from tests.store.builders import ANN, AT, DAY, holds, ledger, leg, posting, sum_of_all

pytestmark = pytest.mark.usefixtures("cloud_tables")


def mature_all(today: str = "2026-03-16") -> int:
    return sum(maturity.mature(page, AT) for page in maturity.due_days(today))


def held(who: str) -> tuple[int, int]:
    return holds(statement.balance(who, "CNY"))


def test_a_day_matures_on_its_day_and_once() -> None:
    post([posting("o-1", leg("ann", 100))])

    assert mature_all("2026-03-15") == 0
    assert mature_all("2026-03-16") == 1
    assert mature_all("2026-03-16") == 0
    assert held("ann") == (0, 100)
    day = ledger()[ANN, f"DAY#{DAY}#015"]
    assert (day["pending"], day["matured_at"]) == (100, "2026-03-01T04:00:00.000000Z")
    assert "due" not in day


def test_a_stale_page_matures_nothing_again() -> None:
    post([posting("o-1", leg("ann", 100))])
    page = next(iter(maturity.due_days("2026-03-16")))
    maturity.mature(page, AT)

    assert maturity.mature(page, AT) == 0
    assert held("ann") == (0, 100)


def test_an_empty_hold_matures_on_its_own_day() -> None:
    post([posting("o-1", leg("ann", 100, hold=0))])

    assert mature_all(DAY) == 1


def test_a_day_below_zero_takes_from_what_is_available() -> None:
    post([posting("o-1", leg("ann", 100)), posting("o-2", leg("ann", -130, day="2026-02-28"))])

    assert mature_all() == 2
    assert held("ann") == (0, -30)


def test_days_of_one_account_share_one_update_of_its_balance(requests_sent: Any) -> None:
    post([posting(f"o-{i}", leg("ann", 10, day=f"2026-02-{i:02d}")) for i in range(1, 21)])
    requests = requests_sent()

    assert mature_all() == 20
    (size,) = [len(a["TransactItems"]) for name, a in requests if name == "TransactWriteItems"]
    assert size == 21
    assert ledger()[ANN, "BALANCE"]["version"] == 1
    assert held("ann") == (0, 200)


def test_a_run_that_is_cut_off_is_finished_by_the_next() -> None:
    post([posting(f"o-{i}", leg(f"d-{i}", 10)) for i in range(30)])
    post([posting(f"p-{i}", leg(f"d-{i}", 10)) for i in range(30, 60)])
    pages = maturity.due_days("2026-03-16")
    first = maturity.mature(next(pages), AT)

    assert first + mature_all() == 60
    assert all(held(f"d-{i}") == (0, 10) for i in range(0, 60, 7))
    assert sum_of_all(ledger()) == 0


def test_more_days_than_a_page_are_found_page_by_page() -> None:
    for start in range(0, 90, 30):
        days = [date.fromordinal(date(2025, 9, 1).toordinal() + i).isoformat() for i in range(start, start + 30)]
        post([posting(f"o-{day}", leg("ann", 1, day=day)) for day in days])

    assert [len(page) for page in maturity.due_days("2026-03-16")] == [40, 40, 10]
    assert mature_all() == 90
    assert statement.balance("ann", "CNY").available == 90


def test_a_lost_answer_matures_once(monkeypatch: pytest.MonkeyPatch) -> None:
    post([posting("o-1", leg("ann", 100))])
    faults.plan(monkeypatch, faults.answer_lost, faults.cancelled("TransactionConflict"))

    mature_all()

    assert held("ann") == (0, 100)


def test_a_day_that_changes_meanwhile_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    post([posting("o-1", leg("ann", 100))])

    def another_posting(commit: Any, _items: int) -> Any:
        post([posting("o-2", leg("ann", 7))])
        return commit()

    faults.plan(monkeypatch, another_posting)

    assert mature_all() == 1
    assert held("ann") == (0, 107)


def test_maturing_beside_postings_to_the_same_day_loses_nothing() -> None:
    post([posting("o-0", leg("ann", 1))])

    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(post, [posting(f"o-{i}", leg("ann", 1))]) for i in range(1, 61)]
        runs = [pool.submit(mature_all) for _ in range(4)]
        assert {each.result()[0].result for each in writes} == {"applied"}
        assert sum(each.result() for each in runs) == 1

    assert held("ann") == (0, 61)
    assert sum_of_all(ledger()) == 0
