"""MiniStack's DynamoDB inside this process: its answers without HTTP, ten times as fast."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from pynamodb.connection import Connection

from tests.containers import SECRET, become, forget
from tests.tables import create_tables

Call = Callable[[str, dict[str, Any]], dict[str, Any]]
"""An operation of DynamoDB by its name (`PutItem`) with its arguments, as botocore takes them."""


class Client:
    """Takes the place of botocore's client: each method is a call of the operation of its name."""

    def __init__(self, call: Call) -> None:
        self._make_api_call = call

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = "".join(map(str.capitalize, name.split("_")))
        return lambda **arguments: self._make_api_call(operation, arguments)


def call(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Carries the operation out. Raises `ClientError` as botocore does."""
    from ministack.services.dynamodb import handle_request

    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}"}
    body = json.dumps(arguments, default=lambda raw: base64.b64encode(raw).decode()).encode()
    try:
        handle_request("POST", "/", headers, body, {}).send(None)
    except StopIteration as ended:
        status, _, told = ended.value
    answer: dict[str, Any] = json.loads(told, object_hook=_binary)
    if status == 200:
        return answer
    code = answer.pop("__type", "").rpartition("#")[2]
    error = {"Code": code, "Message": answer.pop("message", "")}
    raise ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}, **answer}, operation)  # type: ignore


def _binary(told: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(told["B"])} if told.keys() == {"B"} else told


@contextmanager
def in_memory() -> Iterator[None]:
    """The deployment's tables and secret, empty, inside this process."""
    with pytest.MonkeyPatch.context() as patches, mock_aws(), patch.object(Connection, "client", Client(call)):
        patches.delenv("AWS_ENDPOINT_URL", raising=False)
        become(patches, {})
        secret = boto3.client("secretsmanager").create_secret(Name="fenrun", SecretString=SECRET)
        names = {"SECRET_ARN": secret["ARN"], "CONNECTION_SECRETS": "fenrun/connections/"}
        become(patches, create_tables(Client(call), prefix=f"t{uuid4().hex[:8]}") | names)
        yield
    forget()
