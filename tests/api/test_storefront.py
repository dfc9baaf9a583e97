"""The storefront's script as it is served, and what scripts of other sites may ask the API."""

import re
from pathlib import Path

import pytest
import urllib3
from chalice.deploy.swagger import CFNSwaggerGenerator

import app
from chalicelib.api import storefront
from local.stack import Stack
from tests.api.conftest import Http, Reply
from tests.cloud.shop import join

HTTP = Http(app.app)
SOURCE = Path(storefront.__file__).with_name("dist.js").read_text(encoding="utf-8")
SHOP = "https://shop.example"


def get(etag: str | None = None) -> Reply:
    return HTTP("GET", "/dist.js", headers={"If-None-Match": etag} if etag else {})


def test_it_is_two_kilobytes_at_most() -> None:
    assert len(get().text.encode()) <= 2048


def test_what_is_sent_is_the_source_without_spaces_and_comments() -> None:
    lines = [line for line in SOURCE.splitlines() if not line.lstrip().startswith("//")]

    assert re.sub(r"\s", "", get().text) == re.sub(r"\s", "", "".join(lines))
    assert [text for line in lines for text in re.findall(r"'[^']*'|`[^`]*`", line) if re.search(r"\s|//", text)] == []


def test_browsers_keep_it_for_an_hour_and_then_ask_whether_it_changed() -> None:
    got = get()

    assert (got.status, got.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert got.headers["Cache-Control"] == "public, max-age=3600, stale-while-revalidate=86400"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    etag = got.headers["ETag"]
    for known in (etag, f"W/{etag}", f'"another", {etag}'):
        again = get(known)
        assert (again.status, again.text, again.headers["ETag"]) == (304, "", etag)
        assert again.headers["Cache-Control"] == got.headers["Cache-Control"]
    assert get('"another"').status == 200


@pytest.mark.parametrize(("body", "status"), [({"code": "NOBODY99", "url": SHOP}, 422), ("no JSON", 400)])
def test_scripts_of_any_site_may_read_what_a_click_is_answered(
    tables: dict[str, str], body: object, status: int
) -> None:
    got = HTTP("POST", "/v1/clicks", body)

    assert (got.status, got.headers["Access-Control-Allow-Origin"]) == (status, "*")
    assert "Access-Control-Allow-Credentials" not in got.headers


def test_scripts_of_other_sites_may_call_nothing_else() -> None:
    open_to_all = {
        (path, method) for path, methods in app.app.routes.items() for method, route in methods.items() if route.cors
    }

    assert open_to_all == {("/v1/clicks", "POST")}


def test_the_deployed_api_serves_it(stack: Stack) -> None:
    got = urllib3.request("GET", f"{stack.base_url}/dist.js")
    again = urllib3.request("GET", f"{stack.base_url}/dist.js", headers={"If-None-Match": got.headers["ETag"]})

    assert (got.status, got.data.decode()) == (200, storefront.script())
    assert got.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "max-age=3600" in got.headers["Cache-Control"]
    assert (again.status, again.data) == (304, b"")


def test_api_gateway_answers_a_preflight() -> None:
    """MiniStack keeps nothing of a mock integration, so this reads what AWS is given."""
    described = CFNSwaggerGenerator().generate_swagger(app.app)["paths"]["/v1/clicks"]["options"]
    integration = described["x-amazon-apigateway-integration"]
    sent = integration["responses"]["default"]["responseParameters"]

    assert integration["type"] == "mock"
    assert sent["method.response.header.Access-Control-Allow-Origin"] == "'*'"
    assert "POST" in sent["method.response.header.Access-Control-Allow-Methods"]
    assert "Content-Type" in sent["method.response.header.Access-Control-Allow-Headers"]


@pytest.mark.parametrize("kind", [{}, {"Content-Type": "application/json"}], ids=["no type", "JSON"])
def test_the_deployed_api_takes_a_click_from_another_site(stack: Stack, kind: dict[str, str]) -> None:
    code = join(stack.base_url, "Rae").code
    body = f'{{"code":"{code}","url":"{SHOP}/tea?ref={code}","referrer":""}}'.encode()

    got = urllib3.request("POST", f"{stack.base_url}/v1/clicks", body=body, headers={"Origin": SHOP, **kind})

    assert (got.status, got.headers["Access-Control-Allow-Origin"]) == (201, "*")
    assert set(got.json()) == {"click_id", "expires_at"}
