"""The packaged app as a CloudFormation stack in the local cloud."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.account import CREDENTIALS, local_account
from local.artifacts import put_template, upload
from local.change_sets import Change, bring, state
from local.gateway import answer_as_deployed, base_url
from local.package import REGION, CloudError, package

__all__ = ["CREDENTIALS", "NAME", "Stack", "client", "deploy", "describe", "invoke", "scheduled_event"]

NAME = "fenrun"


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the deployed app is. Tables and functions are named by their logical ids in the template."""

    endpoint: str
    base_url: str
    tables: dict[str, str]
    functions: dict[str, str]
    secret_arn: str
    files_bucket: str
    environment: dict[str, str]
    """What a function's process sees: set it to run the app's own modules against this stack."""


def client(endpoint: str, service: str) -> Any:
    """A boto3 client of the local cloud, patient enough for a scheduled run."""
    return local_account(endpoint).client(service)


def deploy(endpoint: str, build: Path, parameters: dict[str, str] | None = None) -> Stack:
    """Package the app under `build`, create the stack or bring it up to date, and wait for it."""
    account = local_account(endpoint)
    sam = upload(account, package(build))
    change = Change(put_template(account, sam), frozenset(sam["Parameters"]), parameters or {})
    bring(account, NAME, change, lambda _: None)
    answer_as_deployed(account, NAME, sam)
    return describe(endpoint)


def describe(endpoint: str, name: str = NAME) -> Stack:
    """The stack as it is deployed now."""
    account = local_account(endpoint)
    try:
        found = state(account, name)
    except ClientError as error:
        raise CloudError(f"the local cloud does not say what is deployed: {error}") from error
    if found is None:
        raise CloudError("nothing is deployed here: run `make up`")
    named = {
        kind: {logical_id: physical for logical_id, (each, physical) in found.resources.items() if each == kind}
        for kind in ("AWS::DynamoDB::Table", "AWS::Lambda::Function")
    }
    functions = named["AWS::Lambda::Function"]
    configuration = account.client("lambda").get_function_configuration(FunctionName=functions["APIHandler"])
    return Stack(
        endpoint=endpoint,
        base_url=base_url(account, found),
        tables=named["AWS::DynamoDB::Table"],
        functions=functions,
        secret_arn=found.outputs["SecretArn"],
        files_bucket=found.outputs["FilesBucketName"],
        environment={
            **configuration["Environment"]["Variables"],
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        },
    )


def invoke(stack: Stack, function: str, payload: dict[str, Any]) -> Any:
    """Run a deployed function, by its logical id, and return its answer; its error is a CloudError."""
    answer = client(stack.endpoint, "lambda").invoke(
        FunctionName=stack.functions[function], Payload=json.dumps(payload).encode()
    )
    result = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        raise CloudError(f"{function} failed: {json.dumps(result, ensure_ascii=False)}")
    return result


def scheduled_event(at: str) -> dict[str, Any]:
    """What EventBridge sends a scheduled function at `at` (UTC, RFC 3339)."""
    return {
        "version": "0",
        "id": at,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": at,
        "region": REGION,
        "resources": [],
        "detail": {},
    }
