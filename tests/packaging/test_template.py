"""What CloudFormation would build keeps its safety: roles, logs, retries, tables, least privilege."""

from collections.abc import Iterator
from typing import Any

import pytest

Template = dict[str, Any]

FUNCTIONS = {
    "APIHandler",
    "Commissions",
    "Inbox",
    "Mature",
    "Overdue",
    "Repair",
    "Replay",
    "Settle",
    "SettlePart",
    "Submit",
}
KEPT_TABLES = {
    f"{name}Table"
    for name in ["Distributors", "Customers", "Orders", "Ledger", "Payouts", "Settings", "Audit", "Inbox"]
}
APPEND_ONLY = {"OrdersTable", "LedgerTable", "AuditTable"}


def resources(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    return {name: r for name, r in template["Resources"].items() if r["Type"] == kind}


def statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, role in resources(template, "AWS::IAM::Role").items():
        for policy in role["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def names_table(resource: Any, table: str) -> bool:
    return resource == {"Fn::GetAtt": [table, "Arn"]} or (
        isinstance(resource, dict) and f"${{{table}." in str(resource.get("Fn::Sub", ""))
    )


def test_lint_finds_nothing_before_the_translation(sam: Template, lint: Any) -> None:
    assert lint(sam) == ""


def test_lint_finds_nothing_after_the_translation(cloudformation: Template, lint: Any) -> None:
    assert lint(cloudformation) == ""


def test_exactly_the_known_functions_are_deployed(cloudformation: Template) -> None:
    assert set(resources(cloudformation, "AWS::Lambda::Function")) == FUNCTIONS


def test_each_function_has_a_role_of_its_own(cloudformation: Template) -> None:
    functions = resources(cloudformation, "AWS::Lambda::Function").values()

    roles = [function["Properties"]["Role"]["Fn::GetAtt"][0] for function in functions]

    assert sorted(roles) == sorted(resources(cloudformation, "AWS::IAM::Role"))
    assert len(set(roles)) == len(FUNCTIONS)


def test_each_function_has_a_log_group_that_forgets(cloudformation: Template) -> None:
    groups = [group["Properties"] for group in resources(cloudformation, "AWS::Logs::LogGroup").values()]

    retention = {group["LogGroupName"]["Fn::Sub"]: group["RetentionInDays"] for group in groups}

    assert retention == {f"/aws/lambda/${{{function}}}": 30 for function in FUNCTIONS}


def test_each_function_writes_its_own_log_only(cloudformation: Template) -> None:
    for role, statement in statements(cloudformation):
        if statement["Sid"] == "WriteOwnLog":
            function = "APIHandler" if role == "ApiHandlerRole" else role.removesuffix("Role")
            assert f"/aws/lambda/${{AWS::StackName}}-{function}-*:*" in statement["Resource"]["Fn::Sub"]


def test_functions_run_on_arm(cloudformation: Template) -> None:
    for function in resources(cloudformation, "AWS::Lambda::Function").values():
        assert function["Properties"]["Architectures"] == ["arm64"]


def test_the_order_stream_is_read_with_every_safety(cloudformation: Template) -> None:
    mappings = resources(cloudformation, "AWS::Lambda::EventSourceMapping")

    properties = mappings["CommissionsCommissionsDynamodbEventSource"]["Properties"]

    assert properties["EventSourceArn"] == {"Fn::GetAtt": ["OrdersTable", "StreamArn"]}
    assert properties["StartingPosition"] == "TRIM_HORIZON"
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties["BisectBatchOnFunctionError"] is True
    assert 0 < properties["MaximumRetryAttempts"] <= 10
    assert 0 < properties["MaximumRecordAgeInSeconds"] < 86400
    assert properties["DestinationConfig"]["OnFailure"] == {"Destination": {"Fn::GetAtt": ["DiscardedRecords", "Arn"]}}
    assert properties["FilterCriteria"]["Filters"] == [{"Pattern": '{"eventName":["INSERT","MODIFY"]}'}]


def test_a_part_of_a_settlement_is_one_worker_s_at_a_time_and_kept_if_it_fails(cloudformation: Template) -> None:
    queue = cloudformation["Resources"]["Settlements"]["Properties"]
    mapping = resources(cloudformation, "AWS::Lambda::EventSourceMapping")["SettlePartSettlePartSqsEventSource"]
    timeout = cloudformation["Resources"]["SettlePart"]["Properties"]["Timeout"]

    assert mapping["Properties"]["EventSourceArn"] == {"Fn::Sub": "${Settlements.Arn}"}
    assert (mapping["Properties"]["BatchSize"], mapping["Properties"]["ScalingConfig"]) == (
        1,
        {"MaximumConcurrency": 16},
    )
    assert queue["VisibilityTimeout"] > timeout
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["SettlementFailures", "Arn"]}


def test_a_failed_schedule_is_kept(cloudformation: Template) -> None:
    queue = {"Fn::GetAtt": ["ScheduleFailures", "Arn"]}

    rules = resources(cloudformation, "AWS::Events::Rule").values()
    invocations = resources(cloudformation, "AWS::Lambda::EventInvokeConfig").values()

    assert [rule["Properties"]["Targets"][0]["DeadLetterConfig"]["Arn"] for rule in rules] == [queue] * 6
    assert [i["Properties"]["DestinationConfig"]["OnFailure"]["Destination"] for i in invocations] == [queue] * 7


def test_what_fails_for_good_calls_somebody(cloudformation: Template) -> None:
    """Where the runs of every function end that no retry made good: in a queue, in discarded records, or in an answer."""
    alarms = [alarm["Properties"] for alarm in resources(cloudformation, "AWS::CloudWatch::Alarm").values()]
    dead_letters = {name for name in resources(cloudformation, "AWS::SQS::Queue") if name.endswith("Failures")}

    watched = {a["Dimensions"][0]["Value"]["Fn::GetAtt"][0] for a in alarms if a["Namespace"] == "AWS/SQS"}

    assert watched == dead_letters == {"ScheduleFailures", "SettlementFailures"}
    assert {"OnFailureDestinationDeliveredEventCount", "DroppedEventCount"} <= {a["MetricName"] for a in alarms}
    assert [a["Namespace"] for a in alarms if a["MetricName"] == "5XXError"] == ["AWS/ApiGateway"]
    assert all(alarm["AlarmActions"] == [{"Ref": "Alarms"}] for alarm in alarms)


@pytest.mark.parametrize("table", sorted(KEPT_TABLES))
def test_a_table_that_matters_cannot_be_lost(cloudformation: Template, table: str) -> None:
    resource = cloudformation["Resources"][table]

    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    assert resource["Properties"]["DeletionProtectionEnabled"] is True
    assert resource["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    if table != "InboxTable":  # where only what is done has a time to live
        assert "TimeToLiveSpecification" not in resource["Properties"]


def test_every_table_is_encrypted_and_on_demand(cloudformation: Template) -> None:
    tables = resources(cloudformation, "AWS::DynamoDB::Table")

    assert set(tables) == KEPT_TABLES | {"TransientTable"}
    for table in tables.values():
        assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True}
        assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


def test_streams_carry_what_their_readers_need(cloudformation: Template) -> None:
    streams = {
        name: table["Properties"]["StreamSpecification"]["StreamViewType"]
        for name, table in resources(cloudformation, "AWS::DynamoDB::Table").items()
        if "StreamSpecification" in table["Properties"]
    }

    assert streams == {"OrdersTable": "NEW_AND_OLD_IMAGES", "LedgerTable": "NEW_IMAGE"}


def test_buckets_are_private_and_encrypted(cloudformation: Template) -> None:
    for bucket in resources(cloudformation, "AWS::S3::Bucket").values():
        assert all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())
        assert bucket["Properties"]["BucketEncryption"]
        assert bucket["DeletionPolicy"] == "Retain"


