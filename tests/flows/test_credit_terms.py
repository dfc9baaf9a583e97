"""Orders on account: they earn as they are collected; while their customer is overdue, they do not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from chalicelib.domain import credit as rules
from chalicelib.domain.credit import CreditTerms, OpenOrder
from chalicelib.domain.earnings import earnings
from chalicelib.domain.errors import Busy, NotFound, Refused
from chalicelib.domain.orders import Carriers, Facts, Order
from chalicelib.domain.plans import Limit
from chalicelib.flows import follow_credit
from chalicelib.flows.credit_terms import read_ageing, set_credit_terms
from chalicelib.flows.record_order import record_order
from chalicelib.flows.save_plan import save_plan
from chalicelib.schedules.overdue import Swept
from chalicelib.schedules.overdue import sweep as sweep_all
from chalicelib.store import credit, customers, orders
from tests.flows.shop import NOW, START, at, described, line, open_shop, ordered, paid, plan, refunded, said

pytestmark = pytest.mark.usefixtures("cloud_tables")

MISSED = datetime(2026, 3, 31, 16, tzinfo=UTC)
"""The end of 31 March in Shanghai: on that day what was placed on 1 March is due in 30 days."""
EVENT = datetime(2026, 4, 2, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def shop(cloud_tables: Any) -> None:
    open_shop()
    set_credit_terms("c-1", CreditTerms(credit_limit=15_000, net_days=30, currency="CNY"), "staff:f", START)


def sweep(now: datetime = EVENT) -> Swept:
    return sweep_all(now, lambda: 600)


def stored(order_id: str) -> Order:
    found = orders.get(order_id)
    assert found
    return found


def accrued(*order_ids: str) -> list[int]:
    return [earnings(stored(each)).direct.accrued for each in order_ids]


def stopped(*order_ids: str) -> list[datetime | None]:
    return [stored(each).stopped_at for each in order_ids]


def open_orders() -> dict[str, OpenOrder]:
    return credit.get("c-1").open


def owing() -> dict[str, int]:
    return {order_id: each.outstanding for order_id, each in open_orders().items()}


def pay(order_id: str, amount: int = 10_000, days: float = 40, now: float | None = None) -> Order:
    return record_order(said(order_id, payments=paid(amount, f"p-{days}", days)), at(days if now is None else now))


def later(days: float, **more: Any) -> dict[str, Any]:
    return {"placed_at": at(days), "description": described(line(10_000), days=days), **more}


@pytest.fixture
def three() -> None:
    """o-1 is due on 31 March, o-2 and o-3 on 10 April."""
    record_order(ordered("o-1"), at(0))
    for each in ("o-2", "o-3"):
        record_order(ordered(each, **later(10)), at(10))


def test_an_order_on_account_earns_as_it_is_collected() -> None:
    first = record_order(ordered("o-1", amount=10_000), at(0))

    assert first.terms and first.terms.net_days == 30
    assert open_orders() == {"o-1": OpenOrder(currency="CNY", due="2026-03-31", outstanding=10_000)}
    pay("o-1", 4_000, days=5)
    assert (accrued("o-1"), owing()) == ([400], {"o-1": 6_000})
    pay("o-1", 6_000, days=6)
    assert (accrued("o-1"), owing()) == ([1_000], {})
    assert sweep() == Swept(0, 0, 0)


@pytest.mark.parametrize(
    ("customer", "container", "trips"), [("c-1", "new", 3), ("c-1", "later", 2), ("c-2", "new", 3), ("c-2", "later", 2)]
)
def test_terms_of_credit_cost_no_further_round_trips(
    customer: str, container: str, trips: int, requests_sent: Any
) -> None:
    if container == "later":
        record_order(ordered(customer_id=customer), NOW)
    requests = requests_sent()

    record_order(ordered(customer_id=customer, payments=paid(1)), NOW)

    assert len(requests) == trips, [name for name, _ in requests]


def test_orders_of_others_write_nothing_more(requests_sent: Any) -> None:
    record_order(ordered(customer_id="c-2"), NOW)
    requests = requests_sent()

    record_order(said(customer_id="c-2", payments=paid()), NOW)

    assert [name for name, _ in requests] == ["BatchGetItem", "UpdateItem"]
    assert credit.get("c-2") == credit.from_attributes(None)


def test_terms_are_frozen_when_the_order_is_decided() -> None:
    record_order(ordered("o-0", customer_id="c-2"), NOW)
    set_credit_terms("c-2", CreditTerms(credit_limit=1, net_days=60, currency="CNY"), "staff:f", NOW)
    set_credit_terms("c-1", CreditTerms(credit_limit=1, net_days=60, currency="CNY"), "staff:f", NOW)
    record_order(said("o-0", customer_id="c-2", payments=paid(1)), NOW)

    assert credit.get("c-2").open == {}
    record_order(ordered("o-1"), NOW)
    assert open_orders()["o-1"].due == "2026-04-30"


def test_the_orders_of_an_overdue_customer_stop_and_go_on(three: None) -> None:
    assert sweep(MISSED - timedelta(seconds=1)) == Swept(0, 0, 0)
    assert sweep() == Swept(1, 3, 0)
    assert stopped("o-1", "o-2", "o-3") == [MISSED] * 3

    pay("o-2")
    pay("o-1", 9_999)
    assert accrued("o-1", "o-2", "o-3") == [0, 0, 0]
    assert owing() == {"o-1": 1, "o-2": 0, "o-3": 10_000}

    pay("o-1", 1, days=41)
    assert stopped("o-1", "o-2", "o-3") == [datetime(2026, 4, 10, 16, tzinfo=UTC)] * 3
    assert owing() == {"o-1": 0, "o-2": 0, "o-3": 10_000}
    pay("o-3", days=42)
    assert stopped("o-1", "o-2", "o-3") == [None] * 3
    assert accrued("o-1", "o-2", "o-3") == [1_000] * 3
    assert open_orders() == {}
    assert sweep(at(50)) == Swept(0, 0, 0)


def test_what_was_paid_in_time_accrues_however_late_it_is_told(three: None) -> None:
    sweep()

    pay("o-2", 4_000, days=20, now=45)
    assert accrued("o-2") == [400]
    pay("o-1", days=29, now=45)

    assert stopped("o-1") == [datetime(2026, 4, 10, 16, tzinfo=UTC)]
    assert accrued("o-1", "o-2") == [1_000, 400]


def test_an_order_of_an_overdue_customer_is_stopped_before_the_run(three: None) -> None:
    """No run has looked yet: the order itself finds out, and the others follow."""
    record_order(ordered("o-4", **later(35, payments=paid(days=35))), at(35))

    assert (accrued("o-4"), stopped("o-1", "o-2", "o-4")) == ([0], [MISSED] * 3)
    pay("o-1", days=36)
    assert (accrued("o-1", "o-4"), stopped("o-2")) == ([1_000, 1_000], [None])


@pytest.mark.parametrize(
    "end",
    [
        said("o-1", cancelled_at=at(33)),
        said("o-1", refunds=refunded(("1", 10_000))),
        said("o-1", payments=paid(days=33)),
        said("o-1", description=described(line(0), days=33)),
    ],
    ids=["cancelled", "refunded", "paid", "corrected"],
)
def test_whatever_ends_the_debt_ends_the_stop(three: None, end: Facts) -> None:
    sweep()
    pay("o-2", days=32)

    record_order(end, at(33))

    assert stopped("o-1", "o-2", "o-3") == [None] * 3
    assert accrued("o-2", "o-3") == [1_000, 0]
    assert owing() == {"o-3": 10_000}


FACTS = (
    ordered("o-1"),
    said("o-1", payments=paid(10_000, "late", 40)),
    ordered("o-2", **later(1)),
    said("o-2", payments=paid(10_000, "late", 36)),
)


@pytest.mark.parametrize("order", list(permutations(range(5)))[::3])
def test_whatever_comes_first_it_ends_the_same(order: tuple[int, ...]) -> None:
    """The four facts and a run, in every order, twice."""
    for index in (*order, *order):
        sweep(at(41)) if index == 4 else record_order(FACTS[index], at(41))

    assert accrued("o-1", "o-2") == [1_000, 1_000]
    assert stopped("o-1", "o-2") == [None, None]
    assert open_orders() == {}


def test_while_overdue_it_makes_no_difference_what_came_first() -> None:
    facts = [ordered("o-1"), ordered("o-2", **later(1)), said("o-2", payments=paid(6_000, "late", 36))]
    seen = set()
    for index, some in enumerate(permutations(facts)):
        set_credit_terms(f"c-{index}", CreditTerms(credit_limit=0, net_days=30, currency="CNY"), "staff:f", START)
        for each in some:
            one = Facts(**{name: getattr(each, name) for name in Facts.__struct_fields__})
            record_order(_renamed(one, index), at(40))
        sweep(at(40))
        seen.add((*accrued(f"o-1-{index}", f"o-2-{index}"), *map(str, stopped(f"o-1-{index}", f"o-2-{index}"))))

    assert seen == {(0, 0, str(MISSED), str(MISSED))}


def _renamed(facts: Facts, index: int) -> Facts:
    values = {name: getattr(facts, name) for name in Facts.__struct_fields__}
    return Facts(**values | {"order_id": f"{facts.order_id}-{index}", "customer_id": f"c-{index}"})


def test_a_run_again_and_runs_at_once_change_nothing_more(three: None) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: sweep(), range(4)))

    assert sum(each.orders for each in done) == 3
    assert [stored(each).revision for each in ("o-1", "o-2", "o-3")] == [2, 2, 2]
    assert sweep() == Swept(1, 0, 0)


def test_a_fact_told_again_after_the_due_day_finds_out(three: None) -> None:
    again = record_order(ordered("o-1"), at(35))

    assert (again, again.stopped_at) == (stored("o-1"), MISSED)
    assert stopped("o-2", "o-3") == [MISSED] * 2


def test_an_older_run_does_not_undo_a_newer_one(three: None) -> None:
    sweep(at(45))

    assert sweep(at(5)) == Swept(0, 0, 0)
    assert follow_credit.follow_credit("c-1", at(5)) == 0
    assert stopped("o-1", "o-2") == [MISSED] * 2


def test_a_run_that_died_half_way_is_finished_by_the_next(three: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_credit, "_AT_ONCE", 1)
    save, saved = orders.save, []

    def dies(image: Order, *arguments: Any) -> bool:
        if len(saved) == 2:
            raise SystemExit
        saved.append(image.facts.order_id)
        return save(image, *arguments)

    monkeypatch.setattr(orders, "save", dies)
    with pytest.raises(SystemExit):
        sweep()
    monkeypatch.setattr(orders, "save", save)

    assert stopped("o-1", "o-2", "o-3") == [MISSED, MISSED, None]
    assert sweep() == Swept(1, 1, 0)
    assert stopped("o-3") == [MISSED]


@pytest.mark.parametrize("heals", ["the next run", "the same fact again", "another order's fact"])
def test_a_payment_whose_follow_up_was_lost_is_made_good(
    three: None, monkeypatch: pytest.MonkeyPatch, heals: str
) -> None:
    sweep()
    pay("o-2", days=33)
    with monkeypatch.context() as patch:
        patch.setattr("chalicelib.flows.record_order.follow_credit", _dies)
        with pytest.raises(SystemExit):
            pay("o-1", days=34)
    assert (stopped("o-1", "o-2"), accrued("o-2")) == ([None, MISSED], [0])

    if heals == "the next run":
        assert sweep(at(34)).orders == 2
    else:
        pay("o-1" if heals == "the same fact again" else "o-3", days=34)

    assert (stopped("o-2", "o-3"), accrued("o-2")) == ([None, None], [1_000])


def _dies(*_: Any, **__: Any) -> int:
    raise SystemExit


def test_trouble_with_the_others_is_not_the_caller_s(three: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any, **__: Any) -> int:
        raise Busy("BUSY")

    monkeypatch.setattr("chalicelib.flows.record_order.follow_credit", busy)

    assert pay("o-1", days=33).facts.payments


def test_one_customer_s_trouble_does_not_hold_up_the_others(three: None, monkeypatch: pytest.MonkeyPatch) -> None:
    set_credit_terms("c-9", CreditTerms(credit_limit=1, net_days=1, currency="CNY"), "staff:f", START)
    record_order(ordered("o-9", customer_id="c-9"), at(0))
    follow = follow_credit.follow_credit

    def fails(customer_id: str, now: datetime) -> int:
        if customer_id == "c-1":
            raise RuntimeError
        return follow(customer_id, now)

    monkeypatch.setattr("chalicelib.schedules.overdue.follow_credit", fails)
    assert sweep() == Swept(2, 1, 1)
    with pytest.raises(Busy):
        sweep_all(EVENT, lambda: 3)


def test_many_orders_follow_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(12):
        record_order(ordered(f"o-{i:02}"), at(0))
    assert follow_credit.follow_credit("c-1", EVENT, most=5) == 8

    assert sweep() == Swept(1, 4, 0)
    assert set(stopped(*(f"o-{i:02}" for i in range(12)))) == {MISSED}


def test_orders_of_one_customer_from_many_writers_at_once() -> None:
    names = [f"o-{i}" for i in range(6)]
    for each in names:
        record_order(ordered(each), at(0))
    sweep()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda each: pay(each, days=33), names))
    sweep(at(34))

    assert (accrued(*names), set(stopped(*names)), open_orders()) == ([1_000] * 6, {None}, {})


def test_an_order_whose_payment_notice_names_no_customer(three: None) -> None:
    record_order(said("o-2", customer_id=None, payments=paid(4_000)), NOW)

    assert owing()["o-2"] == 6_000


def test_an_order_without_a_date_is_due_by_what_was_known_first() -> None:
    undated = said("o-1", description=described(line(10_000), days=None), attribution=Carriers(code="ANN"))
    record_order(undated, at(2))
    assert open_orders()["o-1"].due == "2026-04-02"

    record_order(said("o-1", payments=paid(1, days=20)), at(20))
    assert open_orders()["o-1"].due == "2026-04-02"
    record_order(said("o-1", placed_at=START), at(20))
    assert open_orders()["o-1"].due == "2026-03-31"


def test_open_orders_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_OPEN", 2)
    record_order(ordered("o-1"), NOW)
    record_order(ordered("o-2"), NOW)

    with pytest.raises(Refused) as refused:
        record_order(ordered("o-3"), NOW)
    assert (refused.value.code, orders.get("o-3")) == ("TOO_MANY_OPEN_ORDERS", None)

    pay("o-1", days=2)
    record_order(ordered("o-3"), NOW)
    assert sorted(open_orders()) == ["o-2", "o-3"]


def test_the_count_of_a_customer_s_orders_goes_with_their_account() -> None:
    save_plan("default", plan(limits=(Limit(per="customer", orders=2),)), at(-20), "staff:1", NOW)
    for i in range(3):
        record_order(ordered(f"o-{i}", payments=paid(4_000)), NOW)

    assert accrued("o-0", "o-1", "o-2") == [400, 400, 0]
    assert (customers.get("c-1").orders, len(open_orders())) == (3, 3)


def test_a_reopened_order_is_looked_at_again() -> None:
    record_order(ordered("o-1", payments=paid(), refunds=refunded(("1", 4_000))), NOW)
    assert open_orders() == {}

    record_order(said("o-1", description=described(line(12_000), days=2)), at(2))
    assert owing() == {"o-1": 2_000}


def test_the_ageing_report() -> None:
    for i, days in enumerate((0, -1, -30, -31, -60, -61, -90, -91)):
        record_order(ordered(f"o-{i}", amount=10**i, placed_at=at(days)), at(days))
    record_order(ordered("o-8", currency="JPY", placed_at=at(-40)), at(0))

    report = read_ageing("c-1", at(30))

    assert report.outstanding == {
        "CNY": {
            "current": 1,
            "1_30": 110,
            "31_60": 11_000,
            "61_90": 1_100_000,
            "over_90": 10_000_000,
            "total": 11_111_111,
        },
        "JPY": {"current": 0, "1_30": 0, "31_60": 10_000, "61_90": 0, "over_90": 0, "total": 10_000},
    }
    assert [row.order_id for row in report.orders] == ["o-7", "o-6", "o-5", "o-4", "o-8", "o-3", "o-2", "o-1", "o-0"]
    assert [row.days_overdue for row in report.orders] == [91, 90, 61, 60, 40, 31, 30, 1, 0]
    assert (report.as_of, report.over_limit) == ("2026-03-31", True)
    with pytest.raises(NotFound):
        read_ageing("c-2", NOW)
