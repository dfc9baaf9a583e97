"""The program that is measured: 200 distributors below 20 sponsors, one plan, and orders of customers bound to them.

Its tables are in MiniStack: in this process (`tests.engine`), where a call is processor time and nothing else, or behind
its HTTP port. Everything drawn is drawn from a seed.
"""

from __future__ import annotations

import gc
import io
import logging
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import uuid4

import botocore.session
from msgspec import json

ENDPOINT = "http://engine.invalid"
DISTRIBUTORS = 200
CURRENCY = "CNY"
START = datetime(2026, 3, 1, 4, tzinfo=UTC)
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "CONNECTION_SECRETS": "bench/",
    "SECRET_ARN": "none",
    "TIME_ZONE": "Asia/Shanghai",
    "STAGE": "dev",
    "LOG_LEVEL": "INFO",
    "POWERTOOLS_SERVICE_NAME": "fenrun",
    "POWERTOOLS_METRICS_NAMESPACE": "Fenrun",
}


@dataclass(frozen=True, slots=True)
class Sale:
    """One order as a storefront reports it: paid in full, two lines, its customer bound to a distributor."""

    order_id: str
    customer_id: str
    code: str
    at: datetime
    amount: int

    def body(self, **more: Any) -> dict[str, Any]:
        at = self.at.isoformat()
        return {
            "customer_id": self.customer_id,
            "currency": CURRENCY,
            "placed_at": at,
            "updated_at": at,
            "lines": [
                {"line_id": "1", "amount": self.amount, "quantity": 1, "sku": "TEA-OOLONG-250"},
                {"line_id": "2", "amount": 4500, "quantity": 2, "sku": "CUP-CELADON"},
            ],
            "shipping": 800,
            "payments": [{"payment_id": "pay-1", "amount": self.amount + 5300, "paid_at": at}],
            **more,
        }

    def event(self, key: str, **more: Any) -> dict[str, Any]:
        """`PUT /v1/orders/{order_id}` as API Gateway hands it over."""
        return request("PUT", "/v1/orders/{order_id}", key, self.body(**more), order_id=self.order_id)


