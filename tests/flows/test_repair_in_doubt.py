"""The nightly repair where it cannot be told what happened, is cut off, or meets others: nobody is paid twice by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from msgspec import json

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
from chalicelib.store import payouts, repairs
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
from tests.flows.shop import at, book, ordered, paid

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
    asked, read = mend_books.was_lost, reads.read_account

    def asking(*about: Any) -> bool | None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reads, "read_account", lambda account, add: read(account, add) and whose not in account)
            return asked(*about)

    monkeypatch.setattr(mend_books, "was_lost", asking)


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
        book_of_the_day = compare_ledger._charge_adds_up
        patch.setattr(compare_ledger, "_charge_adds_up", lambda *about: book_of_the_day(*about) and [False])

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


def test_cut_off_after_entries_are_back_no_figure_is_corrected_by_what_was_added_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book(sold("other"))
    book(sold("gone"))
    before = ledger()
    for key in before:
        if "gone@" in key[1]:
            lose(key)
    monkeypatch.setattr(flow, "_STEP_SECONDS", 0)
    restored = mend_books.Mending._restored

    def cut_off(self: Any, *given: Any) -> Any:
        restored(self, *given)
        monkeypatch.setattr(mend_books.Mending, "_restored", restored)
        raise Busy("BUSY")

    monkeypatch.setattr(mend_books.Mending, "_restored", cut_off)
    with pytest.raises(Busy):
        run(0, correct=True)

    run(0, correct=True)

    assert figures(ledger()) == figures(before)


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


def test_the_rest_of_a_change_that_came_half_way_is_posted_by_a_redrive() -> None:
    old, new = instalments()
    images = {name: {"image": {"S": json.encode(of).decode()}} for name, of in (("OldImage", old), ("NewImage", new))}

    assert redriven._posted("inst", images) == ("posted", None)
    assert redriven._posted("inst", images) == ("known", None)
    assert run() == []
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
