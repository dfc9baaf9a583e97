"""Merchants: who sells lines of orders, and whether the operator bears their commission."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from chalicelib.settings import settings
from chalicelib.store.batch import Ref, read, ref
from chalicelib.store.items import to_item
from chalicelib.store.transactions import transact


class Merchant(Struct, frozen=True, kw_only=True):
    """`paid_by` says who bears the commission on their lines."""

    merchant_id: str
    name: str
    paid_by: Literal["merchant", "operator"] = "merchant"


def merchant_ref(merchant_id: str) -> Ref:
    return ref(settings().settings_table, kind="merchant", id=merchant_id)


def from_attributes(item: dict[str, Any]) -> Merchant:
    return Merchant(merchant_id=item["id"], name=item["name"], paid_by=item["paid_by"])


def get(merchant_id: str) -> Merchant | None:
    item = read(merchant_ref(merchant_id)).get(merchant_ref(merchant_id))
    return from_attributes(item) if item else None


def put(merchant: Merchant, *also: dict[str, Any]) -> None:
    """Stores the merchant as given, with `also` (its audit record) in one transaction; orders that have their terms keep
    them."""
    item = {"kind": "merchant", "id": merchant.merchant_id, "name": merchant.name, "paid_by": merchant.paid_by}
    transact([{"Put": {"TableName": settings().settings_table, "Item": to_item(item)}}, *also])
