"""One deployment inside this process: tables, bucket, queue and secret, a clock that nobody waits for, and its faults."""

from __future__ import annotations

import logging
import random
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from pynamodb.connection import Connection

from chalicelib import observe
from chalicelib.flows import credentials
from chalicelib.settings import settings
from chalicelib.store import files, plans, settlements
from chalicelib.store.transactions import deadline
from tests import engine
from tests.containers import SECRET, become, forget
from tests.life.changes import Engine
from tests.life.faults import Faults, after, before
from tests.rails.memory import Client
from tests.tables import create_tables

BUCKET = "fenrun-files"
_SENT_AGAIN = frozenset({"InternalServerError", "ProvisionedThroughputExceededException"})
_TRIES = 3


class Time:
    """Stands in for the module `time`: sleeping takes no time, and in `haste` looking at the clock takes some seconds."""

    def __init__(self) -> None:
        self.seconds = 1e6
        self.haste = 0.0

    def monotonic(self) -> float:
        self.seconds += self.haste
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Cloud:
    """`now` is the virtual clock (UTC)."""

    def __init__(self, seed: int, start: datetime, rate: float) -> None:
        self.now = start
        self.seed = seed
        self.faults = Faults(seed, rate)
        self.engine = Engine()
        self.time = Time()
        self.queue = ""
        self.s3: Any = None
        self.sqs: Any = None
        """Clients of the world outside, for `outside`."""

    def call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """A call of botocore: what it sends again by itself is sent again."""
        for left in reversed(range(_TRIES)):
            kind = self.faults.at_call(operation)
            try:
                before(kind, operation, arguments)
                answer = self.engine.carry_out(operation, arguments)
                after(kind)
                return answer
            except ReadTimeoutError:
                if not left:
                    raise
            except ClientError as error:
                if not left or error.response["Error"]["Code"] not in _SENT_AGAIN:
                    raise
        raise AssertionError

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Everything but DynamoDB goes through botocore."""
        operation = "PutObject" if request.method == "PUT" else "ReadObject"
        kind = self.faults.at_call(operation)
        before(kind if kind == "crash before" else None, operation, {})
        answer = engine.answer(request)
        after(kind)
        return answer

    @contextmanager
    def outside(self) -> Iterator[None]:
        """What is done inside is not the program's doing, and meets no faults."""
        calm, self.faults.calm = self.faults.calm, True
        try:
            yield
        finally:
            self.faults.calm = calm

    def begins(self) -> None:
        """Another function is invoked: the deadline of the last one is not its own."""
        deadline.set(None)

    def container(self) -> None:
        """A fresh container takes the place of one that crashed."""
        plans.forget()
        self.begins()


@contextmanager
def deployed(seed: int, start: datetime, zone: str, rate: float) -> Iterator[Cloud]:
    """An empty deployment whose program lives in the time zone `zone`."""
    engine.reset()
    cloud = Cloud(seed, start, rate)
    with pytest.MonkeyPatch.context() as patches, ExitStack() as stack:
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.ERROR)
        become(patches, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "FILES_BUCKET": BUCKET, "TIME_ZONE": zone})
        with engine.inside():
            arn = boto3.client("secretsmanager").create_secret(Name="fenrun", SecretString=SECRET)["ARN"]
            cloud.s3, cloud.sqs = boto3.client("s3"), boto3.client("sqs")
            cloud.s3.create_bucket(Bucket=BUCKET)
            cloud.queue = cloud.sqs.create_queue(QueueName="settlements")["QueueUrl"]
        client = Client(cloud.call)
        stack.enter_context(patch.object(Connection, "client", client))
        names = {"SECRET_ARN": arn, "SETTLEMENTS_QUEUE": cloud.queue, "CONNECTION_SECRETS": "life/"}
        cloud.faults.calm = True
        become(patches, names | create_tables(client))
        stack.enter_context(patch.object(URLLib3Session, "send", lambda _, request: cloud.send(request)))
        stack.enter_context(cloud.engine.listening(lambda: settings().orders_table))
        stack.enter_context(_unhurried(cloud))
        files._client(), settlements._client()
        cloud.faults.calm = False
        yield cloud
    forget()


@contextmanager
def _unhurried(cloud: Cloud) -> Iterator[None]:
    """Nothing waits, nothing is logged, and what is random comes from the seed."""
    chance = Random(f"ids {cloud.seed}")
    drawn = SimpleNamespace(
        token_bytes=chance.randbytes,
        token_hex=lambda size: chance.randbytes(size).hex(),
        token_urlsafe=lambda size: chance.randbytes(size).hex(),
    )
    instead: dict[Any, Any] = {time: cloud.time, secrets: drawn, random: Random(f"pauses {cloud.seed}")}
    replaced: list[tuple[Any, str, Any]] = [
        (module, name, instead[held])
        for place, module in sorted(sys.modules.items())
        if place.startswith("chalicelib.")
        for name, held in vars(module).items()
        if name in ("time", "secrets", "random") and isinstance(held, type(time)) and held in instead
    ]
    quiet: list[tuple[Any, str, Callable[..., Any]]] = [
        (credentials, "hash_password", lambda _: "no password"),
        (observe, "flush", observe._counted.clear),
    ]
    level = observe.logger.level
    observe.logger.setLevel("CRITICAL")
    with ExitStack() as stack:
        stack.callback(observe.logger.setLevel, level)
        for place, name, value in replaced + quiet:
            stack.enter_context(patch.object(place, name, value))
        yield
