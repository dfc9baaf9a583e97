"""Payouts in bad weather, a few of them; `make chaos` has ten thousand. And that the audit notices what it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from chalicelib.domain import accounts
from chalicelib.store import connection, sums
from chalicelib.store.transactions import transact
from tests.rails.audit import check
from tests.rails.chaos import Chaos
from tests.rails.memory import in_memory


def test_nobody_is_paid_twice_and_no_money_is_missing() -> None:
    with in_memory():
        chaos = Chaos(seed=7, number=60)
        chaos.run()

    assert chaos.ended["paid"] > 20
    assert chaos.turns.crashes > 5
    assert len(chaos.weather.met) > 10


def test_a_seed_gives_the_same_run_again_also_on_the_local_cloud(cloud_tables: dict[str, str]) -> None:
    there = Chaos(seed=3, number=12, call=connection.client()._make_api_call)
    there.run()
    with in_memory():
        here = Chaos(seed=3, number=12)
        here.run()

    assert here.summary == there.summary
    assert here.weather.met == there.weather.met


@pytest.fixture(scope="module")
def calm() -> Iterator[Chaos]:
    """A run in which nothing goes wrong."""
    with in_memory():
        chaos = Chaos(seed=1, number=20, rate=0, crashes=0)
        chaos.run()
        yield chaos


def _paid_twice(chaos: Chaos) -> Callable[[], object]:
    books = chaos.simulator.provider("wise").books
    first = next(payment for payment in books.payments if payment.place == "paid")
    again = books.reserve(first.key, first.account, first.currency, first.amount)
    books.pay(again)
    return lambda: (books.give_back(again), books.payments.remove(again))


def _paid_to_another(chaos: Chaos) -> Callable[[], object]:
    first = next(payment for payment in chaos.simulator.provider("alipay").books.payments if payment.place == "paid")
    account, first.account = first.account, "2088000000009999"
    return lambda: setattr(first, "account", account)


def _taken_back_unheard(chaos: Chaos) -> Callable[[], object]:
    books = chaos.simulator.provider("stripe").books
    first = next(payment for payment in books.payments if payment.place == "paid")
    books.give_back(first)

    def undo() -> None:
        books.available[first.currency] -= first.amount
        first.place = "paid"

    return undo


def _vanished(chaos: Chaos) -> Callable[[], object]:
    (owner, currency), _ = next(iter(chaos.earned.items()))

    def add(amount: int) -> None:
        account = accounts.distributor(owner, currency)
        assert transact([sums.balance(account, {"available": amount})]) is None

    add(-1)
    return lambda: add(1)


@pytest.mark.parametrize("damage", [_paid_twice, _paid_to_another, _taken_back_unheard, _vanished])
def test_the_audit_notices(calm: Chaos, damage: Callable[[Chaos], Callable[[], object]]) -> None:
    check(calm)
    undo = damage(calm)
    with pytest.raises(AssertionError):
        check(calm)
    undo()
    check(calm)
