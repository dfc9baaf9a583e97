"""The OpenAPI document is made from the routes themselves, and holds together."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import app
from chalicelib.api.endpoint import ENDPOINTS
from chalicelib.api.openapi import document
from tests.api.conftest import Http

HTTP = Http(app.app)


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    got = HTTP("GET", "/openapi.json")
    assert (got.status, got.headers["Cache-Control"]) == (200, "public, max-age=300")
    return got.json


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for each in node.values():
            yield from walk(each)
    elif isinstance(node, list):
        for each in node:
            yield from walk(each)


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_health_reads_no_data() -> None:
    assert HTTP("GET", "/healthz").json == {"status": "ok"}


def test_it_describes_every_route_and_no_other(described: dict[str, Any]) -> None:
    served = {(path, method) for path, methods in app.app.routes.items() for method in methods}

    assert {(path, method.upper()) for path, method, _ in operations(described)} == served
    assert {(entry.path, entry.method) for entry in ENDPOINTS} == served


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    for node in walk(described):
        if isinstance(reference := node.get("$ref"), str):
            found: Any = described
            for part in reference.removeprefix("#/").split("/"):
                found = found[part]


def test_every_schema_is_one(described: dict[str, Any]) -> None:
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for node in walk(described):
        if isinstance(pattern := node.get("pattern"), str):
            re.compile(pattern)


def test_every_operation_is_complete(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(names) == len(set(names))
    for path, _, operation in operations(described):
        in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path))
        assert operation["summary"] and operation["responses"] and operation["security"]


def test_money_is_never_a_fraction(described: dict[str, Any]) -> None:
    assert [node for node in walk(described["components"]["schemas"]) if node.get("type") == "number"] == []


def test_bodies_take_no_field_that_they_do_not_name(described: dict[str, Any]) -> None:
    for entry in ENDPOINTS:
        for kind in (entry.body, entry.query):
            assert kind is None or kind.__struct_config__.forbid_unknown_fields, (entry.path, kind)


def test_the_document_is_made_for_whatever_routes_there_are() -> None:
    assert document([])["paths"] == {}
