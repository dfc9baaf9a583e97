"""Payouts are asked for, decided, settled into files, and answered by the bank."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

from ministack.services import sqs

from chalicelib.domain.errors import Busy
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.settle import settle
from chalicelib.schedules import settle as schedule
from chalicelib.schedules.settle_part import settle_part
from chalicelib.store import payouts
from tests.faults.matrix import Scenario
from tests.faults.production import ask, deliver, run, scheduled
from tests.faults.scenarios.callers import session, staff
from tests.faults.state import Item
from tests.faults.world import START, World
from tests.flows.money_out import american, asked, earned, joined, plan

RUN = "2026-11-21"
_METHOD = {"rail": "bank_file", "holder": "李伟", "account": "6222020200112233445", "bank": "ICBC"}


def _program(world: World) -> None:
    """Four payees, of whom one asked by hand, one is below the minimum and one is suspended; one is taxed."""
    plan(minimum={"CNY": 1000}, fee_rate="0.006", tax={"CN": "cn_per_occurrence", "US": "us_backup"})
    earned(joined("d_1"), 500_000)
    earned("d_1", 3333, "USD")
    earned(joined("d_2"), 4000)
    earned(american("d_3"), 7000, "USD")
    earned(joined("d_little"), 999)
    earned(joined("d_suspended", status="suspended"), 5000)
    decide_payout(asked("d_2", 2500, once="1" * 32).id, "approved", "staff:checker", world.now)
    asked("d_2", 1200, once="2" * 32)


def _limited(world: World) -> None:
    """The same, with a limit that stops the run."""
    _program(world)
    world.later(timedelta(seconds=1))
    plan(minimum={"CNY": 1000}, run_limit={"CNY": 10_000}, day_limit={"CNY": 20_000})


def _settled(world: World, _: Any = None) -> None:
    def whole() -> None:
        if settle(START, lambda: 1e9).state not in ("filed", "stopped"):
            raise Busy("BUSY")

    run(world, whole)


def _through_the_queue(world: World, _: Any) -> None:
    with patch.object(schedule, "_ALONE_SECONDS", -1):
        scheduled(world, schedule.settle)
    while waiting := [message for queue in sqs._queues.values() for message in queue["messages"]]:
        body = waiting[0]["body"]
        deliver(world, settle_part, _message(body))
        for queue in sqs._queues.values():
            queue["messages"] = [each for each in queue["messages"] if each is not waiting[0]]


def _message(body: str) -> dict[str, Any]:
    record = {
        "messageId": "1",
        "receiptHandle": "1",
        "body": body,
        "attributes": {},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:settlements",
        "awsRegion": "us-east-1",
    }
    return {"Records": [record]}


def without_time_spent(_place: str, item: Item) -> Item:
    """Without the time that was spent on a run."""
    return {name: value for name, value in item.items() if name != "milliseconds"}


def without_words(place: str, item: Item) -> Item | None:
    """The books, whatever was said of them and how often."""
    said = str(item.get("id", "")).startswith("answer#") or str(item.get("path", "")).startswith("reconciliations/")
    return None if said or place == "answer" or item.get("action") == "payouts.reconcile" else item


def _stopped(world: World) -> str:
    _limited(world)
    _settled(world)
    return staff(world, "checker")


def _asking(world: World) -> str:
    """A run that asked whether it may pay."""
    plan(mode="approval")
    earned(joined("d_1"), 5000)
    earned(joined("d_2"), 6000)
    _settled(world)
    return staff(world, "checker")


def _approve_all(world: World, token: str) -> None:
    ask(world, token, "POST", "/v1/payout-runs/{run_id}/approve", same=False, run_id=RUN)


def _released(world: World, token: str) -> None:
    ask(world, token, "POST", "/v1/payout-runs/{run_id}/release", run_id=RUN)


def _rich(world: World) -> str:
    plan(tax={"CN": "cn_per_occurrence"}, fee_rate="0.006", minimum={"CNY": 1000}, cool_off_hours=48)
    earned(joined("d_1"), 500_000)
    return session(world, "d_1", "distributor")


def _ask_for(world: World, token: str) -> None:
    ask(world, token, "POST", "/v1/payouts", {"currency": "CNY", "method_id": "card", "amount": 400_000})


def _requested(world: World) -> tuple[str, str]:
    _rich(world)
    return staff(world, "checker"), asked("d_1", 300_000, once="1" * 32).id


def _decide(world: World, made: tuple[str, str], route: str, body: Any = None) -> None:
    ask(world, made[0], "POST", f"/v1/payouts/{{payout_id}}/{route}", body, payout_id=made[1])


def _filed(world: World) -> str:
    _program(world)
    _settled(world)
    return staff(world)


def _results(world: World, token: str) -> None:
    results = [
        {"payout_id": f"po_{RUN}_d_1_CNY", "outcome": "paid", "reference": "B-1"},
        {"payout_id": f"po_{'1' * 32}", "outcome": "failed", "reason": "no such account"},
        {"payout_id": f"po_{RUN}_d_3_USD", "outcome": "paid"},
        {"payout_id": "po_unknown", "outcome": "paid"},
    ]
    ask(world, token, "POST", "/v1/payouts/results", {"results": results}, same=False)


def _stated(world: World) -> tuple[str, str]:
    """A settled run, and the bank's statement of one of its payouts."""
    token = _filed(world)
    paid = payouts.existing(f"po_{RUN}_d_1_CNY")
    contents = (
        f"payout_id,amount,currency,outcome,date,bank_reference\n{paid.id},{paid.net / 100:.2f},CNY,paid,{RUN},B-1\n"
    )
    return token, contents


def _statement(world: World, made: tuple[str, str]) -> None:
    body = {
        "rail": "bank_file",
        "currency": "CNY",
        "format": "csv",
        "period": {"from": RUN, "to": RUN},
        "contents": made[1],
        "apply": True,
    }
    ask(world, made[0], "POST", "/v1/reconciliations", body, once=False)


def _method(world: World, token: str) -> None:
    ask(
        world,
        token,
        "PUT",
        "/v1/distributors/{distributor_id}/payout-methods/{method_id}",
        {**_METHOD, "account": "6222020200112233452"},
        once=False,
        distributor_id="d_1",
        method_id="default",
    )


SCENARIOS = (
    Scenario("payouts: asked for", _rich, _ask_for),
    Scenario("payouts: a method is set", _rich, _method),
    Scenario("payouts: approved", _requested, lambda world, made: _decide(world, made, "approve")),
    Scenario("payouts: rejected", _requested, lambda world, made: _decide(world, made, "reject", {"reason": "no"})),
    Scenario("settlement: a run", _program, _settled, view=without_time_spent, because="time spent is no money"),
    Scenario("settlement: a run that a limit stops", _limited, _settled),
    Scenario("settlement: a stopped run is released", _stopped, _released, lambda world, _: _settled(world)),
    Scenario(
        "settlement: what a run asked about is approved",
        _asking,
        _approve_all,
        view=without_words,
        because="what was approved by a run that was cut off is not counted again",
    ),
    Scenario(
        "settlement: through the queue",
        _program,
        _through_the_queue,
        view=without_time_spent,
        because="time spent is no money",
    ),
    Scenario(
        "bank: results",
        _filed,
        _results,
        view=without_words,
        because="what was booked by a run that was cut off is reported as known",
    ),
    Scenario(
        "bank: a statement",
        _stated,
        _statement,
        view=without_words,
        because="a statement that comes again is compared again, and finds applied what was",
    ),
)
