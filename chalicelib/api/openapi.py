"""The API as an OpenAPI 3.1 document, made from the routes and the types that parse them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from chalicelib.api.callers import Rule
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.replies import Problem

_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"{(\w+)}")
_REFUSALS = {
    "400": "The request cannot be read; `errors` names the fields.",
    "401": "Nobody known is calling.",
    "403": "The caller may not do this.",
    "404": "There is no such object, or the caller may not see it.",
    "409": "The object's state does not allow it, or the same key came with another body.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "A rule refuses; `code` says which.",
    "429": "Too many requests.",
    "500": "A fault of ours.",
    "503": "Busy: the same request may be sent again.",
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole document. What a route takes and gives is what its code parses and renders."""
    types = [Problem, *dict.fromkeys(t for e in endpoints for t in (e.body, e.query, e.answers) if t is not None)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for entry in endpoints:
        paths.setdefault(entry.path, {})[entry.method.lower()] = _operation(entry, schema_of, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fenrun",
            "version": "1",
            "description": "Two-level distribution: attribution, commission books, payouts. "
            "Money is an integer count of minor units; rates are decimal strings; times are RFC 3339.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                f"Problem{status}": {
                    "description": meaning,
                    "content": {"application/problem+json": {"schema": schema_of[Problem]}},
                }
                for status, meaning in _REFUSALS.items()
            },
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer", "description": "A storefront's key: `fk_…`"},
                "session": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of POST /v1/sessions",
                },
            },
        },
    }


def _operation(entry: Endpoint, schema_of: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": entry.summary}
    if entry.answers is not None:
        answer["content"] = {"application/json": {"schema": schema_of[entry.answers]}}
    operation: dict[str, Any] = {
        "operationId": entry.name,
        "tags": [entry.tag],
        "summary": entry.summary,
        "security": _security(entry.who),
        "parameters": _parameters(entry, components),
        "responses": {str(entry.status): answer, **_refusals(entry)},
    }
    if who := _described(entry.who):
        operation["description"] = who
    if entry.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema_of[entry.body]}},
        }
    elif entry.raw and entry.method == "POST":
        text = {"type": "string", "description": "As the provider sends it, to the byte."}
        operation["requestBody"] = {"required": True, "content": {"*/*": {"schema": text}}}
    return operation


def _parameters(entry: Endpoint, components: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 128},
        }
        for name in _PARAMETER.findall(entry.path)
    ]
    if entry.query is not None:
        schema = components[entry.query.__name__]
        for name, each in schema["properties"].items():
            required = name in schema.get("required", [])
            found.append({"name": name, "in": "query", "required": required, "schema": each})
    if entry.idempotent:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key with the same request returns the first answer; with another one, 409.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    found.append(
        {
            "name": "Accept-Language",
            "in": "header",
            "required": False,
            "description": "The language of problems: zh-CN or en.",
            "schema": {"type": "string"},
        }
    )
    return found


def _security(who: Rule) -> list[dict[str, list[str]]]:
    schemes: list[dict[str, list[str]]] = []
    for each in who.allowed:
        if each.kind == "anyone":
            scheme: dict[str, list[str]] = {}
        else:
            scheme = {"apiKey": []} if each.kind == "key" else {"session": []}
        if scheme not in schemes:
            schemes.append(scheme)
    return schemes


def _described(who: Rule) -> str:
    words = []
    for each in who.allowed:
        if each.kind == "key":
            words.append(f"a storefront with {', '.join(sorted(each.grants))}")
        elif each.kind == "staff":
            words.append(f"staff ({', '.join(sorted(each.grants))})")
        elif each.kind == "distributor":
            words.append("the distributor named" if each.own else "a distributor, for what is theirs")
        elif each.kind == "merchant":
            words.append("people of the merchant named" if each.own else "people of merchants")
    return f"For {' or '.join(words)}." if words else ""


def _refusals(entry: Endpoint) -> dict[str, Any]:
    statuses = ["400", "404", "422", "429", "500", "503"]
    if not entry.who.public:
        statuses += ["401", "403"]
    if "sessions" in entry.path:
        statuses.append("401")
    if entry.method != "GET":
        statuses.append("409")
    if entry.body is not None:
        statuses += ["413", "415"]
    if entry.raw and entry.method == "POST":
        statuses += ["401", "413"]
    return {status: {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(set(statuses))}
