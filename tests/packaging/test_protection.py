"""What keeps data safe at rest, on its way, and when a stack goes: for everything in the template, also what comes later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.destroy import SHORT_LIVED

Template = dict[str, Any]

KINDS = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SecretsManager::Secret")


def of(template: Template, *kinds: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] in kinds:
            yield name, resource


def references(value: Any) -> Iterator[str]:
    """Logical ids and parameters that this value names."""
    if isinstance(value, dict):
        for key, held in value.items():
            if key == "Ref":
                yield held
            elif key == "Fn::GetAtt":
                yield held[0] if isinstance(held, list) else held.split(".")[0]
            else:
                yield from references(held)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_what_holds_data_stays_when_the_stack_goes(cloudformation: Template) -> None:
    kept = {name for name, each in of(cloudformation, *KINDS) if each.get("DeletionPolicy") == "Retain"}

    assert {name for name, _ in of(cloudformation, *KINDS)} - kept == SHORT_LIVED
    for name in kept:
        assert cloudformation["Resources"][name]["UpdateReplacePolicy"] == "Retain", name


def test_what_stays_can_be_taken_back_alone(cloudformation: Template) -> None:
    """`make deploy` makes a stack of what is kept first: it may name nothing that is gone."""
    kept = {name for name, each in of(cloudformation, *KINDS) if each.get("DeletionPolicy") == "Retain"}
    for name in kept:
        named = set(references(cloudformation["Resources"][name]))
        assert named <= kept | set(cloudformation["Parameters"]) | {"AWS::NoValue"}, name
        assert "Condition" not in cloudformation["Resources"][name], name


def test_every_table_with_data_is_protected_and_recoverable(cloudformation: Template) -> None:
    for name, table in of(cloudformation, "AWS::DynamoDB::Table"):
        properties = table["Properties"]
        assert properties["SSESpecification"] == {"SSEEnabled": True}, name
        assert properties.get("DeletionProtectionEnabled", False) is (name not in SHORT_LIVED), name
        recovery = properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled", False)
        assert recovery is (name not in SHORT_LIVED), name


def test_every_bucket_is_closed_and_encrypted(cloudformation: Template) -> None:
    for name, bucket in of(cloudformation, "AWS::S3::Bucket"):
        properties = bucket["Properties"]
        closed = properties["PublicAccessBlockConfiguration"]
        assert closed == dict.fromkeys(
            ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
        ), name
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("AES256", "aws:kms"), name
        assert "AccessControl" not in properties and "WebsiteConfiguration" not in properties, name


def test_every_queue_is_encrypted_and_forgets_late(cloudformation: Template) -> None:
    for name, queue in of(cloudformation, "AWS::SQS::Queue"):
        assert queue["Properties"]["SqsManagedSseEnabled"] is True, name
        # A fortnight for what nobody has looked at yet; work that goes on by itself needs less.
        assert queue["Properties"]["MessageRetentionPeriod"] >= (345_600 if name in SHORT_LIVED else 1_209_600), name


@pytest.mark.parametrize(
    ("kind", "policy", "named"),
    [("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"), ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues")],
)
def test_nothing_is_read_or_written_over_plain_http(
    cloudformation: Template, kind: str, policy: str, named: str
) -> None:
    refusing = set()
    for _, each in of(cloudformation, policy):
        statements = each["Properties"]["PolicyDocument"]["Statement"]
        refused = [
            statement
            for statement in statements
            if statement["Effect"] == "Deny"
            and statement["Principal"] == "*"
            and statement["Action"] in ("s3:*", "sqs:*")
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        ]
        for statement in refused:
            assert set(references(statement["Resource"])) <= set(references(each["Properties"][named])) | {
                "AWS::Partition"
            }
            refusing |= set(references(each["Properties"][named]))

    assert refusing == {name for name, _ in of(cloudformation, kind)}


def test_nobody_outside_the_account_is_let_in(cloudformation: Template) -> None:
    """Beside API Gateway, which asks who is calling, only services of AWS may do anything, and only for this account."""
    for name, each in of(cloudformation, "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"):
        for statement in each["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Deny" or (
                list(statement["Principal"]) == ["Service"] and "aws:SourceArn" in str(statement["Condition"])
            ), name
    for name, permission in of(cloudformation, "AWS::Lambda::Permission"):
        properties = permission["Properties"]
        assert str(properties["Principal"]).endswith(".amazonaws.com"), name
        assert "SourceArn" in properties, name
    for name, role in of(cloudformation, "AWS::IAM::Role"):
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}, name
        assert "ManagedPolicyArns" not in role["Properties"], name


def test_every_log_forgets(cloudformation: Template) -> None:
    for name, group in of(cloudformation, "AWS::Logs::LogGroup"):
        assert 1 <= group["Properties"]["RetentionInDays"] <= 400, name


def test_no_secret_stands_in_the_template(cloudformation: Template) -> None:
    for name, secret in of(cloudformation, "AWS::SecretsManager::Secret"):
        assert "SecretString" not in secret["Properties"] and secret["Properties"]["GenerateSecretString"], name
    for name, function in of(cloudformation, "AWS::Lambda::Function"):
        variables = function["Properties"]["Environment"]["Variables"]
        assert not [each for each in variables if "PASSWORD" in each or "KEY" in each], name
        assert set(references(variables["SECRET_ARN"])) == {"AppSecret"}, name
