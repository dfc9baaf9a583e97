"""Staff gives an order to another distributor: both levels move, whenever it happens, and nothing is lost or paid twice."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.accounts import distributor
from chalicelib.domain.errors import Conflict, NotFound, Refused
from chalicelib.domain.orders import Order
from chalicelib.domain.plans import IndirectRule, Match, Override, RankRules, Rule
from chalicelib.flows.attribute_order import Contact
from chalicelib.flows.change_standing import change_standing
from chalicelib.flows.explain_order import explain_order
from chalicelib.flows.mature import mature
from chalicelib.flows.read_balance import read_balance
from chalicelib.flows.reattribute_order import reattribute_order
from chalicelib.flows.record_order import record_order
from chalicelib.flows.save_plan import save_plan
from chalicelib.flows.verify import verify
from chalicelib.settings import settings
from chalicelib.store import customers, distributors, orders
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item
from tests.flows.shop import (
    NOW,
    at,
    beneficiaries,
    book,
    described,
    line,
    open_shop,
    ordered,
    paid,
    person,
    plan,
    refunded,
    said,
)

pytestmark = pytest.mark.usefixtures("cloud_tables")


@pytest.fixture(autouse=True)
def shop(cloud_tables: Any) -> None:
    """Beside the shop's own, Dan and his recruit Eve."""
    open_shop()
    distributors.create(person("dan"), {})
    distributors.create(person("eve", "dan"), {})


def given_to(who: str, order_id: str = "o-1", reason: str = "wrong link", days: float = 2) -> Order:
    return reattribute_order(order_id, who, reason, "staff:ops", at(days))


def has(who: str) -> tuple[int, int, int]:
    """What is still to come, on hold, and available."""
    balances = read_balance(who)
    return (balances[0].estimated, balances[0].pending, balances[0].available) if balances else (0, 0, 0)


def proven(days: float = 40) -> None:
    proof = verify(at(days))
    assert (set(proof.imbalance.values()) <= {0}, proof.mismatches) == (True, [])
    for who in ("ann", "bob", "cas", "dan", "eve"):
        assert verify(at(days), who).mismatches == []


def actions() -> list[str]:
    rows = [from_item(item) for item in send("scan", TableName=settings().audit_table)["Items"]]
    return [f"{row['who']} {row['action']} {row['object']}" for row in rows if row["action"].startswith("order.")]


def test_what_is_on_hold_moves_at_both_levels_and_says_who_did_it_and_why() -> None:
    before = record_order(ordered(payments=paid()), NOW)
    after = given_to("eve")
    book(before, after)

    assert after.terms and (after.terms.because, beneficiaries(after)) == ("staff", ("eve", "dan"))
    assert (after.former, after.revision) == (("ann", "bob"), 2)
    assert [has(who) for who in ("ann", "bob", "eve", "dan")] == [(0, 0, 0), (0, 0, 0), (0, 1000, 0), (0, 300, 0)]
    explained = explain_order("o-1")
    booked = [(entry["account"], entry["amount"]) for entry in explained.entries]
    assert sorted(booked[:2]) == [(distributor("ann", "CNY"), 1000), (distributor("bob", "CNY"), 300)]
    assert sorted(booked[2:]) == [
        (distributor("ann", "CNY"), -1000),
        (distributor("bob", "CNY"), -300),
        (distributor("dan", "CNY"), 300),
        (distributor("eve", "CNY"), 1000),
    ]
    assert explained.direct and (explained.direct.distributor_id, explained.direct.state) == ("eve", "pending")
    assert actions() == ["staff:ops order.attribute: wrong link order:o-1"]
    proven()


def test_the_same_again_changes_nothing() -> None:
    record_order(ordered(payments=paid()), NOW)

    assert given_to("eve") == given_to("eve", days=3) == orders.get("o-1")
    assert len(actions()) == 1


def test_an_estimate_moves_without_an_entry() -> None:
    unpaid = record_order(ordered(), NOW)
    book(unpaid, given_to("eve"))

    assert [has(who) for who in ("ann", "bob", "eve", "dan")] == [(0, 0, 0), (0, 0, 0), (1000, 0, 0), (300, 0, 0)]
    assert [order.facts.order_id for order in orders.of_distributor("eve", 10, None)[0]] == ["o-1"]
    assert orders.of_distributor("ann", 10, None)[0] == []
    assert explain_order("o-1").entries == []


def test_after_the_hold_it_is_taken_from_what_is_available_even_below_zero() -> None:
    before = record_order(ordered(payments=paid()), NOW)
    book(before)
    mature(at(20))
    assert has("ann") == (0, 0, 1000)
    take_out("ann", 1000)

    after = given_to("eve", days=21)
    book(before, after)

    assert (has("ann"), has("bob"), has("eve"), has("dan")) == ((0, 0, -1000), (0, 0, 0), (0, 1000, 0), (0, 300, 0))
    mature(at(22))  # its hold had ended long ago
    assert (has("eve"), has("dan")) == ((0, 0, 1000), (0, 0, 300))

    last = record_order(said(refunds=refunded(("1", 10_000))), at(23))
    book(before, after, last)
    assert (has("eve"), has("dan"), has("ann")) == ((0, 0, 0), (0, 0, 0), (0, 0, -1000))


def take_out(who: str, amount: int) -> None:
    """As a payout that was paid does."""
    from chalicelib.store import sums
    from chalicelib.store.transactions import transact

    account = distributor(who, "CNY")
    assert transact([sums.balance(account, {"available": -amount, "paid": amount})]) is None


