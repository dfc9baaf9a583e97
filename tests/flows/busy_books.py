"""The books of a program to which everything has happened, in the engine; and ways to lose parts of them."""

from __future__ import annotations

import os
import pickle
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import boto3
from ministack.services import dynamodb, s3

from chalicelib.domain.orders import Dispute, Order
from chalicelib.domain.plans import PayoutRules
from chalicelib.domain.postings import difference
from chalicelib.flows.mature import mature
from chalicelib.flows.post_commissions import post_commissions
from chalicelib.flows.record_order import record_order
from chalicelib.flows.repair import read_repair, repair
from chalicelib.flows.request_payout import request_payout
from chalicelib.flows.save_plan import save_plan
from chalicelib.settings import settings
from chalicelib.store import distributors, payouts
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.repairs import Finding
from chalicelib.store.statement import balance
from tests import engine
from tests.containers import CREDENTIALS, SECRET, forget
from tests.flows.shop import at, book, described, line, ordered, paid, person, plan, refunded, said
from tests.tables import create_tables

BUCKET = "fenrun-files"
LATER = at(90)
"""Long after everything."""
NIGHT = at(92)
Key = tuple[str, str]
Item = dict[str, Any]


@contextmanager
def deployment() -> Iterator[None]:
    """The deployment's tables and buckets, empty, in the engine."""
    before = dict(os.environ)
    engine.reset()
    os.environ.update({**CREDENTIALS, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "FILES_BUCKET": BUCKET})
    try:
        with engine.inside():
            os.environ.update(create_tables(boto3.client("dynamodb")))
            boto3.client("s3").create_bucket(Bucket=BUCKET)
            secret = boto3.client("secretsmanager").create_secret(Name="fenrun", SecretString=SECRET)
            os.environ["SECRET_ARN"] = secret["ARN"]
            forget()
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        engine.reset()
        forget()


def saved() -> bytes:
    return pickle.dumps((dynamodb._tables._data, s3._buckets._data))


def restore(state: bytes) -> None:
    for store, data in zip((dynamodb._tables, s3._buckets), pickle.loads(state), strict=True):
        store._data.clear()
        store._data.update(data)
    forget()


def ledger() -> dict[Key, Item]:
    """Every item of the ledger, by its key."""
    found: dict[Key, Item] = {}
    more: dict[str, Any] = {}
    while True:
        answer = send("scan", TableName=settings().ledger_table, **more)
        for item in map(from_item, answer["Items"]):
            found[item.pop("account"), item.pop("at")] = item
        if "LastEvaluatedKey" not in answer:
            return found
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def rows(table: str) -> list[Item]:
    """The first page of a table."""
    return [from_item(item) for item in send("scan", TableName=table)["Items"]]


def lose(key: Key) -> None:
    """What no function may do."""
    send("delete_item", TableName=settings().ledger_table, Key=to_item({"account": key[0], "at": key[1]}))


def for_ever() -> float:
    """The time that a function has left, in seconds."""
    return 1e9


def run(night: int = 0, correct: bool = False) -> list[Finding]:
    """A whole run of the repair; what it found."""
    done = repair(NIGHT + timedelta(days=night), "test", correct, for_ever)
    assert done
    assert done.state == "done"
    return read_repair(done.id)[1]


def figures(items: dict[Key, Item]) -> dict[Key, Item]:
    """What the items hold, without what only says when or how often; zeros stand for nothing."""
    left_out = {"version", "matured_at", "due", "due_shard", "digest", "happened_at", "kind"}
    return {
        key: {name: value for name, value in item.items() if name not in left_out and value not in (0, {})}
        for key, item in items.items()
    }


def held(items: dict[Key, Item]) -> dict[Key, int]:
    """Who holds how much, in minor units: what waits, is available, in flight and paid; and what all others have by day."""
    sums: dict[Key, int] = defaultdict(int)
    for (account, where), item in items.items():
        if where == "BALANCE":
            for name in ("available", "in_flight", "paid"):
                sums[account, name] += item.get(name, 0)
        elif where.startswith("DAY#") and account.startswith("distributor:"):
            sums[account, "waits"] += 0 if "matured_at" in item else item.get("pending", 0)
        elif where.startswith("DAY#"):
            sums[account, where] += item.get("amount", 0)
    return {key: amount for key, amount in sums.items() if amount}