def test_no_policy_allows_any_action_or_any_resource(cloudformation: Template) -> None:
    for _, statement in statements(cloudformation):
        assert statement["Effect"] == "Allow"
        assert not [action for action in as_list(statement["Action"]) if "*" in action]
        assert "*" not in as_list(statement["Resource"])


def test_no_function_can_delete_from_the_books(cloudformation: Template) -> None:
    for role, statement in statements(cloudformation):
        forgets = {"dynamodb:DeleteItem", "dynamodb:DeleteTable"} & set(as_list(statement["Action"]))
        for resource in as_list(statement["Resource"]):
            assert not forgets or names_table(resource, "TransientTable"), role


def test_the_audit_can_only_be_appended_to(cloudformation: Template) -> None:
    for role, statement in statements(cloudformation):
        if any(names_table(resource, "AuditTable") for resource in as_list(statement["Resource"])):
            assert as_list(statement["Action"]) == ["dynamodb:PutItem"], role


def test_only_the_proof_repair_and_replays_may_scan_the_books(cloudformation: Template) -> None:
    scanners = {
        (role, table)
        for role, statement in statements(cloudformation)
        for resource in as_list(statement["Resource"])
        for table in APPEND_ONLY
        if "dynamodb:Scan" in as_list(statement["Action"]) and names_table(resource, table)
    }

    assert scanners == {
        ("ApiHandlerRole", "LedgerTable"),
        ("ApiHandlerRole", "OrdersTable"),
        ("RepairRole", "LedgerTable"),
        ("RepairRole", "OrdersTable"),
        ("ReplayRole", "OrdersTable"),
    }


def test_functions_are_started_by_the_api_and_long_ones_by_themselves(cloudformation: Template) -> None:
    """Replays and repairs are asked for; the others are started only where their schedule failed (redrive)."""
    started: dict[str, set[str]] = {}
    for role, statement in statements(cloudformation):
        if "lambda:InvokeFunction" in as_list(statement["Action"]):
            started.setdefault(role, set()).update(map(str, as_list(statement["Resource"])))
    functions = resources(cloudformation, "AWS::Lambda::Function")

    assert set(started) == {"ApiHandlerRole", "RepairRole", "ReplayRole"}
    # What goes on for long calls itself; without this Lambda takes it for a loop after sixteen times.
    own = {name for name, each in functions.items() if each["Properties"].get("RecursiveLoop") == "Allow"}
    assert own == {"Repair", "Replay", "SettlePart"}
    for name in ("Repair", "Replay"):
        assert all(f"-{name}-" in resource for resource in started[f"{name}Role"])
        told = f"{name.upper()}_FUNCTION"
        assert {f for f, r in functions.items() if told in r["Properties"]["Environment"]["Variables"]} == {
            "APIHandler"
        }
    failing = {
        name
        for name, each in resources(cloudformation, "AWS::Lambda::EventInvokeConfig").items()
        if each["Properties"]["DestinationConfig"]["OnFailure"]
    }
    may = {str(each) for each in ({"Fn::GetAtt": [name.removesuffix("EventInvokeConfig"), "Arn"]} for name in failing)}
    assert started["ApiHandlerRole"] == may
