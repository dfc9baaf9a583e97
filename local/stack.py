"""The packaged app as a CloudFormation stack in the local cloud."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.package import REGION, CloudError, package, template

NAME = "fenrun"
STAGE = "api"
ARTIFACTS = "fenrun-artifacts"
DONE_WITHIN = 120.0
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}


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
    config = Config(read_timeout=900, retries={"total_max_attempts": 1})
    return boto3.client(service, endpoint_url=endpoint, config=config, **CREDENTIALS)


def deploy(endpoint: str, build: Path, parameters: dict[str, str] | None = None) -> Stack:
    """Package the app under `build`, create the stack or bring it up to date, and wait for it."""
    out = package(build)
    url = _upload(endpoint, out)
    cloudformation = client(endpoint, "cloudformation")
    wanted = {
        "StackName": NAME,
        "TemplateURL": url,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in (parameters or {}).items()],
    }
    try:
        cloudformation.create_stack(**wanted)
    except cloudformation.exceptions.AlreadyExistsException:
        _update(cloudformation, wanted)
    _wait(cloudformation)
    _answer_as_deployed(endpoint, cloudformation, template(out))
    return describe(endpoint)


def describe(endpoint: str) -> Stack:
    """The stack as it is deployed now."""
    cloudformation = client(endpoint, "cloudformation")
    try:
        outputs = _outputs(cloudformation)
    except ClientError as error:
        raise CloudError("nothing is deployed here: run `make up`") from error
    resources = cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
    named = {
        kind: {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources if r["ResourceType"] == kind}
        for kind in ("AWS::DynamoDB::Table", "AWS::Lambda::Function")
    }
    functions = named["AWS::Lambda::Function"]
    configuration = client(endpoint, "lambda").get_function_configuration(FunctionName=functions["APIHandler"])
    return Stack(
        endpoint=endpoint,
        base_url=f"{endpoint}/restapis/{outputs['RestAPIId']}/{STAGE}/_user_request_",
        tables=named["AWS::DynamoDB::Table"],
        functions=functions,
        secret_arn=outputs["SecretArn"],
        files_bucket=outputs["FilesBucketName"],
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


def _upload(endpoint: str, out: Path) -> str:
    """Put code and template into the local S3 under names that follow their content; the template's address."""
    s3 = client(endpoint, "s3")
    s3.create_bucket(Bucket=ARTIFACTS)
    code = (out / "deployment.zip").read_bytes()
    code_key = f"{_digest(code)}.zip"
    s3.put_object(Bucket=ARTIFACTS, Key=code_key, Body=code)
    sam = template(out)
    for resource in sam["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": ARTIFACTS, "Key": code_key}
    del sam["Resources"]["FilesBucketPolicy"]  # it refuses what is not TLS, and loopback here is plain HTTP
    body = json.dumps(sam).encode()
    template_key = f"{_digest(body)}.json"
    s3.put_object(Bucket=ARTIFACTS, Key=template_key, Body=body)
    return f"{endpoint}/{ARTIFACTS}/{template_key}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _update(cloudformation: Any, wanted: dict[str, Any]) -> None:
    try:
        cloudformation.update_stack(**wanted)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise CloudError(f"the stack cannot be updated: {error}") from error


def _stack(cloudformation: Any) -> dict[str, Any]:
    found: dict[str, Any] = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]
    return found


def _outputs(cloudformation: Any) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in _stack(cloudformation)["Outputs"]}


def _answer_as_deployed(endpoint: str, cloudformation: Any, sam: dict[str, Any]) -> None:
    """MiniStack reads no gateway responses from a definition body, so give it the template's through its API."""
    api = _outputs(cloudformation)["RestAPIId"]
    gateway = client(endpoint, "apigateway")
    for kind, response in sam["Resources"]["RestAPI"]["Properties"]["GatewayResponses"].items():
        headers = response["ResponseParameters"]["Headers"]
        gateway.put_gateway_response(
            restApiId=api,
            responseType=kind,
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            responseTemplates=response["ResponseTemplates"],
            **({"statusCode": response["StatusCode"]} if "StatusCode" in response else {}),
        )
    gateway.create_deployment(restApiId=api, stageName=STAGE)


def _wait(cloudformation: Any) -> None:
    deadline = time.monotonic() + DONE_WITHIN
    while (status := _stack(cloudformation)["StackStatus"]).endswith("_IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise CloudError(f"the stack is still {status} after {DONE_WITHIN:.0f} s")
        time.sleep(0.1)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise CloudError(f"the stack is {status}:\n" + "\n".join(_failures(cloudformation)))


def _failures(cloudformation: Any) -> list[str]:
    events = cloudformation.describe_stack_events(StackName=NAME)["StackEvents"]
    return [
        f"  {e['LogicalResourceId']}: {e.get('ResourceStatusReason', '')}"
        for e in events
        if e["ResourceStatus"].endswith("_FAILED")
    ]
