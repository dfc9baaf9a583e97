"""Whom an order goes to: coupon, code, binding, click, in this order; decided once, never the customer themself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.attribution import Click
from chalicelib.domain.orders import Carriers
from chalicelib.domain.plans import AttributionRules
from chalicelib.flows.attribute_order import Contact
from chalicelib.flows.bind_customer import bind_customer
from chalicelib.flows.record_order import record_order
from chalicelib.flows.save_plan import save_plan
from chalicelib.store import clicks, customers, distributors
from tests.flows.shop import NOW, START, at, beneficiaries, open_shop, ordered, paid, person, plan, said

pytestmark = pytest.mark.usefixtures("cloud_tables")


@pytest.fixture(autouse=True)
def shop(cloud_tables: Any) -> None:
    open_shop()


def because(order: Any) -> tuple[str, str | None]:
    return order.terms.because, order.terms.direct.distributor_id if order.terms.direct else None


def clicked(who: str, days: float = -1) -> str:
    click = Click(click_id=f"click-{who}-{days}", at=at(days), distributor_id=who, sponsor_id=None)
    clicks.record(click, timedelta(days=30), "https://shop.example/", None)
    return click.click_id


def test_coupon_beats_code_beats_binding_beats_click() -> None:
    for name in ("dan", "eve"):
        distributors.create(person(name), {})
    distributors.claim_coupon(person("dan"), "TEA10")
    bind_customer("c-1", "CAS", None, at(-2))
    click = clicked("eve")

    def attributed(customer: str, coupon: str | None, code: str | None) -> tuple[str, str | None]:
        carriers = Carriers(coupon=coupon, code=code, click_id=click)
        order_id = f"{customer}-{coupon}-{code}"
        return because(record_order(ordered(order_id, customer_id=customer, attribution=carriers), NOW))

    assert attributed("c-1", "tea10", "ann") == ("coupon", "dan")
    assert attributed("c-1", "NO-SUCH", " a-n n ") == ("code", "ann")
    assert attributed("c-1", None, None) == ("binding", "cas")
    assert attributed("c-2", None, None) == ("click", "eve")


def test_a_distributors_own_code_may_come_as_a_coupon() -> None:
    assert because(record_order(ordered(attribution=Carriers(coupon="ann", code="bob")), NOW)) == ("coupon", "ann")


def test_only_what_had_happened_when_the_order_was_placed_counts() -> None:
    bind_customer("c-1", "ANN", None, at(0.5))
    late = clicked("cas", days=0.5)

    image = record_order(ordered(attribution=Carriers(click_id=late)), NOW)

    assert because(image) == ("none", None)


def test_a_click_counts_within_its_window_only() -> None:
    old = clicked("cas", days=-31)

    assert because(record_order(ordered(attribution=Carriers(click_id=old)), NOW)) == ("none", None)


@pytest.mark.parametrize(("model", "winner"), [("last_click", "cas"), ("first_click", "ann")])
def test_the_plan_says_which_of_several_clicks_wins(model: Any, winner: str) -> None:
    save_plan("default", plan(attribution=AttributionRules(model=model)), at(-20), "staff:1", NOW)
    customers.add_claim("c-1", claim_of_bob(), Click(click_id="1", at=at(-2), distributor_id="ann", sponsor_id="bob"))
    last = clicked("cas", days=-1)

    assert because(record_order(ordered(attribution=Carriers(click_id=last)), NOW)) == ("click", winner)


def claim_of_bob() -> Any:
    """A claim that has expired by the time of the order."""
    from chalicelib.domain.bindings import Claim

    return Claim(at=at(-10), distributor_id="bob", days=1)


def test_a_payment_alone_decides_nothing() -> None:
    first = record_order(said(customer_id=None, payments=paid()), NOW)
    assert first.terms is None
    second = record_order(said(payments={}), NOW)
    assert second.terms is None

    assert beneficiaries(record_order(ordered(), NOW)) == ("ann", "bob")


def test_a_customer_who_becomes_known_later_completes_the_order() -> None:
    bind_customer("c-1", "CAS", None, at(-2))
    assert record_order(ordered(customer_id=None, code=None), NOW).terms is None

    assert beneficiaries(record_order(said(payments=paid()), NOW)) == ("cas", "ann")


def test_carriers_that_came_with_the_first_fact_count_when_the_lines_come() -> None:
    record_order(said(attribution=Carriers(code="ann")), NOW)

    assert beneficiaries(record_order(ordered(attribution=Carriers()), NOW)) == ("ann", "bob")


def test_it_is_decided_once() -> None:
    record_order(ordered(), NOW)
    bind_customer("c-1", "CAS", None, at(-3))

    image = record_order(said(attribution=Carriers(code="CAS"), payments=paid()), NOW)

    assert because(image) == ("code", "ann")
    assert image.facts.attribution.code == "CAS"


def test_nobody_is_paid_for_their_own_order() -> None:
    customers.set_owner("c-1", "ann")

    image = record_order(ordered(payments=paid()), NOW)

    assert image.terms and image.terms.direct and image.terms.direct.unpaid == "self_purchase"
    assert beneficiaries(image) == (None, "bob")


def test_a_sponsor_is_not_paid_for_their_own_order_either() -> None:
    customers.set_owner("c-1", "bob")

    assert beneficiaries(record_order(ordered(), NOW)) == ("ann", None)


@pytest.mark.parametrize("contact", [Contact(email="ann-email"), Contact(phone="ann-phone")])
def test_an_orders_contact_gives_a_self_purchase_away(contact: Contact) -> None:
    assert beneficiaries(record_order(ordered(), NOW, contact)) == (None, "bob")


def test_somebody_elses_contact_does_not() -> None:
    assert beneficiaries(record_order(ordered(), NOW, Contact(email="other"))) == ("ann", "bob")


def test_a_plan_may_pay_for_own_orders() -> None:
    save_plan("default", plan(self_purchase="pays_self"), at(-20), "staff:1", NOW)
    customers.set_owner("c-1", "ann")

    assert beneficiaries(record_order(ordered(), NOW)) == ("ann", "bob")


@pytest.mark.parametrize(("rule", "paid_to"), [("pay_indirect", (None, "ann")), ("stop", (None, None))])
def test_an_inactive_distributor_earns_nothing(rule: Any, paid_to: Any) -> None:
    save_plan("default", plan(inactive_direct=rule), at(-20), "staff:1", NOW)
    distributors.create(person("dan", "ann", status="suspended"), {})

    assert beneficiaries(record_order(ordered(code="DAN"), NOW)) == paid_to


def test_a_distributor_without_a_sponsor_earns_alone() -> None:
    assert beneficiaries(record_order(ordered(code="BOB"), NOW)) == ("bob", None)


def test_without_placed_at_the_description_says_when() -> None:
    bind_customer("c-1", "ANN", None, at(-1))

    image = record_order(ordered(code=None, placed_at=None), NOW)

    assert because(image) == ("binding", "ann")
    assert image.facts.description and image.facts.description.updated_at == START
