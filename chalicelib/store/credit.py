"""What customers owe: their terms of credit and their open orders on account, kept in the customer's item.

`credit` are the terms; `open_orders` a map by order id; `credit_revision` counts its changes. `due_shard` and `next_due` put
the customer into the index of those to look at, only while an order on account is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import convert, to_builtins

from chalicelib.domain.credit import Account, CreditTerms, OpenOrder
from chalicelib.domain.errors import Busy
from chalicelib.settings import settings
from chalicelib.store import keys
from chalicelib.store.batch import read
from chalicelib.store.customers import customer_ref
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.transactions import transact

_PAGE = 25
"""Customers a page: each may have a hundred kilobytes of open orders."""


def from_attributes(item: dict[str, Any] | None) -> Account:
    """The account in a customer's item (plain attributes); one that owes nothing, if there is none."""
    item = item or {}
    terms = item.get("credit")
    return Account(
        terms=convert(terms, CreditTerms) if terms else None,
        open=convert(item.get("open_orders", {}), dict[str, OpenOrder]),
        revision=item.get("credit_revision", 0),
        judged_on=item.get("judged_on", ""),
    )


def get(customer_id: str) -> Account:
    return from_attributes(read(customer_ref(customer_id)).get(customer_ref(customer_id)))


def put_terms(customer_id: str, terms: CreditTerms, audit: dict[str, Any]) -> None:
    """Stores the terms with their audit record. Orders that are decided keep theirs."""
    update = {
        "TableName": settings().customers_table,
        "Key": to_item({"id": customer_id}),
        "UpdateExpression": "SET credit = :credit, open_orders = if_not_exists(open_orders, :none)",
        "ExpressionAttributeValues": to_item({":credit": to_builtins(terms), ":none": {}}),
    }
    if transact([{"Update": update}, audit]) is not None:
        raise Busy("BUSY")


def keeps(customer_id: str, old: Account, new: Account, counted_orders: int | None = None) -> dict[str, Any]:
    """An update, for a transaction, from the old account to the new one, on the condition that nobody changed it in between.

    `counted_orders`: counts one more attributed order too (see `customers.counts_order`): a transaction takes an item once.
    """
    changed = {o: order for o, order in new.open.items() if old.open.get(o) != order}
    entries = {f"#entry{i}": o for i, o in enumerate(sorted(changed.keys() | (old.open.keys() - new.open.keys())))}
    due = new.next_due
    plain: dict[str, Any] = {
        "credit_revision": new.revision,
        "judged_on": new.judged_on,
        "due_shard": keys.shard(customer_id) if due else None,
        "next_due": due,
    }
    conditions = ["credit_revision = :known" if old.revision else "attribute_not_exists(credit_revision)"]
    if counted_orders is not None:
        plain["orders"] = counted_orders + 1
        conditions.append("#orders = :counted" if counted_orders else "attribute_not_exists(#orders)")
    sets = [f"#{name} = :{name}" for name, value in plain.items() if value is not None]
    sets += [f"open_orders.{name} = :{name[1:]}" for name, o in entries.items() if o in changed]
    removes = [f"#{name}" for name, value in plain.items() if value is None]
    removes += [f"open_orders.{name}" for name, o in entries.items() if o not in changed]
    values = {f":{name}": value for name, value in plain.items()}
    values |= {f":{name[1:]}": to_builtins(changed[o]) for name, o in entries.items() if o in changed}
    values |= {":known": old.revision or None, ":counted": counted_orders or None}
    return {
        "Update": {
            "TableName": settings().customers_table,
            "Key": to_item({"id": customer_id}),
            "UpdateExpression": "SET " + ", ".join(sets) + (" REMOVE " + ", ".join(removes) if removes else ""),
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {f"#{name}": name for name in plain} | entries,
            "ExpressionAttributeValues": to_item(values),
        }
    }


def to_look_at(day: str) -> Iterator[dict[str, Account]]:
    """The accounts with something due before this day, or missed by a stopped order, by customer; page by page."""
    for shard in keys.DUE_SHARDS:
        start: dict[str, Any] = {}
        while True:
            answer = send(
                "query",
                TableName=settings().customers_table,
                IndexName="next_due",
                KeyConditionExpression="due_shard = :shard AND next_due < :day",
                ExpressionAttributeValues=to_item({":shard": shard, ":day": day}),
                Limit=_PAGE,
                **start,
            )
            found = [customer_ref(from_item(item)["id"]) for item in answer["Items"]]
            if found:
                yield {item["id"]: from_attributes(item) for item in read(*found).values()}
            if "LastEvaluatedKey" not in answer:
                break
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
