"""A small program whose distributors have money, for the tests of payouts; and what must be true of its books."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
from moto import mock_aws

from chalicelib.domain import accounts
from chalicelib.domain.payouts import Payout
from chalicelib.domain.people import Distributor
from chalicelib.domain.plans import PayoutRules, Plan, Rule
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.request_payout import request_payout
from chalicelib.flows.settle import Settlement, settle
from chalicelib.settings import settings
from chalicelib.store import (
    audit,
    connection,
    distributors,
    files,
    keys,
    payout_runs,
    payouts,
    plans,
    run_members,
    sums,
    tax_years,
)
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.payout_runs import Run
from chalicelib.store.transactions import transact
from tests.tables import create_tables

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
EVENT = datetime(2026, 11, 22, 2, tzinfo=UTC)
RUN = "2026-11-22"
BUCKET = "fenrun-files"
METHOD = {"rail": "bank_file", "holder": "李伟", "account": "6222020200112233445", "bank": "ICBC"}
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "FILES_BUCKET": BUCKET,
}


def forget() -> None:
    """Makes this process a fresh container."""
    settings.cache_clear()
    connection.shared.cache_clear()
    plans.forget()
    files.forget()


@contextmanager
def fresh_cloud() -> Iterator[None]:
    """An account with the deployment's tables and bucket, empty."""
    before = dict(os.environ)
    os.environ.pop("AWS_ENDPOINT_URL", None)
    os.environ.update(_ENVIRONMENT)
    try:
        with mock_aws():
            os.environ.update(create_tables(boto3.client("dynamodb")))
            boto3.client("s3").create_bucket(Bucket=BUCKET)
            forget()
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        forget()


def plan(**payout: Any) -> None:
    """Stores the plan in force, with these payout rules."""
    rules = Plan(direct=Rule(rate="0.1"), payout=PayoutRules(**payout))
    plans.store("default", rules, START, audit.record(START, "test", "plan.save", "plan:default"))


def joined(name: str, methods: dict[str, dict[str, str]] | None = None, status: str = "active") -> str:
    """A new distributor; with one payout method unless said otherwise."""
    person = Distributor(id=name, code=name.upper(), name=name, status=status, joined_at="2026-01-01")  # type: ignore
    distributors.create(person, {})
    wanted = {"card": METHOD} if methods is None else methods
    if wanted:
        assert distributors.set_payout_methods(person, wanted)
    return name


def earned(distributor_id: str, amount: int, currency: str = "CNY") -> None:
    """Commission that has matured: entry, balance and the merchant who bears it."""
    account = accounts.distributor(distributor_id, currency)
    line = {
        "account": account,
        "at": keys.entry(START, f"o-{distributor_id}-{currency}-{amount}@1", "direct"),
        "kind": "commission",
        "amount": amount,
    }
    writes = [
        sums.balance(account, {"available": amount}),
        sums.total(accounts.merchant("m", currency, "o"), "2026-01-01", -amount),
        {"Put": {"TableName": settings().ledger_table, "Item": to_item(line)}},
    ]
    assert transact(writes) is None


def asked(distributor_id: str, amount: int | None = None, currency: str = "CNY", once: str | None = None) -> Payout:
    return request_payout(distributor_id, currency, amount, "card", f"distributor:{distributor_id}", NOW, once)


def american(name: str) -> str:
    distributors.create(
        Distributor(id=name, code=name.upper(), name=name, status="active", joined_at="2026", country="US"), {}
    )
    assert distributors.set_payout_methods(distributors.get(name), {"card": METHOD})  # type: ignore[arg-type]
    return name


def ask(name: str, amount: int, currency: str = "CNY", at: datetime = NOW, once: str | None = None) -> Payout:
    return request_payout(name, currency, amount, "card", f"distributor:{name}", at, once)


def reject(payout: Payout) -> Payout:
    return decide_payout(payout.id, "rejected", "staff:checker", NOW, "no")


def rows(table: str) -> list[dict[str, Any]]:
    return [from_item(item) for item in send("scan", TableName=table)["Items"]]


def all_payouts() -> dict[str, Payout]:
    found = [row for row in rows(settings().payouts_table) if not row["id"].startswith(tax_years.PREFIX)]
    return {row["id"]: payouts.from_attributes(row) for row in found}


def running_totals() -> dict[tuple[str, str], int]:
    """What stands in the items that tax is computed from: (item, attribute) to minor units."""
    found = [row for row in rows(settings().payouts_table) if row["id"].startswith(tax_years.PREFIX)]
    return {(row["id"], name): amount for row in found for name, amount in row.items() if amount and "_" in name}


