"""Tables to test against: moto for one thread and few rows, MiniStack for threads and faults, a deployed stack for all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from chalicelib.observe import logger
from chalicelib.store.connection import client, shared
from local import cloud
from local.stack import Stack
from local.stack import client as local_client
from tests.containers import SECRET, become, become_local, forget
from tests.tables import create_tables


@pytest.fixture(autouse=True)
def nothing_said_before() -> Iterator[None]:
    """A test that calls a flow outside of a frame leaves the flow's names on the logger, which all tests share."""
    yield
    logger.thread_safe_clear_keys()


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """An account with the deployment's tables and secret, empty, inside this process (moto): for a single thread."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        become(monkeypatch, {})
        environment = create_tables(boto3.client("dynamodb"))
        created = boto3.client("secretsmanager").create_secret(Name="fenrun", SecretString=SECRET)
        environment |= {"SECRET_ARN": created["ARN"], "CONNECTION_SECRETS": "fenrun/connections/"}
        become(monkeypatch, environment)
        yield environment
    forget()


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cloud")


@pytest.fixture(scope="session")
def endpoint(state_dir: Path) -> Iterator[str]:
    """MiniStack, with nothing in it."""
    yield cloud.start(state_dir, cloud.free_port(), persist=False)
    cloud.stop(state_dir)


@pytest.fixture(scope="session")
def stack(endpoint: str, state_dir: Path) -> Stack:
    """The package of this working copy, deployed once for all tests: they share its tables, so each uses its own ids."""
    return cloud.deploy(endpoint, state_dir / "build", {"ShopUrl": cloud.SHOP_URL})


@pytest.fixture(scope="session")
def local(endpoint: str) -> dict[str, Any]:
    """What tests against MiniStack share, because it takes long to make: clients, a connection, a secret."""
    with pytest.MonkeyPatch.context() as patch:
        become(patch, {"AWS_ENDPOINT_URL": endpoint})
        connection = shared()
        connection.client  # noqa: B018
    secret = local_client(endpoint, "secretsmanager").create_secret(Name="tests", SecretString=SECRET)
    forget()
    return {"dynamodb": local_client(endpoint, "dynamodb"), "connection": connection, "secret": secret["ARN"]}


@pytest.fixture
def cloud_env(stack: Stack, local: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The app's own modules run in this process against the deployed stack."""
    become_local(monkeypatch, stack.environment, local["connection"])
    return stack


@pytest.fixture
def cloud_tables(endpoint: str, local: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Empty tables of this test's own in MiniStack, with no functions behind them: for threads, faults and many rows."""
    environment = create_tables(local["dynamodb"], prefix=f"t{uuid4().hex[:8]}")
    others = {"SECRET_ARN": local["secret"], "CONNECTION_SECRETS": "tests/connections/", "AWS_ENDPOINT_URL": endpoint}
    become_local(monkeypatch, environment | others, local["connection"])
    return environment


@pytest.fixture
def requests_sent() -> Iterator[Any]:
    """Starts to note the calls to DynamoDB; the list of (operation, arguments) fills as they are made."""
    noted: list[tuple[str, dict[str, Any]]] = []
    watched: list[Any] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        noted.append((model.name, params))

    def start() -> list[tuple[str, dict[str, Any]]]:
        watched.append(client())
        watched[0].meta.events.register("provide-client-params.dynamodb.*", note)
        return noted

    yield start
    for each in watched:
        each.meta.events.unregister("provide-client-params.dynamodb.*", note)
