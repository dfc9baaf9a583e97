"""The books are repaired at night, and what was given up on is sent once more."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3

from chalicelib.flows.record_order import record_order
from chalicelib.schedules.mature import mature
from chalicelib.schedules.repair import repair
from chalicelib.settings import settings
from chalicelib.store.dynamo import send
from chalicelib.store.items import to_item
from local.stack import scheduled_event
from tests.faults.matrix import Scenario
from tests.faults.production import ask, changes, deliver, scheduled
from tests.faults.scenarios.callers import staff
from tests.faults.scenarios.orders import opened
from tests.faults.state import Item
from tests.faults.world import DISCARDED, World
from tests.flows import shop
from tests.flows.shop import at, ordered, paid, refunded, said
from tests.streams.lambda_service import discarded_key, discarded_object

_MATURE = "arn:aws:lambda:us-east-1:000000000000:function:fenrun-mature"


def _damaged(world: World) -> str:
    """Books that lack a change of an order, and a day."""
    opened(world)
    _booked()
    record_order(ordered("o-lost", code="BOB", payments=paid()), at(1))
    _lose("distributor:cas:CNY", "DAY#2026-03-01#015")
    return staff(world)


def _torn(world: World) -> str:
    """Books that lack an entry."""
    opened(world)
    _booked()
    _lose("distributor:cas:CNY", f"ENTRY#{at(1):%Y-%m-%dT%H:%M:%S.%fZ}#o-2@1#direct.2026-03-01.15")
    return staff(world)


def _booked() -> None:
    for i, code in enumerate(("ANN", "BOB", "CAS")):
        shop.book(record_order(ordered(f"o-{i}", code=code, payments=paid()), at(1)))


def _lose(account: str, sort_key: str) -> None:
    key = to_item({"account": account, "at": sort_key})
    gone = send("delete_item", TableName=settings().ledger_table, Key=key, ReturnValues="ALL_OLD")
    assert "Attributes" in gone


def _night(world: World, _: Any = None) -> None:
    scheduled(world, repair)
    _started(world)


def _started(world: World, _: Any = None) -> None:
    """The repair goes on in functions of its own."""
    while world.started:
        deliver(world, repair, json.loads(world.started.popleft()))


def _by_staff(world: World, token: str) -> None:
    ask(world, token, "POST", "/v1/ledger/repairs", {"reason": "a test", "correct": True})


def as_repaired(place: str, item: Item) -> Item | None:
    """The books, without how many steps it took to repair them."""
    bookkeeping = (
        item.get("action") == "ledger.repair"
        or item.get("kind") in ("repair", "lease")
        or str(item.get("path", "")).startswith("repairs/")
    )
    return None if bookkeeping else item


def _given_up(world: World) -> str:
    """Three changes of orders in the bucket of discarded records, of which one is known, and a run of a schedule."""
    opened(world)
    shop.book(record_order(ordered("o-1", payments=paid()), at(1)))
    record_order(ordered("o-2", payments=paid()), at(1))
    record_order(said("o-2", refunds=refunded(("1", 500))), at(2))
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    for i, record in enumerate(changes(settings().orders_table)):
        s3.put_object(Bucket=DISCARDED, Key=discarded_key(i), Body=discarded_object([record]))
    target = {"TARGET_ARN": {"DataType": "String", "StringValue": _MATURE}}
    event = json.dumps(scheduled_event(world.now.isoformat()))
    sqs.send_message(QueueUrl=settings().schedule_failures, MessageBody=event, MessageAttributes=target)
    return staff(world)


def _redriven(world: World, token: str) -> None:
    """Until nothing is left, and once more: a message that somebody took and dropped is hidden for a while."""
    nothing = 0
    for _ in range(6):
        told = ask(world, token, "POST", "/v1/redrives", once=False).json
        nothing = 0 if any(told.values()) else nothing + 1
        if nothing == 2:
            return
        world.later(timedelta(seconds=125))
    raise AssertionError(f"there is always more: {told}")


def _runs(world: World, _: Any) -> None:
    while world.started:
        deliver(world, mature, json.loads(world.started.popleft()))


def as_redriven(place: str, item: Item) -> Item | None:
    """What is left, without what was said and how often it was tried."""
    tried = str(item.get("action", "")).endswith(".redrive") or item.get("kind") == "lease"
    return None if place == "answer" or tried else item


_STEPS = "in how many steps the books were repaired is no part of them"

SCENARIOS = (
    Scenario("repair: a change that was lost, and a day", _damaged, _night, view=as_repaired, because=_STEPS),
    Scenario("repair: an entry", _torn, _night, view=as_repaired, because=_STEPS),
    Scenario("repair: started by staff", _damaged, _by_staff, _started, as_repaired, _STEPS),
    Scenario(
        "redrive: changes and a run that were given up on",
        _given_up,
        _redriven,
        _runs,
        as_redriven,
        "what was tried twice is on record twice",
    ),
)
