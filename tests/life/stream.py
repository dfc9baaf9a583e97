"""The stream of the orders' changes, as badly delivered as it may be: batches again, cut differently, orders interleaved."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from random import Random
from typing import Any

from chalicelib.domain.errors import Busy
from chalicelib.settings import settings
from chalicelib.streams.commissions import commissions
from tests.faults.kinds import Crash
from tests.life import changes
from tests.life.cloud import Cloud
from tests.streams.events import Context

_BATCH = 100
_KEPT = 30
Record = dict[str, Any]


def order_of(record: Record) -> str:
    return str(record["dynamodb"]["Keys"]["id"]["S"])


class Stream:
    """`function` stands for what the event source calls."""

    def __init__(self, cloud: Cloud, chance: Random, function: Callable[..., Any] = commissions) -> None:
        self._cloud, self._chance, self._function = cloud, chance, function
        self._waiting: list[Record] = []
        self._delivered: deque[list[Record]] = deque(maxlen=_KEPT)
        self.records = 0

    def poll(self) -> None:
        """Takes up what has changed since the last time."""
        self._waiting += changes.records(settings().orders_table)

    @property
    def behind(self) -> set[str]:
        """The orders with changes that have not been delivered."""
        self.poll()
        return {order_of(record) for record in self._waiting}

    def deliver(self, least: int = 1) -> None:
        """Delivers what waits, as long as it is `least` records."""
        self.poll()
        faults = self._cloud.faults
        while len(self._waiting) >= max(least, 1):
            size = _BATCH
            if faults.chance("batch cut short", 0.05):
                size = self._chance.randrange(1, _BATCH)
            batch, self._waiting = self._waiting[:size], self._waiting[size:]
            if faults.chance("orders reordered", 0.2):
                batch = self._reordered(batch)
            self._until_done(batch)
            self.records += len(batch)
            self._delivered.append(batch)
            if faults.chance("batch redelivered", 0.03):
                self._until_done(self._chance.choice(self._delivered))

    def _reordered(self, batch: list[Record]) -> list[Record]:
        """The same records in another order, but for those of the same order."""
        of_order: dict[str, deque[Record]] = defaultdict(deque)
        for record in batch:
            of_order[order_of(record)].append(record)
        turns = [order_of(record) for record in batch]
        self._chance.shuffle(turns)
        return [of_order[each].popleft() for each in turns]

    def _until_done(self, batch: list[Record]) -> None:
        """Lambda's way: what fails comes again from the first that failed, a batch whose function died in two halves."""
        todo = deque([batch])
        while todo:
            records = todo.popleft()
            try:
                failed = self._invoke(records)
            except Crash:
                self._cloud.container()
            except Busy:
                pass
            else:
                if not failed:
                    continue
                numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
                records = records[min(map(numbers.index, failed)) :]
            cut = self._chance.randrange(1, len(records)) if len(records) > 1 else 1
            todo.extendleft(part for part in (records[cut:], records[:cut]) if part)

    def _invoke(self, records: list[Record]) -> list[str]:
        answer = self._function({"Records": records}, Context())
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]
