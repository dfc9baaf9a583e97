"""Every step from the price to the cent: as codes with figures that add up, and as words in both languages."""

import pytest
from msgspec import structs

from chalicelib.domain.buckets import HELD, Bucket
from chalicelib.domain.explanations import Reason, explanations, hold
from chalicelib.domain.orders import Order, Payment
from chalicelib.domain.plans import (
    Base,
    Cap,
    IndirectRule,
    Ladder,
    Limit,
    Match,
    Override,
    Plan,
    RankRules,
    Rule,
    Step,
)
from chalicelib.domain.terms import Beneficiary, MerchantPlan
from tests.domain.builders import at, disputed, facts, given_back, line, order, paid, plan, terms

GOLD = {
    "direct": Beneficiary(distributor_id="ann", rank="gold"),
    "indirect": Beneficiary(distributor_id="bob", rank="gold"),
}
OF_DIRECT = IndirectRule(rate="0.5", of="direct")
LEFT_OUT = ("LEFT_OUT_SHIPPING_AND_TAX", {})
HOLD = ("HOLD", {"day": "2026-03-01", "days": 15, "matures_on": "2026-03-16"})


def told(of, rules=None, level="direct", which=0, **more):
    """The steps of one line at one level."""
    image = of if isinstance(of, Order) else order(of, terms(rules, **more))
    mine = [each for each in explanations(image) if each.level == level]
    return [(reason.code, reason.params) for reason in mine[which].reasons]


def codes(*args, **more):
    return [code for code, _ in told(*args, **more)]


def rule(rules, level="direct", **more):
    [found] = [step for step in told(paid(line(1000, quantity=3, sku="X")), rules, level, **more) if "RULE_" in step[0]]
    return found


def unpaid(reason):
    return {"direct": Beneficiary(distributor_id="ann", unpaid=reason)}


def ladder(level):
    steps = (Step(start=1, rate="0.05"), Step(start=3, rate="0.07"))
    return Ladder(level=level, by="quantity", mode="whole", steps=steps)


def test_a_simple_line_tells_every_step_from_its_price_to_its_hold():
    assert told(paid(line(999, quantity=2)), plan("0.125")) == [
        ("AMOUNT", {"amount": 999, "quantity": 2}),
        LEFT_OUT,
        ("BASE", {"base": "999"}),
        ("RULE_GENERAL_RATE", {"detail": "", "percent": "12.5"}),
        ("EXACT", {"exact": "124.875"}),
        ("ROUNDED", {"amount": 125}),
        HOLD,
    ]


def test_lines_and_levels_come_in_order_each_with_its_share():
    found = explanations(order(paid(line(5, "b"), line(5, "a")), terms(plan("0.1", "0.5"))))

    assert [(each.line_id, each.level, each.amount) for each in found] == [
        ("b", "direct", 1),
        ("b", "indirect", 3),
        ("a", "direct", 0),
        ("a", "indirect", 2),
    ]
    assert all(("ROUNDED", {"amount": each.amount}) in [(r.code, r.params) for r in each.reasons] for each in found)


def test_an_order_without_terms_explains_nothing():
    assert explanations(structs.replace(order(paid(line(1))), terms=None)) == ()


def test_the_base_says_what_it_is_made_of_and_what_is_left_out():
    of = paid(line(750, cost=250), line(250, "2"), shipping=100, tax=50)
    margin = plan(base=Base(of="margin", shipping=True, tax=True))

    assert told(of, margin)[:4] == [
        ("AMOUNT", {"amount": 750, "quantity": 1}),
        ("COST", {"cost": 250}),
        ("EXTRAS", {"shipping": "75", "tax": "37.5"}),
        ("BASE", {"base": "612.5"}),
    ]
    assert told(of, margin, which=1)[1] == ("COST_UNKNOWN", {"cost": 0})
    assert told(of, plan(base=Base(shipping=True)))[1:3] == [
        ("EXTRAS", {"shipping": "75", "tax": "0"}),
        ("LEFT_OUT_TAX", {}),
    ]
    assert told(of, plan(base=Base(tax=True)))[1:3] == [
        ("EXTRAS", {"shipping": "0", "tax": "37.5"}),
        ("LEFT_OUT_SHIPPING", {}),
    ]
    thirds = paid(line(200), line(100, "2"), shipping=100, tax=50)
    assert told(thirds, margin)[2] == ("EXTRAS", {"shipping": "66.66", "tax": "33.33"})


