"""Whatever goes wrong on the way to the tables, a posting is applied once, or not at all and says so."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.domain.errors import Busy
from chalicelib.store import statement, transactions
from chalicelib.store.ledger import post
from tests.store import faults
from tests.store.builders import ANN, AT, both, entries_of, holds, ledger, leg, posting, sum_of_all

pytestmark = pytest.mark.usefixtures("cloud_tables")


@pytest.mark.parametrize(
    "fault",
    [
        faults.cancelled("TransactionConflict"),
        faults.cancelled("ThrottlingError", "TransactionConflict"),
        faults.refused_with("TransactionInProgressException"),
        faults.refused_with("ProvisionedThroughputExceededException"),
        faults.refused_with("503", 503),
        faults.not_sent,
        faults.answer_lost,
    ],
    ids=["conflict", "throttled item", "in progress", "throttled", "fault", "not sent", "answer lost"],
)
def test_a_passing_trouble_ends_in_one_application(fault: faults.Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    client = faults.plan(monkeypatch, fault, fault)

    outcomes = post([both("o-1", 100, 30), both("o-2", 10, 3)])

    assert [each.result for each in outcomes] == ["applied", "applied"]
    assert len(client.tokens) == 3
    assert holds(statement.balance("ann", "CNY")) == (110, 0)
    assert sum_of_all(ledger()) == 0


def test_an_unclear_answer_is_settled_by_the_same_token(monkeypatch: pytest.MonkeyPatch) -> None:
    client = faults.plan(monkeypatch, faults.answer_lost, faults.not_sent)

    post([both("o-1", 100, 30)])

    assert len(set(client.tokens)) == 1


def test_a_refused_transaction_is_sent_again_under_a_new_token(monkeypatch: pytest.MonkeyPatch) -> None:
    client = faults.plan(monkeypatch, faults.cancelled("TransactionConflict"))

    post([both("o-1", 100, 30)])

    assert len(set(client.tokens)) == 2


def test_an_entry_found_beside_a_conflict_is_not_taken_for_half_a_posting(monkeypatch: pytest.MonkeyPatch) -> None:
    post([both("o-1", 100, 30)])
    faults.plan(monkeypatch, faults.cancelled("ConditionalCheckFailed", "TransactionConflict"))

    assert post([both("o-1", 100, 30)])[0].result == "already_applied"


def test_a_conflict_on_one_posting_does_not_settle_another_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    post([both("o-1", 100, 30)])
    faults.plan(monkeypatch, None, faults.cancelled("TransactionConflict", "TransactionConflict"))

    outcomes = post([both("o-1", 100, 30), both("o-2", 10, 3)])

    assert [each.result for each in outcomes] == ["already_applied", "applied"]
    assert sorted(entries_of(ledger(), ANN)) == [10, 100]


def test_contention_that_outlasts_the_time_is_busy_and_found_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    faults.plan(monkeypatch, *[faults.cancelled("TransactionConflict")] * 1000)
    set_back = transactions.deadline.set(time.monotonic() + 0.2)

    with pytest.raises(Busy):
        post([both("o-1", 100, 30)])

    transactions.deadline.reset(set_back)
    assert ledger() == {}
    monkeypatch.undo()


def test_what_was_committed_before_the_time_was_up_is_found_when_it_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = [both(f"o-{i}", 10, 3) for i in range(60)]
    client = faults.plan(monkeypatch, None, *[faults.cancelled("TransactionConflict")] * 1000)
    set_back = transactions.deadline.set(time.monotonic() + 0.3)
    with pytest.raises(Busy):
        post(batch)
    transactions.deadline.reset(set_back)

    client.faults.clear()
    results = [each.result for each in post(batch)]

    assert set(results) == {"already_applied", "applied"}
    assert holds(statement.balance("ann", "CNY")) == (600, 0)
    assert sum_of_all(ledger()) == 0


def test_a_fault_of_ours_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    client = faults.plan(monkeypatch, faults.refused_with("AccessDeniedException"))

    with pytest.raises(ClientError):
        post([both("o-1", 100, 30)])
    assert len(client.tokens) == 1


@pytest.mark.parametrize("lost", [0, 1])
def test_a_matured_day_is_planned_again_even_if_an_answer_is_lost(lost: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.store import maturity

    post([posting("o-1", leg("ann", 100))])
    for page in maturity.due_days("2026-03-16"):
        maturity.mature(page, AT)
    planned: list[Any] = [None, None]
    planned[lost] = faults.answer_lost
    faults.plan(monkeypatch, *planned)

    post([posting("o-2", leg("ann", 5))])

    assert holds(statement.balance("ann", "CNY")) == (0, 105)
    assert sum_of_all(ledger()) == 0
