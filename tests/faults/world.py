"""A deployment inside this process: its tables, bucket, queues and secrets, a clock, and containers that can die."""

from __future__ import annotations

import pickle
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from threading import current_thread, main_thread
from typing import Any, ClassVar
from unittest.mock import patch

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from botocore.useragent import UserAgentString
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict
from ministack.services import dynamodb, s3, secretsmanager, sqs

from chalicelib.api import endpoint
from chalicelib.flows import credentials, redrive, repair, run_replay
from chalicelib.observe import logger, metrics
from chalicelib.rails import http
from chalicelib.store import connection, dead_letters, files, jobs, secrets, settlements
from tests import engine
from tests.containers import SECRET, become, forget
from tests.faults.kinds import Crash, Kind, Operation, faulty, response
from tests.faults.rails import Providers
from tests.tables import create_tables

START = datetime(2026, 11, 21, 9, tzinfo=UTC)
"""When what is tried begins. Whatever is stored of a time is whole hours away from the moment it is stored at, so that what
is done some minutes later leaves the same state but for the minutes."""
BUCKET, DISCARDED = "fenrun-files", "fenrun-discarded"
_ENVIRONMENT = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",  # a number, so that S3 puts the bucket into the path
    "FILES_BUCKET": BUCKET,
    "CONNECTION_SECRETS": "fenrun/connections/",
    "DISCARDED_RECORDS": DISCARDED,
    "REPLAY_FUNCTION": "fenrun-replay",
    "REPAIR_FUNCTION": "fenrun-repair",
    "SHOP_URL": "https://shop.example",
}
_STORES = {
    (module.__name__, name): held
    for module in (dynamodb, s3, sqs, secretsmanager)
    for name, held in vars(module).items()
    if isinstance(held, AccountScopedDict | AccountRegionScopedDict)
}
_FEW = ("0", "1")
"""Shards: more of them are more calls of the same sort."""
_monotonic, _time, _slept = time.monotonic, time.time, time.sleep


class Clock(datetime):
    """Stands still but for `World.later`."""

    at: ClassVar[datetime] = START

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return cls.at.astimezone(tz)


class World:
    """One deployment. `meet` decides what becomes of a call; what the client sends again is still the same call.

    After a crash nothing leaves the process any more, until `restarted` puts a fresh container in its place.
    """

    def __init__(self) -> None:
        self.providers = Providers(START)
        self.empty = b""
        """The deployment as `world` made it."""
        self.answers: list[Any] = []
        """What clients were told in the end."""
        self.asked: list[tuple[Callable[[], Any], int, str | None]] = []
        """What they asked under a key, and what they were told."""
        self.started: deque[bytes] = deque()
        """The events that functions were started with."""
        self.meet: Callable[[Operation], Kind | None] = lambda _: None
        self._last: tuple[str, Kind | None] = ("", None)
        self._dead = False

    @property
    def now(self) -> datetime:
        return Clock.at

    def later(self, by: timedelta) -> None:
        Clock.at += by
        self.providers.advance(by)

    def restarted(self) -> None:
        """A fresh container takes the place of one that crashed."""
        self._dead = False
        forget()

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        if self._dead:
            raise Crash
        operation = Operation(request)
        again = operation.call_id == self._last[0]
        if not again:
            self._last = operation.call_id, self.meet(operation)
        kind = self._last[1]
        answer = partial(self._answer, operation)
        if kind is None or (again and kind == "answer lost"):
            return answer(request)
        try:
            return faulty(request, kind, operation, answer)
        except Crash:
            self._dead = True
            raise

    def _answer(self, operation: Operation, request: AWSPreparedRequest) -> AWSResponse:
        if operation.service == "lambda":
            self.started.append(request.body)
            return response(request, 202, b"")
        given = engine.answer(request)
        if operation.name == "DeleteMessage" and b"ReceiptHandleIsInvalid" in given.content:
            return response(request, 200, b"{}")  # SQS takes it for a message that is gone already
        return given

    def saved(self) -> bytes:
        """Everything that there is, to go back to."""
        return pickle.dumps({name: store._data for name, store in _STORES.items()})

    def restore(self, saved: bytes) -> None:
        """Goes back, to a fresh container at `START` and to providers that have paid nothing."""
        Clock.at = START
        for name, data in pickle.loads(saved).items():
            _STORES[name]._data.clear()
            _STORES[name]._data.update(data)
        self.providers.reset(START)
        self.answers, self.asked, self.started = [], [], deque()
        self.meet = lambda _: None
        self.restarted()