def play(seed: int = 1, orders: int = 24) -> list[Order]:
    """Everything that happens to the orders of three distributors, in two currencies, from two merchants; and payouts."""
    dice = random.Random(seed)
    save_plan(
        "default", plan(payout=PayoutRules(tax={"CN": "cn_per_occurrence"}, fee_rate="0.01")), at(-30), "x", at(-30)
    )
    for each in (person("bob"), person("ann", "bob"), person("cas", "ann")):
        distributors.create(each, {})
        distributors.set_payout_methods(
            each, {"card": {"rail": "bank_file", "holder": "x", "account": "1", "bank": "B"}}
        )
    last: list[Order] = []
    for i in range(orders):
        last.append(_order(dice, f"o-{i:02d}"))
        if i % 6 == 5:
            mature(at(20 + i))
    for i, name in enumerate(("ann", "bob", "ann", "cas", "ann")):
        if balance(name, "CNY").available >= 200_000:
            _payout(name, i, dice)
    _late_refunds(dice, last)
    return last


def _order(dice: random.Random, order_id: str) -> Order:
    days, code = dice.randint(0, 12), dice.choice(["ANN", "CAS", "BOB"])
    first_line = line(dice.randint(1, 20) * 100_000, "1", merchant_id=dice.choice(["m1", None]))
    lines = [first_line, line(140_000, "2", merchant_id="m1")]
    total = sum(each.amount for each in lines)
    currency = dice.choice(["CNY", "CNY", "USD"])
    facts = ordered(order_id, code=code, currency=currency, placed_at=at(days), description=described(*lines))
    images = [record_order(facts, at(days))]
    happens = dice.choice(["paid", "paid", "paid", "parts", "refund", "all back", "dispute", "moved", "never"])
    if happens == "never":
        return images[-1]
    first = total // 3 if happens == "parts" else total
    now = at(days) + timedelta(hours=1)
    images.append(record_order(said(order_id, currency=currency, payments=paid(first, days=days)), now))
    if happens == "parts":
        rest = paid(total - first, "p-2", days + 2)
        images.append(record_order(said(order_id, currency=currency, payments=rest), at(days + 2)))
    if happens == "refund":
        back = refunded(("2", 70_000))
        images.append(record_order(said(order_id, currency=currency, refunds=back), at(days + 1)))
    if happens == "all back":
        images.append(record_order(said(order_id, currency=currency, refunds=refunded(amount=total)), at(days + 1)))
    if happens == "dispute":
        held = {"d1": Dispute(amount=100_000, at=at(days + 1), state="open")}
        images.append(record_order(said(order_id, currency=currency, disputes=held), at(days + 1)))
    book(*images)
    return images[-1]


def _payout(name: str, i: int, dice: random.Random) -> None:
    now = at(50 + i)
    payout = request_payout(name, "CNY", 120_000 + 10_000 * i, "card", f"distributor:{name}", now, f"{i:032d}")
    for step, to in enumerate(dice.choice([(), ("rejected",), _PATH, (*_PATH, "paid"), (*_PATH, "paid", "returned")])):
        payout = payouts.move(payout, to, at=now + timedelta(hours=step), by="test") or payout  # type: ignore[arg-type]


_PATH = ("approved", "submitting", "submitted")


def _late_refunds(dice: random.Random, known: list[Order]) -> None:
    for i, order in enumerate(known):
        if order.written and not order.facts.refunds and dice.random() < 0.4:
            order_id, currency = order.facts.order_id, order.facts.currency
            back = refunded(("2", 60_000), refund_id="late")
            after = record_order(said(order_id, currency=currency, refunds=back), at(60))
            _posted_again(order, after)
            known[i] = after


def _posted_again(old: Order, new: Order) -> None:
    change = difference(old, new)
    assert all(each.result == "applied" for each in post_commissions([change] if change else []))
