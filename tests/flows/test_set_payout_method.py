"""Where money shall go: kept by name, changed by one at a time, and never for what is on its way."""

from typing import Any

import pytest

from chalicelib.domain.errors import NotFound, Refused
from chalicelib.domain.payout_methods import MOST_METHODS, PayoutMethod
from chalicelib.flows.set_payout_method import set_payout_method
from chalicelib.settings import settings
from chalicelib.store import distributors, payouts
from tests.flows.money_out import METHOD, NOW, asked, earned, hooked, joined, rows

pytestmark = pytest.mark.usefixtures("cloud")
OTHER = PayoutMethod(rail="bank_file", holder="Ann", account="11112222")


def put(method_id: str, method: PayoutMethod = OTHER) -> None:
    set_payout_method("d_1", method_id, method, "distributor:d_1", NOW)


def kept() -> dict[str, dict[str, Any]]:
    found = distributors.get("d_1")
    assert found
    return found.payout_methods


def test_a_method_is_kept_beside_the_others_and_the_change_is_audited() -> None:
    joined("d_1")
    put("home")

    assert kept() == {"card": METHOD, "home": {"rail": "bank_file", "holder": "Ann", "account": "11112222"}}
    [record] = rows(settings().audit_table)
    assert record["object"] == "distributor:d_1:payout_method:home"
    assert "11112222" not in str(record)


def test_saying_the_same_again_changes_nothing() -> None:
    joined("d_1")
    put("home")
    put("home")

    assert len(rows(settings().audit_table)) == 1


def test_a_payout_on_its_way_keeps_the_method_it_was_made_with() -> None:
    earned(joined("d_1"), 5000)
    payout = asked("d_1", 100)
    put("card")

    assert payouts.existing(payout.id).method["account"] == METHOD["account"]
    assert asked("d_1", 100).method["account"] == "11112222"


def test_two_changes_at_once_are_both_kept() -> None:
    joined("d_1", methods={})
    between: list[str] = []

    def other(model: Any, **_: Any) -> None:
        if model.name == "TransactWriteItems" and not between:
            between.append("now")
            put("b")

    with hooked(other):
        put("a")

    assert sorted(kept()) == ["a", "b"]


def test_there_is_an_end_to_how_many() -> None:
    joined("d_1", methods={})
    for i in range(MOST_METHODS):
        put(f"m{i}")

    with pytest.raises(Refused) as refused:
        put("one-more")
    put("m0", PayoutMethod(rail="bank_file", holder="Bob", account="33334444"))

    assert refused.value.code == "TOO_MANY_PAYOUT_METHODS"
    assert kept()["m0"]["holder"] == "Bob"


def test_nobody_has_no_methods() -> None:
    with pytest.raises(NotFound):
        put("home")
