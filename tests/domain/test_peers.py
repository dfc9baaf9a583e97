"""What other systems pay wrongly (reference/peers.md, ledger.md) and what is right."""

from itertools import pairwise

import pytest

from chalicelib.domain.earnings import earnings
from chalicelib.domain.plans import Base, IndirectRule, Match, Override, Plan, Rule
from chalicelib.domain.postings import difference
from chalicelib.domain.terms import Beneficiary
from tests.domain.builders import (
    accrued,
    given_back,
    levels,
    line,
    order,
    paid,
    plan,
    refunded,
    terms,
)


def reversals(*images):
    """What each image after the first takes from the direct beneficiary."""
    made = [difference(old, new) for old, new in pairwise(images)]
    return [sum(-entry.amount for entry in posting.entries if entry.level == "direct") for posting in made]


@pytest.mark.parametrize(
    ("rounding", "expected"), [("half_up", [333, 334, 333, 1990]), ("floor", [334, 333, 333, 1990])]
)
def test_partial_refunds_take_back_exactly_what_was_earned_where_rounding_each_loses_a_cent(rounding, expected):
    amounts = (3333, 3333, 3334, 19900)
    refunds = [{f"r{i}": given_back(amounts[i]) for i in range(n)} for n in range(5)]
    images = [
        order(paid(line(29900), refunds=known), terms(plan("0.1", "0", rounding=rounding)), revision=n + 1)
        for n, known in enumerate(refunds)
    ]

    taken = reversals(*images)

    assert accrued(paid(line(29900)), plan("0.1", "0")) == (2990, 0)
    assert taken == expected
    assert sum(taken) == 2990


def test_shipping_counts_once_and_not_once_per_unit_as_in_crmeb():
    of = paid(line(5997, quantity=3), shipping=1000)

    assert levels(of, plan("0.1", "0"))[0] == 600
    assert levels(of, plan("0.1", "0", base=Base(shipping=True)))[0] == 700


def test_units_given_back_one_by_one_take_back_the_whole_unlike_lilishop():
    per_line = Override(match=Match(sku="X"), direct=Rule(rate="0.1"))
    back = {f"r{i}": refunded(("1", 3333 + (i == 2), 1)) for i in range(3)}
    images = [
        order(
            paid(line(10000, quantity=3, sku="X"), refunds=dict(list(back.items())[:n])),
            terms(plan("0.1", "0", overrides=(per_line,))),
            revision=n + 1,
        )
        for n in range(4)
    ]

    assert reversals(*images) == [333, 334, 333]


def test_two_lines_earn_their_sum_and_not_a_running_total_as_in_lilishop():
    rules = Plan(direct=Rule(per_unit=10))
    own = Override(match=Match(sku="B"), direct=Rule(per_unit=20))

    of = paid(line(100, "1", sku="A"), line(100, "2", sku="B"))

    assert levels(of, rules)[0] == 20
    assert levels(of, Plan(direct=Rule(per_unit=10), overrides=(own,)))[0] == 30


@pytest.mark.parametrize(("rounding", "comes_to"), [("half_up", 999), ("floor", 999)])
def test_ten_small_lines_lose_nothing_to_rounding_each_as_in_yudao(rounding, comes_to):
    of = paid(*(line(999, str(i)) for i in range(10)))

    earned = earnings(order(of, terms(plan("0.1", "0", rounding=rounding))))

    assert earned.direct.potential == comes_to
    assert [each.amount for each in earned.direct.lines] == [100] * 9 + [99]


def test_a_small_refund_takes_a_small_part_and_not_the_whole_commission_as_in_yudao_and_dub():
    assert levels(paid(line(100000), refunds={"r1": given_back(100)})) == (9990, 2997)


@pytest.mark.parametrize(
    ("amount", "rate", "comes_to"), [(11000, "0.0035", 39), (2500, "0.0114", 29), (5000, "0.0057", 29)]
)
def test_exact_halves_round_up_where_dub_s_floats_round_them_down(amount, rate, comes_to):
    assert levels(paid(line(amount)), plan(rate, rate)) == (comes_to, comes_to)
    assert levels(paid(line(amount)), plan(rate, rate, rounding="floor")) == (comes_to - 1, comes_to - 1)


@pytest.mark.parametrize("zero", [Rule(rate="0"), Rule(per_unit=0), Rule(rate="0.000000")])
def test_an_explicit_zero_pays_zero_and_not_the_general_rate(zero):
    rules = plan("0.1", "0.03", overrides=(Override(match=Match(sku="X"), direct=zero),))

    assert levels(paid(line(1000, sku="X"), line(1000, "2")), rules) == (100, 60)


def test_indirect_is_paid_though_direct_is_zero_unlike_crmeb():
    assert levels(paid(line(1000)), plan("0", "0.03")) == (0, 30)
    assert levels(paid(line(1000)), Plan(direct=Rule(per_unit=0), indirect=IndirectRule(per_unit=3))) == (0, 3)
    assert levels(paid(line(1000)), plan(), direct=Beneficiary(distributor_id="ann", unpaid="inactive")) == (0, 30)


def test_indirect_of_direct_is_nothing_when_direct_is():
    assert levels(paid(line(1000)), Plan(direct=Rule(rate="0"), indirect=IndirectRule(rate="0.5", of="direct"))) == (
        0,
        0,
    )


def test_two_rates_of_the_whole_never_pay_more_than_was_sold_unlike_ruoyi():
    assert levels(paid(line(1000)), plan("1", "1")) == (1000, 0)


def test_a_hundred_cheap_units_are_not_rounded_unit_by_unit_as_in_crmeb_java():
    assert levels(paid(line(9900, quantity=100)), plan("0.05", "0"))[0] == 495


def test_both_levels_are_taken_back_by_a_refund_unlike_dub():
    first = order(paid(line(1000)))
    second = order(paid(line(1000), refunds={"r1": given_back(1000)}), revision=2)

    posting = difference(first, second)

    assert [(entry.level, entry.amount, entry.kind) for entry in posting.entries] == [
        ("direct", -100, "reversal"),
        ("indirect", -30, "reversal"),
    ]
