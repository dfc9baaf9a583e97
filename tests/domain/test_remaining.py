from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.orders import Facts, Payment, Refund
from chalicelib.domain.remaining import collected, left
from tests.domain.builders import at, disputed, facts, given_back, line, paid, refunded
from tests.domain.strategies import lines, refunds


def amounts(of, *disputes):
    return [each.amount for each in left(of, disputes)]


def shares(of, *disputes):
    return [share for _, share in collected(of, disputes)]


def paying(*parts, **more):
    """1000 due, in payments of (amount, day)."""
    payments = {f"p{i}": Payment(amount=amount, paid_at=at(days)) for i, (amount, days) in enumerate(parts)}
    return facts(line(600), line(400, "2"), payments=payments, **more)


def test_nothing_given_back_leaves_everything():
    [first, second] = left(facts(line(100, quantity=3), line(50, "2")), ("lost",))

    assert (first.amount, first.share, first.units) == (100, 1, 3)
    assert (second.line.line_id, second.amount, second.units) == ("2", 50, 1)


def test_a_refund_by_line_comes_off_its_line_alone():
    of = facts(
        line(100, quantity=3), line(50, "2"), refunds={"r1": refunded(("1", 25, 1)), "r2": refunded(("1", 5, 1))}
    )

    [first, second] = left(of, ())

    assert (first.amount, first.share, first.units) == (70, Fraction(7, 10), 1)
    assert second.share == 1


def test_a_refund_without_lines_is_spread_by_what_remains_of_them():
    of = facts(line(100), line(100, "2"), refunds={"r1": given_back(30), "r2": refunded(("1", 50, 0))})

    assert amounts(of) == [40, 80]


def test_a_failed_refund_takes_nothing():
    of = facts(line(100), refunds={"r1": given_back(30, state="failed"), "r2": refunded(("1", 50, 1), state="failed")})

    assert amounts(of) == [100]


def test_a_failed_refund_does_not_hide_the_next_one():
    of = facts(line(100), refunds={"r1": refunded(("1", 50, 1), state="failed"), "r2": refunded(("1", 10, 0))})

    assert amounts(of) == [90]


def test_a_refund_of_an_unknown_line_takes_nothing_from_the_known_ones():
    assert amounts(facts(line(100), refunds={"r1": refunded(("9", 50, 1), ("1", 10, 0))})) == [90]


def test_giving_back_more_than_was_sold_leaves_nothing_and_never_less():
    over = facts(line(100, quantity=1), line(50, "2"), refunds={"r1": refunded(("1", 101, 2))})

    assert [(each.amount, each.units) for each in left(over, ())] == [(0, 0), (50, 1)]
    assert amounts(facts(line(100), line(50, "2"), refunds={"r1": given_back(151)})) == [0, 0]


def test_only_disputes_in_the_asked_states_count():
    of = facts(
        line(100),
        disputes={"d1": disputed(10, "open"), "d2": disputed(20, "lost"), "d3": disputed(40, "won"), "d4": disputed(1)},
    )

    assert amounts(of) == [100]
    assert amounts(of, "lost") == [80]
    assert amounts(of, "lost", "open") == [69]


def test_a_line_without_a_price_remains_as_long_as_units_of_it_do():
    of = facts(line(100), line(0, "2", 4), refunds={"r1": refunded(("2", 0, 1))})

    [_, gift] = left(of, ())

    assert (gift.share, gift.units, gift.amount) == (Fraction(3, 4), 3, 0)


def test_a_gift_that_came_back_is_gone():
    [_, gift] = left(facts(line(100), line(0, "2", 4), refunds={"r1": refunded(("2", 0, 4))}), ())

    assert (gift.share, gift.units) == (0, 0)


def test_no_unit_remains_of_a_line_whose_money_went_back():
    [only] = left(facts(line(100, quantity=3), refunds={"r1": given_back(100)}), ())

    assert (only.share, only.units) == (0, 0)


