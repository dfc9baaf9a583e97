"""All 720 orders of arrival of six facts, each of them told twice, in four currencies."""

from itertools import permutations

import pytest
from msgspec import json

from chalicelib.domain.earnings import earnings
from chalicelib.domain.orders import Facts, Order, Payment, join
from chalicelib.domain.postings import difference
from tests.domain.builders import (
    START,
    at,
    books,
    books_of,
    described,
    disputed,
    given_back,
    line,
    plan,
    refunded,
    terms,
)


def six(currency):
    def said(**more):
        return Facts(order_id="o-1", currency=currency, **more)

    lines = (line(19998, "1", 2, merchant_id="m1"), line(3333, "2"))
    return (
        said(customer_id="c-1", placed_at=START, description=described(*lines, shipping=1000, updated_at=at())),
        said(payments={"p1": Payment(amount=10001, paid_at=at())}),
        said(payments={"p2": Payment(amount=14330, paid_at=at(7))}),
        said(refunds={"r1": refunded(("1", 9999, 1), days=8)}),
        said(refunds={"r2": given_back(777, days=9)}),
        said(disputes={"d1": disputed(1111, days=10)}, delivered_at=at(2)),
    )


def image_of(known, revision, frozen):
    return Order(
        facts=known, revision=revision, recorded_at=at(60 + revision), terms=frozen if known.description else None
    )


def arrived(events, frozen, made):
    """The last image and the postings on the way, every fact told twice: the second time right after the next one.

    `made` keeps the postings by the facts before and after, on which alone their amounts depend."""
    image, postings, before = None, [], b""
    told = [event for i, now in enumerate(events) for event in (now, events[max(0, i - 1)])]
    for event in (*told, events[-1]):
        known = join(image.facts, event) if image else event
        if image and known == image.facts:
            continue
        following, after = image_of(known, image.revision + 1 if image else 1, frozen), json.encode(known)
        if (before, after) not in made:
            made[before, after] = difference(image, following)
        postings.append(made[before, after])
        image, before = following, after
    return image, postings


@pytest.mark.parametrize("currency", ["CNY", "USD", "JPY", "KWD"])
@pytest.mark.parametrize("accrue_on", ["paid", "delivered"])
def test_six_facts_in_any_order_end_in_one_image_and_one_sum_of_postings(currency, accrue_on):
    frozen = terms(plan("0.0777", "0.0333", accrue_on=accrue_on, rounding="floor" if currency == "JPY" else "half_up"))
    endings, sums, made = set(), set(), {}

    for events in permutations(six(currency)):
        image, postings = arrived(events, frozen, made)
        endings.add(json.encode(image.facts))
        sums.add(tuple(sorted((account, bucket.day, amount) for (account, bucket), amount in books(postings).items())))

    assert len(endings) == 1
    assert len(sums) == 1
    assert books(postings) == books_of(image) != {}
    assert earnings(image).direct.accrued > 0
