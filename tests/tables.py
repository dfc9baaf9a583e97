"""The tables of `.chalice/resources.yaml` on whatever DynamoDB a client talks to."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

RESOURCES = Path(__file__).resolve().parent.parent / ".chalice" / "resources.yaml"
_TAKEN = (
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "BillingMode",
    "StreamSpecification",
)


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, which stand as `{"Ref": …}` and the like."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix == "Ref" else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _short_form)


@cache
def resources() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(RESOURCES.read_text(encoding="utf-8"), _Loader)["Resources"]
    return found


def create_tables(client: Any, prefix: str = "fenrun") -> dict[str, str]:
    """Creates every table of the deployment and returns the environment that names them: `ORDERS_TABLE=fenrun-orders`."""
    environment = {}
    for logical_id, resource in resources().items():
        if resource.get("Type") != "AWS::DynamoDB::Table":
            continue
        words = re.findall("[A-Z][a-z]*", logical_id.removesuffix("Table"))
        name = "-".join([prefix, *map(str.lower, words)])
        properties = {key: value for key, value in resource["Properties"].items() if key in _TAKEN}
        if "StreamSpecification" in properties:
            properties["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
        client.create_table(TableName=name, **properties)
        environment["_".join(map(str.upper, words)) + "_TABLE"] = name
    return environment
