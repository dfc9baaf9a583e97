"""The books: each posting at most once, whole or not at all, many in one transaction."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain.buckets import HELD
from chalicelib.store import maturity, statement
from chalicelib.store.ledger import Outcome, post
from tests.store.builders import ANN, AT, BOB, DAY, both, entries_of, holds, ledger, leg, posting, sum_of_all

pytestmark = pytest.mark.usefixtures("cloud_tables")


def results(outcomes: list[Outcome]) -> list[str]:
    return [each.result for each in outcomes]


def mature_all() -> int:
    return sum(maturity.mature(page, AT) for page in maturity.due_days("2026-03-16"))


def held(who: str) -> tuple[int, int]:
    return holds(statement.balance(who, "CNY"))


def test_a_posting_puts_its_entries_its_days_and_its_charges() -> None:
    assert post([both("o-1", 100, 30)]) == [Outcome("o-1@1", "applied")]

    items = ledger()
    assert len(items) == 5
    assert items[ANN, f"DAY#{DAY}#015"] == {
        "pending": 100,
        "direct": 100,
        "orders": 1,
        "sales": 1000,
        "due_shard": items[ANN, f"DAY#{DAY}#015"]["due_shard"],
        "due": f"2026-03-16#{ANN}",
    }
    assert entries_of(items, ANN) == [100]
    assert entries_of(items, BOB) == [30]
    assert sum_of_all(items) == 0


def test_posting_twice_changes_nothing() -> None:
    post([both("o-1", 100, 30)])
    before = ledger()

    assert results(post([both("o-1", 100, 30)])) == ["already_applied"]
    assert ledger() == before


@pytest.fixture
def alarms(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.ERROR, "fenrun")
    return lambda: [getattr(record, "alarm", None) for record in caplog.records]


def test_the_same_key_with_another_body_is_refused_with_an_alarm(alarms: Any) -> None:
    post([both("o-1", 100, 30)])
    before = ledger()

    outcomes = post([both("o-1", 999, 30), both("o-2", 10, 3)])

    assert outcomes == [Outcome("o-1@1", "refused", "SAME_KEY_OTHER_BODY"), Outcome("o-2@1", "applied")]
    assert alarms() == ["SAME_KEY_OTHER_BODY"]
    assert {key: item for key, item in ledger().items() if "o-1" in key[1]} == {
        key: item for key, item in before.items() if "o-1" in key[1]
    }
    assert held("ann") == (110, 0)


def test_a_posting_that_is_there_in_part_is_refused_with_an_alarm(alarms: Any) -> None:
    post([posting("o-1", leg("ann", 100))])

    assert results(post([both("o-1", 100, 30)])) == ["refused"]
    assert alarms() == ["SAME_KEY_OTHER_BODY"]
    assert held("bob") == (0, 0)


def test_a_batch_may_hold_the_same_posting_twice() -> None:
    one = both("o-1", 100, 30)

    assert results(post([one, both("o-2", 1, 1), one])) == ["applied", "applied", "applied"]
    assert held("ann") == (101, 0)


def test_two_bodies_under_one_key_in_a_batch_are_both_refused(alarms: Any) -> None:
    outcomes = post([both("o-1", 100, 30), both("o-1", 101, 30), both("o-2", 1, 1)])

    assert results(outcomes) == ["refused", "refused", "applied"]
    assert alarms() == ["SAME_KEY_OTHER_BODY"]


def test_applied_already_there_and_refused_in_one_batch() -> None:
    post([both("o-1", 100, 30), both("o-2", 100, 30)])
    batch = [both("o-1", 100, 30), both("o-2", 7, 30), both("o-3", 5, 1), both("x" * 1100, 5, 1), both("o-4", 6, 1)]

    outcomes = post(batch)

    assert results(outcomes) == ["already_applied", "refused", "applied", "refused", "applied"]
    assert held("ann") == (211, 0)
    assert held("bob") == (62, 0)
    assert sum_of_all(ledger()) == 0


@pytest.mark.parametrize(
    "poison",
    [both("x" * 1100, 5, 1), both("o-big", 10**39, 1), posting("o-many", *(leg(f"d{i}", 1) for i in range(60)))],
    ids=["a key beyond DynamoDB's", "a number beyond 38 digits", "more items than a transaction takes"],
)
@pytest.mark.parametrize("position", [0, 1, 3])
def test_what_the_tables_cannot_take_is_refused_alone(poison: Any, position: int) -> None:
    batch = [both(f"o-{i}", 100, 30) for i in range(3)]
    batch.insert(position, poison)

    outcomes = post(batch)

    assert [each.result for each in outcomes if each.key != poison.key] == ["applied"] * 3
    assert outcomes[position].result == "refused"
    assert held("ann") == (300, 0)
    assert sum_of_all(ledger()) == 0


def sizes(requests: list[tuple[str, dict[str, Any]]]) -> list[int]:
    return [len(arguments["TransactItems"]) for name, arguments in requests if name == "TransactWriteItems"]


def test_many_postings_of_one_distributor_share_one_update_of_the_day(requests_sent: Any) -> None:
    requests = requests_sent()

    post([posting(f"o-{i}", leg("ann", 10, sales=50)) for i in range(50)])

    assert len(sizes(requests)) == 1
    # 50 entries, one DAY, and at most one day of each of the merchant's eight shards
    assert 51 < sizes(requests)[0] <= 59
    assert ledger()[ANN, f"DAY#{DAY}#015"]["orders"] == 50
    assert held("ann") == (500, 0)


def test_a_large_batch_goes_in_transactions_of_at_most_100_items(requests_sent: Any) -> None:
    requests = requests_sent()

    outcomes = post([both(f"o-{i}", 10, 3) for i in range(130)])

    assert set(results(outcomes)) == {"applied"}
    assert max(sizes(requests)) <= 100
    assert len(sizes(requests)) <= 4
    assert held("ann") == (1300, 0)
    assert sum_of_all(ledger()) == 0


def test_what_comes_after_the_day_matured_is_available_at_once_and_counts_on_its_own_day() -> None:
    post([both("o-1", 100, 30)])
    assert mature_all() == 2
    assert held("ann") == (0, 100)

    refund = posting("o-1", leg("ann", -40), revision=2, happened_on="2026-03-19")
    assert results(post([refund])) == ["applied"]

    assert held("ann") == (0, 60)
    items = ledger()
    assert items[ANN, f"DAY#{DAY}#015"]["pending"] == 100
    assert items[ANN, "DAY#2026-03-19#015"] == {"direct": -40, "reversals": 40}
    assert items[ANN, "ENTRY#2026-03-01T04:00:00.000000Z#o-1@2#direct.2026-03-01"]["to"] == "available"
    assert sum_of_all(items) == 0
    assert results(post([refund])) == ["already_applied"]
    assert ledger() == items


def test_a_late_reversal_takes_the_balance_below_zero_and_later_earnings_repay_it() -> None:
    post([both("o-1", 100, 30)])
    mature_all()
    post([posting("o-1", leg("ann", -250), revision=2, happened_on="2026-03-19")])
    assert held("ann") == (0, -150)

    post([posting("o-2", leg("ann", 200), happened_on="2026-03-19")])

    assert held("ann") == (0, 50)
    assert sum_of_all(ledger()) == 0


def test_a_batch_meets_matured_days_and_others() -> None:
    post([both("o-1", 100, 30)])
    mature_all()

    outcomes = post([both("o-1", 100, 30), both("o-2", 10, 3), posting("o-3", leg("ann", 5, day="2026-03-18"))])

    assert results(outcomes) == ["already_applied", "applied", "applied"]
    assert held("ann") == (5, 110)
    assert held("bob") == (0, 33)
    assert sum_of_all(ledger()) == 0


def test_held_money_never_matures() -> None:
    post([posting("o-1", leg("ann", -100), leg("ann", 100, day=HELD), revision=2)])

    assert mature_all() == 1
    assert held("ann") == (100, -100)
    assert "due" not in ledger()[ANN, "DAY#HELD#015"]


def test_entries_that_cancel_out_leave_an_empty_day_that_matures() -> None:
    post([posting("o-1", leg("ann", 100)), posting("o-1", leg("ann", -100), revision=2)])

    assert held("ann") == (0, 0)
    assert mature_all() == 1
    assert entries_of(ledger(), ANN) == [100, -100]


def test_only_the_content_counts_not_who_happened_to_read_it() -> None:
    one = both("o-1", 100, 30)
    post([one])

    again = structs.replace(one, entries=tuple(structs.replace(e, merchants=dict(e.merchants)) for e in one.entries))
    assert results(post([again])) == ["already_applied"]


def test_statistics_alone_beside_money_leave_the_day_on_hold() -> None:
    money, counted = posting("o-1", leg("ann", 100)), posting("o-2", leg("ann", 0, sales=7))

    assert results(post([money, counted])) == ["applied", "applied"]

    day = ledger()[ANN, f"DAY#{DAY}#015"]
    assert (day["pending"], day["sales"], "due" in day) == (100, 7, True)
