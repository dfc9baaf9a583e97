"""What a stage keeps when its stack is gone (tables, buckets, queues, its secret), and how a new stack takes it back.

A record of it stands in the artifact bucket: written after each deployment.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct, convert, to_builtins

from local.account import Account
from local.artifacts import bucket, put_template
from local.change_sets import Change, Say, StackState, bring, state
from local.package import CloudError

IDENTIFIERS = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueUrl",
}
"""By type, what CloudFormation wants to know of a resource that it is to take back."""
SECRET = "AppSecret"
_GONE = ("404", "NoSuchBucket", "NotFound", "NonExistentQueue", "QueueDoesNotExist")


class Kept(Struct, frozen=True):
    """`template` declares what is kept as the last deployment did: a newer one is compared with it. `resources` are
    physical ids by logical id; `secret` is the ARN under which the application's secret stands."""

    template: dict[str, Any]
    parameters: dict[str, str]
    resources: dict[str, str]
    secret: str


def record(account: Account, name: str, template: dict[str, Any], now: StackState) -> Kept:
    """Notes what of this stack would stay."""
    retained = {
        logical_id: resource
        for logical_id, resource in template["Resources"].items()
        if resource.get("DeletionPolicy") == "Retain"
        and (resource["Type"] in IDENTIFIERS or logical_id == SECRET)
        and logical_id in now.resources
    }
    there = {logical_id: now.resources[logical_id][1] for logical_id in retained}
    secret = there.pop(SECRET)
    plain = {"Parameters": template["Parameters"], "Resources": retained}
    kept = Kept(plain, now.parameters, there, secret)
    body = json.dumps(to_builtins(kept)).encode()
    account.client("s3").put_object(Bucket=bucket(account), Key=_key(name), Body=body)
    return kept


def recorded(account: Account, name: str) -> Kept | None:
    """The record of the stage; None if there never was one or all of its tables have been deleted since.

    Raises CloudError if only some are still there: what is left of the books is no stage.
    """
    s3 = account.client("s3")
    try:
        body = s3.get_object(Bucket=bucket(account), Key=_key(name))["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    found = convert(json.loads(body), Kept)
    kind = {logical_id: found.template["Resources"][logical_id]["Type"] for logical_id in found.resources}
    there = {each: _exists(account, kind[each], physical) for each, physical in found.resources.items()}
    tables = [each for each in there if kind[each] == "AWS::DynamoDB::Table"]
    if not any(there[each] for each in tables):
        return None
    gone = [each for each in tables if not there[each]]
    if gone:
        raise CloudError(
            f"{name} cannot be taken back: of its tables {', '.join(gone)} are gone. Restore them, or a backup"
        )
    declared = {each: r for each, r in found.template["Resources"].items() if each == SECRET or there[each]}
    return Kept(
        {**found.template, "Resources": declared},
        found.parameters,
        {each: physical for each, physical in found.resources.items() if there[each]},
        found.secret,
    )


def take_back(account: Account, name: str, kept: Kept, now: StackState | None, say: Say) -> None:
    """Makes a stack of what is kept, and gives its new secret the old one's value before any function can ask for it.

    May be repeated where it was interrupted. Raises CloudError if the old secret cannot be read.
    """
    secrets = account.client("secretsmanager")
    try:
        value = secrets.get_secret_value(SecretId=kept.secret)["SecretString"]
    except ClientError as error:
        raise CloudError(
            f"{name} cannot be taken back without its secret, which seals payees' accounts: {error}. "
            f"If it was deleted: aws secretsmanager restore-secret --secret-id {kept.secret}"
        ) from error
    declared = frozenset(kept.template["Parameters"])
    if now is None:
        say(f"{name}: taking back {', '.join(sorted(kept.resources))}")
        bare = {each: resource for each, resource in kept.template["Resources"].items() if each != SECRET}
        url = put_template(account, {**kept.template, "Resources": bare})
        bring(account, name, Change(url, declared, kept.parameters, tuple(_imports(kept))), say)
    elif any(now.resources.get(each, ("", ""))[1] != physical for each, physical in kept.resources.items()):
        raise CloudError(
            f"{name} does not hold what was kept: delete that stack (aws cloudformation delete-stack --stack-name {name}),"
            " which keeps every table, and deploy again"
        )
    bring(account, name, Change(put_template(account, kept.template), declared), say)
    made = state(account, name)
    assert made is not None
    secrets.put_secret_value(SecretId=made.resources[SECRET][1], SecretString=value)


def _imports(kept: Kept) -> list[dict[str, Any]]:
    found = []
    for logical_id, physical in kept.resources.items():
        kind = kept.template["Resources"][logical_id]["Type"]
        identifier = {IDENTIFIERS[kind]: physical}
        found.append({"ResourceType": kind, "LogicalResourceId": logical_id, "ResourceIdentifier": identifier})
    return found


def _exists(account: Account, kind: str, physical: str) -> bool:
    try:
        if kind == "AWS::DynamoDB::Table":
            account.client("dynamodb").describe_table(TableName=physical)
        elif kind == "AWS::S3::Bucket":
            account.client("s3").head_bucket(Bucket=physical)
        else:
            account.client("sqs").get_queue_attributes(QueueUrl=physical, AttributeNames=["QueueArn"])
    except ClientError as error:
        if any(word in error.response["Error"]["Code"] for word in _GONE):
            return False
        raise
    return True


def _key(name: str) -> str:
    return f"stages/{name}.json"
