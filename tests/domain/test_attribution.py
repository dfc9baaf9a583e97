from datetime import timedelta

import pytest

from chalicelib.domain.attribution import Click, Person, as_of, chosen_click, narrowed, ready, terms
from chalicelib.domain.orders import Facts, Payment
from chalicelib.domain.plans import AttributionRules, Match, Override, PayoutRules, RankRules, Rule
from chalicelib.domain.terms import Beneficiary, Terms
from tests.domain.builders import at, described, facts, line, plan

INSTANT = timedelta(microseconds=1)


def person(name, active=True, rank=None):
    return Person(distributor_id=name, sponsor_id=None, active=active, rank=rank)


def known(**more):
    return Facts(order_id="o-1", currency="CNY", **more)


def frozen(rules=None, direct=None, indirect=None, **more):
    return terms(
        plan_id="default",
        version=3,
        plan=rules or plan(),
        time_zone="UTC",
        facts=facts(line(1000, sku="A")),
        because="code",
        direct=direct,
        indirect=indirect,
        **more,
    )


def unpaid(of):
    return [each.unpaid if each else None for each in (of.direct, of.indirect)]


def test_an_order_is_ready_once_its_customer_and_its_lines_are_known():
    lines = described(line(1))

    assert ready(known(customer_id="c-1", description=lines))
    assert not ready(known(customer_id="c-1"))
    assert not ready(known(description=lines))
    assert not ready(known(payments={"p1": Payment(amount=1, paid_at=at())}))


def test_an_order_is_decided_as_of_its_placing_or_the_best_that_is_known():
    everything = known(
        placed_at=at(1),
        description=described(line(1), updated_at=at(2)),
        payments={"p1": Payment(amount=1, paid_at=at(4)), "p2": Payment(amount=1, paid_at=at(3))},
    )
    undated = known(description=described(line(1)), payments=everything.payments)

    assert as_of(everything, at(9)) == at(1)
    assert as_of(known(description=everything.description, payments=everything.payments), at(9)) == at(2)
    assert as_of(undated, at(9)) == at(3)
    assert as_of(known(), at(9)) == at(9)


def test_the_last_or_the_first_click_in_the_window_decides_as_the_plan_says():
    clicks = [Click(click_id=name, at=at(day), distributor_id=name) for name, day in (("b", 2), ("a", 1), ("c", 3))]

    assert chosen_click(AttributionRules(), clicks, at(4)).click_id == "c"
    assert chosen_click(AttributionRules(model="first_click"), clicks, at(4)).click_id == "a"
    assert chosen_click(AttributionRules(), [], at(4)) is None


def test_of_clicks_of_one_instant_the_id_decides():
    clicks = [Click(click_id=name, at=at(1), distributor_id=name) for name in "bca"]

    assert chosen_click(AttributionRules(), clicks, at(4)).click_id == "c"
    assert chosen_click(AttributionRules(model="first_click"), clicks, at(4)).click_id == "a"


@pytest.mark.parametrize(
    ("ago", "counts"),
    [
        (timedelta(0), True),
        (-INSTANT, False),
        (timedelta(days=7) - INSTANT, True),
        (timedelta(days=7), False),
    ],
)
def test_a_click_counts_within_its_window_before_the_order(ago, counts):
    click = Click(click_id="k1", at=at(50) - ago, distributor_id="ann")

    assert (chosen_click(AttributionRules(click_days=7), [click], at(50)) == click) is counts


def test_terms_freeze_the_plan_and_both_beneficiaries():
    made = frozen(direct=person("ann", rank="gold"), indirect=person("bob"))

    assert made == Terms(
        plan_id="default",
        version=3,
        plan=plan(),
        time_zone="UTC",
        because="code",
        direct=Beneficiary(distributor_id="ann", rank="gold"),
        indirect=Beneficiary(distributor_id="bob"),
    )


def test_an_order_that_nobody_brought_has_no_beneficiary_at_all():
    made = frozen(direct=None, indirect=person("bob"))

    assert (made.direct, made.indirect) == (None, None)
    assert frozen(direct=person("ann")).indirect is None


def test_a_customer_is_never_paid_for_an_own_order():
    both = {"direct": person("ann"), "indirect": person("bob")}

    assert unpaid(frozen(**both, own="ann")) == ["self_purchase", None]
    assert unpaid(frozen(**both, own="bob")) == [None, "self_purchase"]
    assert unpaid(frozen(**both, contacts_of=frozenset({"ann", "bob"}))) == ["self_purchase", "self_purchase"]
    assert unpaid(frozen(**both, own="cid", contacts_of=frozenset({"dee"}))) == [None, None]


def test_a_plan_may_pay_for_own_orders():
    rules = plan(self_purchase="pays_self")

    assert unpaid(frozen(rules, direct=person("ann"), own="ann", contacts_of=frozenset({"ann"}))) == [None, None]


def test_who_is_inactive_is_not_paid_and_the_sponsor_is():
    assert unpaid(frozen(direct=person("ann", active=False), indirect=person("bob"))) == ["inactive", None]
    assert unpaid(frozen(direct=person("ann"), indirect=person("bob", active=False))) == [None, "inactive"]


def test_a_plan_may_stop_at_an_inactive_direct_distributor():
    stop = plan(inactive_direct="stop")
    ann, bob = person("ann", active=False), person("bob")

    assert unpaid(frozen(stop, direct=ann, indirect=bob)) == ["inactive", "direct_inactive"]
    assert unpaid(frozen(stop, direct=ann, indirect=bob, own="bob")) == ["inactive", "self_purchase"]
    assert unpaid(frozen(stop, direct=person("ann"), indirect=bob)) == [None, None]
    assert unpaid(frozen(stop, direct=person("ann"), indirect=bob, own="ann")) == ["self_purchase", None]
    assert unpaid(frozen(stop, direct=ann)) == ["inactive", None]


def test_an_inactive_customer_is_told_to_be_inactive():
    assert unpaid(frozen(direct=person("ann", active=False), own="ann")) == ["inactive", None]


def test_the_frozen_plan_keeps_only_what_can_touch_the_order():
    mine, other = (Override(match=Match(sku=sku), direct=Rule(rate="0.2")) for sku in "AB")
    gold, silver, chief = (RankRules(direct=Rule(rate=rate)) for rate in ("0.3", "0.4", "0.5"))
    rules = plan(
        overrides=(other, mine),
        ranks={"gold": gold, "silver": silver, "chief": chief},
        attribution=AttributionRules(click_days=7),
        payout=PayoutRules(fee_rate="0.01"),
    )
    expected = plan(overrides=(mine,), ranks={"gold": gold, "chief": chief})

    assert frozen(rules, direct=person("ann", rank="gold"), indirect=person("bob", rank="chief")).plan == expected
    assert narrowed(rules, facts(line(1, sku="B")), None, None) == plan(overrides=(other,))
    assert narrowed(rules, facts(line(1)), Beneficiary(distributor_id="ann"), None) == plan()
