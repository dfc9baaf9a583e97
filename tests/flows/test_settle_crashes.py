"""A run that crashes, is delivered twice or is short of time ends as one that was left in peace: same books, same files."""

import copy
import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from chalicelib.domain import accounts
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.report_results import Result, report_results
from chalicelib.flows.settle import Settlement
from chalicelib.settings import settings
from chalicelib.store import distributors, keys, payout_items, payout_runs
from tests.flows.money_out import (
    BUCKET,
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
    fresh_cloud,
    hooked,
    joined,
    members,
    plan,
    reopened,
    rows,
    run,
    states,
    written,
)


class World:
    """A program with every kind of account, which can be put back to where it was before the run."""

    def __init__(self) -> None:
        plan(minimum={"CNY": 1000}, fee_rate="0.006")
        earned(joined("d_1"), 5000)
        earned("d_1", 333, "USD")
        earned(joined("d_2"), 4000)
        earned(joined("d_little"), 999)
        earned(joined("d_suspended", status="suspended"), 5000)
        self.by_hand = approved("d_2", 2500, once="1" * 64)
        asked("d_2", 1200, once="2" * 64)
        self._tables = copy.deepcopy(self._backend.tables)
        self.calls = 0
        with hooked(self._count):
            self.settlement = run()
        self.after = self.seen()

    @property
    def _backend(self) -> Any:
        return dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]

    def _count(self, **_: Any) -> None:
        self.calls += 1

    def restore(self) -> None:
        self._backend.tables = copy.deepcopy(self._tables)
        for path in written():
            boto3.client("s3").delete_object(Bucket=BUCKET, Key=path)

    def seen(self) -> tuple[Any, ...]:
        """Everything that the run leaves behind."""
        ledger = sorted(rows(settings().ledger_table), key=lambda row: (row["account"], row["at"]))
        return all_payouts(), ledger, payout_runs.get(RUN), members(), written()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with fresh_cloud(), pytest.MonkeyPatch.context() as patch:
        # Walking shards that are all empty is the same call again and again.
        patch.setattr(keys, "DUE_SHARDS", tuple("01"))
        patch.setattr(accounts, "MERCHANT_SHARDS", 2)
        patch.setattr(payout_items, "OPEN_SHARDS", ("0",))
        yield World()


def test_the_world_of_the_next_tests_has_something_to_lose(world: World) -> None:
    world.restore()

    assert run() == Settlement(run=RUN, state="filed", payouts=3, amounts={"CNY": 4970 + 2485, "USD": 331})
    assert world.seen() == world.after
    assert world.by_hand in members()
    assert world.calls > 25


def test_a_crash_before_a_call_leaves_what_the_next_run_finishes(world: World) -> None:
    for n in range(1, world.calls + 1, 2):
        world.restore()
        with pytest.raises(Crash), crashing(n):
            run()

        assert run() == world.settlement, n
        assert world.seen() == world.after, n
    check_books()


def test_two_crashes_are_no_worse(world: World) -> None:
    chance = random.Random(22)
    for _ in range(8):
        world.restore()
        pair = chance.randint(1, world.calls), chance.randint(1, world.calls)
        for n in pair:
            with suppress(Crash), crashing(n):
                run()

        assert run() == world.settlement, pair
        assert world.seen() == world.after, pair


def test_the_same_event_delivered_meanwhile_changes_nothing(world: World) -> None:
    for n in range(2, world.calls + 1, 4):
        world.restore()
        calls = 0

        def meanwhile(n: int = n, **_: Any) -> None:
            nonlocal calls
            calls += 1
            if calls == n:
                assert run() == world.settlement

        with hooked(meanwhile):
            assert run() == world.settlement, n

        assert world.seen() == world.after, n
    check_books()


def test_money_and_approvals_that_come_during_the_run_are_paid_now_or_by_the_next(world: World) -> None:
    """At every call: somebody earns, and staff approves. Nothing is paid twice and nothing is lost."""
    for n in range(1, world.calls + 1, 6):
        world.restore()
        calls = 0

        def meanwhile(n: int = n, **_: Any) -> None:
            nonlocal calls
            calls += 1
            if calls == n:
                earned("d_1", 1500 + n)
                decide_payout("po_" + "2" * 32, "approved", "staff:checker", NOW)

        with hooked(meanwhile):
            today = run()
        tomorrow = run(EVENT + timedelta(days=1))

        in_files = [line.split(",")[1] for f in written().values() for line in f.decode().splitlines()[1:]]
        assert len(in_files) == len(set(in_files)) == today.payouts + tomorrow.payouts, n
        assert set(states().values()) == {"submitted"}, n
        assert balance("d_1")["available"] == 0, n
        check_books()


def test_a_run_that_runs_out_of_time_goes_on_where_it_stopped(world: World) -> None:
    for first in range(10):
        world.restore()
        left = iter([900] * first)

        cut_off = run(remaining=lambda left=left: next(left, 29))  # type: ignore[misc]

        assert (cut_off.state, cut_off.payouts, cut_off.amounts) in [("collecting", 0, {}), ("closed", 0, {})], first
        check_books()
        assert run() == world.settlement
        assert world.seen() == world.after, first


def test_a_run_that_gets_ever_more_time_is_finished_in_the_end(world: World) -> None:
    world.restore()
    seen = []
    for steps in range(2, 80, 2):
        left = iter([900] * steps)
        seen.append(run(remaining=lambda left=left: next(left, 29)).state)  # type: ignore[misc]
        if seen[-1] == "filed":
            break

    assert (seen[0], seen[-1]) == ("collecting", "filed")
    assert world.seen() == world.after


def test_a_file_that_is_written_again_has_the_same_bytes_whatever_the_bank_said_since(world: World) -> None:
    world.restore()
    run()
    before = written()
    reopened()
    report_results([Result(payout_id=world.by_hand, outcome="paid", reference="B1")], "staff:f", NOW)
    distributors.set_payout_methods(distributors.get("d_2"), {"card": {**METHOD, "account": "1111111"}})  # type: ignore

    assert run() == world.settlement
    assert written() == before
    assert states()[world.by_hand] == "paid"
