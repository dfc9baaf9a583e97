"""Asking for money: what is refused, and that nobody ever takes more than is there."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from msgspec import structs

from chalicelib.domain.errors import Conflict, FenrunError, NotFound, Refused
from chalicelib.flows.request_payout import request_payout
from chalicelib.store import connection, payouts
from tests.flows.money_out import METHOD, NOW, all_payouts, asked, balance, check_books, earned, hooked, joined, plan

pytestmark = pytest.mark.usefixtures("cloud")


def refused(**more: Any) -> FenrunError:
    request: dict[str, Any] = {"currency": "CNY", "amount": None, "method_id": "card", **more}
    with pytest.raises(FenrunError) as error:
        request_payout("d_1", by="distributor:d_1", now=NOW, once=None, **request)
    check_books()
    return error.value


def test_what_is_asked_for_is_set_aside_at_once() -> None:
    plan(fee_rate="0.006")
    earned(joined("d_1"), 5000)

    payout = asked("d_1", 2000)

    assert payouts.get(payout.id) == payout
    assert (payout.state, payout.gross, payout.fee, payout.net, payout.attempts) == ("requested", 2000, 12, 1988, 0)
    assert payout.method == {"id": "card", **METHOD}
    assert [(step.start, step.to, step.by) for step in payout.history] == [(None, "requested", "distributor:d_1")]
    assert balance("d_1") == {"available": 3000, "in_flight": 2000, "paid": 0}
    check_books()


def test_without_an_amount_it_is_all_that_is_available() -> None:
    earned(joined("d_1"), 5000)
    asked("d_1", 2000)

    assert asked("d_1").gross == 3000
    assert refused().code == "NOT_ENOUGH_AVAILABLE"


@pytest.mark.parametrize("amount", [1, 999, None])
def test_less_than_the_minimum_is_refused(amount: int | None) -> None:
    plan(minimum={"CNY": 1000})
    earned(joined("d_1"), 999)

    error = refused(amount=amount)

    assert isinstance(error, Refused)
    assert (error.code, error.params) == ("BELOW_MINIMUM", {"currency": "CNY", "minimum": "10.00"})
    assert error.faults[0].path == "amount"


def test_the_minimum_of_another_currency_does_not_count() -> None:
    plan(minimum={"CNY": 1000})
    earned(joined("d_1"), 5, "USD")

    assert asked("d_1", 1, "USD").gross == 1


def test_an_amount_that_the_fee_would_eat_is_refused() -> None:
    plan(fee_rate="0.5")
    earned(joined("d_1"), 100)

    assert refused(amount=1).code == "BELOW_MINIMUM"
    assert asked("d_1", 2).net == 1


def test_more_than_is_available_is_refused() -> None:
    earned(joined("d_1"), 5000)

    error = refused(amount=5001)

    assert (error.code, error.params) == ("NOT_ENOUGH_AVAILABLE", {"available": "50.00", "currency": "CNY"})
    assert refused(currency="USD").code == "NOT_ENOUGH_AVAILABLE"
    assert all_payouts() == {}


def test_a_payout_goes_where_the_distributor_said_and_nowhere_else() -> None:
    earned(joined("d_1", methods={}), 5000)

    assert refused().code == "NO_PAYOUT_METHOD"


def test_a_suspended_distributor_gets_nothing() -> None:
    earned(joined("d_1", status="suspended"), 5000)

    assert refused().code == "DISTRIBUTOR_NOT_ACTIVE"


def test_somebody_unknown_gets_nothing() -> None:
    assert isinstance(refused(), NotFound)


def test_a_request_that_comes_in_between_leaves_only_what_is_there() -> None:
    """Both have seen the same balance before either writes."""
    earned(joined("d_1"), 5000)
    between: list[Any] = []

    def other(model: Any, **_: Any) -> None:
        if model.name == "TransactWriteItems" and not between:
            between.append(None)
            between[0] = asked("d_1", 3000)

    with hooked(other):
        assert refused(amount=3000).code == "NOT_ENOUGH_AVAILABLE"

    assert all_payouts() == {between[0].id: between[0]}
    assert balance("d_1") == {"available": 2000, "in_flight": 3000, "paid": 0}


def test_the_same_request_makes_one_payout() -> None:
    earned(joined("d_1"), 5000)

    first = asked("d_1", None, once="a" * 64)

    assert asked("d_1", None, once="a" * 64) == first
    assert asked("d_1", 5000, once="a" * 64) == first
    with pytest.raises(Conflict):
        asked("d_1", 4999, once="a" * 64)
    assert len(all_payouts()) == 1
    check_books()


def test_an_answer_that_got_lost_does_not_pay_twice() -> None:
    earned(joined("d_1"), 5000)
    lost: list[str] = []

    def lose(model: Any, **_: Any) -> None:
        if model.name == "TransactWriteItems" and not lost:
            lost.append(model.name)
            raise ConnectionClosedError(endpoint_url="https://dynamodb")

    events = connection.client().meta.events
    events.register("after-call", lose)
    payout = asked("d_1", 2000, once="b" * 64)
    events.unregister("after-call", lose)

    assert (lost, list(all_payouts())) == (["TransactWriteItems"], [payout.id])
    assert balance("d_1") == {"available": 3000, "in_flight": 2000, "paid": 0}


def test_a_distributor_s_payouts_are_listed_page_by_page_the_newest_first() -> None:
    earned(joined("d_1"), 5000)
    earned(joined("d_2"), 5000)
    made = [
        request_payout("d_1", "CNY", 10, "card", "distributor:d_1", NOW + timedelta(seconds=i), None).id
        for i in range(7)
    ]
    asked("d_2", 10)

    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page, cursor = payouts.of_distributor("d_1", 3, cursor)
        seen += [payout.id for payout in page]
        pages += 1

    assert seen == made[::-1]
    assert pages == 3


def test_unfinished_payouts_are_listed_by_state_and_age() -> None:
    earned(joined("d_1"), 5000)
    made = [
        request_payout("d_1", "CNY", 10, "card", "distributor:d_1", NOW + timedelta(seconds=i), None) for i in range(9)
    ]
    done = payouts.move(made[3], "rejected", at=NOW, by="staff:s")
    ready = payouts.move(made[5], "approved", at=NOW, by="staff:s")
    assert done and ready

    def listed(state: Any) -> list[str]:
        seen, cursor = [], None
        while True:
            page, cursor = payouts.unfinished(state, 2, cursor)
            seen += [payout.id for payout in page]
            if cursor is None:
                return seen

    requested = [payout.id for payout in made if payout not in (made[3], made[5])]
    assert listed("requested") == requested
    assert listed("approved") == [ready.id]
    assert listed(None) == [ready.id, *requested]
    assert payouts.get(done.id) == structs.replace(done)
