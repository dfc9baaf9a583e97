"""The private bucket of an account and region in which packages, templates and the records of stages are kept."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.account import Account
from local.package import template

TLS_RULE = "OnlyTls"
_HASH_LETTERS = 32


@cache
def bucket(account: Account) -> str:
    """The bucket's name; made, encrypted, closed to the public and to plain HTTP, if there is none yet."""
    s3, name = account.client("s3"), f"fenrun-artifacts-{account.number}-{account.region}"
    try:
        s3.head_bucket(Bucket=name, ExpectedBucketOwner=account.number)
        return name
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
    where = {} if account.region == "us-east-1" else {"LocationConstraint": account.region}
    s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": where} if where else {}))
    s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
        ),
    )
    s3.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    if not account.is_local:  # loopback is plain HTTP
        partition = account.client("sts").get_caller_identity()["Arn"].split(":")[1]
        arn = f"arn:{partition}:s3:::{name}"
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(_only_tls(arn)))
    return name


def upload(account: Account, out: Path) -> dict[str, Any]:
    """Puts the package's deployment.zip into the bucket under a name that follows its content; the template that says so."""
    code = (out / "deployment.zip").read_bytes()
    key = put(account, "code", code, "zip")
    found = template(out)
    for resource in found["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": bucket(account), "Key": key}
    return without_tls_rules(found) if account.is_local else found


def put_template(account: Account, document: dict[str, Any]) -> str:
    """The address of this template in the bucket: CloudFormation takes at most 51,200 bytes directly."""
    key = put(account, "templates", json.dumps(document).encode(), "json")
    return f"{account.client('s3').meta.endpoint_url}/{bucket(account)}/{key}"


def put(account: Account, folder: str, content: bytes, suffix: str) -> str:
    """Keeps the content under a name that follows from it; the key."""
    key = f"{folder}/{hashlib.sha256(content).hexdigest()[:_HASH_LETTERS]}.{suffix}"
    account.client("s3").put_object(Bucket=bucket(account), Key=key, Body=content)
    return key


def without_tls_rules(document: dict[str, Any]) -> dict[str, Any]:
    """The template without the statements that refuse plain HTTP: on loopback there is nothing else."""
    for name, resource in list(document["Resources"].items()):
        policy = resource.get("Properties", {}).get("PolicyDocument")
        if policy is None:
            continue
        policy["Statement"] = [statement for statement in policy["Statement"] if statement.get("Sid") != TLS_RULE]
        if not policy["Statement"]:
            del document["Resources"][name]
    return document


def _only_tls(arn: str) -> dict[str, Any]:
    refused = {
        "Sid": TLS_RULE,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [refused]}
