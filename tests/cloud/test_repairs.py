"""Repair and redrive on the deployed package: each function under its own policy."""

from __future__ import annotations

import json
from typing import Any

from local.stack import Stack, scheduled_event
from local.stack import client as local_client
from tests.cloud.shop import Http, Person, order, until
from tests.streams.events import change
from tests.streams.lambda_service import discarded_key, discarded_object, life


def booked(key: Http, recruit: Person, fresh: str) -> None:
    key.ok("PUT", f"/v1/orders/{fresh}", order(10_000, customer=fresh, attribution={"code": recruit.code}))
    until(recruit.balance, {"estimated": 0, "pending": 1000, "available": 0})


def entry_of(stack: Stack, recruit: Person) -> dict[str, Any]:
    dynamodb = local_client(stack.endpoint, "dynamodb")
    [entry] = dynamodb.query(
        TableName=stack.tables["LedgerTable"],
        KeyConditionExpression="account = :account AND begins_with(#at, :entry)",
        ExpressionAttributeNames={"#at": "at"},
        ExpressionAttributeValues={
            ":account": {"S": f"distributor:{recruit.id}:CNY"},
            ":entry": {"S": "ENTRY#"},
        },
    )["Items"]
    found: dict[str, Any] = entry
    return found


def test_staff_has_what_is_gone_put_back(stack: Stack, key: Http, staff: Http, recruit: Person, fresh: str) -> None:
    booked(key, recruit, fresh)
    entry = entry_of(stack, recruit)
    where = {name: entry[name] for name in ("account", "at")}
    local_client(stack.endpoint, "dynamodb").delete_item(TableName=stack.tables["LedgerTable"], Key=where)
    assert staff.ok("GET", "/v1/ledger/verify")["mismatches"]

    started = staff("POST", "/v1/ledger/repairs", {"reason": "an entry is gone"})
    assert started.status == 202, started.text
    path = f"/v1/ledger/repairs/{started.json['id']}"
    until(lambda: staff("GET", path).status == 200 and staff.ok("GET", path)["state"], "done", 60)

    findings = staff.ok("GET", path)["findings"]
    assert [(each["subject"], each["outcome"]) for each in findings] == [(fresh, "restored")]
    assert entry_of(stack, recruit)["amount"] == entry["amount"]
    assert staff.ok("GET", "/v1/ledger/verify")["mismatches"] == []


def test_what_was_given_up_on_is_sent_once_more(stack: Stack, staff: Http, fresh: str) -> None:
    """A change that the books do not know, and a run of a function; both leave a trace and nothing to do."""
    bucket, queue = stack.environment["DISCARDED_RECORDS"], stack.environment["SCHEDULE_FAILURES"]
    [image], before = life(fresh), ledger(stack)
    s3 = local_client(stack.endpoint, "s3")
    s3.put_object(Bucket=bucket, Key=discarded_key(1), Body=discarded_object([change(1, None, image)]))
    function = f"arn:aws:lambda:us-east-1:000000000000:function:{stack.functions['Mature']}:$LATEST"
    failed = {"requestContext": {"functionArn": function}, "requestPayload": scheduled_event("2026-01-01T00:00:00Z")}
    local_client(stack.endpoint, "sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(failed))

    first, second = (staff.ok("POST", "/v1/redrives") for _ in range(2))

    assert (first["posted"], first["runs"], first["failed"], first["more"]) == (1, 1, [], False)
    assert {second[name] for name in ("posted", "known", "runs", "parts")} == {0}
    kept = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert kept == [f"redriven/{discarded_key(1)}"]
    after = ledger(stack)
    assert len([item for item in after.values() if item.get("order_id") == {"S": fresh}]) == 2
    # The order is in no table: the other tests' proof would miss it. So all is put back as it was before.
    dynamodb = local_client(stack.endpoint, "dynamodb")
    for (account, at), item in after.items():
        if (account, at) not in before:
            dynamodb.delete_item(
                TableName=stack.tables["LedgerTable"], Key={"account": {"S": account}, "at": {"S": at}}
            )
        elif item != before[account, at]:
            dynamodb.put_item(TableName=stack.tables["LedgerTable"], Item=before[account, at])
    assert ledger(stack) == before


def ledger(stack: Stack) -> dict[tuple[str, str], dict[str, Any]]:
    """Every item of the stage's ledger, by its key."""
    pages = (
        local_client(stack.endpoint, "dynamodb").get_paginator("scan").paginate(TableName=stack.tables["LedgerTable"])
    )
    return {(item["account"]["S"], item["at"]["S"]): item for page in pages for item in page["Items"]}
