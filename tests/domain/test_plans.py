import pytest

from chalicelib.domain.errors import Refused
from chalicelib.domain.plans import (
    AttributionRules,
    Cap,
    IndirectRule,
    Ladder,
    Limit,
    Match,
    Override,
    PayoutRules,
    Plan,
    RankRules,
    Rule,
    Step,
    check,
    kept_to,
    matches,
)
from tests.domain.builders import plan

ONE, BOTH, NEITHER = Rule(rate="0.1"), Rule(rate="0.1", per_unit=1), Rule()


def faults(of):
    with pytest.raises(Refused) as refusal:
        check(of)
    assert refusal.value.code == refusal.value.faults[0].code
    return [(fault.path, fault.code) for fault in refusal.value.faults]


def ladder(*starts):
    steps = tuple(Step(start=start, rate="0.1") for start in starts)
    return Ladder(level="direct", by="quantity", mode="whole", steps=steps)


@pytest.mark.parametrize("wrong", [BOTH, NEITHER])
def test_a_rule_is_a_rate_or_an_amount_per_unit_and_not_both(wrong):
    of = IndirectRule(rate=wrong.rate, per_unit=wrong.per_unit)
    own = (Override(match=Match(sku="A"), direct=ONE), Override(match=Match(sku="A"), direct=wrong, indirect=of))

    assert faults(Plan(direct=wrong)) == [("direct", "PLAN_RATE_OR_PER_UNIT")]
    assert faults(Plan(direct=ONE, indirect=of)) == [("indirect", "PLAN_RATE_OR_PER_UNIT")]
    assert faults(plan(overrides=own)) == [
        ("overrides[1].direct", "PLAN_RATE_OR_PER_UNIT"),
        ("overrides[1].indirect", "PLAN_RATE_OR_PER_UNIT"),
    ]
    assert faults(plan(ranks={"gold": RankRules(direct=wrong, indirect=of), "silver": RankRules(direct=wrong)})) == [
        ("ranks.gold.direct", "PLAN_RATE_OR_PER_UNIT"),
        ("ranks.gold.indirect", "PLAN_RATE_OR_PER_UNIT"),
        ("ranks.silver.direct", "PLAN_RATE_OR_PER_UNIT"),
    ]


def test_an_explicit_zero_is_a_rule():
    check(Plan(direct=Rule(rate="0"), indirect=IndirectRule(per_unit=0)))


def test_an_override_matches_something_and_says_something():
    own = (Override(match=Match(), direct=ONE), Override(match=Match(sku="A")), Override(match=Match()))

    assert faults(plan(overrides=own)) == [
        ("overrides[0].match", "PLAN_MATCH_EMPTY"),
        ("overrides[1]", "PLAN_NO_LEVEL"),
        ("overrides[2].match", "PLAN_MATCH_EMPTY"),
        ("overrides[2]", "PLAN_NO_LEVEL"),
    ]
    check(plan(overrides=(Override(match=Match(merchant_id="m1"), indirect=IndirectRule(rate="0")),)))


def test_a_rail_is_one_that_a_connection_can_be_for():
    called = {name: "c-1" for name in ("alipay", "paypal", "stripe", "wechatpay", "wise")}
    check(plan(payout=PayoutRules(rails=called)))

    with pytest.raises(Refused) as refusal:
        check(plan(payout=PayoutRules(rails={"bank_file": "c", "Stripe": "c", **called, "pigeon": "c"})))
    assert [(fault.path, fault.code, fault.params) for fault in refusal.value.faults] == [
        (f"payout.rails.{name}", "PLAN_RAIL", {"rail": name}) for name in ("bank_file", "Stripe", "pigeon")
    ]


def test_the_steps_of_a_ladder_rise():
    check(plan(ladders=(ladder(0, 1, 5), ladder(3))))

    assert faults(plan(ladders=(ladder(1), ladder(1, 5, 5), ladder(5, 1)))) == [
        ("ladders[1].steps", "PLAN_STEPS_NOT_RISING"),
        ("ladders[2].steps", "PLAN_STEPS_NOT_RISING"),
    ]


def test_a_limit_has_the_field_of_its_kind_and_no_other():
    check(plan(limits=(Limit(per="customer", orders=0), Limit(per="month", amount=0))))
    wrong = (
        Limit(per="customer", orders=1, amount=1),
        Limit(per="customer"),
        Limit(per="month", orders=1),
        Limit(per="month", orders=1, amount=1),
    )

    with pytest.raises(Refused) as refusal:
        check(plan(limits=wrong))

    assert [(f.path, f.code, f.params["per"], f.params["field"]) for f in refusal.value.faults] == [
        ("limits[0]", "PLAN_LIMIT_FIELD", "customer", "orders"),
        ("limits[1]", "PLAN_LIMIT_FIELD", "customer", "orders"),
        ("limits[2]", "PLAN_LIMIT_FIELD", "month", "amount"),
        ("limits[3]", "PLAN_LIMIT_FIELD", "month", "amount"),
    ]


def test_a_minimum_is_of_a_currency_that_exists():
    with pytest.raises(Refused) as refusal:
        check(plan(payout=PayoutRules(minimum={"CNY": 1, "XXX": 1})))

    [fault] = refusal.value.faults
    assert (fault.path, fault.code, fault.params) == ("payout.minimum.XXX", "NO_SUCH_CURRENCY", {"currency": "XXX"})


def test_a_line_matches_where_every_given_field_is_equal():
    tea = Match(sku="A", product_id="P", category="tea", merchant_id="m1")

    assert matches(Match(), tea) and matches(tea, tea) and matches(Match(), Match())
    for name in ("sku", "product_id", "category", "merchant_id"):
        assert matches(Match(**{name: getattr(tea, name)}), tea)
        assert not matches(Match(**{name: "other"}), tea)
        assert not matches(Match(**{name: "other"}), Match())
    assert not matches(Match(sku="A", category="cups"), tea)


def test_specificity_goes_from_the_sku_down_to_the_merchant():
    rising = [
        Match(),
        Match(merchant_id="m"),
        Match(category="c"),
        Match(category="c", merchant_id="m"),
        Match(product_id="p"),
        Match(product_id="p", category="c", merchant_id="m"),
        Match(sku="s"),
        Match(sku="s", merchant_id="m"),
    ]

    assert sorted(reversed(rising), key=Match.specificity) == rising


def test_a_plan_kept_to_lines_drops_what_cannot_touch_them():
    rungs = Ladder(level="direct", by="amount", mode="whole", steps=(Step(start=0, rate="0"),), match=Match(sku="A"))
    own = Override(match=Match(category="tea"), direct=ONE)
    rules = plan(
        overrides=(own,),
        ladders=(rungs,),
        ranks={"gold": RankRules()},
        cap=Cap(rate="0.5"),
        hold_days=3,
        attribution=AttributionRules(click_days=1),
        payout=PayoutRules(fee_rate="0.1"),
    )
    rest = plan(cap=Cap(rate="0.5"), hold_days=3)

    assert kept_to(rules, (Match(sku="B"), Match()), frozenset({"silver"})) == rest
    assert kept_to(rules, (), frozenset()) == rest
    kept = kept_to(rules, (Match(sku="A"), Match(category="tea")), frozenset({"gold"}))
    assert kept == plan(
        overrides=(own,), ladders=(rungs,), ranks={"gold": RankRules()}, cap=Cap(rate="0.5"), hold_days=3
    )
