"""A code, coupon or click that a later notification brings counts as if it had come first; a contact does, too."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain.attribution import Click
from chalicelib.domain.orders import Carriers, Facts, Order
from chalicelib.domain.plans import Limit
from chalicelib.domain.postings import difference
from chalicelib.flows.attribute_order import Contact
from chalicelib.flows.bind_customer import bind_customer
from chalicelib.flows.reattribute_order import reattribute_order
from chalicelib.flows.record_order import NO_CONTACT, record_order
from chalicelib.flows.save_plan import save_plan
from chalicelib.store import clicks, customers, distributors, orders
from tests.domain.builders import books, books_of
from tests.flows.shop import NOW, at, beneficiaries, described, line, open_shop, ordered, paid, person, plan, said

pytestmark = pytest.mark.usefixtures("cloud_tables")

BOUGHT = ordered(code=None)
WITH_CODE = said(payments=paid(), attribution=Carriers(code="ann"))


@pytest.fixture(autouse=True)
def shop(cloud_tables: Any) -> None:
    open_shop()


def because(image: Order) -> tuple[str, str | None]:
    assert image.terms
    return image.terms.because, image.terms.direct.distributor_id if image.terms.direct else None


def arrived(*told: Facts | tuple[Facts, Contact]) -> Order:
    """The last image; the postings on the way have brought the books to where it alone would have them."""
    images: list[Order] = []
    for each in told:
        facts, contact = each if isinstance(each, tuple) else (each, NO_CONTACT)
        image = record_order(facts, NOW, contact)
        if not images or image != images[-1]:
            images.append(image)
    postings = [difference(old, new) for old, new in zip((None, *images), images, strict=False)]
    assert books(postings) == books_of(images[-1])
    return images[-1]


def renamed(order_id: str, *told: Facts) -> list[Facts]:
    return [structs.replace(each, order_id=order_id) for each in told]


@pytest.mark.parametrize("bound", [None, "CAS"])
def test_whichever_comes_first_the_terms_and_books_are_the_same(bound: str | None) -> None:
    if bound:
        bind_customer("c-1", bound, None, at(-2))
    parts = (BOUGHT, WITH_CODE, said(attribution=Carriers(coupon="SPRING")), said(delivered_at=at(2)))
    ends = []
    for i, order in enumerate(permutations(parts)):
        again = (order[0], order[-1], order[1])
        image = arrived(*renamed(f"o-{i}", *order, *again))
        assert orders.get(f"o-{i}") == image
        ends.append((image.terms, structs.replace(image.facts, order_id="o-1")))

    assert all(end == ends[0] for end in ends)
    assert because(image) == ("code", "ann")
    assert beneficiaries(image) == ("ann", "bob")


def test_who_had_the_order_before_keeps_their_entries() -> None:
    bind_customer("c-1", "CAS", None, at(-2))

    image = arrived(structs.replace(BOUGHT, payments=paid()), said(attribution=Carriers(code="BOB")))

    assert beneficiaries(image) == ("bob", None)
    assert image.former == ("ann", "cas")
    assert len(image.written) == 2


def test_a_late_coupon_comes_before_a_code_and_a_late_click_after_a_binding() -> None:
    distributors.create(person("dan"), {})
    distributors.claim_coupon(person("dan"), "TEA10")
    clicks.record(
        Click(click_id="k1", at=at(-1), distributor_id="cas", sponsor_id="ann"),
        at(30) - at(0),
        "https://shop.example/",
        None,
    )
    click, coupon = Carriers(click_id="k1"), Carriers(coupon="tea10")

    assert because(arrived(ordered(), said(attribution=coupon))) == ("coupon", "dan")
    assert because(arrived(ordered("o-2"), said("o-2", attribution=click))) == ("code", "ann")
    assert because(arrived(ordered("o-3", code=None), said("o-3", attribution=click))) == ("click", "cas")
    bind_customer("c-1", "BOB", None, at(-2))
    assert because(arrived(ordered("o-4", code=None), said("o-4", attribution=click))) == ("binding", "bob")


def test_a_carrier_that_changes_decides_nothing() -> None:
    assert because(arrived(ordered(code="ANN"), said(attribution=Carriers(code="CAS")))) == ("code", "ann")
    assert because(arrived(ordered("o-2", code="CAS"), said("o-2", attribution=Carriers(code="ANN")))) == (
        "code",
        "cas",
    )


def test_a_late_carrier_that_names_nobody_brings_nothing_else_in() -> None:
    before = record_order(ordered(code=None), NOW)
    bind_customer("c-1", "CAS", None, at(-2))

    image = record_order(said(attribution=Carriers(coupon="SPRING")), NOW)

    assert image.terms == before.terms
    assert because(image) == ("none", None)


def test_lines_that_come_with_a_carrier_that_names_nobody_are_still_held_against_the_plan() -> None:
    record_order(ordered(), NOW)

    image = record_order(
        said(attribution=Carriers(coupon="SPRING"), description=described(line(10_000, merchant_id="m1"), days=1)), NOW
    )

    assert because(image) == ("code", "ann")
    assert image.facts.lines[0].merchant_id == "m1"


def test_what_staff_decided_stays() -> None:
    record_order(BOUGHT, NOW)
    reattribute_order("o-1", "cas", "asked", "staff:ops", NOW)

    assert because(record_order(WITH_CODE, NOW)) == ("staff", "cas")


def test_it_is_decided_as_of_the_same_instant() -> None:
    record_order(BOUGHT, NOW)
    save_plan("default", plan(), at(0.5), "staff:1", at(0.2))

    image = record_order(WITH_CODE, at(5))

    assert image.terms and image.terms.version == 1


def test_a_late_carrier_takes_a_fourth_round_trip_at_most_and_only_once(requests_sent: Any) -> None:
    record_order(BOUGHT, NOW)
    record_order(structs.replace(BOUGHT, order_id="o-2"), NOW)
    requests = requests_sent()

    record_order(WITH_CODE, NOW)
    assert len(requests) == 3, [name for name, _ in requests]
    record_order(structs.replace(WITH_CODE, order_id="o-2", customer_id=None), NOW)
    assert len(requests) == 7, [name for name, _ in requests]
    record_order(structs.replace(WITH_CODE, delivered_at=at(1)), NOW)
    assert len(requests) == 9, [name for name, _ in requests]


@pytest.mark.parametrize("bound", [None, "CAS"])
def test_what_limits_count_counts_once(bound: str | None) -> None:
    limits = (Limit(per="customer", orders=2), Limit(per="month", amount=1_500))
    save_plan("default", plan(limits=limits), at(-20), "staff:1", NOW)
    if bound:
        bind_customer("c-1", bound, None, at(-2))

    late = [arrived(*renamed(f"o-{i}", BOUGHT, WITH_CODE, WITH_CODE)) for i in range(3)]
    first = arrived(*renamed("o-3", WITH_CODE, BOUGHT))

    numbers = [each.terms.customer_order_number for each in (*late, first) if each.terms]
    months = [each.terms.direct_this_month for each in (*late, first) if each.terms]
    assert numbers == [1, 2, 3, 4]
    assert months == [0, 1_000, 1_500, 1_500]
    assert customers.get("c-1").orders == 4


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_contact_tells_who_bought_it_whenever_it_comes(order: tuple[int, ...]) -> None:
    bind_customer("c-1", "CAS", None, at(-2))
    parts = [(BOUGHT, NO_CONTACT), (said(delivered_at=at(1)), Contact(email="ann-email")), (WITH_CODE, NO_CONTACT)]

    image = arrived(*(parts[i] for i in (*order, *order)))

    assert because(image) == ("code", "ann")
    assert beneficiaries(image) == (None, "bob")
    assert image.buyers == ("ann",)


def test_a_late_contact_of_a_sponsor_or_of_somebody_who_is_not_paid_anyway() -> None:
    distributors.create(person("dan", "ann", status="suspended"), {"email": "dan-email"})

    sponsor = arrived(ordered(code="CAS"), (said(), Contact(phone="ann-phone")))
    inactive = arrived(ordered("o-2", code="DAN"), (said("o-2"), Contact(email="dan-email")))

    assert beneficiaries(sponsor) == ("cas", None)
    assert inactive.terms and inactive.terms.direct and inactive.terms.direct.unpaid == "inactive"


def test_a_plan_that_pays_for_own_orders_still_does() -> None:
    save_plan("default", plan(self_purchase="pays_self"), at(-20), "staff:1", NOW)

    assert beneficiaries(arrived(ordered(), (said(), Contact(email="ann-email")))) == ("ann", "bob")
