"""Staff decides: two people, one step, and a rejection gives the money back once."""

from typing import Any

import pytest

from chalicelib.domain.errors import Conflict, Forbidden, NotFound
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.settings import settings
from chalicelib.store import payouts
from tests.flows.money_out import NOW, asked, balance, check_books, earned, hooked, joined, rows

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def payout_id(cloud: None) -> str:
    earned(joined("d_1"), 5000)
    return asked("d_1", 2000).id


def test_an_approval_is_a_step_with_a_name_and_an_audit_record(payout_id: str) -> None:
    payout = decide_payout(payout_id, "approved", "staff:checker", NOW)

    assert payout == payouts.get(payout_id)
    assert (payout.state, payout.history[-1].by) == ("approved", "staff:checker")
    [record] = rows(settings().audit_table)
    assert (record["who"], record["action"], record["object"]) == (
        "staff:checker",
        "payout.approved",
        f"payout:{payout_id}",
    )
    assert balance("d_1") == {"available": 3000, "in_flight": 2000, "paid": 0}


def test_whoever_requested_it_does_not_approve_it(payout_id: str) -> None:
    with pytest.raises(Forbidden) as refused:
        decide_payout(payout_id, "approved", "distributor:d_1", NOW)

    assert refused.value.code == "MAKER_IS_CHECKER"
    assert (payouts.existing(payout_id).state, rows(settings().audit_table)) == ("requested", [])


@pytest.mark.parametrize("before", [[], ["approved"]])
def test_a_rejection_gives_the_money_back(payout_id: str, before: list[Any]) -> None:
    for decision in before:
        decide_payout(payout_id, decision, "staff:checker", NOW)

    payout = decide_payout(payout_id, "rejected", "staff:checker", NOW, "name does not match")

    assert (payout.state, payout.history[-1].reason) == ("rejected", "name does not match")
    assert balance("d_1") == {"available": 5000, "in_flight": 0, "paid": 0}
    check_books()


@pytest.mark.parametrize("again", ["approved", "rejected"])
def test_what_is_rejected_stays_so(payout_id: str, again: Any) -> None:
    decide_payout(payout_id, "rejected", "staff:checker", NOW, "no")

    with pytest.raises(Conflict) as refused:
        decide_payout(payout_id, again, "staff:checker", NOW, "no")

    assert (refused.value.code, refused.value.params["state"]) == ("PAYOUT_STATE", "rejected")
    assert balance("d_1") == {"available": 5000, "in_flight": 0, "paid": 0}
    check_books()


def test_of_two_who_decide_at_once_one_is_told(payout_id: str) -> None:
    between: list[str] = []

    def other(model: Any, **_: Any) -> None:
        if model.name == "TransactWriteItems" and not between:
            between.append("now")
            decide_payout(payout_id, "rejected", "staff:other", NOW, "no")

    with hooked(other), pytest.raises(Conflict):
        decide_payout(payout_id, "approved", "staff:checker", NOW)

    assert payouts.existing(payout_id).state == "rejected"
    check_books()


def test_a_payout_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFound):
        decide_payout("po_nothing", "approved", "staff:checker", NOW)
