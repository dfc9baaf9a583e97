"""A run in pieces: limits that stop it, cursors that go on, files of bounded size, and many workers on one run."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as settled
from hypothesis import strategies as st

from chalicelib.domain.errors import Conflict, NotFound, Refused
from chalicelib.domain.plans import PayoutRules, Plan, Rule, check
from chalicelib.flows import collect_payouts as collect_payouts_module
from chalicelib.flows import file_payouts
from chalicelib.flows.collect_payouts import collect_payouts
from chalicelib.flows.release_run import release_run
from chalicelib.observe import metrics
from chalicelib.schedules import settle as schedule
from chalicelib.settings import settings
from chalicelib.store import files, maturity, payout_runs, run_members, run_progress
from chalicelib.store.payout_runs import Run
from local.stack import client as local_client
from tests.flows.money_out import (
    EVENT,
    NOW,
    RUN,
    all_payouts,
    american,
    approved,
    balance,
    check_books,
    earned,
    fresh_cloud,
    joined,
    members,
    plan,
    rows,
    run,
    states,
    written,
)
from tests.flows.test_settle import event


def taken() -> tuple[int, dict[str, int]]:
    """How many payouts the run took on, and their net amounts."""
    totals = run_progress.totals(RUN)
    return totals.payouts, totals.amounts


# ------------------------------------------------------------------ limits


@pytest.mark.usefixtures("cloud")
def test_a_run_stops_before_it_goes_over_its_limit_and_goes_on_when_staff_says_so() -> None:
    plan(run_limit={"CNY": 10_000})
    for i in range(5):
        earned(joined(f"d_{i}"), 3000)

    stopped = run()

    assert (stopped.state, stopped.payouts) == ("stopped", 0)
    assert (taken(), payout_runs.get(RUN).stopped_by) == ((3, {"CNY": 9000}), "run_limit")
    assert len(members()) == len(states()) == 3
    assert (written(), set(states().values())) == ({}, {"submitting"})
    assert (run(), run(EVENT + timedelta(days=1))) == (stopped, stopped), "nothing passes it"
    assert len(states()) == 3

    assert release_run(RUN, "staff:checker", NOW) == release_run(RUN, "staff:checker", NOW)

    assert run().amounts == {"CNY": 15_000}
    assert [row["who"] for row in rows(settings().audit_table) if row["action"] == "payout_run.released"] == [
        "staff:checker"
    ]
    check_books()


@pytest.mark.usefixtures("cloud")
def test_an_approved_payout_counts_towards_the_limit_and_other_currencies_have_none() -> None:
    earned(joined("d_1"), 5000)
    by_hand = approved("d_1", 3000)
    earned("d_1", 70_000, "USD")
    plan(run_limit={"CNY": 4999})

    assert run().state == "stopped"

    assert states()[by_hand] == "approved"
    assert taken() == (2, {"CNY": 2000, "USD": 70_000})
    assert payout_runs.get(RUN).limited == {"CNY": 2000}
    assert by_hand not in members()


@pytest.mark.usefixtures("cloud")
def test_a_payout_that_is_over_the_limit_by_itself_stops_the_run() -> None:
    plan(run_limit={"CNY": 4999}, day_limit={"CNY": 10_000})
    earned(joined("d_1"), 5000)

    assert run().state == "stopped"
    assert (states(), balance("d_1")["available"]) == ({}, 5000)


@pytest.mark.usefixtures("cloud")
def test_the_runs_of_one_day_share_its_limit() -> None:
    plan(day_limit={"CNY": 5000})
    earned(joined("d_1"), 4000)
    run()
    earned(joined("d_2"), 1001)
    late = payout_runs.start("2026-11-21", EVENT)

    assert not all(collected(late))

    assert payout_runs.get(late.id).stopped_by == "day_limit"
    assert payout_runs.taken_on(RUN) == {"CNY": 4000}
    assert balance("d_2")["available"] == 1001
    release_run(late.id, "staff:checker", NOW)
    assert all(collected(payout_runs.get(late.id)))
    assert (balance("d_2")["available"], payout_runs.taken_on(RUN)) == (0, {"CNY": 4000}), "released: not counted"
    check_books()


def collected(late: Run) -> list[bool]:
    return [collect_payouts(late, part, RUN, lambda: True) for part in run_progress.parts()]


@pytest.mark.usefixtures("cloud")
def test_tax_is_withheld_once_where_a_limit_refuses() -> None:
    plan(run_limit={"USD": 5000}, tax={"US": "us_backup"})
    for name in ("d_1", "d_2", "d_3"):
        earned(american(name), 3000, "USD")

    assert run().state == "stopped"
    release_run(RUN, "staff:checker", NOW)
    assert run().payouts == 3
    check_books()


@pytest.mark.usefixtures("cloud")
def test_somebody_is_paged_for_a_stopped_run_when_it_stops_and_every_day(monkeypatch: pytest.MonkeyPatch) -> None:
    plan(run_limit={"CNY": 1})
    earned(joined("d_1"), 5000)
    counted: list[str] = []
    for module in (schedule, collect_payouts_module):
        monkeypatch.setattr(module, "count", lambda name, value=1: counted.append(name))

    assert schedule.settle(*event())["state"] == "stopped"
    assert schedule.settle(*event(time="2026-11-23T02:00:00Z"))["state"] == "stopped"

    assert counted == ["PayoutRunsStopped"] * 2
    assert metrics.metric_set == {}


@pytest.mark.usefixtures("cloud")
def test_only_a_stopped_run_is_released() -> None:
    run()
    with pytest.raises(Conflict, match="RUN_NOT_STOPPED"):
        release_run(RUN, "staff:checker", NOW)
    with pytest.raises(NotFound):
        release_run("2026-01-01", "staff:checker", NOW)


def test_a_limit_is_of_a_currency_that_exists() -> None:
    for name in ("run_limit", "day_limit"):
        rules = PayoutRules(**{name: {"XXX": 1}})  # type: ignore[arg-type]
        with pytest.raises(Refused) as refused:
            check(Plan(direct=Rule(rate="0"), payout=rules))
        assert refused.value.faults[0].path == f"payout.{name}.XXX"


@settled(max_examples=8, deadline=None)
@given(limit=st.integers(0, 400), amounts=st.lists(st.integers(1, 150), min_size=1, max_size=5))
def test_no_run_is_ever_over_its_limit(limit: int, amounts: list[int]) -> None:
    with fresh_cloud():
        plan(run_limit={"CNY": limit})
        for i, amount in enumerate(amounts):
            earned(joined(f"d_{i}"), amount)

        state = run().state

        assert payout_runs.get(RUN).limited == taken()[1]
        assert taken()[1].get("CNY", 0) == sum(payout.net for payout in all_payouts().values()) <= limit
        assert (state == "filed") == (sum(amounts) <= limit)
        check_books()


# ------------------------------------------------------------------ pieces


@pytest.mark.usefixtures("cloud")
def test_who_goes_on_does_not_look_at_the_accounts_before_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maturity, "_ACCOUNTS", 2)
    for i in range(12):
        earned(joined(f"d_{i}"), 100)
    left = iter([900] * 12)
    run(remaining=lambda: next(left, 29))
    done = run_progress.totals(RUN).accounts
    seen: list[str] = []
    payable = maturity.payable
    monkeypatch.setattr(maturity, "payable", lambda *at: seen.extend(page := payable(*at)) or page)

    assert run().payouts == 12

    assert 0 < done < 12
    assert len(seen) == 12 - done
    assert run_progress.totals(RUN).accounts == 12


@pytest.mark.usefixtures("cloud")
def test_a_file_holds_so_many_payouts_and_each_payout_is_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_payouts, "PAYOUTS_A_FILE", 3)
    monkeypatch.setattr(collect_payouts_module, "_AT_ONCE", 2)
    monkeypatch.setattr(run_members, "_PAGE", 2)
    for i in range(7):
        earned(joined(f"d_{i}"), 100)
    for i in range(3):
        earned(f"d_{i}", 100, "USD")

    assert run().amounts == {"CNY": 700, "USD": 300}

    held = {path.rpartition("/")[2]: body.decode().splitlines()[1:] for path, body in written().items()}
    by_number: dict[str, int] = {}
    for name, lines in held.items():
        number = name.removesuffix(".csv").partition("-")[2]
        by_number[number] = by_number.get(number, 0) + len(lines)
    assert sorted(by_number) == [f"{number:03d}" for number in range(1, len(by_number) + 1)]
    assert all(3 <= count <= 4 for number, count in by_number.items() if number != max(by_number))
    ids = [line.split(",")[1] for name in sorted(held) for line in held[name]]
    assert sorted(ids) == sorted(states())


# ------------------------------------------------------------------ many workers


def test_sixteen_workers_and_a_run_of_the_same_period_make_one_payout_an_account(
    cloud_tables: dict[str, str], endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = cloud_tables["LEDGER_TABLE"]
    local_client(endpoint, "s3").create_bucket(Bucket=bucket)
    monkeypatch.setenv("FILES_BUCKET", bucket)
    settings.cache_clear()
    files.forget()
    plan(run_limit={"CNY": 100_000}, day_limit={"CNY": 100_000})
    for i in range(24):
        earned(joined(f"d_{i}"), 100 + i)
    expected = sum(range(100, 124))

    def work(minute: int) -> Any:
        return run(datetime(2026, 11, 22, 2, minute, tzinfo=UTC))

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(work, range(16)))

    assert {(each.run, each.state, each.payouts, each.amounts["CNY"]) for each in outcomes} == {
        (RUN, "filed", 24, expected)
    }
    assert states() == {f"po_{RUN}_d_{i}_CNY": "submitted" for i in range(24)}
    assert (taken(), run_progress.totals(RUN).accounts) == ((24, {"CNY": expected}), 24)
    assert payout_runs.taken_on(RUN) == payout_runs.get(RUN).limited == {"CNY": expected}
    lines = (files.get(f"payouts/bank_file/{RUN}/CNY.csv") or b"").decode().splitlines()[1:]
    assert sorted(line.split(",")[1] for line in lines) == sorted(states())
    check_books()
    files.forget()
