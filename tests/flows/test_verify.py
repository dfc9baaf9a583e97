"""The proof: clean books pass it, and every kind of damage is named."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.accounts import merchant
from chalicelib.flows.mature import mature
from chalicelib.flows.record_order import record_order
from chalicelib.flows.verify import Proof, verify
from chalicelib.settings import settings
from chalicelib.store import proof
from chalicelib.store.dynamo import send
from chalicelib.store.items import to_item
from tests.flows.shop import NOW, at, book, open_shop, ordered, paid, refunded, said

pytestmark = pytest.mark.usefixtures("cloud_tables")

ANN = "distributor:ann:CNY"
LATER = at(60)


@pytest.fixture(autouse=True)
def books(cloud_tables: Any) -> None:
    """Three orders: one matured, one reversed after that, one on hold."""
    open_shop()
    first = record_order(ordered(payments=paid()), NOW)
    second = record_order(ordered("o-2", payments=paid()), NOW)
    book(first)
    book(second)
    mature(at(20))
    back = record_order(said("o-2", refunds=refunded(("1", 4_000))), at(21))
    book(second, back)
    book(record_order(ordered("o-3", placed_at=at(20), payments=paid(days=20)), at(22)))


def named(found: Proof) -> set[tuple[str, str]]:
    return {(each.account, each.what) for each in found.mismatches}


def change(account: str, at: str, name: str, by: int) -> None:
    send(
        "update_item",
        TableName=settings().ledger_table,
        Key=to_item({"account": account, "at": at}),
        UpdateExpression="ADD #name :by",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues=to_item({":by": by}),
    )


def entry_of(order_id: str, account: str = ANN) -> str:
    return next(i["at"] for i in proof.whole_ledger() if i["account"] == account and i.get("order_id") == order_id)


@pytest.mark.parametrize("who", [None, "ann", "bob", "cas"])
def test_clean_books_pass(who: str | None) -> None:
    found = verify(LATER, who)

    assert found.mismatches == []
    assert set(found.imbalance.values()) <= {0}
    assert (found.entries, found.orders) == {None: (8, 3), "ann": (4, 3), "bob": (4, 3), "cas": (0, 0)}[who]


@pytest.mark.parametrize("who", [None, "ann"])
def test_clean_books_pass_as_of_any_time(who: str | None) -> None:
    assert verify(LATER, who, as_of=at(20)).entries == (4 if who is None else 2)
    assert verify(LATER, who, as_of=at(20)).mismatches == []
    assert verify(LATER, who, as_of=LATER).imbalance == {"CNY": 0}


@pytest.mark.parametrize("who", [None, "ann"])
@pytest.mark.parametrize(
    ("at_key", "name", "what"),
    [
        ("BALANCE", "available", "available"),
        ("BALANCE", "paid", "paid"),
        ("BALANCE", "in_flight", "in_flight"),
        ("DAY#2026-03-21#015", "pending", "DAY#2026-03-21#015"),
        ("DAY#2026-03-01#015", "pending", "DAY#2026-03-01#015"),
        ("DAY#HELD#015", "pending", "DAY#HELD#015"),
    ],
)
def test_a_changed_balance_or_day_is_named(who: str | None, at_key: str, name: str, what: str) -> None:
    change(ANN, at_key, name, 7)

    found = verify(LATER, who)

    assert (ANN, what) in named(found)
    assert {account for account, _ in named(found)} == {ANN}


@pytest.mark.parametrize("who", [None, "ann"])
def test_a_changed_entry_is_named_with_its_order(who: str | None) -> None:
    change(ANN, entry_of("o-3"), "amount", 7)

    assert {(ANN, "order o-3 2026-03-21"), (ANN, "DAY#2026-03-21#015")} <= named(verify(LATER, who))
    assert (ANN, entry_of("o-3")) in named(verify(LATER, who, as_of=LATER))


@pytest.mark.parametrize("who", [None, "ann"])
def test_a_lost_entry_is_named(who: str | None) -> None:
    send("delete_item", TableName=settings().ledger_table, Key=to_item({"account": ANN, "at": entry_of("o-3")}))

    assert (ANN, "order o-3 2026-03-21") in named(verify(LATER, who))


@pytest.mark.parametrize("who", [None, "ann"])
def test_an_order_that_is_gone_is_named(who: str | None) -> None:
    send("delete_item", TableName=settings().orders_table, Key=to_item({"id": "o-3"}))

    assert (ANN, "order o-3 2026-03-21") in named(verify(LATER, who))


def test_an_order_that_never_reached_the_books_is_named_after_a_while() -> None:
    record_order(ordered("o-4", payments=paid()), at(30))

    assert verify(at(30)).in_transit == 1
    assert verify(at(30)).mismatches == []
    assert named(verify(LATER)) == {
        (ANN, "order o-4 2026-03-01"),
        ("distributor:bob:CNY", "order o-4 2026-03-01"),
    }
    assert named(verify(LATER, "ann")) == {(ANN, "order o-4 2026-03-01")}
    # An indirect beneficiary's proof starts from entries: only the proof of everybody finds one that is missing.
    assert named(verify(LATER, "bob")) == set()


def test_a_changed_merchants_day_is_named_and_breaks_the_sum() -> None:
    account = merchant("operator", "CNY", "o-1")
    change(account, "DAY#2026-03-01", "amount", -7)

    found = verify(LATER)

    assert named(found) == {(account, "DAY#2026-03-01")}
    assert found.imbalance == {"CNY": -7}
