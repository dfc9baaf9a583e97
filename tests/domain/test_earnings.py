from datetime import UTC, datetime
from fractions import Fraction

import pytest

from chalicelib.domain.buckets import Bucket, day_of, matures_on
from chalicelib.domain.earnings import earnings
from chalicelib.domain.levels import bases
from chalicelib.domain.orders import Facts, Order
from chalicelib.domain.plans import Base, Cap, IndirectRule, Ladder, Limit, Match, Override, Plan, RankRules, Rule, Step
from chalicelib.domain.remaining import left
from chalicelib.domain.terms import Beneficiary
from tests.domain.builders import (
    START,
    given_back,
    levels,
    line,
    order,
    paid,
    plan,
    refunded,
    terms,
)

ANN, BOB = Beneficiary(distributor_id="ann"), Beneficiary(distributor_id="bob")


def base_of(known, **base):
    rules = plan(base=Base(**base))
    return [base.left for base in bases(rules, known, left(known, ()))]


def test_a_day_is_the_date_in_the_program_s_time_zone():
    late = datetime(2026, 3, 1, 16, 0, tzinfo=UTC)

    assert day_of(late, "Asia/Shanghai") == "2026-03-02"
    assert day_of(late, "UTC") == "2026-03-01"
    assert day_of(datetime(2026, 3, 1, 2, tzinfo=UTC), "America/New_York") == "2026-02-28"


def test_a_bucket_matures_after_its_hold():
    assert matures_on(Bucket("2026-02-27", 15)) == "2026-03-14"
    assert matures_on(Bucket("2026-12-31", 1)) == "2027-01-01"
    assert matures_on(Bucket("2026-03-01", 0)) == "2026-03-01"


def test_a_rate_is_of_the_line_s_amount():
    assert base_of(paid(line(1000, cost=400), line(500, "2"), shipping=30, tax=15)) == [1000, 500]


def test_a_rate_of_the_margin_never_takes_a_loss():
    assert base_of(paid(line(1000, cost=400), line(500, "2"), line(300, "3", cost=301)), of="margin") == [600, 500, 0]


def test_shipping_and_tax_belong_to_the_lines_by_their_amounts():
    of = paid(line(1000, cost=400), line(500, "2"), shipping=30, tax=15)

    assert base_of(of, shipping=True) == [1020, 510]
    assert base_of(of, tax=True) == [1010, 505]
    assert base_of(of, shipping=True, tax=True) == [1030, 515]
    assert base_of(of, of="margin", shipping=True) == [620, 510]


def test_shipping_of_gifts_belongs_to_nobody():
    assert base_of(paid(line(0), shipping=30), shipping=True) == [0]


def test_the_base_shrinks_with_what_is_left_of_the_line():
    of = paid(line(1000, cost=400), line(500, "2"), shipping=30, refunds={"r1": refunded(("1", 250, 0))})

    assert base_of(of, of="margin", shipping=True) == [Fraction(3, 4) * 620, 510]


def test_without_terms_or_lines_nothing_is_earned():
    nothing = earnings(Order(facts=paid(line(1000)), revision=1, recorded_at=START))
    empty = earnings(order(Facts(order_id="o-1", currency="CNY"), terms(plan(base=Base(shipping=True)))))

    for earned in (nothing, empty):
        assert (earned.direct.potential, earned.indirect.potential, earned.sales, earned.capped) == (0, 0, {}, False)
        assert earned.direct.buckets == earned.indirect.buckets == {}
        assert earned.direct.lines == earned.indirect.lines == ()
    assert nothing.direct.beneficiary is None
    assert (empty.direct.beneficiary, empty.indirect.beneficiary) == (ANN, BOB)


def test_each_line_tells_its_base_its_amount_and_its_rule():
    of = paid(line(999, "1"), line(1000, "2", sku="X"), refunds={"r1": refunded(("1", 332, 0))})
    own = Override(match=Match(sku="X"), indirect=IndirectRule(rate="0.5", of="direct"))

    earned = earnings(order(of, terms(plan("0.1", "0.03", overrides=(own,)))))

    assert [(each.line_id, each.base, each.amount) for each in earned.direct.lines] == [
        ("1", 667, 67),
        ("2", 1000, 100),
    ]
    assert [each.amount for each in earned.indirect.lines] == [20, 50]
    assert [each.chosen.source for each in earned.direct.lines] == ["general", "general"]
    assert [each.chosen.source for each in earned.indirect.lines] == ["general", "override"]
    assert (earned.level("direct"), earned.level("indirect")) == (earned.direct, earned.indirect)


def test_the_base_that_is_told_is_in_whole_units():
    earned = earnings(order(paid(line(100), line(200, "2"), refunds={"r1": given_back(1)})))

    assert [each.base for each in earned.direct.lines] == [99, 199]


def test_a_level_is_rounded_once_and_its_lines_share_it():
    of = paid(line(5, "1"), line(5, "2"), line(5, "3"))

    earned = earnings(order(of, terms(plan("0.1", "0.5"))))

    assert [each.amount for each in earned.direct.lines] == [1, 1, 0]
    assert [each.amount for each in earned.indirect.lines] == [3, 3, 2]
    assert (earned.direct.potential, earned.indirect.potential) == (2, 8)


