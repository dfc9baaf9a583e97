from datetime import UTC, datetime

from msgspec import structs

from chalicelib.domain.buckets import HELD, Bucket
from chalicelib.domain.earnings import earnings
from chalicelib.domain.orders import Facts, Payment
from tests.domain.builders import (
    accrued,
    at,
    described,
    disputed,
    facts,
    given_back,
    levels,
    line,
    order,
    paid,
    plan,
    terms,
)


def instalments(*parts, **more):
    payments = {f"p{i}": Payment(amount=amount, paid_at=at(days)) for i, (amount, days) in enumerate(parts)}
    return facts(line(1000), payments=payments, **more)


def buckets(of, rules=None, level="direct", **more):
    earned = earnings(order(of, terms(rules, **more))).level(level)
    return {bucket.day: parts for bucket, parts in earned.buckets.items()}


def test_money_paid_accrues_on_the_day_it_was_paid():
    of = instalments((250, 0), (250, 0.1), (500, 10))

    assert buckets(of) == {"2026-03-01": (50,), "2026-03-11": (50,)}
    assert set(earnings(order(of)).direct.buckets) == {Bucket("2026-03-01", 15), Bucket("2026-03-11", 15)}


def test_steps_of_instalments_add_up_to_the_rounded_whole():
    thirds = instalments((333, 0), (333, 10), (334, 20))

    assert buckets(thirds, plan("0.0055")) == {"2026-03-01": (2,), "2026-03-11": (2,), "2026-03-21": (2,)}
    assert buckets(thirds, plan("0.0055", rounding="floor")) == {
        "2026-03-01": (1,),
        "2026-03-11": (2,),
        "2026-03-21": (2,),
    }


def test_a_step_that_adds_nothing_makes_no_bucket():
    assert buckets(instalments((1, 0), (999, 10))) == {"2026-03-11": (100,)}


def test_what_is_not_collected_is_estimated_only():
    earned = earnings(order(instalments((250, 0))))

    assert (earned.direct.potential, earned.direct.accrued, earned.direct.estimated) == (100, 25, 75)
    assert (earned.indirect.accrued, earned.indirect.estimated) == (8, 22)
    assert earned.sales == {Bucket("2026-03-01", 15): 250}


def test_a_plan_may_wait_for_delivery():
    rules = plan(accrue_on="delivered", hold_days=7)

    assert buckets(paid(line(1000)), rules) == {}
    assert buckets(paid(line(1000), delivered_at=at(3)), rules) == {"2026-03-04": (100,)}
    assert buckets(instalments((500, 1), (500, 9), delivered_at=at(3)), rules) == {
        "2026-03-04": (50,),
        "2026-03-10": (50,),
    }
    assert buckets(paid(line(1000), delivered_at=at(3)), plan()) == {"2026-03-01": (100,)}


def test_a_cancelled_order_earns_nothing_and_promises_nothing():
    earned = earnings(order(paid(line(1000), cancelled_at=at(1), disputes={"d1": disputed(10)})))

    for level in (earned.direct, earned.indirect):
        assert (level.potential, level.accrued, level.buckets) == (0, 0, {})
    assert [each.amount for each in earned.direct.lines] == [0]
    assert earned.sales == {}


def test_an_open_dispute_holds_the_disputed_part():
    of = paid(line(600), line(400, "2"), disputes={"d1": disputed(500)})

    assert buckets(of) == {"2026-03-01": (30, 20), HELD: (30, 20)}
    assert buckets(of, level="indirect") == {"2026-03-01": (9, 6), HELD: (9, 6)}
    assert Bucket(HELD, 15) in earnings(order(of)).direct.buckets
    assert accrued(of) == (100, 30)


def test_what_is_lost_is_not_held_beside_another_open_dispute():
    of = paid(line(1000), disputes={"d1": disputed(300, "lost"), "d2": disputed(200, "open")})

    assert buckets(of) == {"2026-03-01": (50,), HELD: (20,)}


