"""The scheduled functions and the queue behind one of them: fired twice, late or not at all, and again after a crash."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalicelib.domain.errors import Busy
from chalicelib.schedules.mature import mature
from chalicelib.schedules.overdue import overdue
from chalicelib.schedules.settle import settle
from chalicelib.schedules.settle_part import settle_part
from tests.faults.kinds import Crash
from tests.life.audit import Audit
from tests.life.cloud import Cloud
from tests.streams.events import Context

_TRIES = 50


class Clockwork:
    def __init__(self, cloud: Cloud, audit: Audit) -> None:
        self._cloud, self._audit = cloud, audit

    def mature(self, at: datetime) -> None:
        self._fire(mature, at)
        self._audit.matured(at)

    def overdue(self, at: datetime) -> None:
        self._fire(overdue, at)

    def settle(self, at: datetime) -> None:
        """Settles the period of `at`, in one function or, where its time is short, through the queue."""
        already = self._audit.run_of(at) in self._audit.filed
        hasty = self._cloud.faults.chance("settlement in parts", 0.1)
        self._cloud.time.haste = 4.0 if hasty else 0.0
        try:
            self._fire(settle, at)
            self._drain()
        finally:
            self._cloud.time.haste = 0.0
        if not already:
            self._audit.settled(at)

    def _fire(self, function: Callable[..., Any], at: datetime) -> None:
        event = {
            "version": "0",
            "account": "000000000000",
            "region": "us-east-1",
            "detail": {},
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "time": at.isoformat(),
            "id": "event",
            "resources": [],
        }
        self._until_done(function, event)
        if self._cloud.faults.chance("schedule fired twice", 0.05):
            self._until_done(function, event)

    def _until_done(self, function: Callable[..., Any], event: dict[str, Any]) -> None:
        """Lambda sends an event again whose function failed."""
        for _ in range(_TRIES):
            try:
                function(event, Context(900_000))
                return
            except Crash:
                self._cloud.container()
            except Busy:
                pass
        raise AssertionError("a scheduled function never succeeds")

    def _drain(self) -> None:
        while self._cloud.time.haste and (messages := self._received()):
            for message in messages:
                event = {"Records": [{"body": message["Body"], "messageId": message["MessageId"]}]}
                self._until_done(settle_part, event)
                if self._cloud.faults.chance("message delivered twice", 0.1):
                    self._until_done(settle_part, event)
                with self._cloud.outside():
                    self._cloud.sqs.delete_message(QueueUrl=self._cloud.queue, ReceiptHandle=message["ReceiptHandle"])

    def _received(self) -> list[dict[str, Any]]:
        with self._cloud.outside():
            answer = self._cloud.sqs.receive_message(QueueUrl=self._cloud.queue, MaxNumberOfMessages=10)
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found