def test_what_was_given_back_is_told_as_what_is_left():
    of = paid(line(999), refunds={"r1": given_back(333)})

    assert told(of)[2:4] == [("REFUNDED", {"left": "66.6666"}), ("BASE", {"base": "666"})]
    assert ("BASE", {"base": "0"}) in told(paid(line(999), refunds={"r1": given_back(999)}))


@pytest.mark.parametrize(
    ("rules", "level", "expected"),
    [
        (plan("0.333333"), "direct", ("RULE_GENERAL_RATE", {"detail": "", "percent": "33.3333"})),
        (Plan(direct=Rule(per_unit=7)), "direct", ("RULE_GENERAL_UNIT", {"detail": "", "unit": 7})),
        (
            Plan(direct=Rule(rate="0.1"), indirect=OF_DIRECT),
            "indirect",
            ("RULE_GENERAL_OF_DIRECT", {"detail": "", "percent": "50"}),
        ),
        (
            plan(overrides=(Override(match=Match(sku="X"), direct=Rule(rate="0")),)),
            "direct",
            ("RULE_OVERRIDE_RATE", {"detail": "sku=X", "percent": "0"}),
        ),
        (
            plan(overrides=(Override(match=Match(sku="X"), direct=Rule(per_unit=0)),)),
            "direct",
            ("RULE_OVERRIDE_UNIT", {"detail": "sku=X", "unit": 0}),
        ),
        (
            plan(overrides=(Override(match=Match(sku="X"), indirect=OF_DIRECT),)),
            "indirect",
            ("RULE_OVERRIDE_OF_DIRECT", {"detail": "sku=X", "percent": "50"}),
        ),
        (plan(ladders=(ladder("direct"),)), "direct", ("RULE_LADDER_RATE", {"detail": "quantity=3", "percent": "7"})),
        (
            Plan(direct=Rule(rate="0.1"), indirect=OF_DIRECT, ladders=(ladder("indirect"),)),
            "indirect",
            ("RULE_LADDER_OF_DIRECT", {"detail": "quantity=3", "percent": "7"}),
        ),
        (
            plan(ranks={"gold": RankRules(direct=Rule(rate="0.2"))}),
            "direct",
            ("RULE_RANK_RATE", {"detail": "gold", "percent": "20"}),
        ),
        (
            plan(ranks={"gold": RankRules(direct=Rule(per_unit=9))}),
            "direct",
            ("RULE_RANK_UNIT", {"detail": "gold", "unit": 9}),
        ),
        (
            plan(ranks={"gold": RankRules(indirect=OF_DIRECT)}),
            "indirect",
            ("RULE_RANK_OF_DIRECT", {"detail": "gold", "percent": "50"}),
        ),
    ],
)
def test_the_rule_that_won_is_named_with_its_figures(rules, level, expected):
    assert rule(rules, level, **GOLD) == expected


def test_nobody_is_paid_for_a_reason():
    of, sponsor = paid(line(1000)), {"indirect": Beneficiary(distributor_id="bob", unpaid="direct_inactive")}

    assert told(of, direct=None, indirect=None)[2:] == [("BASE", {"base": "1000"}), ("NOBODY", {})]
    assert codes(of, **unpaid("inactive"))[-1] == "UNPAID_INACTIVE"
    assert codes(of, **unpaid("self_purchase"))[-1] == "UNPAID_SELF_PURCHASE"
    assert codes(of, level="indirect", **sponsor)[-1] == "UNPAID_DIRECT_INACTIVE"
    first_two = plan(limits=(Limit(per="customer", orders=2),))
    assert told(of, first_two, customer_order_number=3)[-1] == ("BEYOND_CUSTOMER_LIMIT", {"number": 3})
    assert codes(of, first_two, customer_order_number=2)[-1] == "HOLD"


