"""Lines of a merchant with a plan of its own earn by it, as an order of its own would; the others by the operator's."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain import accounts
from chalicelib.domain.buckets import HELD, Bucket
from chalicelib.domain.earnings import earnings
from chalicelib.domain.orders import Payment
from chalicelib.domain.plans import Base, Cap, Limit, Plan, Rule
from chalicelib.domain.postings import difference
from chalicelib.domain.terms import MerchantPlan
from tests.domain.builders import (
    accrued,
    at,
    books,
    books_of,
    disputed,
    facts,
    given_back,
    levels,
    line,
    order,
    paid,
    plan,
    refunded,
    terms,
)
from tests.domain.strategies import lines, plans

OURS, M1, M2 = line(1000), line(600, "2", merchant_id="m1"), line(400, "3", merchant_id="m2")


def own(**by_merchant):
    return {name: MerchantPlan(plan_id=f"{name}-plan", version=2, plan=rules) for name, rules in by_merchant.items()}


def days(of, on):
    return {(bucket.day, bucket.hold_days): parts for bucket, parts in earnings(order(of, on)).direct.buckets.items()}


def charges(posting):
    return {charge.account.split(":")[1]: charge.amount for charge in posting.charges}


@given(lines(min_size=2), plans(), plans(), st.data())
def test_lines_of_a_merchant_earn_as_an_order_of_its_own_would(rows, operators, merchants, data):
    rows = tuple(structs.replace(row, merchant_id=data.draw(st.sampled_from((None, "m1", "m2")))) for row in rows)
    parts = [
        (row.line_id, data.draw(st.integers(0, row.amount)), data.draw(st.integers(0, row.quantity))) for row in rows
    ]
    back = {"r1": refunded(*parts)} if data.draw(st.booleans()) else {}
    together = earnings(
        order(paid(*rows, refunds=back, delivered_at=at()), terms(operators, merchant_plans=own(m1=merchants)))
    )

    for mine, rules in ((True, merchants), (False, operators)):
        some = tuple(row for row in rows if (row.merchant_id == "m1") == mine)
        named = {row.line_id for row in some}
        refunds = {"r1": refunded(*(part for part in parts if part[0] in named))} if back and some else {}
        apart = earnings(order(paid(*some, refunds=refunds, delivered_at=at()), terms(rules)))
        for level in ("direct", "indirect"):
            joint = [each for each in together.level(level).lines if each.line_id in named]
            assert list(apart.level(level).lines) == joint


def test_each_line_follows_the_plan_of_its_merchant():
    of = paid(OURS, M1, M2)

    assert levels(of) == (200, 60)
    assert levels(of, merchant_plans=own(m1=plan("0.5", "0.1"))) == (100 + 300 + 40, 30 + 60 + 12)
    assert levels(of, merchant_plans=own(m1=plan("0.5", "0.1"), m2=plan("0", "0"))) == (400, 90)
    assert levels(of, merchant_plans=own(m3=plan("1", "1"))) == (200, 60)
    assert levels(paid(M1), merchant_plans=own(m1=plan("0.5", "0.1"))) == (300, 60)


def test_lines_keep_their_places_whichever_plan_they_follow():
    earned = earnings(order(paid(M2, OURS, M1), terms(merchant_plans=own(m1=plan("0.5"), m2=plan("0.25")))))

    assert [(each.line_id, each.amount) for each in earned.direct.lines] == [("3", 100), ("1", 100), ("2", 300)]
    assert earned.direct.by_line == (100, 100, 300)
    assert earned.direct.buckets == {Bucket("2026-03-01", 15): (100, 100, 300)}


def test_each_plan_rounds_once_in_its_own_way():
    of = paid(line(5, "1"), line(5, "2"), line(5, "3", merchant_id="m1"), line(14, "4", merchant_id="m1"))

    assert levels(of, plan("0.1", "0"))[0] == 3
    assert levels(of, plan("0.1", "0"), merchant_plans=own(m1=plan("0.1", "0")))[0] == 1 + 2
    assert levels(of, plan("0.1", "0"), merchant_plans=own(m1=plan("0.1", "0", rounding="floor")))[0] == 1 + 1


def test_each_plan_has_its_own_cap_and_limits():
    of = paid(OURS, M1)
    capped = own(m1=plan("0.5", "0.1", cap=Cap(rate="0.2")))

    assert levels(of, merchant_plans=capped) == (100 + 120, 30)
    assert earnings(order(of, terms(merchant_plans=capped))).capped is True
    assert levels(of, merchant_plans=own(m1=plan("0.5", "0.1", limits=(Limit(per="customer", orders=0),)))) == (100, 30)
    month = own(m1=plan("0.5", "0.1", limits=(Limit(per="month", amount=50),)))
    assert levels(of, merchant_plans=month, direct_this_month=40) == (100 + 10, 30 + 50)


def test_a_merchant_s_plan_may_hold_longer_and_wait_for_delivery():
    slow = terms(merchant_plans=own(m1=plan(hold_days=30), m2=plan(accrue_on="delivered", hold_days=7)))
    of = paid(OURS, M1, M2)

    assert days(of, slow) == {("2026-03-01", 15): (100, 0, 0), ("2026-03-01", 30): (0, 60, 0)}
    assert days(structs.replace(of, delivered_at=at(3)), slow) == {
        ("2026-03-01", 15): (100, 0, 0),
        ("2026-03-01", 30): (0, 60, 0),
        ("2026-03-04", 7): (0, 0, 40),
    }
    assert earnings(order(of, slow)).sales == {Bucket("2026-03-01", 15): 1000, Bucket("2026-03-01", 30): 600}
    assert accrued(of, merchant_plans=slow.merchant_plans) == (160, 48)


def test_holds_of_one_day_make_entries_with_keys_of_their_own_and_count_the_order_once():
    of = paid(OURS, M1)

    posting = difference(None, order(of, terms(merchant_plans=own(m1=plan(hold_days=30)))))

    assert [(e.leg, e.amount, e.merchants, e.orders, e.sales) for e in posting.entries] == [
        ("direct.2026-03-01.15", 100, {"operator": 100}, 1, 1000),
        ("direct.2026-03-01.30", 60, {"m1": 60}, 0, 600),
        ("indirect.2026-03-01.15", 30, {"operator": 30}, 0, 0),
        ("indirect.2026-03-01.30", 18, {"m1": 18}, 0, 0),
    ]


def test_an_open_dispute_is_held_under_each_plan():
    slow = terms(merchant_plans=own(m1=plan(hold_days=30)))

    held = days(paid(OURS, M1, disputes={"d1": disputed(800)}), slow)

    assert held == {
        ("2026-03-01", 15): (50, 0),
        ("2026-03-01", 30): (0, 30),
        (HELD, 15): (50, 0),
        (HELD, 30): (0, 30),
    }


def test_shipping_is_spread_over_the_whole_order_and_counts_where_the_plan_counts_it():
    of = paid(line(750), line(250, "2", merchant_id="m1"), shipping=100)

    assert levels(of, merchant_plans=own(m1=plan(base=Base(shipping=True)))) == (75 + 28, 23 + 8)
    assert levels(of, plan(base=Base(shipping=True)), merchant_plans=own(m1=plan())) == (83 + 25, 25 + 8)


def test_an_amount_given_back_is_spread_over_all_plans_and_a_refunded_line_touches_its_own():
    slow = terms(merchant_plans=own(m1=plan("0.5", "0.1", hold_days=30)))
    first = order(paid(OURS, M1), slow)
    by_line = order(paid(OURS, M1, refunds={"r1": refunded(("2", 300, 0))}), slow, revision=2)
    by_amount = order(paid(OURS, M1, refunds={"r1": given_back(800)}), slow, revision=2)

    assert [(e.leg, e.amount) for e in difference(first, by_line).entries] == [
        ("direct.2026-03-01.30", -150),
        ("indirect.2026-03-01.30", -30),
    ]
    assert charges(difference(first, by_line)) == {"m1": 180}
    assert [e.amount for e in difference(first, by_amount).entries] == [-50, -150, -15, -30]
    assert books([difference(None, first), difference(first, by_amount)]) == books_of(by_amount)


def test_the_cap_of_a_merchant_s_plan_is_of_its_own_lines():
    gift, per_unit = line(0, "2", quantity=2, merchant_id="m1"), own(m1=Plan(direct=Rule(per_unit=7)))

    assert levels(paid(OURS, gift), merchant_plans=per_unit) == (100, 30)
    assert levels(paid(OURS, gift, line(10, "3", merchant_id="m1")), merchant_plans=per_unit) == (100 + 10, 30)


def test_what_a_merchant_sells_may_be_paid_by_the_operator():
    of = paid(line(600, merchant_id="m1"), line(300, "2", merchant_id="m2"), line(100, "3"))

    posting = difference(None, order(of, terms(operator_pays=("m1",))))

    assert posting.entries[0].merchants == {"operator": 70, "m2": 30}
    assert charges(posting) == {"operator": -91, "m2": -39}


def test_who_pays_may_change_and_nobody_earns_another_cent():
    of = paid(line(600, merchant_id="m1"), line(400, "2"))
    before, after = order(of), order(of, terms(operator_pays=("m1", accounts.OPERATOR)), revision=2)

    posting = difference(before, after)

    assert [(e.amount, e.kind, e.merchants) for e in posting.entries] == [
        (0, "commission", {"m1": -60, "operator": 60}),
        (0, "commission", {"m1": -18, "operator": 18}),
    ]
    assert charges(posting) == {"m1": 78, "operator": -78}


def test_what_is_stopped_is_stopped_under_every_plan():
    payments = {"p1": Payment(amount=800, paid_at=at()), "p2": Payment(amount=800, paid_at=at(5))}
    of = order(facts(OURS, M1, payments=payments), terms(merchant_plans=own(m1=plan("0.5", "0.1"))))

    stopped = earnings(structs.replace(of, stopped_at=at(5)))

    assert (stopped.direct.accrued, stopped.direct.potential) == (50 + 150, 100 + 300)
    assert sum(stopped.sales.values()) == 800