@contextmanager
def world() -> Iterator[World]:
    """An empty deployment. In it waiting takes no time, and passwords are hashed cheaply."""
    engine.reset()
    made = World()
    patched = {
        (URLLib3Session, "send"): lambda _, request: made.send(request),
        (time, "sleep"): _sleep,
        (time, "monotonic"): lambda: _monotonic() + (Clock.at - START).total_seconds(),
        (time, "time"): lambda: _time() + (Clock.at - START).total_seconds(),
        **{(module, "datetime"): Clock for module in (endpoint, redrive, repair, run_replay)},
        (metrics, "add_metric"): lambda *_, **__: None,
        (http, "_pool"): lambda: made.providers,
        (SigV4Auth, "add_auth"): _unsigned,
        (UserAgentString, "to_string"): lambda _: "tests",
        **{place: len(_FEW) for place in _named("SEGMENTS", "MERCHANT_SHARDS")},
        **{place: _FEW for place in _named("DUE_SHARDS", "OPEN_SHARDS")},
        **{place: tuple(f"r{each}" for each in _FEW) for place in _named("RAIL_SHARDS")},
    }
    with pytest.MonkeyPatch.context() as patches, ExitStack() as stack:
        for (place, name), value in patched.items():
            stack.enter_context(patch.object(place, name, value))
        become(patches, _ENVIRONMENT)
        arn = boto3.client("secretsmanager").create_secret(Name="fenrun", SecretString=SECRET)["ARN"]
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        boto3.client("s3").create_bucket(Bucket=DISCARDED)
        queues = ("SETTLEMENTS_QUEUE", "SCHEDULE_FAILURES", "SETTLEMENT_FAILURES")
        made_queues = {name: boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in queues}
        names = {"SECRET_ARN": arn, **made_queues}
        become(patches, names | create_tables(boto3.client("dynamodb")))
        stack.enter_context(_clients_kept())
        stack.enter_context(patch.object(credentials, "_hasher", partial(_cheap, _cheap_hasher())))
        level = logger.level
        logger.setLevel("CRITICAL")
        stack.callback(logger.setLevel, level)
        made.empty = made.saved()
        yield made
    forget()


@contextmanager
def _clients_kept() -> Iterator[None]:
    """A container's clients hold no state, and cost more than all that is done with them."""
    shared = connection.shared()
    shared.client  # noqa: B018
    with ExitStack() as stack:
        stack.enter_context(patch.object(connection, "shared", lambda: shared))
        for module in (files, jobs, secrets, settlements):
            kept = partial(_cheap, module._client())
            kept.cache_clear = lambda: None  # type: ignore[attr-defined]
            stack.enter_context(patch.object(module, "_client", kept))
        kept = cache(dead_letters._client.__wrapped__)
        kept.cache_clear = lambda: None  # type: ignore[method-assign]
        stack.enter_context(patch.object(dead_letters, "_client", kept))
        yield


def _named(*constants: str) -> Iterator[tuple[Any, str]]:
    """Where these constants of ours are known."""
    ours = [module for name, module in sorted(sys.modules.items()) if name.startswith("chalicelib.")]
    yield from ((module, name) for module in ours for name in constants if hasattr(module, name))


def _sleep(seconds: float) -> None:
    """Nobody here waits; the engine's own threads do."""
    if current_thread() is not main_thread():
        _slept(seconds)


def _unsigned(auth: SigV4Auth, request: AWSRequest) -> None:
    """Names the service, which is all that the engine looks at."""
    scope = f"test/20261121/us-east-1/{auth._service_name}/aws4_request"
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


def _cheap(made: Any) -> Any:
    return made


def _cheap_hasher() -> Any:
    from argon2 import PasswordHasher, Type

    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
