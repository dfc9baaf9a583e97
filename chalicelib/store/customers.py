"""Customers: the claims on them, their clicks, and whose own customer id it is. Sets only grow: joins in DynamoDB."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, json

from chalicelib.domain.attribution import Click
from chalicelib.domain.bindings import Claim, ordered
from chalicelib.settings import settings
from chalicelib.store.batch import Ref, read, ref
from chalicelib.store.dynamo import send
from chalicelib.store.items import to_item


class Customer(Struct, frozen=True, kw_only=True):
    """What is known of a customer; nothing, for one who never came up."""

    customer_id: str
    owner: str | None = None
    claims: tuple[Claim, ...] = ()
    clicks: tuple[Click, ...] = ()
    orders: int = 0


def customer_ref(customer_id: str) -> Ref:
    return ref(settings().customers_table, id=customer_id)


def from_attributes(customer_id: str, item: dict[str, Any] | None) -> Customer:
    """The customer in an item (plain attributes), or one of whom nothing is known."""
    item = item or {}
    return Customer(
        customer_id=customer_id,
        owner=item.get("owner"),
        claims=ordered(json.decode(each, type=Claim) for each in item.get("claims", ())),
        clicks=tuple(json.decode(each, type=Click) for each in item.get("clicks", ())),
        orders=item.get("orders", 0),
    )


def get(customer_id: str) -> Customer:
    return from_attributes(customer_id, read(customer_ref(customer_id)).get(customer_ref(customer_id)))


def add_claim(customer_id: str, claim: Claim, click: Click | None) -> None:
    """Records a claim (and the click it rests on). Recording the same one again changes nothing."""
    sets = {"claims": frozenset({json.encode(claim, order="sorted").decode()})}
    if click:
        sets["clicks"] = frozenset({json.encode(click, order="sorted").decode()})
    send(
        "update_item",
        TableName=settings().customers_table,
        Key=to_item({"id": customer_id}),
        UpdateExpression="ADD " + ", ".join(f"{name} :{name}" for name in sets),
        ExpressionAttributeValues=to_item({f":{name}": value for name, value in sets.items()}),
    )


def set_owner(customer_id: str, distributor_id: str) -> None:
    """Notes that this customer is the distributor themself."""
    send(
        "update_item",
        TableName=settings().customers_table,
        Key=to_item({"id": customer_id}),
        UpdateExpression="SET #owner = :owner",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues=to_item({":owner": distributor_id}),
    )


def counts_order(customer_id: str, known: int) -> dict[str, Any]:
    """An update, for a transaction, that counts one more attributed order of a customer of whom `known` were counted."""
    condition = "#orders = :known" if known else "attribute_not_exists(#orders)"
    return {
        "Update": {
            "TableName": settings().customers_table,
            "Key": to_item({"id": customer_id}),
            "UpdateExpression": "SET #orders = :next",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#orders": "orders"},
            "ExpressionAttributeValues": to_item({":next": known + 1, ":known": known or None}),
        }
    }
