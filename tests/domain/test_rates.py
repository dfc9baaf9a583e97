from fractions import Fraction

import pytest

from chalicelib.domain.plans import IndirectRule, Ladder, Match, Override, Plan, RankRules, Rule, Step
from chalicelib.domain.rates import Chosen, choose, match_of
from chalicelib.domain.remaining import left
from tests.domain.builders import facts, given_back, line, plan, refunded

TEA = {"sku": "TEA-100", "product_id": "TEA", "category": "tea", "merchant_id": "m1"}


def chosen(rules, *lines, level="direct", rank=None, of=0, **more):
    rest = left(facts(*(lines or (line(1000, quantity=2, **TEA),)), **more), ())
    return choose(rules, level, rest[of].line, rank, rest)


def override(rate, **match):
    return Override(match=Match(**match), direct=Rule(rate=rate))


def ladder(*steps, by="quantity", mode="whole", level="direct", **match):
    rungs = tuple(Step(start=start, rate=rate) for start, rate in steps)
    return Ladder(level=level, by=by, mode=mode, match=Match(**match), steps=rungs)


def test_a_line_matches_by_its_own_fields():
    assert match_of(line(1, **TEA)) == Match(**TEA)
    assert match_of(line(1)) == Match()


def test_without_another_rule_the_general_one_decides():
    assert chosen(plan("0.1", "0.03")) == Chosen("general", Fraction(1, 10), None)
    assert chosen(plan("0.1", "0.03"), level="indirect") == Chosen("general", Fraction(3, 100), None)


@pytest.mark.parametrize(
    ("matches", "detail"),
    [
        (("merchant_id", "category", "product_id", "sku"), "sku=TEA-100"),
        (("sku", "product_id", "category", "merchant_id"), "sku=TEA-100"),
        (("merchant_id", "category", "product_id"), "product_id=TEA"),
        (("category", "merchant_id"), "category=tea"),
        (("merchant_id",), "merchant_id=m1"),
    ],
)
def test_the_most_specific_override_wins_wherever_it_stands(matches, detail):
    rules = plan(overrides=tuple(override(f"0.0{i + 1}", **{name: TEA[name]}) for i, name in enumerate(matches)))

    won = chosen(rules)

    assert (won.source, won.detail) == ("override", detail)
    assert won.rate == Fraction(matches.index(detail.split("=")[0]) + 1, 100)


def test_a_match_on_more_fields_is_more_specific_than_on_the_first_alone():
    rules = plan(overrides=(override("0.01", sku="TEA-100"), override("0.02", sku="TEA-100", category="tea")))

    assert chosen(rules) == Chosen("override", Fraction(2, 100), None, False, "sku=TEA-100, category=tea")


def test_of_equally_specific_overrides_the_earlier_wins():
    assert chosen(plan(overrides=(override("0.01", sku="TEA-100"), override("0.02", sku="TEA-100")))).rate == Fraction(
        1, 100
    )


def test_an_override_of_another_line_or_level_is_passed_over():
    rules = plan(
        overrides=(
            override("0.9", sku="CUP"),
            Override(match=Match(sku="TEA-100"), indirect=IndirectRule(per_unit=7)),
            override("0.2", category="tea"),
        )
    )

    assert chosen(rules).rate == Fraction(1, 5)
    assert chosen(rules, level="indirect") == Chosen("override", None, 7, False, "sku=TEA-100")


@pytest.mark.parametrize("zero", [Rule(rate="0"), Rule(per_unit=0)])
def test_an_explicit_zero_is_zero_and_never_falls_back(zero):
    rules = plan(overrides=(Override(match=Match(sku="TEA-100"), direct=zero),), ladders=(ladder((0, "0.5")),))

    won = chosen(rules)

    assert won.source == "override"
    assert (won.rate, won.per_unit) == ((None if zero.rate is None else 0), zero.per_unit)