def test_what_cap_and_month_took_is_told_for_the_level_they_cut():
    capped = plan("0.1", "0.05", cap=Cap(rate="0.12"), limits=(Limit(per="month", amount=90),))

    assert told(paid(line(1000)), capped)[-3:-1] == [("MONTH_LIMIT", {"cut": 10}), ("ROUNDED", {"amount": 90})]
    assert told(paid(line(1000)), capped, "indirect")[-3:-1] == [
        ("CAP", {"cut": 30, "percent": "12"}),
        ("ROUNDED", {"amount": 20}),
    ]


def test_what_is_not_collected_yet_says_why():
    half = facts(line(1000), payments={"p1": Payment(amount=500, paid_at=at())})
    waiting = plan(accrue_on="delivered")

    third = facts(line(999), payments={"p1": Payment(amount=333, paid_at=at())})

    assert told(half)[-2:] == [("COLLECTED", {"percent": "50"}), HOLD]
    assert told(third)[-2:] == [("COLLECTED", {"percent": "33.3333"}), HOLD]
    assert told(facts(line(1000)))[-1] == ("COLLECTED", {"percent": "0"})
    assert codes(paid(line(1000)), waiting)[-2:] == ["COLLECTED", "WAITS_FOR_DELIVERY"]
    assert codes(paid(line(1000), delivered_at=at(2)), waiting)[-2:] == ["ROUNDED", "HOLD"]
    assert codes(structs.replace(order(half), stopped_at=at(1)))[-3:] == ["COLLECTED", "CUSTOMER_OVERDUE", "HOLD"]
    assert codes(paid(line(1000), cancelled_at=at(1)))[-2:] == ["ROUNDED", "CANCELLED"]
    assert ("ROUNDED", {"amount": 0}) in told(paid(line(1000), cancelled_at=at(1)))


def test_an_open_dispute_is_told_and_a_finished_one_is_not():
    assert codes(paid(line(1000), disputes={"d1": disputed(1)}))[-2:] == ["DISPUTED", "HOLD"]
    assert "DISPUTED" not in codes(paid(line(1000), disputes={"d1": disputed(1, "won")}))
    assert ("REFUNDED", {"left": "50"}) in told(paid(line(1000), disputes={"d1": disputed(500, "lost")}))


def test_every_instalment_has_its_hold_and_every_plan_its_own():
    payments = {"p1": Payment(amount=800, paid_at=at()), "p2": Payment(amount=800, paid_at=at(9))}
    both = facts(line(1000), line(600, "2", merchant_id="m1"), payments=payments)
    own = {"m1": MerchantPlan(plan_id="p", version=1, plan=plan("0.5", hold_days=30))}

    assert [params["matures_on"] for code, params in told(both, merchant_plans=own) if code == "HOLD"] == [
        "2026-03-16",
        "2026-03-25",
    ]
    assert [p["matures_on"] for code, p in told(both, merchant_plans=own, which=1) if code == "HOLD"] == [
        "2026-03-31",
        "2026-04-09",
    ]
    assert ("RULE_GENERAL_RATE", {"detail": "", "percent": "50"}) in told(both, merchant_plans=own, which=1)


def test_what_a_dispute_holds_has_no_day():
    assert hold(Bucket(HELD, 15)) == Reason("HELD", {})
    assert hold(Bucket("2026-02-27", 2)) == Reason("HOLD", {"day": "2026-02-27", "days": 2, "matures_on": "2026-03-01"})


def test_what_is_held_until_when_may_be_left_out():
    half = order(facts(line(1000), payments={"p1": Payment(amount=500, paid_at=at())}))

    [direct, _] = explanations(half, when=False)

    assert [reason.code for reason in direct.reasons][-2:] == ["EXACT", "ROUNDED"]
    assert direct.amount == 100
