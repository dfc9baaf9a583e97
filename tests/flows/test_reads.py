"""What an order earned, what a distributor has, and how the team does."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import NotFound
from chalicelib.domain.orders import Dispute
from chalicelib.flows.explain_order import explain_order
from chalicelib.flows.mature import mature
from chalicelib.flows.read_balance import CurrencyBalance, read_balance
from chalicelib.flows.read_team import read_team
from chalicelib.flows.record_order import record_order
from tests.flows.shop import NOW, at, book, open_shop, ordered, paid, refunded, said

pytestmark = pytest.mark.usefixtures("cloud_tables")


@pytest.fixture(autouse=True)
def shop(cloud_tables: Any) -> None:
    open_shop()


def state(order_id: str = "o-1") -> tuple[str, int, str | None]:
    direct = explain_order(order_id).direct
    assert direct
    return direct.state, direct.amount, direct.matures_on


def balance(who: str, **wanted: int) -> CurrencyBalance:
    empty = {"estimated": 0, "pending": 0, "available": 0, "in_flight": 0, "paid": 0}
    return CurrencyBalance(currency="CNY", **(empty | wanted))


def test_an_order_goes_from_estimated_to_pending_to_available_to_reversed() -> None:
    unpaid = record_order(ordered(), NOW)
    assert state() == ("estimated", 1000, None)
    assert read_balance("ann") == [balance("ann", estimated=1000)]
    assert read_balance("bob") == [balance("bob", estimated=300)]

    collected = record_order(said(payments=paid()), NOW)
    assert state() == ("pending", 1000, "2026-03-16")  # although the books do not have it yet
    assert explain_order("o-1").entries == []
    book(unpaid, collected)
    assert state() == ("pending", 1000, "2026-03-16")
    assert [entry["amount"] for entry in explain_order("o-1").entries] == [1000, 300]
    assert read_balance("ann") == [balance("ann", pending=1000)]

    assert mature(at(20)) == 2
    assert state() == ("available", 1000, None)
    assert read_balance("bob") == [balance("bob", available=300)]

    back = record_order(said(refunds=refunded(("1", 10_000))), at(21))
    book(unpaid, collected, back)
    assert state() == ("reversed", 0, None)
    assert [entry["amount"] for entry in explain_order("o-1").entries] == [1000, 300, -1000, -300]
    assert read_balance("ann") == [balance("ann")]


def test_what_a_dispute_withholds_is_held() -> None:
    record_order(ordered(payments=paid()), NOW)
    record_order(said(disputes={"d": Dispute(amount=10_000, at=at(1))}), NOW)

    assert state()[:2] == ("held", 1000)


def test_who_is_not_paid_has_nothing() -> None:
    from chalicelib.store import customers

    customers.set_owner("c-1", "ann")
    record_order(ordered(payments=paid()), NOW)

    assert state() == ("none", 0, None)


def test_unknown_orders_and_distributors_are_not_found() -> None:
    with pytest.raises(NotFound):
        explain_order("nothing")
    for nobody in ("nobody", "claim#code#ANN"):
        with pytest.raises(NotFound):
            read_balance(nobody)


def test_each_currency_has_its_balance() -> None:
    book(record_order(ordered(payments=paid()), NOW))
    book(record_order(ordered("o-2", currency="JPY", amount=500, payments=paid(500)), NOW))

    assert [(row.currency, row.pending) for row in read_balance("ann")] == [("CNY", 1000), ("JPY", 50)]
    assert read_balance("cas") == []


def test_a_sponsor_sees_the_recruits_numbers_of_this_month() -> None:
    book(record_order(ordered(payments=paid()), NOW))
    book(record_order(ordered("o-2", placed_at=at(-10), payments=paid(days=-10)), NOW))

    team, following = read_team("bob", 10, None, NOW)

    assert following is None
    assert [(each.distributor_id, each.name) for each in team] == [("ann", "A**")]
    (numbers,) = team[0].this_month
    assert (numbers.currency, numbers.orders, numbers.sales, numbers.commission) == ("CNY", 1, 10_000, 1000)
    assert read_team("cas", 10, None, NOW) == ([], None)
