"""A run in parts: in whatever order, how often and by how many they are carried out, and through the queue."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from msgspec import json as msgspec_json

from chalicelib.domain.errors import Busy
from chalicelib.flows.settle import Task, begin, carry_out, carry_out_all
from chalicelib.schedules import settle as schedule
from chalicelib.schedules.settle_part import settle_part
from chalicelib.settings import settings
from chalicelib.store import payout_runs, run_progress, settlements
from tests.flows.money_out import (
    EVENT,
    RUN,
    all_payouts,
    approved,
    check_books,
    earned,
    fresh_cloud,
    joined,
    plan,
    states,
    written,
)
from tests.flows.money_out import run as run_through
from tests.flows.test_settle import Context, event


@pytest.fixture
def queue(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    sqs = boto3.client("sqs")
    monkeypatch.setenv("SETTLEMENTS_QUEUE", sqs.create_queue(QueueName="settlements")["QueueUrl"])
    settings.cache_clear()
    settlements.forget()
    yield sqs
    settlements.forget()


def shop(people: int = 9) -> None:
    plan()
    for i in range(people):
        earned(joined(f"d_{i}"), 1000 + i)
    approved("d_0", 300, once="1" * 64)


def outcome() -> Any:
    run = payout_runs.get(RUN)
    return run.state, run.payouts, run.amounts, run_progress.totals(RUN), all_payouts(), written()


def through_the_queue(sqs: Any, milliseconds: int = 300_000, times: int = 1) -> int:
    """Delivers what is in the queue, and what is put into it meanwhile. How many messages that were."""
    url, count = settings().settlements_queue, 0
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            record = {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:settlements",
            }
            for _ in range(times):
                settle_part({"Records": [record]}, Context(milliseconds))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            count += 1
    return count


@pytest.fixture(scope="module")
def expected() -> Any:
    """The same shop's run in one process."""
    with fresh_cloud():
        shop()
        run_through()
        return outcome()


def test_what_a_function_has_no_time_for_goes_through_the_queue(
    queue: Any, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop()
    monkeypatch.setattr(schedule, "_ALONE_SECONDS", 0)

    assert schedule.settle(*event()) == {"run": RUN, "state": "collecting", "payouts": 0, "amounts": {}}
    assert states() == {"po_" + "1" * 32: "approved"}

    assert through_the_queue(queue) == len(run_progress.parts()) + 1
    assert outcome() == expected
    check_books()


def test_every_message_twice_and_the_event_twice(queue: Any, expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shop()
    monkeypatch.setattr(schedule, "_ALONE_SECONDS", 0)
    for _ in range(2):
        schedule.settle(*event())

    through_the_queue(queue, times=2)

    assert outcome() == expected
    check_books()


def test_a_part_that_is_short_of_time_is_handed_over_as_it_is(queue: Any) -> None:
    shop()
    task = Task(RUN, run_progress.parts()[0], RUN)
    payout_runs.start(RUN, EVENT)
    record = {"body": msgspec_json.encode(task).decode(), "receiptHandle": "r", "eventSourceARN": "arn:aws:sqs:a:b:c"}

    settle_part({"Records": [record]}, Context(29_000))

    (message,) = queue.receive_message(QueueUrl=settings().settlements_queue)["Messages"]
    assert json.loads(message["Body"]) == {"run": RUN, "part": "accounts-0", "day": RUN}


def test_without_the_queue_the_event_is_asked_for_again(
    queue: Any, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop()
    monkeypatch.setattr(schedule, "_ALONE_SECONDS", 0)
    url = settings().settlements_queue
    queue.delete_queue(QueueUrl=url)

    with pytest.raises(Busy):
        schedule.settle(*event())

    assert queue.create_queue(QueueName="settlements")["QueueUrl"] == url
    schedule.settle(*event())
    through_the_queue(queue)
    assert outcome() == expected


def cut_off_after(times: int) -> Callable[[], bool]:
    left = iter([True] * times)
    return lambda: next(left, False)


@pytest.mark.parametrize("seed", range(6))
def test_in_any_order_cut_off_anywhere_and_twice_it_comes_to_the_same(seed: int, expected: Any) -> None:
    chance = random.Random(seed)
    with fresh_cloud():
        shop()
        tasks, steps = [*begin(EVENT)[1], *begin(EVENT)[1]], 0
        while tasks:
            steps += 1
            task = tasks.pop(chance.randrange(len(tasks)))
            tasks += carry_out(task, cut_off_after(chance.randint(1, 6)))
            if chance.random() < 0.2:
                tasks.append(task)
            assert steps < 2000
        assert outcome() == expected
        check_books()


def test_the_next_day_s_run_begins_when_the_one_before_is_filed(cloud: None) -> None:
    shop()
    begin(EVENT)  # and everything that it handed over is lost
    earned("d_1", 500)

    settlement, tasks = begin(EVENT.replace(day=23))

    assert settlement.run == "2026-11-23"
    assert {task.run for task in tasks} == {RUN}, "the earlier one first"
    assert carry_out_all(tasks, lambda: True) == []
    assert (payout_runs.get(RUN).state, payout_runs.get("2026-11-23").state) == ("filed", "filed")
    check_books()


def test_a_worker_that_died_before_it_handed_over_the_next_run_hands_it_over_when_it_comes_again(cloud: None) -> None:
    shop()
    begin(EVENT)
    begin(EVENT.replace(day=23))
    for part in run_progress.parts():
        carry_out(Task(RUN, part, "2026-11-23"), lambda: True)
    files = Task(RUN, run_progress.FILES, "2026-11-23")

    once = carry_out(files, lambda: True)

    assert {task.run for task in once} == {"2026-11-23"}
    assert carry_out(files, lambda: True) == once
    assert carry_out_all(once, lambda: True) == []
    check_books()