def test_what_is_paid_per_unit_follows_what_is_left_of_the_line():
    rules = Plan(direct=Rule(per_unit=50), indirect=IndirectRule(per_unit=7))

    assert levels(paid(line(1000, quantity=3)), rules) == (150, 21)
    assert levels(paid(line(1000, quantity=3), refunds={"r1": given_back(500)}), rules) == (75, 11)


def test_indirect_may_be_of_the_direct_commission():
    rules = Plan(direct=Rule(rate="0.1"), indirect=IndirectRule(rate="0.5", of="direct"))

    assert levels(paid(line(990)), rules) == (99, 50)


@pytest.mark.parametrize("rounding", ["half_up", "floor"])
def test_the_levels_are_rounded_independently(rounding):
    rules = Plan(direct=Rule(rate="0.1"), indirect=IndirectRule(rate="0.1", of="direct"), rounding=rounding)

    assert levels(paid(line(49)), rules) == ((5, 0) if rounding == "half_up" else (4, 0))
    assert levels(paid(line(150)), rules) == ((15, 2) if rounding == "half_up" else (15, 1))


def test_a_rank_is_its_own_beneficiary_s():
    ranks = {"gold": RankRules(direct=Rule(rate="0.2"), indirect=IndirectRule(rate="0.08"))}
    gold = {"direct": Beneficiary(distributor_id="ann", rank="gold")}
    gold_sponsor = {"indirect": Beneficiary(distributor_id="bob", rank="gold")}

    assert levels(paid(line(1000)), plan(ranks=ranks), **gold) == (200, 30)
    assert levels(paid(line(1000)), plan(ranks=ranks), **gold_sponsor) == (100, 80)


@pytest.mark.parametrize(
    ("cap", "earned", "capped"),
    [("0.13", (100, 30), False), ("0.12", (100, 20), True), ("0.05", (50, 0), True), ("0", (0, 0), True)],
)
def test_the_cap_cuts_indirect_first_and_then_direct(cap, earned, capped):
    rules = plan("0.1", "0.03", cap=Cap(rate=cap))

    assert levels(paid(line(1000)), rules) == earned
    assert earnings(order(paid(line(1000)), terms(rules))).capped is capped


@pytest.mark.parametrize(("rounding", "earned"), [("half_up", (3, 0)), ("floor", (2, 0))])
def test_the_cap_is_rounded_as_the_levels_are(rounding, earned):
    assert levels(paid(line(5)), plan("0.6", "0.6", cap=Cap(rate="0.5"), rounding=rounding)) == earned


def test_a_ladder_of_one_level_leaves_the_other_alone():
    rungs = (Step(start=1, rate="0.05"), Step(start=3, rate="0.07"))
    ladder = Ladder(level="indirect", by="quantity", mode="whole", steps=rungs)

    assert levels(paid(line(1000, quantity=3)), plan(ladders=(ladder,))) == (100, 70)
    assert levels(paid(line(1000, quantity=2)), plan(ladders=(ladder,))) == (100, 50)


def test_what_the_cap_leaves_is_shared_over_the_lines():
    earned = earnings(order(paid(line(600), line(400, "2")), terms(plan("0.3", "0.1", cap=Cap(rate="0.25")))))

    assert [each.amount for each in earned.direct.lines] == [150, 100]
    assert [each.amount for each in earned.indirect.lines] == [0, 0]


def test_rounding_does_not_lift_both_levels_over_the_cap():
    assert levels(paid(line(1)), plan("0.5", "0.5")) == (1, 0)
    assert levels(paid(line(10)), plan("0.15", "0.15", cap=Cap(rate="0.3"))) == (2, 1)


def test_a_level_whose_beneficiary_is_missing_or_unpaid_leaves_the_cap_to_the_other():
    rules = plan("0.3", "0.2", cap=Cap(rate="0.3"))
    unpaid = Beneficiary(distributor_id="ann", unpaid="self_purchase")

    assert levels(paid(line(1000)), rules) == (300, 0)
    assert levels(paid(line(1000)), rules, direct=unpaid) == (0, 200)
    assert levels(paid(line(1000)), rules, direct=None) == (0, 200)
    assert levels(paid(line(1000)), rules, indirect=None) == (300, 0)
    assert levels(paid(line(1000)), rules, indirect=Beneficiary(distributor_id="bob", unpaid="inactive")) == (300, 0)


def test_only_the_first_orders_of_a_customer_earn():
    rules = plan(limits=(Limit(per="customer", orders=2), Limit(per="customer", orders=5)))

    assert levels(paid(line(1000)), rules, customer_order_number=2) == (100, 30)
    assert levels(paid(line(1000)), rules, customer_order_number=3) == (0, 0)


def test_a_level_earns_up_to_what_is_left_of_the_month():
    rules = plan(limits=(Limit(per="month", amount=500), Limit(per="month", amount=120)))

    assert levels(paid(line(1000)), rules) == (100, 30)
    assert levels(paid(line(1000)), rules, direct_this_month=40, indirect_this_month=100) == (80, 20)
    assert levels(paid(line(1000)), rules, direct_this_month=121, indirect_this_month=120) == (0, 0)
