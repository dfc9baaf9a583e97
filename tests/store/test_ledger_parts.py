"""A posting of many buckets goes in several transactions, each of which leaves the books in step."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.domain.postings import Posting
from chalicelib.store import statement
from chalicelib.store.ledger import Outcome, post
from tests.store import faults
from tests.store.builders import both, holds, ledger, leg, posting, sum_of_all

pytestmark = pytest.mark.usefixtures("cloud_tables")


def results(outcomes: list[Outcome]) -> list[str]:
    return [each.result for each in outcomes]


def held(who: str) -> tuple[int, int]:
    return holds(statement.balance(who, "CNY"))


def instalments(count: int) -> Posting:
    """An order paid in many instalments: each accrues on its own day."""
    days = [date.fromordinal(date(2026, 1, 1).toordinal() + i).isoformat() for i in range(count)]
    legs = [leg("ann", 10, day=day) for day in days] + [leg("bob", 3, level="indirect", day=day) for day in days]
    return posting("o-1", *legs)


def test_a_posting_larger_than_a_transaction_goes_in_parts_that_sum_to_zero(requests_sent: Any) -> None:
    requests = requests_sent()

    assert post([both("o-0", 1, 1), instalments(60)]) == [Outcome("o-0@1", "applied"), Outcome("o-1@1", "applied")]

    sizes = [len(arguments["TransactItems"]) for name, arguments in requests if name == "TransactWriteItems"]
    assert len(sizes) > 1
    assert max(sizes) <= 100
    assert (held("ann"), held("bob")) == ((601, 0), (181, 0))
    assert sum_of_all(ledger()) == 0
    assert results(post([instalments(60)])) == ["already_applied"]


def test_a_large_posting_that_was_cut_off_is_completed_when_it_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client = faults.plan(monkeypatch, None, faults.refused_with("AccessDeniedException"))
    with pytest.raises(ClientError):
        post([instalments(60)])
    assert sum_of_all(ledger()) == 0
    assert 0 < held("ann")[0] < 600

    client.faults.clear()

    assert results(post([instalments(60)])) == ["applied"]
    assert (held("ann"), held("bob")) == ((600, 0), (180, 0))
    assert sum_of_all(ledger()) == 0