def test_an_override_beats_a_ladder_a_ladder_a_rank_and_a_rank_the_general_rule():
    ranks = {"gold": RankRules(direct=Rule(rate="0.12"))}
    rungs = (ladder((1, "0.05")),)
    own = (override("0.2", sku="TEA-100"),)

    assert chosen(plan(overrides=own, ladders=rungs, ranks=ranks), rank="gold").source == "override"
    assert chosen(plan(ladders=rungs, ranks=ranks), rank="gold").source == "ladder"
    assert chosen(plan(ranks=ranks), rank="gold") == Chosen("rank", Fraction(3, 25), None, False, "gold")
    assert chosen(plan(ranks=ranks), rank=None).source == "general"


def test_a_rank_the_plan_does_not_know_or_that_says_nothing_of_the_level_changes_nothing():
    ranks = {"gold": RankRules(direct=Rule(rate="0.12")), "chief": RankRules(indirect=IndirectRule(per_unit=5))}

    assert chosen(plan(ranks=ranks), rank="silver").source == "general"
    assert chosen(plan(ranks=ranks), rank="chief").source == "general"
    assert chosen(plan(ranks=ranks), rank="gold", level="indirect").source == "general"
    assert chosen(plan(ranks=ranks), rank="chief", level="indirect") == Chosen("rank", None, 5, False, "chief")


@pytest.mark.parametrize(
    ("general_of", "own_of", "of_direct"),
    [
        ("direct", None, True),
        ("direct", "sale", False),
        ("direct", "direct", True),
        ("sale", None, False),
        ("sale", "direct", True),
        (None, None, False),
    ],
)
def test_an_indirect_rate_is_of_what_the_rule_or_else_the_plan_says(general_of, own_of, of_direct):
    own = IndirectRule(rate="0.3", of=own_of)
    rules = Plan(
        direct=Rule(rate="0.1"),
        indirect=IndirectRule(rate="0.5", of=general_of),
        overrides=(Override(match=Match(sku="TEA-100"), direct=Rule(rate="0.2"), indirect=own),),
    )

    assert chosen(rules, level="indirect").of_direct is of_direct
    assert chosen(rules, level="direct").of_direct is False
    assert chosen(rules, line(1), level="indirect").of_direct is (general_of == "direct")


@pytest.mark.parametrize("of", ["sale", "direct"])
def test_ladders_and_ranks_keep_what_the_plan_says_its_indirect_rate_is_of(of):
    general = IndirectRule(rate="0.5", of=of)
    rungs = (ladder((0, "0.2"), level="indirect"), ladder((0, "0.2")))
    ranks = {"gold": RankRules(indirect=IndirectRule(rate="0.3"))}

    won = chosen(Plan(direct=Rule(rate="0.1"), indirect=general, ladders=rungs), level="indirect")

    assert won.of_direct is (of == "direct")
    assert chosen(Plan(direct=Rule(rate="0.1"), indirect=general, ladders=rungs)).of_direct is False
    assert chosen(
        Plan(direct=Rule(rate="0.1"), indirect=general, ranks=ranks), level="indirect", rank="gold"
    ).of_direct is (of == "direct")


def test_what_is_paid_per_unit_is_never_of_the_direct_commission():
    rules = Plan(direct=Rule(rate="0.1"), indirect=IndirectRule(per_unit=5, of="direct"))

    assert chosen(rules, level="indirect") == Chosen("general", None, 5)


@pytest.mark.parametrize(
    ("quantity", "rate"), [(1, "0"), (2, "1/20"), (9, "1/20"), (10, "2/25"), (11, "2/25"), (99, "2/25"), (100, "0")]
)
def test_a_whole_ladder_pays_all_at_the_step_that_was_reached(quantity, rate):
    rules = plan(ladders=(ladder((2, "0.05"), (10, "0.08"), (100, "0")),))

    won = chosen(rules, line(1000, quantity=quantity))

    assert won == Chosen("ladder", Fraction(rate), None, False, f"quantity={quantity}")


@pytest.mark.parametrize(
    ("quantity", "of_units"), [(1, "0"), (2, "0.05"), (3, "0.10"), (4, "0.18"), (5, "0.26"), (0, "0")]
)
def test_a_marginal_ladder_by_quantity_pays_each_unit_at_its_own_step(quantity, of_units):
    rules = plan(ladders=(ladder((2, "0.05"), (4, "0.08"), mode="marginal"),))

    won = chosen(rules, line(1000, quantity=quantity))

    assert won.rate == (Fraction(of_units) / quantity if quantity else 0)