def request(method: str, route: str, key: str, body: Any = None, **path: str) -> dict[str, Any]:
    """A request as API Gateway hands it over."""
    return {
        "resource": route,
        "requestContext": {"resourcePath": route, "httpMethod": method, "requestId": str(uuid4()), "stage": "api"},
        "multiValueQueryStringParameters": None,
        "headers": {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        "pathParameters": path,
        "body": None if body is None else json.encode(body).decode(),
        "isBase64Encoded": False,
        "stageVariables": None,
    }


@contextmanager
def said() -> Iterator[io.StringIO]:
    """What the container logs meanwhile: its lines, and its metrics. Once: MiniStack gives this process a handler of all
    loggers, which on Lambda leaves ours alone."""
    from chalicelib.observe import logger

    lines, handler = io.StringIO(), logger.registered_handler
    before, ours = handler.setStream(lines), logging.getLogger(logger.name)
    ours.propagate = False
    try:
        with redirect_stdout(lines):
            yield lines
    finally:
        handler.setStream(before)
        ours.propagate = True


def settled_memory() -> None:
    """Hides what is in memory by now from the collector: a container does not hold the tables that this process does."""
    gc.collect()
    gc.freeze()


def distributor(n: int) -> str:
    return f"d_{n:012d}"


@contextmanager
def inside() -> Iterator[None]:
    """Every client of this process talks to an empty engine in this process. The environment is then as it was."""
    from tests import engine
    from tests.containers import forget

    before, root = dict(os.environ), logging.getLogger()
    level = root.level
    root.setLevel(logging.WARNING)  # the engine tells of every table
    try:
        with engine.inside():
            engine.reset()
            yield
            engine.reset()
    finally:
        root.setLevel(level)
        os.environ.clear()
        os.environ.update(before)
        forget()


def opened(levels: int = 2, endpoint: str = ENDPOINT) -> str:
    """Makes this process a fresh container with a new program behind it, in tables of its own. Returns an API key."""
    from tests.containers import forget
    from tests.tables import create_tables

    os.environ.update(ENVIRONMENT, AWS_ENDPOINT_URL=endpoint)
    name = f"b{uuid4().hex[:8]}"
    session = botocore.session.get_session()
    session.create_client("s3", endpoint_url=endpoint).create_bucket(Bucket=name)
    os.environ.update(create_tables(session.create_client("dynamodb"), name), FILES_BUCKET=name)
    forget()
    return filled(levels)


def filled(levels: int = 2) -> str:
    """Saves the plan and the distributors of an empty program, and returns an API key. With one level nobody has a
    sponsor."""
    from chalicelib.domain.people import Distributor
    from chalicelib.domain.plans import IndirectRule, Plan, Rule
    from chalicelib.flows.api_keys import SCOPES, create_api_key
    from chalicelib.flows.save_plan import save_plan
    from chalicelib.store import distributors

    before = START - timedelta(days=60)
    save_plan("default", Plan(direct=Rule(rate="0.1"), indirect=IndirectRule(rate="0.03")), before, "bench", before)
    for n in range(DISTRIBUTORS + 1):
        person = Distributor(
            id=distributor(n),
            code=f"CODE{n:03d}",
            name=f"Distributor {n}",
            status="active",
            joined_at="2026-01-01T00:00:00.000000Z",
            sponsor_id=distributor(n // 10) if n and levels == 2 else None,
            currencies=frozenset({CURRENCY}),
        )
        distributors.create(person, {})
    return create_api_key("bench", SCOPES, before)


def sales(count: int, draw: str, seed: int = 1, at: datetime = START) -> list[Sale]:
    """Orders a second apart, of as many customers. `draw`: `uniform`, or `zipf` with exponent 1.1."""
    chance = random.Random(f"{draw} {seed} {at}")
    weights = [1 / rank ** (1.1 if draw == "zipf" else 0) for rank in range(1, DISTRIBUTORS + 1)]
    drawn = chance.choices(range(1, DISTRIBUTORS + 1), cum_weights=list(accumulate(weights)), k=count)
    return [
        Sale(
            order_id=f"SH{chance.getrandbits(44):014d}",
            customer_id=f"c-{chance.getrandbits(40):013d}",
            code=f"CODE{n:03d}",
            at=at + timedelta(seconds=i),
            amount=chance.randrange(5_000, 50_000),
        )
        for i, n in enumerate(drawn)
    ]


def bind(orders: Sequence[Sale]) -> None:
    """Binds each order's customer to its distributor, days before."""
    from chalicelib.flows.bind_customer import bind_customer

    for each in orders:
        bind_customer(each.customer_id, each.code, None, each.at - timedelta(days=3))


def put(event: Mapping[str, Any]) -> dict[str, Any]:
    """The app's answer to a request; it must have been carried out."""
    from app import app

    answer: dict[str, Any] = app(event, None)
    assert answer["statusCode"] < 300, answer["body"]
    return answer


def images(orders: Sequence[Sale]) -> list[dict[str, Any]]:
    """The stored items of the orders, as the stream's images are."""
    client = botocore.session.get_session().create_client("dynamodb")
    table = os.environ["ORDERS_TABLE"]
    return [client.get_item(TableName=table, Key={"id": {"S": each.order_id}})["Item"] for each in orders]


def records(new: Sequence[dict[str, Any]], old: Sequence[dict[str, Any] | None] = ()) -> dict[str, Any]:
    """What Lambda hands to a function of the stream for these changes."""
    before = old or [None] * len(new)
    return {
        "Records": [
            {
                "eventID": str(i),
                "eventName": "MODIFY" if was else "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_772_000_000.0,
                    "Keys": {"id": now["id"]},
                    "SequenceNumber": f"{i:021d}",
                    "SizeBytes": 1500,
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                    "NewImage": now,
                    **({"OldImage": was} if was else {}),
                },
            }
            for i, (now, was) in enumerate(zip(new, before, strict=True))
        ]
    }


def stream(event: dict[str, Any]) -> None:
    """Gives records to the stream function; none may fail."""
    from chalicelib.streams.commissions import commissions

    assert commissions(event, None) == {"batchItemFailures": []}
