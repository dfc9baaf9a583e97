"""The daily run: what it pays, and that neither a crash, nor a second invocation, nor the clock changes anything."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.report_results import Result, report_results
from chalicelib.flows.settle import Settlement
from chalicelib.schedules import settle as schedule
from chalicelib.settings import settings
from chalicelib.store import connection, payout_runs, payouts
from tests.flows.money_out import (
    EVENT,
    METHOD,
    NOW,
    RUN,
    Crash,
    all_payouts,
    approved,
    asked,
    balance,
    check_books,
    crashing,
    earned,
    joined,
    plan,
    run,
    states,
    written,
)

# ------------------------------------------------------------------ what it pays


@pytest.mark.usefixtures("cloud")
def test_all_that_is_available_becomes_one_payout_for_each_account() -> None:
    plan(minimum={"CNY": 1000}, fee_rate="0.01")
    earned(joined("d_1"), 5000)
    earned("d_1", 300, "USD")
    earned(joined("d_2"), 1000)

    summary = run()

    assert summary == Settlement(run=RUN, state="filed", payouts=3, amounts={"CNY": 5940, "USD": 297})
    assert states() == {f"po_{RUN}_{name}": "submitted" for name in ("d_1_CNY", "d_1_USD", "d_2_CNY")}
    assert balance("d_1") == {"available": 0, "in_flight": 5000, "paid": 0}
    check_books()


@pytest.mark.usefixtures("cloud")
def test_a_payout_s_history_tells_how_it_went() -> None:
    earned(joined("d_1"), 5000)
    run()

    payout = all_payouts()[f"po_{RUN}_d_1_CNY"]

    assert [(step.start, step.to, step.by, step.at) for step in payout.history] == [
        (None, "approved", f"run:{RUN}", EVENT),
        ("approved", "submitting", f"run:{RUN}", EVENT),
        ("submitting", "submitted", f"run:{RUN}", EVENT),
    ]
    assert (payout.attempts, payout.run_id, payout.file) == (1, RUN, f"{RUN}/CNY")
    assert payout.created_at == EVENT


@pytest.mark.usefixtures("cloud")
def test_who_has_too_little_is_suspended_or_has_no_method_keeps_the_money() -> None:
    plan(minimum={"CNY": 1000})
    earned(joined("d_little"), 999)
    earned(joined("d_suspended", status="suspended"), 5000)
    earned(joined("d_nowhere", methods={}), 5000)

    assert run().payouts == 0

    assert [balance(name)["available"] for name in ("d_little", "d_suspended", "d_nowhere")] == [999, 5000, 5000]
    assert written() == {}
    check_books()


@pytest.mark.usefixtures("cloud")
def test_the_method_called_default_is_used_before_the_first_by_name() -> None:
    earned(joined("d_1", {"a": METHOD, "default": {**METHOD, "account": "999999"}}), 100)
    earned(joined("d_2", {"b": {**METHOD, "account": "888888"}, "a": METHOD}), 100)
    run()

    used = {payout.distributor_id: payout.method["account"] for payout in all_payouts().values()}

    assert used == {"d_1": "999999", "d_2": METHOD["account"]}


@pytest.mark.usefixtures("cloud")
def test_what_staff_approved_is_in_the_file_and_what_nobody_approved_is_not() -> None:
    earned(joined("d_1"), 5000)
    by_hand, waiting = approved("d_1", 2000), asked("d_1", 500)
    rejected = asked("d_1", 300)
    decide_payout(rejected.id, "rejected", "staff:checker", NOW, "not today")

    assert run().amounts == {"CNY": 4500}

    assert states() == {
        by_hand: "submitted",
        waiting.id: "requested",
        rejected.id: "rejected",
        f"po_{RUN}_d_1_CNY": "submitted",
    }
    file = written()[f"payouts/bank_file/{RUN}/CNY.csv"].decode()
    assert by_hand in file
    assert waiting.id not in file
    check_books()


@pytest.mark.usefixtures("cloud")
def test_an_approved_payout_of_somebody_suspended_since_waits() -> None:
    earned(joined("d_1"), 5000)
    payout_id = approved("d_1")
    connection.client().update_item(
        TableName=settings().distributors_table,
        Key={"id": {"S": "d_1"}},
        UpdateExpression="SET #status = :suspended",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":suspended": {"S": "suspended"}},
    )

    assert run().payouts == 0
    assert states() == {payout_id: "approved"}


@pytest.mark.usefixtures("cloud")
def test_money_that_came_back_is_paid_by_the_next_run() -> None:
    earned(joined("d_1"), 5000)
    run()
    first = f"po_{RUN}_d_1_CNY"
    report_results([Result(payout_id=first, outcome="failed", reason="account closed")], "staff:f", NOW)
    earned("d_1", 100)

    assert run(EVENT + timedelta(days=1)).amounts == {"CNY": 5100}

    assert states() == {first: "failed", "po_2026-11-23_d_1_CNY": "submitted"}
    check_books()


@pytest.mark.usefixtures("cloud")
def test_more_accounts_than_fit_on_a_page_are_all_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.store.maturity._ACCOUNTS", 2)
    monkeypatch.setattr("chalicelib.flows.collect_payouts._PAGE", 2)
    for i in range(12):
        earned(joined(f"d_{i}"), 100 + i)
        approved(f"d_{i}", 40)

    assert run() == Settlement(run=RUN, state="filed", payouts=24, amounts={"CNY": sum(range(100, 112))})
    check_books()


# ------------------------------------------------------------------ periods


@pytest.mark.usefixtures("cloud")
def test_the_run_is_the_event_s_date_in_the_program_s_time_zone() -> None:
    assert run(datetime(2026, 11, 21, 15, 59, tzinfo=UTC)).run == "2026-11-21"
    assert run(datetime(2026, 11, 21, 16, 0, tzinfo=UTC)).run == "2026-11-22"


@pytest.mark.usefixtures("cloud")
def test_a_second_run_of_the_period_pays_nothing_even_if_there_is_more() -> None:
    earned(joined("d_1"), 5000)
    first = run()
    before = (all_payouts(), written())
    earned("d_1", 700)
    late = approved("d_1", 100)

    assert run(EVENT + timedelta(hours=1)) == first

    assert (all_payouts()[late], balance("d_1")["available"]) == (payouts.existing(late), 600)
    assert ({k: v for k, v in all_payouts().items() if k != late}, written()) == before
    assert run(EVENT + timedelta(days=1)).amounts == {"CNY": 700}
    check_books()


@pytest.mark.usefixtures("cloud")
def test_a_run_that_was_given_up_is_finished_by_the_next_day_s() -> None:
    earned(joined("d_1"), 5000)
    with pytest.raises(Crash), crashing(at_call=-1):
        run()
    assert payout_runs.get(RUN).state == "closed"
    earned("d_1", 700)

    assert run(EVENT + timedelta(days=1)).amounts == {"CNY": 700}

    assert payout_runs.get(RUN).state == "filed"
    assert sorted(written()) == [f"payouts/bank_file/{day}/CNY.csv" for day in (RUN, "2026-11-23")]
    check_books()


# ------------------------------------------------------------------ the schedule


class Context:
    function_name = "settle"
    aws_request_id = "request-1"

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


def event(milliseconds: int = 900_000, time: str = "2026-11-22T02:00:00Z") -> tuple[dict[str, Any], Context]:
    body = {
        "version": "0",
        "account": "000000000000",
        "region": "us-east-1",
        "detail": {},
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": time,
        "id": "e-1",
        "resources": [],
    }
    return body, Context(milliseconds)


@pytest.mark.usefixtures("cloud")
def test_the_schedule_settles_the_period_of_its_event() -> None:
    earned(joined("d_1"), 5000)

    assert schedule.settle(*event()) == {"run": RUN, "state": "filed", "payouts": 1, "amounts": {"CNY": 5000}}


# ------------------------------------------------------------------ modes


@pytest.mark.usefixtures("cloud")
def test_in_approval_mode_staff_is_asked_and_the_next_run_pays() -> None:
    plan(mode="approval", minimum={"CNY": 1000}, run_limit={"CNY": 5000}, day_limit={"CNY": 5000})
    for name in ("d_1", "d_2", "d_3"):
        earned(joined(name), 3000)
    earned(joined("d_little"), 999)

    assert (run().state, written()) == ("filed", {})

    asked_for = {f"po_{RUN}_d_{n}_CNY": "requested" for n in (1, 2, 3)}
    assert states() == asked_for, "whatever it comes to: nothing is taken on yet"
    assert balance("d_1") == {"available": 0, "in_flight": 3000, "paid": 0}
    decide_payout(f"po_{RUN}_d_1_CNY", "approved", "staff:checker", NOW)
    decide_payout(f"po_{RUN}_d_2_CNY", "rejected", "staff:checker", NOW, "no")

    assert run(EVENT + timedelta(days=1)).amounts == {"CNY": 3000}

    assert states() == asked_for | {
        f"po_{RUN}_d_1_CNY": "submitted",
        f"po_{RUN}_d_2_CNY": "rejected",
        "po_2026-11-23_d_2_CNY": "requested",
    }
    check_books()


@pytest.mark.usefixtures("cloud")
def test_in_manual_mode_only_what_was_asked_for_is_paid() -> None:
    plan(mode="manual")
    earned(joined("d_1"), 3000)
    earned(joined("d_2"), 3000)
    by_hand = approved("d_1", 1000)

    assert run().amounts == {"CNY": 1000}

    assert states() == {by_hand: "submitted"}
    check_books()