def test_a_refund_that_says_nothing_takes_nothing():
    assert amounts(facts(line(100), refunds={"r1": Refund(refunded_at=at(1))})) == [100]


def test_a_line_without_price_or_units_has_no_share():
    [_, nothing] = left(facts(line(100), line(0, "2", 0)), ())

    assert (nothing.share, nothing.units) == (0, 0)


def test_gifts_alone_remain_until_something_is_given_back():
    assert [each.share for each in left(facts(line(0, "1", 2)), ())] == [1]
    assert [each.share for each in left(facts(line(0, "1", 2), refunds={"r1": given_back(1)}), ())] == [0]


@given(lines(), st.lists(refunds, max_size=4))
def test_no_line_grows_or_goes_below_nothing(sold, given_back_parts):
    of = facts(*sold, refunds={f"r{i}": each for i, each in enumerate(given_back_parts)})

    for each in left(of, ()):
        assert 0 <= each.share <= 1
        assert 0 <= each.units <= each.line.quantity


def test_an_order_is_collected_in_the_proportion_in_which_it_is_paid():
    assert collected(paying((250, 0), (250, 3), (500, 1)), ()) == (
        (at(0), Fraction(1, 4)),
        (at(1), Fraction(3, 4)),
        (at(3), Fraction(1)),
    )


def test_shipping_and_tax_are_collected_too():
    of = facts(line(80), shipping=15, tax=5, payments={"p1": Payment(amount=50, paid_at=at())})

    assert shares(of) == [Fraction(1, 2)]


def test_paying_too_much_collects_the_whole_and_no_more():
    assert shares(paying((900, 0), (900, 1), (900, 2))) == [Fraction(9, 10), 1]


def test_payments_of_one_instant_are_taken_by_their_ids():
    of = facts(line(100), payments={"b": Payment(amount=60, paid_at=at()), "a": Payment(amount=40, paid_at=at())})

    assert shares(of) == [Fraction(2, 5), 1]


def test_a_payment_of_nothing_is_no_step():
    assert shares(paying((0, 0), (1000, 1))) == [1]


@pytest.mark.parametrize(
    "of",
    [
        Facts(order_id="o-1", currency="CNY", payments={"p1": Payment(amount=5, paid_at=at())}),
        facts(line(0), payments={"p1": Payment(amount=5, paid_at=at())}),
        paying(),
        paying((300, 0), refunds={"r1": given_back(300)}),
        paying((300, 0), refunds={"r1": given_back(301)}),
        paying((1000, 0), refunds={"r1": given_back(1000)}),
        paying((1000, 0), refunds={"r1": refunded(("1", 600, 1)), "r2": refunded(("2", 400, 1))}),
    ],
    ids=["no lines yet", "nothing due", "unpaid", "deposit back", "more than paid back", "all back", "all lines back"],
)
def test_an_order_without_money_left_in_it_is_not_collected(of):
    assert collected(of, ()) == ()


def test_a_refund_counts_against_what_was_paid_and_what_is_due():
    assert shares(paying((500, 0), refunds={"r1": given_back(200)})) == [Fraction(3, 8)]
    assert shares(paying((500, 0), refunds={"r1": refunded(("1", 200, 1))})) == [Fraction(3, 8)]
    assert shares(paying((500, 0), refunds={"r1": given_back(200, state="failed")})) == [Fraction(1, 2)]


def test_disputed_money_in_the_asked_states_counts_as_given_back():
    disputes = {"d1": disputed(100, "open"), "d2": disputed(100, "lost"), "d3": disputed(700, "won")}

    assert shares(paying((500, 0), disputes=disputes)) == [Fraction(1, 2)]
    assert shares(paying((500, 0), disputes=disputes), "lost") == [Fraction(4, 9)]
    assert shares(paying((500, 0), disputes=disputes), "lost", "open") == [Fraction(3, 8)]


@given(st.integers(0, 999))
def test_a_paid_order_stays_paid_whatever_is_refunded_of_it(amount):
    assert shares(paid(line(1000), refunds={"r1": given_back(amount)})) == [1]