def test_a_dispute_won_releases_and_a_dispute_lost_takes_back():
    assert buckets(paid(line(1000), disputes={"d1": disputed(500, "won")})) == {"2026-03-01": (100,)}
    assert buckets(paid(line(1000), disputes={"d1": disputed(500, "lost")})) == {"2026-03-01": (50,)}
    assert buckets(paid(line(1000), disputes={"d1": disputed(1000, "open")})) == {HELD: (100,)}


def test_net_sales_are_what_is_left_and_collected_to_the_nearest_unit():
    def sold(of):
        return list(earnings(order(of)).sales.values())

    assert sold(instalments((500, 0), refunds={"r1": given_back(1)})) == [499]
    assert sold(facts(line(3), shipping=3, payments={"p1": Payment(amount=3, paid_at=at())})) == [2]
    assert sold(paid(line(1000), disputes={"d1": disputed(300, "lost"), "d2": disputed(100)})) == [700]


def test_net_sales_stand_in_the_bucket_in_which_they_were_collected():
    thirds = instalments((333, 0), (333, 10), (334, 20))
    odd = facts(line(5), shipping=5, payments={f"p{i}": Payment(amount=2, paid_at=at(10 * i)) for i in range(5)})

    assert list(earnings(order(thirds)).sales.items()) == [
        (Bucket("2026-03-01", 15), 333),
        (Bucket("2026-03-11", 15), 333),
        (Bucket("2026-03-21", 15), 334),
    ]
    assert list(earnings(order(odd)).sales.values()) == [1, 1, 1, 1, 1]
    assert list(earnings(order(instalments((1, 0), (1, 0.1), (1, 0.2)))).sales.values()) == [3]


def test_what_has_accrued_is_told_by_line_and_what_is_to_come_as_long_as_nothing_has():
    lines = (line(600), line(400, "2"))
    waiting, half = facts(*lines), facts(*lines, payments={"p1": Payment(amount=500, paid_at=at())})
    parts = {"p1": Payment(amount=500, paid_at=at()), "p2": Payment(amount=500, paid_at=at(9))}

    def by_line(of):
        earned = earnings(order(of))
        return earned.direct.by_line, earned.indirect.by_line

    assert by_line(waiting) == ((60, 40), (18, 12))
    assert by_line(half) == ((30, 20), (9, 6))
    assert by_line(facts(*lines, payments=parts)) == ((60, 40), (18, 12))
    assert by_line(paid(*lines, disputes={"d1": disputed(500)})) == ((60, 40), (18, 12))
    assert by_line(paid(*lines, cancelled_at=at(1))) == ((0, 0), (0, 0))


def test_the_hold_is_the_plan_s_and_the_day_the_program_s():
    of = facts(line(1000), payments={"p1": Payment(amount=1000, paid_at=datetime(2026, 3, 1, 17, tzinfo=UTC))})

    assert set(earnings(order(of, terms(plan(hold_days=0)))).direct.buckets) == {Bucket("2026-03-02", 0)}
    assert set(earnings(order(of, terms(time_zone="UTC"))).direct.buckets) == {Bucket("2026-03-01", 15)}


def test_lines_described_later_change_what_is_earned():
    before = paid(line(1000))
    after = Facts(
        order_id="o-1", currency="CNY", customer_id="c-1", payments=before.payments, description=described(line(2000))
    )

    assert accrued(after) == (100, 30)
    assert levels(after) == (200, 60)


def test_what_is_paid_from_the_day_an_order_stopped_does_not_accrue():
    of = structs.replace(order(instalments((250, 0), (250, 3), (500, 5))), stopped_at=at(3))

    earned = earnings(of)

    assert {bucket.day: parts for bucket, parts in earned.direct.buckets.items()} == {"2026-03-01": (25,)}
    assert (earned.direct.potential, earned.direct.estimated) == (100, 75)
    assert list(earned.sales.values()) == [250]


def test_an_order_stopped_before_its_first_payment_accrues_nothing_and_stops_no_more_when_it_is_released():
    of = structs.replace(order(instalments((250, 1), (750, 3))), stopped_at=at(1))

    assert earnings(of).direct.buckets == {}
    assert earnings(of).direct.by_line == (100,)
    assert earnings(structs.replace(of, stopped_at=None)).direct.accrued == 100
    assert earnings(structs.replace(of, stopped_at=at(3.1))).direct.accrued == 100
