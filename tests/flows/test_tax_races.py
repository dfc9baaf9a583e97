"""Payouts of one payee at once, in threads on the local cloud: each is taxed on top of all the others."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.domain.tax import per_occurrence
from chalicelib.store import plans
from tests.flows.money_out import all_payouts, ask, check_books, earned, joined, plan, reject

pytestmark = pytest.mark.usefixtures("cloud_tables")


@pytest.fixture(autouse=True)
def program(cloud_tables: Any) -> None:
    plans.forget()
    plan(tax={"CN": "cn_per_occurrence"})
    earned(joined("d_1"), 100_000_00)


def test_twelve_at_once_come_to_the_tax_of_the_month() -> None:
    with ThreadPoolExecutor(12) as threads:
        made = list(threads.map(lambda n: ask("d_1", 1_000_00 + n), range(12)))

    assert sum(payout.tax for payout in made) == per_occurrence(12_000_00 + sum(range(12)))
    assert len({payout.tax for payout in made}) > 1
    check_books()


def test_rejections_meanwhile_are_taken_out_once() -> None:
    first = [ask("d_1", 3_000_00) for _ in range(4)]

    with ThreadPoolExecutor(8) as threads:
        rejected = [threads.submit(reject, payout) for payout in first]
        asked = [threads.submit(ask, "d_1", 2_000_00) for _ in range(4)]
        for each in (*rejected, *asked):
            each.result()
    last = ask("d_1", 50_000_00)

    standing = [payout for payout in all_payouts().values() if payout.state == "requested"]
    assert last.tax > 0
    assert sum(payout.tax for payout in standing) == per_occurrence(58_000_00)
    check_books()
