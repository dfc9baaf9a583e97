"""What Lambda does with a shard of the orders' stream: batches, retries, bisections, and what it gives up on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from msgspec import json, structs

from chalicelib.domain.orders import Order, Written
from chalicelib.domain.postings import difference
from chalicelib.streams.commissions import commissions
from tests.domain.builders import at, given_back, line, paid, terms
from tests.streams.events import Context, change, event

Record = dict[str, Any]
MOST_TRIES = 4
"""Ten in production; what happens between the first and the last is the same."""


def life(order_id: str, *refunds: int) -> list[Order]:
    """The images of an order of 100.00: paid, then given back step by step. Ann earns 10 %, Bob 3 %."""
    images: list[Order] = []
    for revision in range(len(refunds) + 1):
        back = {f"r{i}": given_back(amount) for i, amount in enumerate(refunds[:revision])}
        facts = structs.replace(paid(line(10_000), refunds=back), order_id=order_id)
        image = Order(facts=facts, terms=terms(), revision=revision + 1, recorded_at=at(1 + revision))
        before = images[-1] if images else None
        written = before.written if before else ()
        if difference(before, image):
            written = (*written, Written(revision=image.revision, at=image.recorded_at))
        images.append(structs.replace(image, written=written))
    return images


def shard(dice: random.Random, lives: Sequence[list[Order]]) -> list[Record]:
    """The changes of these orders, those of each in their order, mixed with the others'."""
    left = [list(pairwise([None, *images])) for images in lives]
    records = []
    while any(left):
        old, new = dice.choice([each for each in left if each]).pop(0)
        records.append(change(len(records) + 1, old, new))
    return records


def poisoned(record: Record) -> Record:
    """The same change, with an image that nobody can read."""
    image = record["dynamodb"]["NewImage"] | {"image": {"S": "{}"}}
    return record | {"dynamodb": record["dynamodb"] | {"NewImage": image}}


def number(record: Record) -> str:
    found: str = record["dynamodb"]["SequenceNumber"]
    return found


def order_of(record: Record) -> str:
    found: str = record["dynamodb"]["Keys"]["id"]["S"]
    return found


class Mapping:
    """An event source mapping: `given_up` is what it put into its destination, batch by batch."""

    def __init__(self, dice: random.Random, trouble: Any = None) -> None:
        self.dice, self.trouble = dice, trouble
        self.given_up: list[list[Record]] = []
        self.invoked = 0

    def deliver(self, records: Sequence[Record]) -> None:
        """All records of a shard, in batches of any size; each batch until it is through or given up."""
        todo = list(records)
        while todo:
            size = self.dice.randint(1, 7)
            self._batch(todo[:size], MOST_TRIES)
            # A checkpoint that was lost: some of it is delivered once more.
            todo = todo[size - self.dice.choice([0, 0, 1, 2]) if size > 2 else size :]

    def _batch(self, batch: list[Record], tries: int) -> None:
        while batch:
            failed = self._invoked(batch)
            if failed is None:
                return
            batch, tries = batch[failed:], tries - 1
            if tries == 0:
                self.given_up.append(batch)
                return
            if len(batch) > 1 and self.dice.random() < 0.7:
                half = self.dice.randint(1, len(batch) - 1)  # cut differently every time
                self._batch(batch[:half], tries)
                batch = batch[half:]

    def _invoked(self, batch: list[Record]) -> int | None:
        """Where the batch is to be delivered from again; None if it is through."""
        self.invoked += 1
        if self.trouble and self.trouble(self.invoked):
            return 0  # the function was killed: maybe before it did anything, maybe after
        answer = commissions(event(batch), Context())
        lowest = min((each["itemIdentifier"] for each in answer["batchItemFailures"]), default=None)
        return [number(record) for record in batch].index(lowest) if lowest else None


def discarded_object(records: Sequence[Record]) -> bytes:
    """What Lambda writes into the bucket of discarded records."""
    first, last = records[0]["dynamodb"], records[-1]["dynamodb"]
    body = {
        "requestContext": {
            "requestId": "316aa6d0-8154-4d7a-9af7-85d5f4a6bc81",
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:fenrun-Commissions-1",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 11,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": None},
        "version": "1.0",
        "timestamp": "2026-03-02T00:13:49.717Z",
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000001573689847184-864758bb",
            "startSequenceNumber": first["SequenceNumber"],
            "endSequenceNumber": last["SequenceNumber"],
            "approximateArrivalOfFirstRecord": "2026-03-02T00:13:19Z",
            "approximateArrivalOfLastRecord": "2026-03-02T00:13:19Z",
            "batchSize": len(records),
            "streamArn": records[0]["eventSourceARN"],
        },
        "payload": json.encode(event(records)).decode(),
    }
    return json.encode(body)


def discarded_key(n: int) -> str:
    shard_id = "shardId-00000001573689847184-864758bb"
    return f"aws/lambda/c2a0cbd3-4f11-4b0c-8c2b-0d1f8b1b2f7e/{shard_id}/2026/03/02/2026-03-02T00.13.49-{n:08d}"
