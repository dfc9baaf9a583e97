"""Facts about an order come in: one image whatever their order, attributed once, within few round trips."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain.errors import Conflict, Refused
from chalicelib.domain.orders import Carriers, Dispute
from chalicelib.domain.plans import Match, Override, Rule
from chalicelib.flows.bind_customer import bind_customer
from chalicelib.flows.record_order import record_order
from chalicelib.flows.save_plan import save_plan
from chalicelib.store import distributors, orders, plans
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
    plan,
    refunded,
    said,
)

pytestmark = pytest.mark.usefixtures("cloud_tables")


@pytest.fixture(autouse=True)
def shop(cloud_tables: Any) -> None:
    open_shop(overrides=(Override(match=Match(sku="TEA"), direct=Rule(rate="0.2")),))


PARTS = [
    ordered(),
    said(payments=paid()),
    said(refunds=refunded(("1", 4_000))),
    said(delivered_at=at(3)),
]


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_facts_in_any_order_and_twice_end_in_one_image(order: tuple[int, ...]) -> None:
    for index in (*order, *order):
        record_order(PARTS[index], NOW)

    image = orders.get("o-1")
    assert image and image.revision == 4
    assert image.facts == structs.replace(PARTS[0], payments=paid(), refunds=refunded(("1", 4_000)), delivered_at=at(3))
    assert beneficiaries(image) == ("ann", "bob")


def test_what_is_known_already_is_not_written_again(requests_sent: Any) -> None:
    first = record_order(ordered(payments=paid()), NOW)
    requests = requests_sent()

    assert record_order(said(payments=paid()), at(9)) == first
    assert [name for name, _ in requests] == ["BatchGetItem"]


@pytest.mark.parametrize("container", ["cold", "warm"])
def test_a_new_attributed_order_takes_three_round_trips(container: str, requests_sent: Any) -> None:
    if container == "warm":
        record_order(ordered("o-0"), NOW)
    else:
        plans.forget()
    requests = requests_sent()

    image = record_order(ordered(payments=paid()), NOW)

    assert beneficiaries(image) == ("ann", "bob")
    assert len(requests) == 3, [name for name, _ in requests]


@pytest.mark.parametrize(
    "later",
    [
        said(payments=paid()),
        said(refunds=refunded(("1", 1))),
        said(cancelled_at=at(1)),
        ordered(payments=paid()),
        said(description=described(line(9_000, sku="TEA"), days=1)),
    ],
    ids=["payment", "refund", "cancelled", "everything again", "other lines"],
)
def test_a_later_fact_takes_two_round_trips(later: Any, requests_sent: Any) -> None:
    record_order(ordered(), NOW)
    requests = requests_sent()

    assert record_order(later, NOW).revision == 2
    assert len(requests) == 2, [name for name, _ in requests]


def test_a_first_account_in_a_currency_is_opened_with_the_order() -> None:
    record_order(ordered(), NOW)
    record_order(ordered("o-2", currency="JPY"), NOW)

    found = distributors.get_many(["ann", "bob", "cas"])
    assert {name: found[name].currencies for name in found} == {
        "ann": {"CNY", "JPY"},
        "bob": {"CNY", "JPY"},
        "cas": frozenset(),
    }


def test_other_lines_are_held_against_the_frozen_plan_version() -> None:
    record_order(ordered(payments=paid()), NOW)
    save_plan("default", plan(overrides=(Override(match=Match(sku="TEA"), direct=Rule(rate="0.9")),)), at(-1), "s", NOW)

    image = record_order(said(description=described(line(10_000, sku="TEA"), days=1)), NOW)

    assert image.terms and image.terms.version == 1
    assert [override.direct for override in image.terms.plan.overrides] == [Rule(rate="0.2")]


def test_an_order_waits_for_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "DEFAULT", "another")
    assert record_order(ordered(), NOW).terms is None
    save_plan("another", plan(), at(-30), "staff:1", NOW)

    assert beneficiaries(record_order(said(payments=paid()), NOW)) == ("ann", "bob")


def test_the_plan_in_force_when_the_order_was_placed_decides() -> None:
    save_plan("default", plan(direct=Rule(rate="0.5")), at(10), "staff:1", NOW)

    old = record_order(ordered(), at(20))
    new = record_order(ordered("o-2", placed_at=at(11)), at(20))

    assert old.terms and new.terms
    assert (old.terms.version, new.terms.version) == (1, 2)


@pytest.mark.parametrize(
    ("known", "also", "code"),
    [
        (ordered(), ordered(amount=9_000), "LINES_DIFFER"),
        (ordered(payments=paid()), said(payments=paid(1)), "PAYMENT_DIFFERS"),
        (ordered(refunds=refunded(("1", 5))), said(refunds=refunded(("1", 6))), "REFUND_DIFFERS"),
        (
            ordered(disputes={"d": Dispute(amount=5, at=at(1))}),
            said(disputes={"d": Dispute(amount=6, at=at(1))}),
            "DISPUTE_DIFFERS",
        ),
        (ordered(), said(customer_id="c-2"), "ORDER_CUSTOMER_DIFFERS"),
        (ordered(), said(currency="USD"), "ORDER_CURRENCY_DIFFERS"),
    ],
)
def test_a_contradiction_is_a_conflict_and_changes_nothing(known: Any, also: Any, code: str) -> None:
    first = record_order(known, NOW)

    with pytest.raises(Conflict) as conflict:
        record_order(also, NOW)

    assert conflict.value.code == code
    assert orders.get("o-1") == first


@pytest.mark.parametrize("refunds", [refunded(("1", 10_001)), refunded(("9", 1)), refunded(amount=10_001)])
def test_refunds_beyond_the_order_are_refused_and_change_nothing(refunds: Any) -> None:
    first = record_order(ordered(payments=paid()), NOW)

    with pytest.raises(Refused):
        record_order(said(refunds=refunds), NOW)
    with pytest.raises(Refused):
        record_order(ordered("o-2", refunds=refunds), NOW)

    assert orders.get("o-1") == first
    assert orders.get("o-2") is None


def test_one_order_from_many_writers_at_once_keeps_every_fact() -> None:
    facts = [ordered(amount=12_000)] + [said(payments=paid(1_000, f"p-{i}")) for i in range(12)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: record_order(each, NOW), facts))

    image = orders.get("o-1")
    assert image and len(image.facts.payments) == 12
    assert image.revision == 13
    assert beneficiaries(image) == ("ann", "bob")


def test_the_same_order_from_many_writers_at_once_is_written_once() -> None:
    with ThreadPoolExecutor(5) as pool:
        images = list(pool.map(lambda _: record_order(ordered(payments=paid()), NOW), range(5)))

    assert {each.revision for each in images} == {1}
    assert len({each.facts.order_id for each in images}) == 1


def test_time_never_runs_backwards_in_an_order() -> None:
    record_order(ordered(), at(5))

    assert record_order(said(payments=paid()), at(4)).recorded_at == at(5)


def test_an_order_nobody_brought_is_kept_without_beneficiaries() -> None:
    image = record_order(ordered(attribution=Carriers(code="NOBODY")), NOW)

    assert image.terms and image.terms.because == "none"
    assert beneficiaries(image) == (None, None)
    assert image.written == ()


def test_an_order_larger_than_an_item_is_refused_and_changes_nothing() -> None:
    lines = [line(10, f"{i}-{'x' * 100}", sku="s" * 128, product_id="p" * 128) for i in range(500)]
    first = record_order(ordered(description=described(*lines)), NOW)
    back = {f"r-{n}": refunded(*((each.line_id, 1) for each in lines))["r-1"] for n in range(5)}

    with pytest.raises(Refused) as refused:
        record_order(said(refunds=back), NOW)

    assert refused.value.code == "ORDER_TOO_LARGE"
    assert orders.get("o-1") == first


@pytest.mark.parametrize(("merchants", "taken"), [(80, True), (81, False)])
def test_an_order_has_as_many_merchants_as_one_posting_can_charge(merchants: int, taken: bool) -> None:
    order = ordered(description=described(*(line(100, str(i), merchant_id=f"m{i}") for i in range(merchants))))

    if taken:
        book(record_order(structs.replace(order, payments=paid(8_000)), NOW))
        return
    with pytest.raises(Refused) as refused:
        record_order(order, NOW)
    assert refused.value.faults[0].path == "lines"


def test_when_it_was_placed_decides_even_if_that_is_known_last() -> None:
    save_plan("default", plan(direct=Rule(rate="0.5")), at(-1), "staff:1", at(-1))
    code = Carriers(code="ANN")
    known_last = said("o-1", description=described(line(10_000)), attribution=code)
    known_first = said("o-2", placed_at=at(-2), attribution=code)

    guessed = record_order(known_last, NOW)
    late = record_order(said("o-1", placed_at=at(-2)), NOW)
    record_order(known_first, NOW)
    early = record_order(said("o-2", description=described(line(10_000))), NOW)

    assert guessed.terms and guessed.terms.version == 2
    assert late.terms == early.terms
    assert late.terms and late.terms.version == 1


def test_who_had_an_order_before_it_was_decided_again_keeps_their_entries() -> None:
    bind_customer("c-1", "CAS", None, at(-3))
    bind = record_order(said("o-1", description=described(line(10_000)), payments=paid()), NOW)

    again = record_order(said("o-1", placed_at=at(-5)), NOW)

    assert bind.terms and bind.terms.direct and bind.terms.direct.distributor_id == "cas"
    assert again.terms and again.terms.direct is None
    assert again.former == ("ann", "cas")
    assert len(again.written) == 2
