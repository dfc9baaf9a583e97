"""A shop on the deployed stack: an API key, a plan, a sponsor and a recruit."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from local.account import Account, local_account
from local.bootstrap import bootstrap
from local.package import package
from local.stack import Stack
from tests.cloud.shop import Http, Person, join
from tests.containers import CREDENTIALS, forget

PLAN = {"direct": {"rate": "0.10"}, "indirect": {"rate": "0.03"}, "hold_days": 15}


@pytest.fixture(scope="session")
def credentials(stack: Stack, state_dir: Path) -> dict[str, str]:
    """What `make up` prints. It sets this process's environment for good, so here it is put back."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**stack.environment, **CREDENTIALS}.items():
            patch.setenv(name, value)
        rows = bootstrap(stack, state_dir / "credentials.json")
    forget()
    return rows


@pytest.fixture(scope="session")
def packaged(state_dir: Path) -> Path:
    """The package of this working copy, for stages of a test's own."""
    return package(state_dir / "stages")


@pytest.fixture(scope="session")
def account(endpoint: str) -> Account:
    """The local cloud, as an operator's environment names it."""
    return local_account(endpoint)


@pytest.fixture(scope="session")
def staff(stack: Stack, credentials: dict[str, str]) -> Http:
    login, password = credentials["owner login"].split()
    nobody = Http(stack.base_url)
    token = nobody.ok("POST", "/v1/sessions", {"login": login, "password": password})["access_token"]
    return Http(stack.base_url, token)


@pytest.fixture(scope="session")
def key(stack: Stack, credentials: dict[str, str], staff: Http) -> Http:
    """The storefront, once the shop has a plan."""
    answer = staff("PUT", "/v1/plans/default", PLAN)
    assert answer.status == 200, answer.text
    return Http(stack.base_url, credentials["API key"])


@pytest.fixture
def sponsor(stack: Stack, key: Http) -> Person:
    return join(stack.base_url, "Sun")


@pytest.fixture
def recruit(stack: Stack, sponsor: Person) -> Person:
    return join(stack.base_url, "Rae", sponsor.code)


@pytest.fixture
def fresh() -> str:
    """Ids of this test's own begin with it: tests share the stack."""
    return uuid4().hex[:10]
