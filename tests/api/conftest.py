import json
from typing import Any

import pytest
from chalice import Blueprint, Chalice

from chalicelib.api import endpoint as endpoint_module
from tests.containers import SECRET as SECRET


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
