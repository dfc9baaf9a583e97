"""The nightly repair where it cannot be told what happened, is cut off, or meets others: nobody is paid twice by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from msgspec import json

from chalicelib.domain import accounts
from chalicelib.domain.errors import Busy
from chalicelib.domain.orders import Order, Payment
from chalicelib.domain.payouts import Payout
from chalicelib.domain.postings import difference
from chalicelib.flows import compare_ledger, compare_orders, mend_books
from chalicelib.flows import redrive as redriven
from chalicelib.flows import repair as flow
from chalicelib.flows.reattribute_order import reattribute_order
from chalicelib.flows.record_order import record_order
from chalicelib.flows.repair import repair
from chalicelib.flows.request_payout import request_payout
from chalicelib.flows.verify import verify
from chalicelib.settings import settings
from chalicelib.store import ledger as books
from chalicelib.store import mended, payouts, repairs
from chalicelib.store import proof as reads
from chalicelib.store.dynamo import send
from chalicelib.store.items import to_item
from chalicelib.store.repairs import Finding
from tests.flows.busy_books import (
    LATER,
    NIGHT,
    deployment,
    figures,
    for_ever,
    held,
    ledger,
    lose,
    play,
    restore,
    rows,
    run,
    saved,
)
from tests.flows.shop import at, book, ordered, paid, refunded, said

AFTER = LATER + timedelta(days=9)


@pytest.fixture(scope="module")
def cloud() -> Iterator[bytes]:
    with deployment():
        play()
        yield saved()


@pytest.fixture(autouse=True)
def fresh(cloud: bytes) -> None:
    restore(cloud)


def sold(order_id: str) -> Order:
    return record_order(ordered(order_id, code="ANN", placed_at=at(70), payments=paid(days=70)), at(70))


def told(found: list[Finding]) -> set[tuple[str, str, str]]:
    return {(each.kind, each.subject, each.outcome) for each in found}


def restless(monkeypatch: pytest.MonkeyPatch, whose: str) -> None:
    """An account that changes whenever it is asked whether a change was lost."""
    asked, read = mend_books.fate, reads.read_account

    def asking(*about: Any) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reads, "read_account", lambda account, add: read(account, add) and whose not in account)
            return asked(*about)

    monkeypatch.setattr(mend_books, "fate", asking)


def test_one_account_that_does_not_hold_still_does_not_hide_what_another_one_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book(sold("other"))
    sold("lost")
    restless(monkeypatch, "bob")

    assert told(run()) == {("order", "lost", "posted")}
    assert verify(AFTER).mismatches == []


def test_what_cannot_be_told_is_left_for_another_night(monkeypatch: pytest.MonkeyPatch) -> None:
    sold("lost")
    before = held(ledger())
    with monkeypatch.context() as patch:
        restless(patch, "distributor")

        assert told(run()) == {("order", "lost", "left")}
    assert held(ledger()) == before

    assert told(run(1)) == {("order", "lost", "posted")}
    assert verify(AFTER).mismatches == []


def test_an_order_that_changed_hands_unheard_moves_once(monkeypatch: pytest.MonkeyPatch) -> None:
    book(sold("moved"))
    reattribute_order("moved", "cas", "why", "staff", at(71))
    restless(monkeypatch, "ann")

    assert told(run()) == {("order", "moved", "posted")}
    assert run(1) == []
    assert verify(AFTER).mismatches == []


def test_many_lost_changes_are_posted_however_little_time_a_step_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        sold(f"lost-{n}")
    monkeypatch.setattr(flow, "_worked", lambda *given: hasty(*given))
    work = compare_orders.orders_page, compare_orders.payouts_page

    def hasty(known: Any, progress: Any, part: Any, goes_on: Callable[[], bool]) -> bool:
        if progress.phase == "orders":
            work[0](progress, part, known.at)
        elif progress.phase == "payouts":
            work[1](progress, part)
        elif progress.phase == "before":
            compare_ledger.totals_page(progress, part)
        elif progress.phase == "ledger":
            return compare_ledger.ledger_pages(progress, part, goes_on)
        else:
            calls = count(1)
            mending = mend_books.Mending(progress, part, known.at, known.correct, known.by)
            return mending.go(lambda: next(calls) < 2)
        return True

    assert {outcome for _, _, outcome in told(run())} == {"posted"}
    assert verify(AFTER).mismatches == []


@pytest.mark.parametrize("made", range(1, 4))
@pytest.mark.parametrize(("correct", "and_its_day"), [(True, False), (False, True)])
def test_cut_off_between_two_writes_no_sum_is_taken_from_what_was_counted_before(
    monkeypatch: pytest.MonkeyPatch, made: int, correct: bool, and_its_day: bool
) -> None:
    book(sold("other"))
    book(sold("gone"))
    before = ledger()
    mine = [key for key in before if "gone@" in key[1]]
    merchant_id, day = next(iter(before[mine[0]]["merchants"])), before[mine[0]]["day"]
    for key in mine:
        lose(key)
    if and_its_day:
        lose((accounts.merchant(merchant_id, "CNY", "gone"), f"DAY#{day}"))
    put, calls = mended.put_if_gone, count(1)

    def cut_off(*given: Any) -> bool:
        done = put(*given)
        if next(calls) == made:
            raise Busy("BUSY")
        return done

    with monkeypatch.context() as patch:
        patch.setattr(flow, "_STEP_SECONDS", 0)
        patch.setattr(mended, "put_if_gone", cut_off)
        with suppress(Busy):
            run(0, correct)
    run(0, correct)
    run(1)

    assert figures(ledger()) == figures(before)
    assert run(2) == []


@pytest.mark.parametrize("whose", ["merchant:", ":ann:"])
def test_nothing_is_put_back_without_an_order_that_is_still_on_its_way(whose: str) -> None:
    """Its entries are gone, and a day that it made: by that day it would be taken for an order that was never posted."""
    first = record_order(
        ordered("gone", amount=10_000, code="ANN", placed_at=at(70), payments=paid(4000, days=70)),
        NIGHT - timedelta(hours=4),
    )
    book(first, record_order(said("gone", payments=paid(6000, "p-2", 70)), NIGHT - timedelta(hours=3)))
    mine = [key for key in ledger() if "gone@" in key[1]]
    of = next(iter(ledger()[mine[0]]["merchants"]))
    beside = next(
        name
        for name in map("beside-{}".format, range(200))
        if accounts.merchant(of, "CNY", name) == accounts.merchant(of, "CNY", "gone")
    )
    book(sold(beside))
    before = ledger()
    [day] = [key for key in before if whose in f":{key[0]}" and key[1].startswith(f"DAY#{before[mine[0]]['day']}")]
    for key in [*mine, day]:
        lose(key)

    assert "posted" not in {outcome for _, _, outcome in told(run())}
    assert repairs.page(1, None)[0][0].in_transit == 1
    assert "posted" not in {outcome for _, _, outcome in told(run(1))}
    assert held(ledger()) == held(before)
    assert run(2) == []


@pytest.mark.parametrize("correct", [False, True])
def test_nothing_is_put_back_without_an_order_that_waits_for_another_night(
    monkeypatch: pytest.MonkeyPatch, correct: bool
) -> None:
    book(sold("other"))
    book(sold("gone"))
    before = ledger()
    day = next(item["day"] for key, item in before.items() if "gone@" in key[1])
    for key in before:
        if "gone@" in key[1] or (key == ("distributor:ann:CNY", f"DAY#{day}#015") and not correct):
            lose(key)
    with monkeypatch.context() as patch:
        restless(patch, ":bob:")
        found = told(run(0, correct))
    assert ("order", "gone", "restored" if correct else "left") in found

    assert "posted" not in {outcome for _, _, outcome in told(run(1))}
    assert figures(ledger()) == figures(before)
    assert run(2) == []


def test_an_order_that_cannot_be_read_does_not_empty_its_merchants_days() -> None:
    before = ledger()
    [row] = [each for each in rows(settings().orders_table) if each["id"] == "o-01"]
    send("put_item", TableName=settings().orders_table, Item=to_item({**row, "image": "{"}))

    found = run(0, correct=True)

    assert {each.outcome for each in found} == {"left"}
    assert ledger() == before


def test_an_order_that_is_gone_does_not_empty_its_merchants_days() -> None:
    before = ledger()
    send("delete_item", TableName=settings().orders_table, Key=to_item({"id": "o-01"}))

    found = run(0, correct=True)

    assert {(each.kind, each.outcome) for each in found} == {("total", "left")}
    assert ledger() == before


def test_an_order_that_cannot_be_worked_out_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    sold("lost")
    lack = compare_orders.lack

    def working_out(image: Order, entries: Any) -> Any:
        if image.facts.order_id == "o-01":
            raise ZeroDivisionError
        return lack(image, entries)

    monkeypatch.setattr(compare_orders, "lack", working_out)

    assert told(run()) == {("order", "o-01", "left"), ("order", "lost", "posted")}


def test_a_payout_that_came_and_went_meanwhile_leaves_the_rails_days_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    request_payout("ann", "CNY", 8_000, "card", "distributor:ann", NIGHT, f"{90:032d}")
    pages, of_ledger = compare_orders.payouts_page, compare_ledger.ledger_pages
    made: list[Payout] = []

    def comes(*given: Any) -> None:
        if not made:
            made.append(request_payout("ann", "CNY", 4_000, "card", "distributor:ann", NIGHT, f"{91:032d}"))
        pages(*given)

    def goes(*given: Any) -> bool:
        payouts.move(made[0], "rejected", at=NIGHT, by="test")
        return of_ledger(*given)

    monkeypatch.setattr(compare_orders, "payouts_page", comes)
    monkeypatch.setattr(compare_ledger, "ledger_pages", goes)

    assert run(0, correct=True) == []
    assert verify(AFTER).mismatches == []


def test_what_came_back_to_a_merchant_is_counted_by_the_change_and_not_by_the_entry() -> None:
    old = sold("moved")
    book(old)
    new = reattribute_order("moved", "cas", "why", "staff", at(71))
    change = difference(old, new)
    assert change
    books.post([change])
    before = ledger()
    [entry] = [key for key in before if "moved@2" in key[1] and before[key]["amount"] < 0 and ":ann:" in key[0]]
    lose(entry)

    assert told(run(0, correct=True)) == {("order", "moved", "restored")}
    assert figures(ledger()) == figures(before)


def instalments() -> tuple[Order, Order]:
    """An order whose change takes twelve transactions, of which five were made."""
    payments = {f"p-{i}": Payment(amount=1000 + i, paid_at=at(60 + i)) for i in range(12)}
    amount = sum(each.amount for each in payments.values())
    old = record_order(ordered("inst", amount=amount, code="ANN", placed_at=at(59), payments=payments), at(75))
    book(old)
    new = reattribute_order("inst", "cas", "why", "staff", at(76))
    change = difference(old, new)
    assert change
    parts = books._parts(change)
    assert len(parts) == 12
    for part in parts[:5]:
        assert books.post([part])[0].result == "applied"
    return old, new


def test_the_rest_of_a_change_that_came_half_way_is_posted_by_the_repair() -> None:
    instalments()

    assert told(run()) == {("order", "inst", "posted")}
    assert run(1) == []
    assert verify(AFTER).mismatches == []


def discarded(old: Order, new: Order) -> dict[str, dict[str, dict[str, str]]]:
    """The record of a change."""
    return {name: {"image": {"S": json.encode(of).decode()}} for name, of in (("OldImage", old), ("NewImage", new))}


def test_a_change_that_came_half_way_is_left_to_the_repair_by_a_redrive() -> None:
    """Before it, and after it when another change is on its way."""
    old, new = instalments()
    assert redriven._posted("inst", discarded(old, new)) == ("known", None)
    run()
    assert verify(AFTER).mismatches == []
    whole = ledger()

    record_order(said("inst", refunds=refunded(amount=500)), NIGHT)

    assert redriven._posted("inst", discarded(old, new)) == ("known", None)
    assert ledger() == whole


def test_a_change_that_may_come_in_parts_waits_until_the_stream_has_forgotten_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = instalments()
    refund = record_order(said("inst", refunds=refunded(amount=500)), at(76) + timedelta(hours=1))
    before = ledger()
    monkeypatch.setattr("tests.flows.busy_books.NIGHT", at(76) + timedelta(hours=24))

    assert run() == []
    assert ledger() == before
    assert repairs.page(1, None)[0][0].in_transit == 1
    for change in (difference(old, new), difference(new, refund)):  # the stream brings the rest after all
        assert change
        assert books.post([change])[0].result == "applied"
    assert run(1) == []
    assert verify(AFTER).mismatches == []


def test_an_event_that_is_delivered_twice_does_not_let_a_redrive_in(monkeypatch: pytest.MonkeyPatch) -> None:
    save, seen = repairs.save, list[object]()

    def twice(*given: Any) -> Any:
        if not seen:
            monkeypatch.setattr(repairs, "save", lambda *_: None)  # the other one was faster
            seen.append(repair(NIGHT, "test", False, for_ever))
            seen.append(repairs.take("redrive", datetime.now(UTC), 120))
            monkeypatch.setattr(repairs, "save", twice)
        return save(*given)

    monkeypatch.setattr(repairs, "save", twice)

    assert run() == []
    assert seen == [None, False]
    assert repairs.take("redrive", datetime.now(UTC), 120)
