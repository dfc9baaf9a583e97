"""The least that holds the promises, with botocore alone: what the product's pace is a ratio to.

It keeps what may never break and nothing else: the same round trips and the same items in them. What it leaves out: plans
beyond two rates, refunds, instalments and disputes, merchants of lines, checks of what comes in beyond JSON, credit terms,
limits, explanations, repair of a transaction that was refused, logs and metrics.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import botocore.session
from botocore.config import Config


class Floor:
    """One program's floor: its client, and what a container keeps in memory (the API key, the plan)."""

    def __init__(self, key: str) -> None:
        config = Config(parameter_validation=False)
        self.client = botocore.session.get_session().create_client("dynamodb", config=config)
        self.keys = {hashlib.sha256(key.encode()).hexdigest()}
        self.orders, self.ledger = os.environ["ORDERS_TABLE"], os.environ["LEDGER_TABLE"]
        self.customers, self.distributors = os.environ["CUSTOMERS_TABLE"], os.environ["DISTRIBUTORS_TABLE"]
        self.settings = os.environ["SETTINGS_TABLE"]

    # ------------------------------------------------------------------ an order comes in

    def put(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Takes a new order. Kept: the caller's key is known; attributed by the binding in force, with its sponsor, and the
        two rates frozen onto it; stored once, whole, if nobody stored it before; answered as JSON."""
        key = event["headers"]["Authorization"].removeprefix("Bearer ")
        assert hashlib.sha256(key.encode()).hexdigest() in self.keys
        order_id, body = event["pathParameters"]["order_id"], json.loads(event["body"])
        found = self._read(
            (self.orders, {"id": order_id}),
            (self.customers, {"id": body["customer_id"]}),
            (self.settings, {"kind": "plan_index", "id": "default"}),
        )
        claim = json.loads(found[self.customers][0]["claims"]["SS"][0])
        pair = [claim["distributor_id"], claim["sponsor_id"]]
        people = {
            item["id"]["S"]: item
            for item in self._read(*((self.distributors, {"id": p}) for p in pair))[self.distributors]
        }
        assert all(people[each]["status"]["S"] == "active" for each in pair)
        now = datetime.now(UTC).isoformat()
        image = {"facts": body, "terms": {"direct": pair[0], "indirect": pair[1], "rates": [1000, 300]}, "at": now}
        self.client.update_item(
            TableName=self.orders,
            Key={"id": {"S": order_id}},
            UpdateExpression="SET #i = :i, #r = :r, #c = :c, #d = :d, #p = :p",
            ConditionExpression="attribute_not_exists(id)",
            ExpressionAttributeNames={
                "#i": "image",
                "#r": "revision",
                "#c": "currency",
                "#d": "distributor_id",
                "#p": "placed_at",
            },
            ExpressionAttributeValues={
                ":i": {"S": json.dumps(image)},
                ":r": {"N": "1"},
                ":c": {"S": body["currency"]},
                ":d": {"S": pair[0]},
                ":p": {"S": body["placed_at"]},
            },
        )
        answer = {"order_id": order_id, "revision": 1, **body, "attributed": image["terms"]}
        return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(answer)}

    def _read(self, *wanted: tuple[str, dict[str, str]]) -> dict[str, list[dict[str, Any]]]:
        request: dict[str, Any] = {}
        for table, key in wanted:
            asked = request.setdefault(table, {"Keys": [], "ConsistentRead": True})
            asked["Keys"].append({name: {"S": value} for name, value in key.items()})
        answer = self.client.batch_get_item(RequestItems=request)
        assert not answer.get("UnprocessedKeys")
        found: dict[str, list[dict[str, Any]]] = answer["Responses"]
        return found

    # ------------------------------------------------------------------ orders are posted

    def post(self, event: Mapping[str, Any]) -> None:
        """Posts new orders of the stream. Kept: an entry for each level, put if it is absent, so that a record that comes
        twice counts once; each account's day on hold, if it has not matured, with its statistics and where it stands in the
        index of what is due; the merchant's day against them, so that all sums to zero; all of an order in one transaction,
        and as many orders in one as it takes."""
        entries: list[dict[str, Any]] = []
        days: dict[tuple[str, str], dict[str, int]] = {}
        merchants: dict[tuple[str, str], int] = {}
        for record in event["Records"]:
            image = json.loads(record["dynamodb"]["NewImage"]["image"]["S"])
            facts, terms = image["facts"], image["terms"]
            lines = facts["description"]["lines"] if "description" in facts else facts["lines"]
            net, order_id = sum(line["amount"] for line in lines), record["dynamodb"]["Keys"]["id"]["S"]
            local = datetime.fromisoformat(facts["placed_at"]) + timedelta(hours=8)
            day = local.date().isoformat()
            people = [_name(terms["direct"]), _name(terms["indirect"])]
            shares = [(net * 1000 + 5000) // 10000, (net * 300 + 5000) // 10000]
            shard = f"merchant:operator:{facts['currency']}:{crc32(order_id.encode()) % 8}"
            accounts = [f"distributor:{person}:{facts['currency']}" for person in people]
            new = {(account, day) for account in accounts} - days.keys()
            if len(entries) + len(days) + len(merchants) + 2 + len(new) + ((shard, day) not in merchants) > 100:
                self._commit(entries, days, merchants)
                entries, days, merchants = [], {}, {}
            for level, account, amount in zip(("direct", "indirect"), accounts, shares, strict=True):
                entries.append(self._entry(order_id, account, level, amount, net, day, facts["placed_at"]))
                sums = days.setdefault(
                    (account, day), {"pending": 0, "orders": 0, "sales": 0, "direct": 0, "indirect": 0}
                )
                sums["pending"] += amount
                sums[level] += amount
                sums["orders"] += level == "direct"
                sums["sales"] += net if level == "direct" else 0
            merchants[shard, day] = merchants.get((shard, day), 0) - sum(shares)
        self._commit(entries, days, merchants)

    def _entry(
        self, order_id: str, account: str, level: str, amount: int, net: int, day: str, at: str
    ) -> dict[str, Any]:
        statistics = {"orders": {"N": "1"}, "sales": {"N": str(net)}} if level == "direct" else {}
        return {
            "Put": {
                "TableName": self.ledger,
                "Item": {
                    "account": {"S": account},
                    "at": {"S": f"ENTRY#{at}#{order_id}@1#{level}"},
                    "kind": {"S": "commission"},
                    "level": {"S": level},
                    "amount": {"N": str(amount)},
                    "day": {"S": day},
                    "hold_days": {"N": "15"},
                    "to": {"S": "pending"},
                    "order_id": {"S": order_id},
                    "revision": {"N": "1"},
                    "happened_at": {"S": at},
                    "merchants": {"M": {"operator": {"N": str(amount)}}},
                    **statistics,
                },
                "ConditionExpression": "attribute_not_exists(account)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _commit(
        self,
        entries: list[dict[str, Any]],
        days: dict[tuple[str, str], dict[str, int]],
        merchants: dict[tuple[str, str], int],
    ) -> None:
        items = list(entries)
        for (account, day), sums in days.items():
            added = {name: amount for name, amount in sums.items() if amount}
            items.append(
                self._add(
                    account,
                    f"DAY#{day}#015",
                    added,
                    {"due_shard": str(crc32(account.encode()) % 8), "due": f"{_after(day, 15)}#{account}"},
                )
            )
        items += [
            self._add(account, f"DAY#{day}", {"amount": amount}, {}) for (account, day), amount in merchants.items()
        ]
        self.client.transact_write_items(TransactItems=items)

    def _add(self, account: str, at: str, added: Mapping[str, int], once: Mapping[str, str]) -> dict[str, Any]:
        sets = "SET " + ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in once) if once else ""
        values = {f":{name}": {"N": str(amount)} for name, amount in added.items()}
        update: dict[str, Any] = {
            "TableName": self.ledger,
            "Key": {"account": {"S": account}, "at": {"S": at}},
            "UpdateExpression": f"{sets} ADD " + ", ".join(f"#{name} :{name}" for name in added),
            "ExpressionAttributeNames": {f"#{name}": name for name in (*added, *once)},
            "ExpressionAttributeValues": values | {f":{name}": {"S": value} for name, value in once.items()},
        }
        if once:
            update["ConditionExpression"] = "attribute_not_exists(matured_at)"
        return {"Update": update}


def _name(beneficiary: Any) -> str:
    return str(beneficiary["distributor_id"] if isinstance(beneficiary, dict) else beneficiary)


def _after(day: str, days: int) -> str:
    return (datetime.fromisoformat(day) + timedelta(days=days)).date().isoformat()