@pytest.mark.parametrize(
    ("amount", "comes_to"), [(99, "0"), (100, "0"), (101, "0.05"), (300, "10"), (301, "10.1"), (400, "20")]
)
def test_a_marginal_ladder_by_amount_pays_each_unit_of_money_beyond_a_step(amount, comes_to):
    rules = plan(ladders=(ladder((100, "0.05"), (300, "0.1"), by="amount", mode="marginal"),))

    assert chosen(rules, line(amount)).rate * amount == Fraction(comes_to)


@pytest.mark.parametrize(("quantity", "of_units"), [(3, "0.3"), (6, "0.9"), (9, "1.8"), (10, "2.2")])
def test_a_marginal_ladder_climbs_through_every_step(quantity, of_units):
    rules = plan(ladders=(ladder((1, "0.1"), (4, "0.2"), (7, "0.3"), (10, "0.4"), mode="marginal"),))

    assert chosen(rules, line(1000, quantity=quantity)).rate * quantity == Fraction(of_units)


@pytest.mark.parametrize(("amount", "rate"), [(99, "0"), (100, "0.05"), (299, "0.05"), (300, "0.1")])
def test_a_whole_ladder_by_amount_is_reached_at_its_step(amount, rate):
    rules = plan(ladders=(ladder((100, "0.05"), (300, "0.1"), by="amount"),))

    assert chosen(rules, line(amount)) == Chosen("ladder", Fraction(rate), None, False, f"amount={amount}")


@pytest.mark.parametrize("mode", ["whole", "marginal"])
def test_a_ladder_from_zero_or_from_one_pays_from_the_first_unit(mode):
    assert chosen(plan(ladders=(ladder((0, "0.05"), mode=mode),)), line(9, quantity=3)).rate == Fraction(1, 20)
    assert chosen(plan(ladders=(ladder((1, "0.05"), mode=mode),)), line(9, quantity=3)).rate == Fraction(1, 20)


def test_a_ladder_counts_its_own_lines_together_and_no_others():
    lines = (line(600, "1", 6, category="tea"), line(400, "2", 4, category="tea"), line(900, "3", 9))
    by_quantity = plan(ladders=(ladder((10, "0.08"), (11, "0.5"), category="tea"),))
    by_amount = plan(ladders=(ladder((1000, "0.07"), (1001, "0.5"), by="amount", category="tea"),))

    assert chosen(by_quantity, *lines).rate == chosen(by_quantity, *lines, of=1).rate == Fraction(2, 25)
    assert chosen(by_amount, *lines).rate == Fraction(7, 100)
    assert chosen(by_quantity, *lines, of=2).source == "general"


def test_a_ladder_counts_what_remains_after_refunds():
    rules = plan(ladders=(ladder((1, "0.05"), (10, "0.08")),))
    by_amount = plan(ladders=(ladder((1, "0.05"), (1000, "0.08"), by="amount"),))

    assert chosen(rules, line(1000, quantity=10), refunds={"r1": refunded(("1", 100, 1))}).detail == "quantity=9"
    assert chosen(by_amount, line(1000), refunds={"r1": given_back(1)}).rate == Fraction(1, 20)


def test_the_count_of_a_ladder_by_amount_is_shown_in_whole_units():
    rules = plan(ladders=(ladder((1, "0.05"), by="amount", category="tea"),))
    lines = (line(100, category="tea"), line(200, "2"))

    assert chosen(rules, *lines, refunds={"r1": given_back(1)}).detail == "amount=99"


def test_the_most_specific_ladder_of_the_level_wins_and_of_equals_the_earlier():
    rules = plan(
        ladders=(
            ladder((1, "0.01")),
            ladder((1, "0.9"), level="indirect", sku="TEA-100"),
            ladder((1, "0.03"), category="tea"),
            ladder((1, "0.04"), category="tea"),
            ladder((1, "0.05"), sku="CUP"),
            ladder((1, "0.06"), merchant_id="m1"),
        )
    )

    assert chosen(rules).rate == Fraction(3, 100)
    assert chosen(rules, level="indirect").rate == Fraction(9, 10)
