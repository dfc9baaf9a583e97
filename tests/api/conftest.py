import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from chalice import Blueprint, Chalice
from moto import mock_aws

from chalicelib.api import endpoint as endpoint_module
from chalicelib.settings import settings
from chalicelib.store import access, connection, secrets, transient
from tests.tables import create_tables

SECRET = "0123456789abcdef0123456789abcdef0123456789abcdef"


def forget() -> None:
    """Makes this process a fresh container."""
    settings.cache_clear()
    connection.shared.cache_clear()
    for held in (access, secrets, transient):
        held.forget()


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """An account with the deployment's tables and secret, empty."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        environment = create_tables(boto3.client("dynamodb"))
        created = boto3.client("secretsmanager").create_secret(Name="fenrun", SecretString=SECRET)
        environment["SECRET_ARN"] = created["ARN"]
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        forget()
        yield environment
    forget()


class Http:
    """One caller's requests to an app, through the events that API Gateway sends."""

    def __init__(self, app: Chalice) -> None:
        self.app = app

    def __call__(
        self,
        method: str,
        route: str,
        body: Any = None,
        *,
        path: dict[str, str] | None = None,
        query: dict[str, list[str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> "Reply":
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        event = {
            "requestContext": {
                "resourcePath": route,
                "httpMethod": method,
                "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            },
            "multiValueQueryStringParameters": query,
            "headers": headers or {},
            "pathParameters": path,
            "body": text,
            "isBase64Encoded": False,
            "stageVariables": None,
        }
        return Reply(self.app(event, None))


class Reply:
    def __init__(self, answer: dict[str, Any]) -> None:
        self.status = answer["statusCode"]
        self.headers = answer["headers"]
        self.text = answer["body"]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@pytest.fixture
def bp(monkeypatch: pytest.MonkeyPatch) -> Blueprint:
    """A blueprint whose endpoints do not stay in the registry of the real API."""
    monkeypatch.setattr(endpoint_module, "ENDPOINTS", [])
    return Blueprint("tests.api.views")


@pytest.fixture
def serve(bp: Blueprint) -> Any:
    def started() -> Http:
        app = Chalice("fenrun-test", configure_logs=False)
        app.register_blueprint(bp)
        return Http(app)

    return started
