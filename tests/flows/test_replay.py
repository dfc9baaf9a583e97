"""A draft against past orders: what it compares, and that crashes, second deliveries and short times change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from msgspec import json, structs

from chalicelib.domain.earnings import earnings
from chalicelib.domain.errors import Busy, NotFound, Refused
from chalicelib.domain.orders import Order
from chalicelib.domain.plans import IndirectRule, Plan, Rule
from chalicelib.domain.replays import Comparison, Sums, compare
from chalicelib.flows import run_replay as job
from chalicelib.flows.read_replay import read_replay
from chalicelib.flows.record_order import record_order
from chalicelib.flows.run_replay import run_replay
from chalicelib.flows.save_plan import save_plan
from chalicelib.flows.start_replay import start_replay
from chalicelib.schedules.replay import replay as function
from chalicelib.settings import settings
from chalicelib.store import files, jobs, orders, proof, replays
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from tests.flows.shop import NOW, at, described, line, open_shop, ordered, paid, plan, refunded, said

pytestmark = pytest.mark.usefixtures("cloud")

DRAFT = Plan(direct=Rule(rate="0.2"), indirect=IndirectRule(rate="0.01"))
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 8)
STARTED: list[dict[str, str]] = []


@pytest.fixture(autouse=True)
def shop(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REPLAY_FUNCTION", "fenrun-Replay")
    settings.cache_clear()
    STARTED.clear()
    monkeypatch.setattr(jobs, "start", lambda function, event: STARTED.append({"function": function, **event}))
    open_shop()
    yield


def sold(order_id: str, amount: int = 10_000, days: float = 0, **more: Any) -> Order:
    given: dict[str, Any] = {"placed_at": at(days), "payments": paid(amount, days=days)}
    return record_order(ordered(order_id, amount, **(given | more)), NOW + timedelta(days=10))


def asked(plan_id: str = "default", draft: Plan = DRAFT, once: str | None = None) -> str:
    return start_replay(plan_id, draft, FIRST, LAST, "staff:1", NOW, once).id


def for_ever() -> float:
    return 1e9


def done(replay_id: str, remaining: Callable[[], float] = for_ever) -> Comparison:
    for _ in range(100):
        now = run_replay(replay_id, "fenrun-Replay", remaining)
        if now and now.state == "done":
            return read_replay(replay_id, NOW).comparison
    raise AssertionError("it does not end")


def a_week() -> None:
    for i in range(12):
        sold(f"o-{i}", 1000 * (i + 1), days=i, code="ANN" if i % 2 else "CAS")


def expected(replay_id: str) -> Comparison:
    """The same in one go, over the orders in any order."""
    result, known = Comparison(), replays.get(replay_id)
    assert known
    for order in sorted(proof.all_orders(), key=lambda each: each.facts.order_id):
        compare(result, order, known.plan_id, replays.draft(known), known.first, known.last, settings().time_zone)
    return result


def test_it_adds_up_by_currency_day_distributor_and_line() -> None:
    sold("o-1", 10_000, days=0)
    sold("o-2", 20_000, days=1)
    sold("o-3", 30_000, days=1, currency="USD")
    sold("early", 10_000, days=-1)
    sold("late", 10_000, days=7)
    record_order(ordered("unpaid", 5_000, placed_at=at(6.4)), NOW)
    record_order(said("bare", payments=paid()), at(2))

    found = done(asked())

    assert (found.seen, found.unreadable) == (7, 0)
    week = Sums(orders=3, direct_then=3500, direct_draft=7000, indirect_then=1050, indirect_draft=350)
    assert found.totals == {
        "CNY": structs.replace(week, accrued_then=3900, accrued_draft=6300),
        "USD": Sums(
            orders=1,
            direct_then=3000,
            direct_draft=6000,
            indirect_then=900,
            indirect_draft=300,
            accrued_then=3900,
            accrued_draft=6300,
        ),
    }
    assert found.totals["CNY"].difference == 7000 + 350 - 3500 - 1050
    assert sorted(found.days) == ["2026-03-01#CNY", "2026-03-02#CNY", "2026-03-02#USD", "2026-03-07#CNY"]
    assert sorted(found.distributors) == ["ann#CNY", "ann#USD", "bob#CNY", "bob#USD"]
    ann = found.distributors["ann#CNY"]
    assert (ann.orders, ann.direct_then, ann.direct_draft, ann.indirect_then) == (3, 3500, 7000, 0)
    assert [(each.order_id, each.line_id, each.difference) for each in found.worst] == [
        ("o-3", "1", 2400),
        ("o-2", "1", 1600),
        ("o-1", "1", 800),
        ("unpaid", "1", 400),
    ]


def test_the_same_plan_changes_nothing() -> None:
    a_week()

    found = done(asked(draft=plan()))

    assert all(each.difference == 0 for each in (*found.totals.values(), *found.days.values()))
    assert (found.totals["CNY"].accrued_then, found.worst) == (found.totals["CNY"].accrued_draft, [])


def test_days_are_the_programs_and_the_last_is_not_in_the_range() -> None:
    for order_id, placed_at in (("in", "2026-02-28T16:00:00+00:00"), ("out", "2026-03-07T16:00:00+00:00")):
        record_order(ordered(order_id, placed_at=datetime.fromisoformat(placed_at), payments=paid()), NOW)

    assert [key for key in done(asked()).days] == ["2026-03-01#CNY"]


def test_an_order_that_does_not_say_when_counts_when_it_was_recorded() -> None:
    record_order(ordered(placed_at=None, payments=paid()), at(3))

    assert [key for key in done(asked()).days] == ["2026-03-04#CNY"]


def test_refunds_and_limits_are_those_of_the_order() -> None:
    sold("o-1", 10_000, refunds=refunded(("1", 5_000)))

    total = done(asked()).totals["CNY"]

    assert (total.direct_then, total.direct_draft, total.indirect_then, total.indirect_draft) == (500, 1000, 150, 50)


def test_lines_of_merchants_with_their_own_plan_stay_as_they_are() -> None:
    save_plan("merchant:m1", plan(direct=Rule(rate="0.3")), at(-20), "staff:1", at(-20))
    lines = described(line(10_000), line(10_000, "2", merchant_id="m1"), line(10_000, "3", merchant_id="m2"))
    sold("o-1", description=lines, payments=paid(30_000))

    operators = done(asked())
    assert [(each.line_id, each.direct_then, each.direct_draft) for each in operators.worst] == [
        ("1", 1000, 2000),
        ("3", 1000, 2000),
    ]
    own = done(asked("merchant:m1"))
    assert [(each.line_id, each.direct_then, each.direct_draft) for each in own.worst] == [("2", 3000, 2000)]
    first = done(asked("merchant:m2"))
    assert [(each.line_id, each.direct_then, each.direct_draft) for each in first.worst] == [("3", 1000, 2000)]


def test_the_books_and_the_orders_are_not_touched() -> None:
    a_week()
    before = [json.encode(each) for each in proof.all_orders()], list(proof.whole_ledger())

    done(asked())

    assert before == ([json.encode(each) for each in proof.all_orders()], list(proof.whole_ledger()))


def test_a_short_time_is_many_runs_that_start_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    a_week()
    replay_id = asked()
    STARTED.clear()
    monkeypatch.setattr(job, "_STEP_SECONDS", -1)
    seen = []

    def one_page() -> Callable[[], float]:
        times = iter([100.0, 0.0, 0.0])
        return lambda: next(times)

    for _ in range(100):
        now = run_replay(replay_id, "fenrun-Replay", one_page())
        assert now
        seen.append((now.segments, now.steps))
        if now.state == "done":
            break

    assert seen[-1] == (replays.SEGMENTS, replays.SEGMENTS)
    assert seen == sorted(set(seen))
    assert [{"function": "fenrun-Replay", "replay_id": replay_id}] * (replays.SEGMENTS - 1) == STARTED
    assert read_replay(replay_id, NOW).comparison == expected(replay_id)


def test_without_time_nothing_is_done_and_it_is_started_again() -> None:
    replay_id = asked()
    STARTED.clear()

    now = run_replay(replay_id, "fenrun-Replay", lambda: 10)

    assert now and (now.state, now.steps, len(STARTED)) == ("running", 0, 1)


@pytest.mark.parametrize("calls", range(1, 24, 5))
def test_a_crash_anywhere_is_made_good_by_the_next_run(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    a_week()
    replay_id = asked()
    monkeypatch.setattr(job, "_STEP_SECONDS", -1)

    class Crash(BaseException):
        pass

    from chalicelib.store.connection import client

    left = calls

    def crash(**_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash

    events = client().meta.events
    events.register("before-call.dynamodb.*", crash)
    try:
        with pytest.raises(Crash):
            run_replay(replay_id, "fenrun-Replay", for_ever)
    finally:
        events.unregister("before-call.dynamodb.*", crash)

    assert done(replay_id) == expected(replay_id)


def test_of_two_runs_at_once_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    a_week()
    replay_id = asked()
    monkeypatch.setattr(job, "_STEP_SECONDS", -1)
    page, twice = replays.orders_page, []

    def meanwhile(segment: int, after: Any) -> Any:
        if not twice:
            twice.append(True)
            run_replay(replay_id, "fenrun-Replay", for_ever)
        return page(segment, after)

    monkeypatch.setattr(replays, "orders_page", meanwhile)
    assert run_replay(replay_id, "fenrun-Replay", for_ever) is None

    known = read_replay(replay_id, NOW)
    assert (known.replay.state, known.comparison) == ("done", expected(replay_id))
    assert run_replay(replay_id, "fenrun-Replay", for_ever) == known.replay  # and once more


def test_an_order_that_cannot_be_read_is_counted_and_left_out() -> None:
    sold("o-1")
    send("put_item", TableName=settings().orders_table, Item=to_item({"id": "broken", "image": '{"facts": 1}'}))

    found = done(asked())

    assert (found.seen, found.unreadable, found.totals["CNY"].orders) == (2, 1, 1)


class Context:
    function_name = "fenrun-Replay"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def test_a_fault_is_said_and_a_later_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    sold("o-1")
    replay_id = asked()
    with monkeypatch.context() as patch:
        patch.setattr(job, "compare", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            function({"replay_id": replay_id}, Context())
    assert read_replay(replay_id, NOW).replay.state == "failed"

    with monkeypatch.context() as patch:
        patch.setattr(files, "put", busy)
        with pytest.raises(Busy):
            run_replay(replay_id, "fenrun-Replay", for_ever)
    assert done(replay_id).totals["CNY"].orders == 1
    assert read_replay(replay_id, NOW).replay.state == "done"


def busy(*_: Any) -> None:
    raise Busy("BUSY")


def test_a_job_that_has_been_silent_for_long_has_failed() -> None:
    replay_id = asked()

    assert read_replay(replay_id, NOW + timedelta(minutes=59)).replay.state == "running"
    assert read_replay(replay_id, NOW + timedelta(minutes=61)).replay.state == "failed"


def test_asking_twice_with_one_key_makes_one_replay_and_starts_it_again() -> None:
    first, second = asked(once="a" * 64), asked(once="a" * 64)

    assert first == second == "rp_" + "a" * 32
    assert [{"function": "fenrun-Replay", "replay_id": first}] * 2 == STARTED
    done(first)
    assert (asked(once="a" * 64), len(STARTED)) == (first, 2)
    rows = [from_item(item) for item in send("scan", TableName=settings().audit_table)["Items"]]
    assert [row["who"] for row in rows if row["action"] == "plan.replay"] == ["staff:1"]


@pytest.mark.parametrize("days", [0, -1, 401])
def test_an_impossible_range_is_refused(days: int) -> None:
    with pytest.raises(Refused, match="REPLAY_RANGE"):
        start_replay("default", DRAFT, FIRST, FIRST + timedelta(days=days), "staff:1", NOW, None)
    assert STARTED == []


def test_a_plan_that_contradicts_itself_or_governs_nothing_is_refused() -> None:
    with pytest.raises(Refused, match="PLAN_RATE_OR_PER_UNIT"):
        asked(draft=Plan(direct=Rule()))
    with pytest.raises(NotFound):
        asked("other")
    with pytest.raises(NotFound):
        read_replay("rp_other", NOW)
    assert run_replay("rp_other", "fenrun-Replay", for_ever) is None
    assert STARTED == []


def test_what_an_order_earned_then_is_what_its_image_says() -> None:
    order = sold("o-1", refunds=refunded(("1", 1_000)))
    found = done(asked())

    earned = earnings(order)
    total = found.totals["CNY"]
    assert (total.direct_then, total.indirect_then) == (earned.direct.potential, earned.indirect.potential)
    assert orders.get("o-1") == order