def test_there_and_back_again_leaves_everything_as_it_was() -> None:
    first = record_order(ordered(payments=paid()), NOW)
    second = given_to("eve")
    third = given_to("ann", days=3)
    book(first, second, third)

    assert third.former == ("ann", "bob", "dan", "eve")
    assert [has(who)[1] for who in ("ann", "bob", "eve", "dan")] == [1000, 300, 0, 0]
    assert sum(entry["amount"] for entry in explain_order("o-1").entries) == 1300
    assert len({entry["at"] + entry["account"] for entry in explain_order("o-1").entries}) == 10
    proven()


def test_an_order_that_was_nobodys_is_given_to_somebody() -> None:
    before = record_order(ordered(code=None, payments=paid()), NOW)
    assert beneficiaries(before) == (None, None)
    book(before, given_to("cas"))

    assert [has(who)[1] for who in ("cas", "ann", "bob")] == [1000, 300, 0]
    proven()


def test_facts_that_come_later_stay_with_the_new_one() -> None:
    first = record_order(ordered(payments=paid(5_000)), NOW)
    second = given_to("eve")
    third = record_order(said(payments=paid(5_000, "p-2", days=3)), at(3))
    fourth = record_order(said(refunds=refunded(("1", 2_000))), at(4))
    book(first, second, third, fourth)

    assert beneficiaries(fourth) == ("eve", "dan")
    assert [has(who)[1] for who in ("ann", "bob", "eve", "dan")] == [0, 0, 800, 240]
    proven()


def test_who_buys_for_themself_is_not_paid_by_staff_either() -> None:
    customers.set_owner("c-1", "eve")
    before = record_order(ordered(payments=paid()), NOW)
    after = given_to("eve")
    book(before, after)

    assert after.terms and after.terms.direct and after.terms.direct.unpaid == "self_purchase"
    assert [has(who)[1] for who in ("ann", "bob", "eve", "dan")] == [0, 0, 0, 300]


def test_who_was_found_to_be_the_customer_by_their_contact_stays_so() -> None:
    record_order(ordered(payments=paid()), NOW, Contact(email="ann-email"))
    after = given_to("cas")  # Ann is her sponsor

    assert beneficiaries(after) == ("cas", None)


def test_who_is_the_customer_by_their_contact_and_had_no_part_in_it_is_not_paid_by_staff_either() -> None:
    record_order(ordered(code="DAN", payments=paid()), NOW, Contact(email="ann-email"))

    image = given_to("ann")
    assert image.terms and image.terms.direct and image.terms.direct.unpaid == "self_purchase"
    assert image.terms.indirect and image.terms.indirect.unpaid is None


def test_a_suspended_distributor_is_not_paid_and_the_plan_decides_about_the_sponsor() -> None:
    change_standing("eve", {"status": "suspended"}, "staff:ops", NOW)
    record_order(ordered(payments=paid()), NOW)
    assert beneficiaries(given_to("eve")) == (None, "dan")

    save_plan("default", plan(inactive_direct="stop"), at(0), "staff:1", at(0))
    record_order(ordered("o-2", payments=paid(), placed_at=at(0.1)), NOW)
    assert beneficiaries(given_to("eve", "o-2")) == (None, None)


def test_the_rank_of_the_new_one_counts_in_the_operators_and_in_the_merchants_plan() -> None:
    gold = {"gold": RankRules(direct=Rule(rate="0.2"))}
    save_plan("default", plan(ranks=gold), at(-20), "staff:1", at(-20))
    save_plan("merchant:m1", plan(ranks={"gold": RankRules(direct=Rule(rate="0.4"))}), at(-20), "staff:1", at(-20))
    change_standing("eve", {"rank": "gold"}, "staff:ops", NOW)
    lines = described(line(10_000), line(10_000, "2", merchant_id="m1"))
    before = record_order(ordered(description=lines, payments=paid(20_000)), NOW)
    after = given_to("eve")
    book(before, after)

    assert [has(who)[1] for who in ("ann", "bob", "eve", "dan")] == [0, 0, 6000, 600]
    proven()


def test_the_version_that_was_frozen_counts_and_not_a_newer_one() -> None:
    tea = Override(match=Match(sku="tea"), direct=Rule(rate="0.5"), indirect=IndirectRule(rate="0.1"))
    before = record_order(ordered(payments=paid()), NOW)
    save_plan("default", plan(direct=Rule(rate="0.9"), overrides=(tea,)), at(1), "staff:1", at(1))
    after = given_to("eve")
    book(before, after)

    assert after.terms and after.terms.version == 1
    assert (has("eve")[1], has("dan")[1]) == (1000, 300)


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(NotFound):
        given_to("eve")
    record_order(said(payments=paid()), NOW)
    with pytest.raises(Conflict, match="ORDER_NOT_ATTRIBUTED"):
        given_to("eve")
    record_order(ordered(payments=paid()), NOW)
    with pytest.raises(Refused, match="UNKNOWN_DISTRIBUTOR"):
        given_to("nobody")


def test_a_write_in_between_is_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    first = record_order(ordered(payments=paid(5_000)), NOW)
    images = [first]
    save = orders.save

    def once(*arguments: Any) -> bool:
        monkeypatch.setattr(orders, "save", save)
        images.append(record_order(said(payments=paid(5_000, "p-2", days=1)), at(1.5)))
        return save(*arguments)

    monkeypatch.setattr(orders, "save", once)
    images.append(given_to("eve"))
    book(*images)

    assert images[-1].revision == 3
    assert [has(who)[1] for who in ("ann", "bob", "eve", "dan")] == [0, 0, 1000, 300]
    assert len(actions()) == 1
