"""One short life in every run of the tests; and that whoever watches over it does notice when something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from ministack.services import dynamodb

from chalicelib.settings import settings
from chalicelib.streams.commissions import commissions
from tests.life import changes
from tests.life.books import Wrong, number, text
from tests.life.changes import Item
from tests.life.cloud import deployed
from tests.life.life import SHORT, ZONES, Life, Size, live
from tests.life.stream import Stream

WEEKS = Size(start=SHORT.start, days=16, people=25, events=400, fault_rate=0.01)


def test_a_short_life_keeps_every_promise(record_property: Callable[[str, object], None]) -> None:
    life = live(1, SHORT, monthly=True)

    assert life.world.events >= SHORT.events
    assert life.cloud.now.date().isoformat() > "2028-02-29"
    assert {text(payout, "state") for payout in life.audit.books.payouts.values()} >= {"paid", "failed"}
    met = life.cloud.faults.met
    for kind in (
        "crash before",
        "crash after",
        "answer lost",
        "throttled",
        "conflict",
        "told twice",
        "orders reordered",
    ):
        assert met[kind], kind
    record_property("life", f"{life.world.events} events, {life.audit.books.entries} entries, {met.total()} faults")


def test_a_seed_is_the_same_life_again() -> None:
    week = WEEKS._replace(days=7, events=200)

    first, second = live(2, week), live(2, week)

    assert first.audit.books.stored == second.audit.books.stored
    assert first.cloud.faults.met == second.cloud.faults.met
    assert first.cloud.engine.calls == second.cloud.engine.calls


@pytest.fixture(scope="module")
def two_weeks() -> Iterator[Life]:
    """All that went wrong in them is over; the deployment stays."""
    with deployed(2, WEEKS.start, ZONES[2], WEEKS.fault_rate) as cloud:
        life = Life(2, WEEKS, cloud, ZONES[2])
        life.run()
        yield life


@pytest.fixture
def life(two_weeks: Life) -> Iterator[Life]:
    """The same, as it was before whatever is done to it."""
    items, books = deepcopy(dynamodb._tables._data), deepcopy(two_weeks.audit.books)
    yield two_weeks
    dynamodb._tables._data.clear()
    dynamodb._tables._data.update(items)
    two_weeks.audit.books = books


def some(table: str, wanted: Callable[[Item], bool]) -> Item:
    return dict(next(item for item in changes.items(table) if wanted(item)))


def put(life: Life, table: str, item: Item, **instead: dict[str, str]) -> None:
    life.cloud.call("PutItem", {"TableName": table, "Item": item | instead})


def entry(life: Life) -> tuple[str, Item]:
    ledger = settings().ledger_table
    return ledger, some(ledger, lambda item: "order_id" in item and number(item, "amount") > 1)


def an_entry_is_changed(life: Life) -> None:
    table, found = entry(life)
    put(life, table, found, amount={"N": str(number(found, "amount") + 1)})


def an_entry_is_deleted(life: Life) -> None:
    table, found = entry(life)
    life.cloud.call("DeleteItem", {"TableName": table, "Key": {"account": found["account"], "at": found["at"]}})


def a_balance_is_raised(life: Life) -> None:
    ledger = settings().ledger_table
    found = some(ledger, lambda item: text(item, "at") == "BALANCE")
    put(life, ledger, found, available={"N": str(number(found, "available") + 1)})


def a_merchant_is_relieved(life: Life) -> None:
    ledger = settings().ledger_table
    found = some(ledger, lambda item: text(item, "account").startswith("merchant:"))
    put(life, ledger, found, amount={"N": str(number(found, "amount") + 1)})


def a_payout_is_raised(life: Life) -> None:
    payouts = settings().payouts_table
    found = some(payouts, lambda item: "state" in item)
    put(life, payouts, found, gross={"N": str(number(found, "gross") + 1)})


def a_payout_is_paid_again(life: Life) -> None:
    payouts = settings().payouts_table
    found = some(payouts, lambda item: item.get("state") == {"S": "paid"})
    put(life, payouts, found, state={"S": "submitted"})


def money_is_moved(life: Life) -> None:
    """From one distributor to another: everything still comes to zero."""
    ledger = settings().ledger_table
    one, other = [item for item in changes.items(ledger) if number(item, "available") > 0][:2]
    for found, more in ((one, 1), (other, -1)):
        put(life, ledger, dict(found), available={"N": str(number(found, "available") + more)})


def an_order_is_forged(life: Life) -> None:
    """Its image says that the goods cost ten times as much, and the stream hears of it like of any change."""
    orders = settings().orders_table
    paid = next(order_id for order_id, earned in sorted(life.audit.books.earned.items()) if any(earned.values()))
    found = some(orders, lambda item: text(item, "id") == paid)
    image = text(found, "image").replace('"amount":', '"amount":10')
    revision = number(found, "revision")
    image = image.replace(f'"revision":{revision},', f'"revision":{revision + 1},')
    put(life, orders, found, image={"S": image}, revision={"N": str(revision + 1)})
    life.stream.deliver()
    life.audit.end_of_day(set())


def a_balance_is_raised_behind_the_log(life: Life) -> None:
    found = next(item for item in changes.items(settings().ledger_table) if text(item, "at") == "BALANCE")
    found["available"] = {"N": str(number(found, "available") + 1)}
    life.audit.everything()


def an_entry_is_lost_behind_the_log(life: Life) -> None:
    table, found = entry(life)
    del dynamodb._tables[table]["items"][text(found, "account")][text(found, "at")]
    life.audit.everything()


@pytest.mark.parametrize(
    "tampered",
    [
        an_entry_is_changed,
        an_entry_is_deleted,
        a_balance_is_raised,
        a_merchant_is_relieved,
        a_payout_is_raised,
        a_payout_is_paid_again,
        money_is_moved,
        an_order_is_forged,
        a_balance_is_raised_behind_the_log,
        an_entry_is_lost_behind_the_log,
    ],
)
def test_tampering_is_noticed(life: Life, tampered: Callable[[Life], None]) -> None:
    with pytest.raises(Wrong):
        tampered(life)


def test_a_record_that_is_never_posted_is_noticed(life: Life) -> None:
    """The stream's function says that all is well, and has left out one order."""

    def forgetful(event: dict[str, Any], context: Any) -> Any:
        return commissions({"Records": event["Records"][1:]}, context)

    life.cloud.faults.calm = True
    paid = next(order_id for order_id, earned in sorted(life.audit.books.earned.items()) if any(earned.values()))
    body = life.model.sales[paid].body
    life.actions.begins()
    life.actions.tell(
        life.cloud.now + timedelta(days=1), paid, body["currency"], {"cancelled_at": body["placed_at"]}, None
    )

    Stream(life.cloud, Random(1), forgetful).deliver()

    with pytest.raises(Wrong, match="earned something else"):
        life.audit.end_of_day(set())
