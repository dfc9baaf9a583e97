"""One order is followed from its request to the payout by what is logged, and no line says whose money it is."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

import app
from chalicelib.domain.plans import IndirectRule, PayoutRules, Plan, Rule
from chalicelib.flows.save_plan import save_plan
from chalicelib.flows.settle import settle
from chalicelib.observe import logger
from chalicelib.schedules.mature import mature
from chalicelib.settings import settings
from chalicelib.streams.commissions import commissions
from local.signers import fenrun
from local.stack import scheduled_event
from tests.api.callers import Caller, signed_in, storefront
from tests.api.conftest import Http, Reply
from tests.containers import SECRET, become, forget
from tests.streams.events import Context
from tests.tables import create_tables

SHOP = "https://shop.example"
NOW = datetime.now(UTC).replace(microsecond=0)
MARKS = {
    "name": "Marked Person",
    "email": "marked.person@example.com",
    "password": "a marked long password",
    "card": "6222020200112233445",
    "phone": "+8613800138000",
    "buyer": "marked.buyer@example.com",
    "bad": "Marked-Garbage",
}
RUNBOOK = Path(__file__).resolve().parent.parent / "docs" / "runbook.md"


@contextmanager
def heard() -> Iterator[list[str]]:
    """Every line that is logged, as it leaves the container."""
    found: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(logger.registered_formatter.format(record))  # type: ignore[method-assign]
    logger._logger.addHandler(handler)
    yield found
    logger._logger.removeHandler(handler)


def stream() -> dict[str, Any]:
    """What the stream delivers of all orders as they are now."""
    items = boto3.client("dynamodb").scan(TableName=settings().orders_table)["Items"]
    return {
        "Records": [
            {
                "eventName": "INSERT",
                "dynamodb": {"Keys": {"id": each["id"]}, "NewImage": each, "SequenceNumber": f"{i:021d}"},
            }
            for i, each in enumerate(items)
        ]
    }


class Road:
    """A distributor signs up, an order comes by request and one by delivery, and what they earn is paid out by a bank."""

    def __init__(self) -> None:
        self.shop = storefront("orders:write", "orders:read", "connections:write", "customers:write")
        self.secrets: list[str] = [self.shop.headers["Authorization"].partition(" ")[2]]
        self.trace = str(uuid4())
        signed_up = Caller(None)(
            "POST",
            "/v1/distributors",
            {
                "name": MARKS["name"],
                "email": MARKS["email"],
                "password": MARKS["password"],
                "locale": "en",
                "country": "CN",
                "accepted_terms": True,
            },
        ).json
        self.distributor, self.code = signed_up["id"], signed_up["code"]
        self.person = signed_in(self.distributor, "distributor")

    def play(self) -> None:
        self.orders()
        assert commissions(stream(), Context()) == {"batchItemFailures": []}
        mature(scheduled_event(f"{NOW + timedelta(days=40):%Y-%m-%dT%H:%M:%SZ}"), Context())
        method = {"rail": "bank_file", "holder": MARKS["name"], "account": MARKS["card"], "bank": "ICBC"}
        route = "/v1/distributors/{distributor_id}/payout-methods/{method_id}"
        assert self.person("PUT", route, method, distributor_id=self.distributor, method_id="card").status == 200
        asked = self.person("POST", "/v1/payouts", {"currency": "CNY", "method_id": "card"})
        assert asked.status == 201, asked.text
        self.asked, self.payout = asked.headers["X-Request-Id"], asked.json["id"]
        checker, maker = (signed_in(role, "staff", role) for role in ("finance_checker", "finance_maker"))
        assert checker("POST", "/v1/payouts/{payout_id}/approve", payout_id=self.payout).status == 200
        assert settle(NOW + timedelta(minutes=1), lambda: 1e9).state == "filed"
        results = [{"payout_id": self.payout, "outcome": "paid", "reference": "BK1"}]
        assert maker("POST", "/v1/payouts/results", {"results": results}).json["items"][0]["result"] == "moved"
        self.trouble()

    def orders(self) -> None:
        body = {
            "customer_id": "c-1",
            "currency": "CNY",
            "lines": [{"line_id": "1", "amount": 10_000}],
            "attribution": {"code": self.code},
            "payments": [{"payment_id": "p", "amount": 10_000, "paid_at": f"{NOW:%Y-%m-%dT%H:%M:%SZ}"}],
            "contact": {"email": MARKS["buyer"], "phone": MARKS["phone"]},
        }
        self.shop.headers["X-Request-Id"] = self.trace
        answer = self.shop("PUT", "/v1/orders/{order_id}", body, order_id="o-1")
        assert (answer.status, answer.headers["X-Request-Id"]) == (200, self.trace)
        del self.shop.headers["X-Request-Id"]
        held, self.key = fenrun.keys()
        self.secrets += held["signing_secret"]
        connection = {"provider": "fenrun", "secrets": held}
        made = self.shop("PUT", "/v1/connections/{connection_id}", connection, connection_id="tea")
        assert made.status in (200, 201), made.text
        assert self.delivered(json.dumps({**body, "order_id": "o-2", "customer_id": "c-2"}).encode()).status == 200

    def delivered(self, content: bytes, key: bytes | None = None) -> Reply:
        headers, raw = fenrun.sign(content, key or self.key, datetime.now(UTC), delivery_id=f"m-{len(content)}")
        path = {"provider_name": "fenrun", "connection_id": "tea"}
        route = "/webhooks/{provider_name}/{connection_id}"
        return Http(app.app)("POST", route, raw.decode(), path=path, headers=headers)

    def trouble(self) -> None:
        """What is refused, and what cannot be acted on."""
        wrong = {"login": MARKS["email"], "password": MARKS["password"] + "!"}
        assert Caller(None)("POST", "/v1/sessions", wrong).status == 401
        assert Caller(MARKS["bad"])("GET", "/v1/payouts").status == 401
        assert self.shop("PUT", "/v1/orders/{order_id}", MARKS["bad"], order_id="o-3").status == 400
        assert self.delivered(json.dumps({"order_id": MARKS["bad"]}).encode(), b"another key").status == 401
        stuck = self.delivered(json.dumps({"order_id": "o-4", "contact": {"email": MARKS["buyer"]}}).encode())
        assert stuck.status == 200


@pytest.fixture(scope="module")
def played() -> Iterator[tuple[Road, list[str], str]]:
    """The road, what was logged on it, and what was printed."""
    with pytest.MonkeyPatch.context() as patch, mock_aws(), heard() as lines, redirect_stdout(StringIO()) as printed:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        become(patch, {"FILES_BUCKET": "files", "CONNECTION_SECRETS": "fenrun/connections/", "SHOP_URL": SHOP})
        secret = boto3.client("secretsmanager").create_secret(Name="fenrun", SecretString=SECRET)["ARN"]
        become(patch, {**create_tables(boto3.client("dynamodb")), "SECRET_ARN": secret})
        boto3.client("s3").create_bucket(Bucket="files")
        rules = PayoutRules(minimum={"CNY": 100})
        save_plan(
            "default", Plan(direct=Rule(rate="0.1"), indirect=IndirectRule(rate="0.03"), payout=rules), NOW, "t", NOW
        )
        road = Road()
        road.play()
        yield road, lines, printed.getvalue()
    forget()


@pytest.fixture
def road(played: tuple[Road, list[str], str]) -> Road:
    return played[0]


@pytest.fixture
def lines(played: tuple[Road, list[str], str]) -> list[str]:
    return played[1]


def query(order: str, distributor: str) -> re.Pattern[str]:
    """The filter of the runbook's query, filled in."""
    (text,) = re.findall(r"filter @message like /(\(\?:.*ORDER.*)/", RUNBOOK.read_text(encoding="utf-8"))
    return re.compile(text.replace("ORDER", order).replace("DISTRIBUTOR", distributor))


