"""Payout methods: sealed, changed one at a time, and paid to only after a while; their distributor is told."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import json

from chalicelib.domain.errors import NotFound, Refused
from chalicelib.domain.payout_methods import MOST_METHODS, PayoutMethod
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.read_notices import read_notices
from chalicelib.flows.report_results import Result, report_results
from chalicelib.flows.request_payout import request_payout
from chalicelib.flows.set_payout_method import set_payout_method
from chalicelib.settings import settings
from chalicelib.store import audit, distributors, payouts, sealed
from tests.containers import SECRET
from tests.flows.money_out import (
    EVENT,
    METHOD,
    NOW,
    RUN,
    all_payouts,
    approved,
    asked,
    balance,
    check_books,
    earned,
    hooked,
    joined,
    plan,
    rows,
    run,
    written,
)

pytestmark = pytest.mark.usefixtures("cloud")
OTHER = PayoutMethod(rail="bank_file", holder="Ann", account="11112222")
HOURS = timedelta(hours=1)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    known = [SECRET]
    monkeypatch.setattr(sealed, "app_secret", lambda: known[0])
    return known


def put(method_id: str, method: PayoutMethod = OTHER, at: datetime = NOW) -> dict[str, Any]:
    return set_payout_method("d_1", method_id, method, "distributor:d_1", at)


def kept() -> dict[str, dict[str, Any]]:
    found = distributors.get("d_1")
    assert found
    return found.payout_methods


def test_a_method_is_kept_beside_the_others_and_the_change_is_audited() -> None:
    joined("d_1")
    put("home")

    assert kept()["card"] == METHOD
    assert sealed.readable_method("d_1", kept()["home"]) == {
        "rail": "bank_file",
        "holder": "Ann",
        "account": "11112222",
        "kind": "number",
        "usable_from": "2026-11-24T09:00:00.000000Z",
    }
    [record] = rows(settings().audit_table)
    assert record["object"] == "distributor:d_1:payout_method:home"


def test_no_table_holds_an_account_or_a_holder_in_plain() -> None:
    earned(joined("d_1", methods={}), 5000)
    put("card", PayoutMethod(rail="bank_file", holder="Ann Archer", account="DE89370400440532013000"))
    request_payout("d_1", "CNY", 100, "card", "distributor:d_1", NOW, None)
    run()

    tables = (settings().distributors_table, settings().payouts_table, settings().audit_table)
    everything = str([rows(table) for table in tables])
    plain = PayoutMethod(rail="bank_file", holder="Ann Archer", account="DE89370400440532013000", kind="iban")

    assert "Archer" not in everything and "0532013" not in everything
    assert audit.fingerprint(plain) not in everything
    assert b"Ann Archer" in written()[f"payouts/bank_file/{RUN}/CNY.csv"]
    assert b"DE89370400440532013000" in written()[f"payouts/bank_file/{RUN}/CNY.csv"]


def test_saying_the_same_again_changes_nothing() -> None:
    joined("d_1")
    first = put("home")
    again = put("home", PayoutMethod(rail="bank_file", holder="Ann", account="11112222 "), NOW + HOURS)

    assert again == first == kept()["home"]
    assert len(rows(settings().audit_table)) == 1


def test_what_is_no_account_is_not_kept() -> None:
    joined("d_1")
    with pytest.raises(Refused) as refused:
        put("home", PayoutMethod(rail="bank_file", holder="Ann", account="DE88370400440532013000"))

    assert refused.value.code == "BAD_IBAN"
    assert list(kept()) == ["card"]


def test_a_method_that_cannot_be_read_any_more_is_replaced(secret: list[str]) -> None:
    joined("d_1", methods={})
    put("home")
    secret[0] = SECRET[::-1]
    put("home")

    assert sealed.readable_method("d_1", kept()["home"])["account"] == "11112222"


def test_a_payout_on_its_way_keeps_the_method_it_was_made_with() -> None:
    earned(joined("d_1"), 5000)
    plan(cool_off_hours=0)
    payout = asked("d_1", 100)
    put("card")

    assert payouts.existing(payout.id).method["account"] == METHOD["account"]
    assert sealed.readable(asked("d_1", 100)).method["account"] == "11112222"


def test_the_first_method_ever_is_paid_to_at_once() -> None:
    earned(joined("d_1", methods={}), 5000)

    assert "usable_from" not in put("card")
    assert asked("d_1", 100).state == "requested"
    assert run().payouts == 1


@pytest.mark.parametrize("method_id", ["card", "default", "a-new-name"])
def test_nothing_is_paid_to_a_later_method_before_the_time_is_up(method_id: str) -> None:
    earned(joined("d_1"), 5000)
    put(method_id)

    def ask(at: datetime) -> Any:
        return request_payout("d_1", "CNY", 100, method_id, "distributor:d_1", at, None)

    for at in (NOW, NOW + 72 * HOURS - timedelta(seconds=1)):
        with pytest.raises(Refused) as refused:
            ask(at)
        assert (refused.value.code, refused.value.params) == ("METHOD_COOLING_OFF", {"at": "2026-11-24T09:00:00Z"})
        assert refused.value.faults[0].path == "method_id"
    assert sealed.readable(ask(NOW + 72 * HOURS)).method["account"] == "11112222"
    check_books()


def test_a_run_passes_over_whoever_has_just_changed_the_method_and_pays_them_later() -> None:
    earned(joined("d_1"), 5000)
    earned(joined("d_2"), 700)
    put("card")

    assert [payout.distributor_id for payout in _paid(EVENT)] == ["d_2"]
    assert balance("d_1")["available"] == 5000
    assert {payout.distributor_id for payout in _paid(EVENT + 72 * HOURS)} == {"d_1", "d_2"}
    check_books()


def test_what_was_approved_before_goes_where_it_was_to_go() -> None:
    earned(joined("d_1"), 5000)
    by_hand = approved("d_1", 2000)
    put("card")
    run()

    assert list(all_payouts()) == [by_hand]
    assert METHOD["account"].encode() in written()[f"payouts/bank_file/{RUN}/CNY.csv"]


def _paid(at: datetime) -> list[Any]:
    run(at)
    return list(all_payouts().values())


def test_a_second_change_starts_the_time_anew_and_the_plan_says_how_long() -> None:
    joined("d_1")
    put("card")
    later = put("card", PayoutMethod(rail="bank_file", holder="Bob", account="33334444"), NOW + HOURS)
    assert later["usable_from"] == "2026-11-24T10:00:00.000000Z"

    plan(cool_off_hours=1)
    assert put("card", OTHER, NOW + HOURS)["usable_from"] == "2026-11-21T11:00:00.000000Z"


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
    assert "usable_from" in kept()["a"] and "usable_from" not in kept()["b"]
    assert [notice.method_id for notice in read_notices("d_1")] == ["a", "b"]


def test_there_is_an_end_to_how_many() -> None:
    joined("d_1", methods={})
    for i in range(MOST_METHODS):
        put(f"m{i}")

    with pytest.raises(Refused) as refused:
        put("one-more")
    put("m0", PayoutMethod(rail="bank_file", holder="Bob", account="33334444"))

    assert refused.value.code == "TOO_MANY_PAYOUT_METHODS"
    assert sealed.readable_method("d_1", kept()["m0"])["holder"] == "Bob"


def test_nobody_has_no_methods_and_no_notices() -> None:
    with pytest.raises(NotFound):
        put("home")
    for name in ("d_1", "claim#code#D_1"):
        with pytest.raises(NotFound):
            read_notices(name)


def test_the_distributor_is_told_the_newest_first() -> None:
    earned(joined("d_1", methods={}), 5000)
    put("card", at=NOW)
    rejected = asked("d_1", 100)
    decide_payout(rejected.id, "rejected", "staff:f", NOW + HOURS, "not today")
    run()
    failed = Result(payout_id=f"po_{RUN}_d_1_CNY", outcome="failed", reason="account closed")
    report_results([failed], "staff:f", EVENT + HOURS)
    put("card", PayoutMethod(rail="bank_file", holder="Bob", account="33334444"), EVENT + 2 * HOURS)

    told = [(each.what, each.at, each.by, each.reason, each.payout_id is None) for each in read_notices("d_1")]

    assert told == [
        ("payout_method_changed", EVENT + 2 * HOURS, "distributor:d_1", None, True),
        ("payout_failed", EVENT + HOURS, "staff:f", "account closed", False),
        ("payout_rejected", NOW + HOURS, "staff:f", "not today", False),
        ("payout_method_changed", NOW, "distributor:d_1", None, True),
    ]
    assert read_notices("d_1")[0].usable_from == EVENT + 74 * HOURS


def test_only_the_last_changes_are_kept() -> None:
    joined("d_1", methods={})
    for i in range(53):
        put("card", PayoutMethod(rail="bank_file", holder="Ann", account=f"1111{i:04d}"), NOW + i * HOURS)

    [item] = [row for row in rows(settings().distributors_table) if row["id"] == "d_1"]
    assert len(json.decode(item["method_changes"])) == 50
    assert read_notices("d_1")[0].at == NOW + 52 * HOURS
