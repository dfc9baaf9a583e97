"""The deployed functions run under their own roles, and a function with such a role is refused what the role does not say.

The local cloud evaluates IAM for every call (each part of a transaction by itself), with the role's session as the caller.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import chalicelib.flows.receive_delivery as receiving
from chalicelib.domain.errors import Busy
from local.account import Account
from local.package import template
from local.stack import Stack, invoke, scheduled_event
from tests.cloud.shop import Http, Person, until
from tests.flows.deliveries import Storefront, order
from tests.packaging.grants import grants
from tests.tables import resources

PROBE = """
from botocore.exceptions import ClientError
from botocore.session import get_session

def handler(event, context):
    session, clients, answers = get_session(), {}, []
    for service, operation, arguments in event["calls"]:
        if service not in clients:
            clients[service] = session.create_client(service)
        try:
            answer = getattr(clients[service], operation)(**arguments)
            answers.append(answer.get("Arn", "done"))
        except ClientError as error:
            answers.append(error.response["Error"]["Code"])
    return answers
"""
"""What somebody could do who has taken over a function: whatever its role allows."""

REFUSED = "AccessDeniedException"


def calls(logical_id: str, table: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """A call of each kind on a table that finds nothing and changes nothing, by the name of its action."""
    keys = [each["AttributeName"] for each in resources()[logical_id]["Properties"]["KeySchema"]]
    nobody = {key: {"S": "nobody"} for key in keys}
    on, never = {"TableName": table}, {"ConditionExpression": f"attribute_exists({keys[0]})"}
    alias, value = {"#key": keys[0]}, {":key": {"S": "nobody"}}
    asked = {
        "KeyConditionExpression": "#key = :key",
        "ExpressionAttributeNames": alias,
        "ExpressionAttributeValues": value,
    }
    return {
        "GetItem": ("dynamodb", "get_item", {**on, "Key": nobody}),
        "BatchGetItem": ("dynamodb", "batch_get_item", {"RequestItems": {table: {"Keys": [nobody]}}}),
        "Query": ("dynamodb", "query", {**on, **asked}),
        "Scan": ("dynamodb", "scan", {**on, "Limit": 1}),
        "PutItem": ("dynamodb", "put_item", {**on, "Item": nobody, **never}),
        "UpdateItem": ("dynamodb", "update_item", {**on, "Key": nobody, **never}),
        "DeleteItem": ("dynamodb", "delete_item", {**on, "Key": nobody, **never}),
        "ConditionCheckItem": (
            "dynamodb",
            "transact_write_items",
            {"TransactItems": [{"ConditionCheck": {**on, "Key": nobody, **never}}]},
        ),
    }


@pytest.fixture(scope="module")
def probes(account: Account, stack: Stack) -> Iterator[dict[str, str]]:
    """For each function another one with the same role, which does what its event says."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as file:
        file.writestr("probe.py", PROBE)
    functions, made = account.client("lambda"), {}
    for logical_id, name in stack.functions.items():
        told = functions.get_function_configuration(FunctionName=name)
        made[logical_id] = f"probe-{logical_id}"
        functions.create_function(
            FunctionName=made[logical_id],
            Role=told["Role"],
            Runtime=told["Runtime"],
            Handler="probe.handler",
            Timeout=60,
            Code={"ZipFile": code.getvalue()},
        )
    yield made
    for name in made.values():
        functions.delete_function(FunctionName=name)


def answers(account: Account, probe: str, asked: list[Any]) -> list[str]:
    answer = account.client("lambda").invoke(FunctionName=probe, Payload=json.dumps({"calls": asked}).encode())
    found: list[str] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, found
    return found


def test_every_function_may_do_to_every_table_what_its_policy_says_and_nothing_else(
    account: Account, stack: Stack, packaged: Any, probes: dict[str, str]
) -> None:
    granted, tried = grants(template(packaged)), {}
    for function, probe in probes.items():
        asked = {
            (action, logical_id.removesuffix("Table")): call
            for logical_id, table in stack.tables.items()
            for action, call in calls(logical_id, table).items()
        }
        found = dict(zip(asked, answers(account, probe, list(asked.values())), strict=True))
        tried[function] = {each for each, answer in found.items() if answer != REFUSED}

    assert len(probes) == len(stack.functions) > 8
    assert tried == {
        function: {
            (action.removeprefix("dynamodb:"), resource)
            for action, resource in granted[function]
            if action.startswith("dynamodb:") and resource in {each.removesuffix("Table") for each in stack.tables}
        }
        - {(call, "Orders") for call in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}
        for function in probes
    }


def test_a_function_is_who_its_role_says(account: Account, probes: dict[str, str]) -> None:
    for function, probe in probes.items():
        (arn,) = answers(account, probe, [("sts", "get_caller_identity", {})])
        assert f"assumed-role/fenrun-{'ApiHandler' if function == 'APIHandler' else function}Role" in arn


@pytest.mark.parametrize("function", ["Commissions", "Mature", "Overdue"])
def test_who_needs_no_secret_reads_none(account: Account, stack: Stack, probes: dict[str, str], function: str) -> None:
    asked = [
        ("secretsmanager", "get_secret_value", {"SecretId": stack.secret_arn}),
        ("secretsmanager", "put_secret_value", {"SecretId": stack.secret_arn, "SecretString": "mine"}),
        ("s3", "get_object", {"Bucket": stack.files_bucket, "Key": "payouts/x"}),
        ("s3", "put_object", {"Bucket": stack.files_bucket, "Key": "payouts/x"}),
        ("lambda", "invoke", {"FunctionName": stack.functions["Settle"]}),
        ("dynamodb", "delete_table", {"TableName": stack.tables["LedgerTable"]}),
        ("dynamodb", "update_table", {"TableName": stack.tables["LedgerTable"], "DeletionProtectionEnabled": False}),
    ]
    found = answers(account, probes[function], asked)
    assert {each.removesuffix("Exception") for each in found} == {"AccessDenied"}, found


def test_no_function_writes_another_ones_files(account: Account, stack: Stack, probes: dict[str, str]) -> None:
    """The API shows what was reconciled and replayed; the files for the bank are none of its business."""
    bucket = stack.files_bucket
    for function, folder in (
        ("APIHandler", "payouts"),
        ("Replay", "payouts"),
        ("Settle", "inbox"),
        ("Inbox", "payouts"),
    ):
        asked = [
            ("s3", "put_object", {"Bucket": bucket, "Key": f"{folder}/x"}),
            ("s3", "delete_object", {"Bucket": bucket, "Key": f"{folder}/x"}),
        ]
        assert answers(account, probes[function], asked) == ["AccessDenied", "AccessDenied"], function


def test_the_inbox_may_record_what_the_api_did_not_come_to(
    cloud_env: Stack, key: Http, recruit: Person, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order in a currency that nobody had yet: it is noted in three tables."""

    def stopped(*_: Any) -> None:
        raise Busy("BUSY")

    monkeypatch.setattr(receiving, "act", stopped)
    now = datetime.now(UTC)
    body = order(f"o-{fresh}", customer_id=fresh, currency="THB", attribution={"code": recruit.code})
    assert Storefront(f"shop-{fresh}").delivers(body, at=now) == "received"

    swept = invoke(cloud_env, "Inbox", scheduled_event(f"{now + timedelta(minutes=3):%Y-%m-%dT%H:%M:%SZ}"))

    assert swept["failed"] == 0
    until(lambda: recruit.balance("THB")["pending"] + recruit.balance("THB")["available"], 1000)
