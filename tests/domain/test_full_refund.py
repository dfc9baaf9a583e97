"""Whatever way all the money goes back, both levels end at exactly zero."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.earnings import earnings
from chalicelib.domain.orders import Facts, Payment, Refund, RefundLine, join
from chalicelib.domain.postings import difference
from chalicelib.domain.remaining import check_refunds
from tests.domain.builders import at, books, disputed, given_back, line, order, paid, plan, terms
from tests.domain.strategies import all_terms, lines

sold = lines().filter(lambda rows: any(each.amount for each in rows))
extras = st.tuples(st.integers(0, 2000), st.integers(0, 2000))


def cut(total, marks):
    """`total` in odd parts at these marks."""
    edges = [0, *sorted(mark % (total + 1) for mark in marks), total]
    return [high - low for low, high in pairwise(edges)]


def back_by_lines(rows):
    parts = tuple(RefundLine(line_id=each.line_id, amount=each.amount, quantity=each.quantity) for each in rows)
    return {"r0": Refund(refunded_at=at(1), lines=parts)}


def assert_nothing_is_left(of, frozen):
    earned = earnings(order(of, frozen))
    for level in (earned.direct, earned.indirect):
        assert (level.potential, level.accrued, level.buckets) == (0, 0, {})
        assert all((each.amount, each.base) == (0, 0) for each in level.lines)
    assert not any(earned.sales.values())


@given(sold, extras, all_terms(merchants=True))
def test_all_lines_given_back(rows, extra, frozen):
    of = paid(*rows, shipping=extra[0], tax=extra[1], delivered_at=at(), refunds=back_by_lines(rows))

    check_refunds(of)
    assert_nothing_is_left(of, frozen)


@given(sold, extras, all_terms(merchants=True), st.booleans())
def test_one_amount_given_back(rows, extra, frozen, with_shipping):
    of = paid(*rows, shipping=extra[0], tax=extra[1], delivered_at=at())
    amount = of.due if with_shipping else of.due - sum(extra)

    assert_nothing_is_left(structs.replace(of, refunds={"r1": given_back(amount)}), frozen)


@given(sold, all_terms(merchants=True), st.lists(st.integers(0, 10**9), max_size=9))
def test_given_back_in_many_odd_parts(rows, frozen, marks):
    of = paid(*rows, delivered_at=at())
    refunds = {f"r{i}": given_back(part) for i, part in enumerate(cut(of.due, marks))}

    assert_nothing_is_left(structs.replace(of, refunds=refunds), frozen)


@given(sold, all_terms(merchants=True), st.lists(st.integers(0, 10**9), max_size=4), st.data())
def test_given_back_partly_by_lines_and_partly_by_amounts(rows, frozen, marks, data):
    of = paid(*rows, delivered_at=at())
    by_line = [
        RefundLine(line_id=each.line_id, amount=data.draw(st.integers(0, each.amount)), quantity=0) for each in rows
    ]
    rest = of.due - sum(part.amount for part in by_line)
    refunds = {f"r{i}": given_back(part) for i, part in enumerate(cut(rest, marks))}
    refunds["lines"] = Refund(refunded_at=at(1), lines=tuple(by_line))

    assert_nothing_is_left(structs.replace(of, refunds=refunds), frozen)


@given(sold, extras, all_terms(merchants=True), st.sampled_from(("lost", "cancelled", "refund and dispute")))
def test_lost_in_a_dispute_or_cancelled(rows, extra, frozen, how):
    of = paid(*rows, shipping=extra[0], tax=extra[1], delivered_at=at())
    ends = {
        "lost": {"disputes": {"d1": disputed(of.due, "lost")}},
        "cancelled": {"cancelled_at": at(1)},
        "refund and dispute": {
            "disputes": {"d1": disputed(of.due // 2, "lost")},
            "refunds": {"r1": given_back(of.due - of.due // 2)},
        },
    }

    earned = earnings(order(structs.replace(of, **ends[how]), frozen))

    for level in (earned.direct, earned.indirect):
        assert (level.potential, level.accrued, level.buckets) == (0, 0, {})
    assert not any(earned.sales.values())


@given(sold, all_terms(merchants=True), st.lists(st.integers(0, 10**9), max_size=3), st.data())
def test_the_books_end_at_zero_whether_the_refunds_or_the_payments_come_first(rows, frozen, marks, data):
    of = paid(*rows, delivered_at=at())
    known = structs.replace(of, payments={})
    paying = [
        Facts(
            order_id="o-1",
            currency="CNY",
            payments={f"p{i}": Payment(amount=part, paid_at=at(data.draw(st.integers(0, 9))))},
        )
        for i, part in enumerate(cut(of.due, marks))
    ]
    giving = [
        Facts(order_id="o-1", currency="CNY", refunds={f"r{i}": given_back(part)})
        for i, part in enumerate(cut(of.due, reversed(marks)))
    ]
    arrivals = data.draw(st.permutations(paying + giving))

    image, postings = order(known, frozen), []
    for i, fact in enumerate(arrivals):
        following = order(join(image.facts, fact), frozen, revision=i + 2)
        postings.append(difference(image, following))
        image = following

    assert books(postings) == {}


@pytest.mark.parametrize("rounding", ["half_up", "floor"])
@pytest.mark.parametrize("step", [7, 19, 333])
def test_an_order_given_back_cent_by_cent_ends_at_zero(rounding, step):
    of, frozen = paid(line(666), line(333, "2")), terms(plan("0.1", "0.03", rounding=rounding))
    image, postings, refunds = order(of, frozen), [], {}
    postings.append(difference(None, image))

    for i, start in enumerate(range(0, of.due, step)):
        refunds = refunds | {f"r{i:03d}": given_back(min(step, of.due - start))}
        following = order(structs.replace(of, refunds=refunds), frozen, revision=i + 2)
        postings.append(difference(image, following))
        image = following

    assert books(postings[:1]) and books(postings) == {}