def test_one_query_follows_an_order_from_the_request_to_the_payout(road: Road, lines: list[str]) -> None:
    found = [json.loads(line) for line in lines if query("o-1", road.distributor).search(line)]
    steps = [(each["message"], each.get("route", each.get("state", ""))) for each in found]

    wanted = [
        ("answered", "PUT /v1/orders/{order_id}"),
        ("posted", ""),
        ("became available", ""),
        ("payout", "POST /v1/payouts"),
        ("payout", "POST /v1/payouts/{payout_id}/approve"),
        ("payout", "POST /v1/payouts/results"),
    ]
    left = iter(steps)
    assert all(step in left for step in wanted), steps
    states = [each["state"] for each in found if each["message"] == "payout"]
    assert (states[0], states[1], states[-1]) == ("requested", "approved", "paid")
    assert {each["payout"] for each in found if each["message"] == "payout"} == {road.payout}


def test_the_callers_id_goes_with_the_order_and_the_payout_keeps_that_of_who_asked(
    road: Road, lines: list[str]
) -> None:
    found = [json.loads(line) for line in lines]
    posted = next(each for each in found if each["message"] == "posted")
    by_order = {each["order"]: each for each in posted["postings"]}
    delivery = next(each for each in found if each.get("orders") == ["o-2"])

    assert by_order["o-1"] == {"order": "o-1", "distributors": [road.distributor], "correlation_id": road.trace}
    assert by_order["o-2"]["correlation_id"] == delivery["delivery"]
    assert {each["correlation_id"] for each in found if each["message"] == "payout"} == {road.asked}


def test_a_request_is_one_line_and_a_batch_of_the_stream_too(road: Road, lines: list[str]) -> None:
    said = [json.loads(line) for line in lines]
    orders = [each for each in said if each.get("route") == "PUT /v1/orders/{order_id}" and each["status"] == 200]

    assert len(orders) == 1
    assert len([each for each in said if each["message"] == "posted"]) == 1


def test_no_line_says_who_anybody_is_or_what_opens_anything(played: tuple[Road, list[str], str]) -> None:
    road, lines, metrics = played
    assert '"CommissionAccrued":[2000.0]' in metrics
    printed = "\n".join([*lines, metrics])
    marks = [*MARKS.values(), MARKS["card"][-8:], MARKS["phone"][-8:], *road.secrets]
    marks += [road.person.headers["Authorization"].partition(" ")[2]]

    assert len(lines) > 15
    assert [mark for mark in marks if mark.lower() in printed.lower()] == []
    assert {json.loads(line)["level"] for line in lines} == {"INFO", "WARNING"}


def test_an_id_that_is_no_uuid_is_not_taken_over() -> None:
    given = ("marked@example.com", "", "x" * 99)
    with heard() as lines:
        answers = [Http(app.app)("GET", "/healthz", headers={"X-Request-Id": each}) for each in given]

    assert [each.headers["X-Request-Id"] for each in answers] == ["c6af9ac6-7b61-11e6-9a41-93e8deadbeef"] * 3
    assert "marked" not in "".join(lines)
