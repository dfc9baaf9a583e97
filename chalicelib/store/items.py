"""Plain values to DynamoDB's attribute maps and back. Numbers are integers: a float or Decimal is a fault, never money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Attribute = dict[str, Any]


def to_attribute(value: Any) -> Attribute:
    """One value with DynamoDB's type letter. A set is of strings and not empty."""
    # Nearly every value is one of these two, and `match` asks isinstance case by case.
    if type(value) is str:
        return {"S": value}
    if type(value) is int:
        return {"N": str(value)}
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case list() | tuple():
            return {"L": [to_attribute(each) for each in value]}
        case Mapping():
            return {"M": {name: to_attribute(each) for name, each in value.items()}}
        case set() | frozenset():
            return {"SS": sorted(value)}
    raise TypeError(f"a {type(value).__name__} is not kept in a table")


def from_attribute(attribute: Mapping[str, Any]) -> Any:
    """The value of an attribute. A number that is no integer raises ValueError."""
    ((letter, held),) = attribute.items()
    match letter:
        case "S" | "BOOL" | "B":
            return held
        case "N":
            return int(held)
        case "NULL":
            return None
        case "L":
            return [from_attribute(each) for each in held]
        case "M":
            return from_item(held)
        case "SS":
            return frozenset(held)
    raise TypeError(f"attributes of type {letter} are not used")


def to_item(values: Mapping[str, Any]) -> dict[str, Attribute]:
    """A dict as an item. What is None is left out: an attribute of an index may be absent, but not null."""
    return {name: to_attribute(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """An item as a dict."""
    return {name: from_attribute(attribute) for name, attribute in item.items()}
