"""Terms with plans of merchants, and what staff change of them: the beneficiaries and nothing else."""

from msgspec import structs

from chalicelib.domain.attribution import Person, reassigned, terms
from chalicelib.domain.plans import Match, Override, RankRules, Rule
from chalicelib.domain.terms import Beneficiary, MerchantPlan
from tests.domain.builders import facts, line, plan

GOLD = {"gold": RankRules(direct=Rule(rate="0.3")), "silver": RankRules(direct=Rule(rate="0.2"))}
FITS, MISSES = (Override(match=Match(sku=sku), direct=Rule(rate="0.2")) for sku in ("A", "B"))
WHOLE = plan(ranks=GOLD, overrides=(FITS, MISSES))
SOLD = facts(line(1000, sku="A", merchant_id="m1"))
OWN = {"m1": MerchantPlan(plan_id="merchant:m1", version=2, plan=WHOLE)}


def person(name, active=True, rank=None):
    return Person(distributor_id=name, sponsor_id=None, active=active, rank=rank)


def frozen(direct=None, indirect=None, rules=WHOLE, **more):
    return terms(
        plan_id="default",
        version=3,
        plan=rules,
        time_zone="UTC",
        facts=SOLD,
        because="code",
        direct=direct,
        indirect=indirect,
        merchant_plans=OWN,
        **more,
    )


def again(before, direct, indirect=None, rules=WHOLE, own=None):
    return reassigned(structs.replace(before, merchant_plans=OWN), rules, SOLD, direct, indirect, own)


def unpaid(of):
    return [each.unpaid if each else None for each in (of.direct, of.indirect)]


def test_terms_keep_what_limits_count_and_who_pays():
    made = frozen(
        person("ann"),
        customer_order_number=4,
        this_month={"direct": 5, "indirect": 6},
        operator_pays=("m1",),
        net_days=30,
    )

    assert (made.customer_order_number, made.direct_this_month, made.indirect_this_month) == (4, 5, 6)
    assert (made.operator_pays, made.net_days) == (("m1",), 30)
    assert (frozen().customer_order_number, frozen().direct_this_month, frozen().indirect_this_month) == (1, 0, 0)
    assert (frozen().operator_pays, frozen().net_days) == ((), None)
    assert frozen(this_month={"indirect": 6}).direct_this_month == 0


def test_plans_of_merchants_are_kept_to_what_can_touch_the_order_too():
    [own] = frozen(person("ann", rank="gold")).merchant_plans.values()

    assert (own.plan_id, own.version) == ("merchant:m1", 2)
    assert own.plan.overrides == (FITS,)
    assert own.plan.ranks == {"gold": GOLD["gold"]}


def test_staff_change_the_beneficiaries_and_with_them_the_ranks_that_count():
    before = frozen(person("ann", rank="gold"), person("bob"), customer_order_number=4, net_days=30)

    after = again(before, person("cid", rank="silver"), person("dee"))

    assert after.because == "staff"
    assert after.direct == Beneficiary(distributor_id="cid", rank="silver")
    assert after.indirect == Beneficiary(distributor_id="dee")
    assert after.plan.ranks == after.merchant_plans["m1"].plan.ranks == {"silver": GOLD["silver"]}
    assert after.plan.overrides == after.merchant_plans["m1"].plan.overrides == (FITS,)
    same = ("plan_id", "version", "time_zone", "customer_order_number", "net_days", "direct_this_month")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]


def test_nobody_need_stand_above_the_new_one():
    assert again(frozen(person("ann"), person("bob")), person("cid")).indirect is None
    assert again(frozen(), person("cid")).direct == Beneficiary(distributor_id="cid")


def test_the_customer_is_not_paid_whoever_decides_it():
    by_contact = frozen(person("ann"), person("bob"), contacts_of=frozenset({"ann"}))

    assert unpaid(again(frozen(person("ann")), person("cid"), own="cid")) == ["self_purchase", None]
    assert unpaid(again(by_contact, person("cid"), person("ann"))) == [None, "self_purchase"]
    assert unpaid(again(by_contact, person("bob"), person("cid"))) == [None, None]
    pays_self = structs.replace(WHOLE, self_purchase="pays_self")
    assert unpaid(again(by_contact, person("ann"), rules=pays_self, own="ann")) == [None, None]


def test_an_inactive_one_is_not_paid_and_may_stop_the_one_above():
    stop = structs.replace(WHOLE, inactive_direct="stop")
    before, away = frozen(person("ann")), person("cid", active=False)

    assert unpaid(again(before, away, person("dee"))) == ["inactive", None]
    assert unpaid(again(before, away, person("dee"), rules=stop)) == ["inactive", "direct_inactive"]
    assert unpaid(again(before, away, person("dee", active=False), rules=stop)) == ["inactive", "inactive"]