def balance(distributor_id: str, currency: str = "CNY") -> dict[str, int]:
    account = accounts.distributor(distributor_id, currency)
    found = [row for row in rows(settings().ledger_table) if (row["account"], row["at"]) == (account, keys.BALANCE)]
    return {name: found[0].get(name, 0) for name in ("available", "in_flight", "paid")}


def check_books() -> None:
    """Balances are what the entries and the payouts say, nothing is below zero, and everything sums to zero."""
    entries: dict[str, int] = defaultdict(int)
    sums: dict[str, int] = defaultdict(int)
    totals: dict[str, int] = defaultdict(int)
    stored: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows(settings().ledger_table):
        if row["at"] == keys.BALANCE:
            assert row["available"] >= 0
            for name in ("available", "in_flight", "paid"):
                stored[row["account"], name] += row.get(name, 0)
            continue
        sums[accounts.currency_of(row["account"])] += row["amount"]
        if row["at"].startswith("ENTRY#"):
            entries[row["account"]] += row["amount"]
        else:
            totals[row["account"]] += row["amount"]
    assert set(sums.values()) <= {0}
    expected: dict[tuple[str, str], int] = defaultdict(int)
    system: dict[str, int] = defaultdict(int)
    running: dict[tuple[str, str], int] = defaultdict(int)
    for account, amount in entries.items():
        expected[account, "available"] += amount
    for payout in all_payouts().values():
        if payout.state in ("rejected", "failed", "returned"):
            continue
        if payout.tax_month:
            yearly = f"{tax_years.PREFIX}{payout.distributor_id}#{payout.currency}#{payout.tax_month[:4]}"
            running[yearly, f"gross_{payout.tax_month[5:]}"] += payout.gross
            running[yearly, f"tax_{payout.tax_month[5:]}"] += payout.tax
        held = "paid" if payout.state == "paid" else "in_flight"
        expected[accounts.distributor(payout.distributor_id, payout.currency), held] += payout.gross
        where = accounts.bank if payout.state == "paid" else accounts.clearing
        system[where(payout.rail, payout.currency)] += payout.net
        system[accounts.fees(payout.rail, payout.currency)] += payout.fee
        system[accounts.tax(payout.country, payout.currency)] += payout.tax
    assert {k: v for k, v in stored.items() if v} == {k: v for k, v in expected.items() if v}
    kept = {k: v for k, v in totals.items() if v and not k.startswith("merchant:")}
    assert kept == {k: v for k, v in system.items() if v}
    assert running_totals() == {k: v for k, v in running.items() if v}


def written() -> dict[str, bytes]:
    """Every file in the bucket."""
    listed = boto3.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {each["Key"]: files.get(each["Key"]) or b"" for each in listed}


def for_ever() -> float:
    return 1e9


def run(at: datetime = EVENT, remaining: Callable[[], float] = for_ever) -> Settlement:
    return settle(at, remaining)


def members(run_id: str = RUN) -> list[str]:
    """The payouts that joined the run."""
    return sorted(payout_id for _, group in run_members.members(run_id) for payout_id in group)


def reopened(run_id: str = RUN) -> Run:
    """The run as it was when it was closed and none of its files was written."""
    connection.client().update_item(
        TableName=settings().settings_table,
        Key={"kind": {"S": "payout_run"}, "id": {"S": run_id}},
        UpdateExpression="SET #state = :closed",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":closed": {"S": "closed"}},
    )
    key = {"kind": {"S": f"payout_run_part#{run_id}"}, "id": {"S": "files"}}
    connection.client().delete_item(TableName=settings().settings_table, Key=key)
    return payout_runs.get(run_id)


def states() -> dict[str, str]:
    return {payout.id: payout.state for payout in all_payouts().values()}


def approved(distributor_id: str, amount: int | None = None, currency: str = "CNY", once: str | None = None) -> str:
    payout = asked(distributor_id, amount, currency, once)
    return decide_payout(payout.id, "approved", "staff:checker", NOW).id


class Crash(Exception):
    """The function's container is gone."""


@contextmanager
def hooked(hook: Callable[..., None]) -> Iterator[None]:
    """Calls `hook` before every call to DynamoDB and S3."""
    events = [connection.client().meta.events, files._client().meta.events]
    for each in events:
        each.register("before-call", hook)
    try:
        yield
    finally:
        for each in events:
            each.unregister("before-call", hook)


@contextmanager
def crashing(at_call: int) -> Iterator[None]:
    """Crashes before the call of this number; -1 stands for the first that would write a file."""
    calls = 0

    def count(model: Any, **_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == at_call or (at_call == -1 and model.name == "PutObject"):
            raise Crash

    with hooked(count):
        yield
