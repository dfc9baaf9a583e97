"""Dollars per million orders, from the published prices, split by service.

An order's full path: it arrives once, by PUT, already paid, of a bound customer with two levels above; its commission is
posted; it matures; and it carries its share of a payout: the settlement, the file and the bank's answer. Units, requests
and bytes of log are measured. Lambda's time is not, for want of a Lambda: it is the processor time that `bench.processor`
measured, spread over the share of a processor that the configured memory buys, and a wait for every request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from bench.meter import Consumed, metered
from bench.processor import Spent
from bench.program import bind, images, opened, put, records, said, sales, stream
from bench.units import ORDERS, Step, batches

MILLION = 1_000_000
PER_PAYOUT = (5, 20, 100)
"""Orders that come in for every payout that is made."""
USUAL = 20
"""A million orders a month, and 1,600 accounts that are paid every day."""
WAIT, TRANSACTION_WAIT = 0.006, 0.025
"""Seconds that a function waits for DynamoDB in its region: assumed, on the high side."""
PROCESSOR_MB = 1769
"""Memory with which Lambda gives a function one whole processor."""
LAMBDA_LINES, LAMBDA_BYTES, EVENT_BYTES = 3, 340, 26
"""What Lambda itself logs of an invocation (START, END, REPORT), and what CloudWatch adds to every event it counts."""
READ_ON = "2026-11-22"
_PAGE = "https://aws.amazon.com/{}/pricing/"
PRICES = {
    "API Gateway, a request": (3.50 / MILLION, "REST, first 333 million a month", _PAGE.format("api-gateway")),
    "Lambda, a request": (0.20 / MILLION, "", _PAGE.format("lambda")),
    "Lambda, a GB-second": (0.0000133334, "arm64, first 7.5 billion a month", _PAGE.format("lambda")),
    "DynamoDB, a write unit": (0.625 / MILLION, "on demand", _PAGE.format("dynamodb")),
    "DynamoDB, a read unit": (0.125 / MILLION, "on demand", _PAGE.format("dynamodb")),
    "DynamoDB streams, a read": (0.0, "read by Lambda", _PAGE.format("dynamodb")),
    "CloudWatch, a GB of logs": (0.50, "Lambda's, first 10 TB a month", _PAGE.format("cloudwatch")),
    "EventBridge, a scheduled run": (0.0, "rule on the default bus", _PAGE.format("eventbridge")),
    "S3, a PUT": (0.005 / 1_000, "one file a settlement", _PAGE.format("s3")),
    "SQS, a request": (0.40 / MILLION, "a large settlement's parts", _PAGE.format("sqs")),
}
"""us-east-1, without the free tier: dollars, for what, and the page."""
MONTHLY = {
    "a GB kept in DynamoDB": (0.25, _PAGE.format("dynamodb")),
    "a GB of point-in-time recovery": (0.20, _PAGE.format("dynamodb")),
    "a custom metric": (0.30, _PAGE.format("cloudwatch")),
    "an alarm": (0.10, _PAGE.format("cloudwatch")),
    "a secret": (0.40, _PAGE.format("secrets-manager")),
}
"""Dollars a month for what does not come with an order, or stays after it: not in the sum."""


@dataclass(frozen=True, slots=True)
class Leg:
    """What one order takes on one leg of its path."""

    name: str
    writes: float
    reads: float
    requests: float
    invocations: float
    milliseconds: float
    """Billed, of one invocation."""
    gb_seconds: float
    log_bytes: float

    def dollars(self) -> dict[str, float]:
        """Per million orders, by service."""
        price = {name: dollars for name, (dollars, _, _) in PRICES.items()}
        each = {
            "API Gateway": price["API Gateway, a request"] * (self.name == ARRIVES),
            "Lambda, requests": price["Lambda, a request"] * self.invocations,
            "Lambda, time": price["Lambda, a GB-second"] * self.gb_seconds,
            "DynamoDB, writes": price["DynamoDB, a write unit"] * self.writes,
            "DynamoDB, reads": price["DynamoDB, a read unit"] * self.reads,
            "CloudWatch, logs": price["CloudWatch, a GB of logs"] * self.log_bytes / 1e9,
        }
        return {name: dollars * MILLION for name, dollars in each.items()}


ARRIVES, POSTED, PAID = "order arrives", "commission is posted", "matures, and is paid out"


@dataclass(frozen=True, slots=True)
class Bill:
    """Dollars per million orders that the stream hands over in batches of so many."""

    batch: int
    legs: tuple[Leg, ...]

    def by_service(self) -> dict[str, float]:
        split = [leg.dollars() for leg in self.legs]
        return {name: sum(each[name] for each in split) for name in split[0]}

    @property
    def total(self) -> float:
        return sum(self.by_service().values())


def memory(function: str) -> int:
    """The memory in MB that a function is configured with."""
    config = json.loads((Path(__file__).resolve().parent.parent / ".chalice" / "config.json").read_text())
    return int(config["lambda_functions"][function]["lambda_memory_size"])


def _leg(name: str, function: str, invocations: int, milliseconds: float, run: Callable[[], Any]) -> Leg:
    """Runs a leg of ORDERS orders, counting; each costs `milliseconds` of processor time."""
    with metered() as taken, said() as log:
        run()
    lines = log.getvalue().splitlines()
    own = invocations * (LAMBDA_BYTES + LAMBDA_LINES * EVENT_BYTES)
    written = own + sum(len(line.encode()) + EVENT_BYTES for line in lines)
    busy = milliseconds / 1000 * ORDERS / min(1.0, memory(function) / PROCESSOR_MB)
    billed = ceil((busy + _waited(taken)) / invocations * 1000) / 1000
    return Leg(
        name,
        taken.all_writes / ORDERS,
        taken.reads / ORDERS,
        taken.calls / ORDERS,
        invocations / ORDERS,
        billed * 1000,
        billed * invocations * memory(function) / 1024 / ORDERS,
        written / ORDERS,
    )


def _waited(taken: Consumed) -> float:
    transactions = taken.requests["TransactWriteItems"]
    return TRANSACTION_WAIT * transactions + WAIT * (taken.calls - transactions)


def share(steps: Sequence[Step], orders: int) -> Leg:
    """What an order takes of a payout where so many come in for each, and of the account's day that matures before it.
    The runs themselves are a few a day, whatever comes in: their requests are counted, not their invocations."""
    per = {step.what: step for step in steps}
    parts = [per["maturing"], per["settling"], per["the bank's answer"]]
    requests = sum(part.requests for part in parts) / orders
    seconds = requests * TRANSACTION_WAIT
    return Leg(
        PAID,
        sum(part.writes for part in parts) / orders,
        sum(part.reads for part in parts) / orders,
        requests,
        0,
        seconds * 1000,
        seconds * memory("settle") / 1024,
        0,
    )


def bills(spent: Sequence[Spent], steps: Sequence[Step]) -> list[Bill]:
    """Orders that the stream hands over one by one, and in batches of 100."""
    cpu = {each.what: each.whole for each in spent}
    result = []
    for batch, what in ((1, "stream function, one by one"), (100, "stream function, batches of 100")):
        key = opened()
        orders, [first] = sales(ORDERS, "zipf"), sales(1, "zipf", seed=2)
        bind([*orders, first])
        put(first.event(key))  # from here on the container holds the key and the plan
        arrives = _leg(
            ARRIVES,
            "api_handler",
            ORDERS,
            cpu["order API"],
            lambda orders=orders, key=key: [put(each.event(key)) for each in orders],
        )
        groups = [records(some) for some in batches(images(orders), batch)]
        post = _leg(
            POSTED, "commissions", len(groups), cpu[what], lambda groups=groups: [stream(group) for group in groups]
        )
        result.append(Bill(batch, (arrives, post, share(steps, USUAL))))
    return result
