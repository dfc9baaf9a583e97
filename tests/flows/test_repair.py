"""The nightly repair: whatever is gone from the books is found, and what follows from orders and payouts is put back."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain import postings, proof
from chalicelib.domain.books import Books, add_item
from chalicelib.flows import compare_ledger
from chalicelib.flows import repair as flow
from chalicelib.flows.record_order import record_order
from chalicelib.flows.repair import read_repair, repair
from chalicelib.flows.verify import prove, verify
from chalicelib.schedules import repair as schedule
from chalicelib.settings import settings
from chalicelib.store import proof as reads
from chalicelib.store import repairs
from chalicelib.store.dynamo import send
from chalicelib.store.items import to_item
from chalicelib.store.repairs import Finding
from local.stack import scheduled_event
from tests.flows.busy_books import (
    LATER,
    NIGHT,
    Item,
    Key,
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

_DELETIONS = int(os.environ.get("REPAIR_DELETIONS", "24"))
Books_ = dict[Key, Item]


@pytest.fixture(scope="module")
def cloud() -> Iterator[bytes]:
    with deployment():
        play()
        yield saved()


@pytest.fixture
def before(cloud: bytes) -> Books_:
    """The books as they are before anything is lost."""
    restore(cloud)
    return ledger()


def outcomes(found: list[Finding]) -> Counter[str]:
    return Counter(each.outcome for each in found)


# ------------------------------------------------------------------ whatever is deleted is found


def test_books_that_add_up_are_left_alone(before: Books_) -> None:
    assert {key[1].split("#")[0] for key in before} == {"BALANCE", "DAY", "ENTRY"}
    assert {key[0].split(":")[0] for key in before} >= {"distributor", "merchant", "clearing", "fees", "tax"}

    assert run() == []
    assert ledger() == before
    assert verify(LATER).mismatches == []


def test_any_1000_items_are_missed_when_they_are_gone(before: Books_, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that `GET /v1/ledger/verify` and the nightly run share, over all but one item: every item once, then others
    at random, one or several at a time."""
    # What an image earns does not change with the ledger, and takes the most time.
    monkeypatch.setattr(proof, "holdings", cache_by_id(postings.holdings))
    items = [{"account": account, "at": where, **item} for (account, where), item in before.items()]
    images, (payouts, totals) = list(reads.all_orders()), reads.paid_out()
    dice, found, asked = random.Random(6), 0, 0
    groups = [{i} for i in range(len(items))]
    while sum(map(len, groups)) < 1000:
        groups.append(set(dice.sample(range(len(items)), dice.choice([1, 1, 2, 5, 20]))))
    for lost in groups:
        books = Books(settings().time_zone)
        for i, item in enumerate(items):
            if i not in lost:
                add_item(books, item)
        named = prove(books, payouts, totals, images, LATER).mismatches
        asked += len(lost)
        found += sum(is_named(items[i], named, images) for i in lost)

    assert found == asked >= 1000


def cache_by_id(function: Any) -> Any:
    known: dict[int, Any] = {}
    return lambda image: known[id(image)] if id(image) in known else known.setdefault(id(image), function(image))


def is_named(item: Item, found: list[Any], images: list[Any]) -> bool:
    """Whether the item is named; or, where all that speaks of it is gone with it, the order or payout that it came from."""
    account, where = item["account"], item["at"]
    whats = {each.what for each in found if each.account == account}
    if "payout_id" in item:
        return any(item["payout_id"] in what for what in whats)
    if "order_id" in item:
        return any(what.startswith(f"order {item['order_id']} ") for what in whats)
    day = (
        where if not where.startswith("DAY#") or account.startswith("distributor:") else "#".join(where.split("#")[:2])
    )
    if whats & {"available", "in_flight", "paid"} and where == "BALANCE":
        return True
    if any(what.split(" ")[0] == day or what.startswith(f"{where} ") for what in whats):
        return True
    return any(what.startswith(("order ", "payout ")) for each in found for what in [each.what])


@pytest.mark.parametrize("seed", range(4))
def test_what_is_gone_is_back_to_the_cent(before: Books_, seed: int) -> None:
    """A few items at a time: one night finds and mends them, and the next finds nothing."""
    dice, lost_so_far = random.Random(seed), 0
    state = saved()
    while lost_so_far < _DELETIONS // 4:
        restore(state)
        lost = dice.sample(sorted(before), dice.choice([1, 1, 2, 3, 6]))
        lost_so_far += len(lost)
        for key in lost:
            lose(key)

        found = run()

        assert found
        assert held(ledger()) == held(before), lost
        assert set(outcomes(found)) <= {"restored", "rebuilt", "posted"} or len(lost) > 3, (lost, found)
        proved = verify(LATER)
        assert not any(proved.imbalance.values())
        assert not [each for each in proved.mismatches if each.what in ("available", "in_flight", "paid")]


@pytest.mark.parametrize("kind", ["ENTRY#20", "DAY#", "BALANCE", "po_", "merchant:", "clearing:", "tax:"])
def test_one_item_of_each_kind_comes_back_as_it_was(before: Books_, kind: str) -> None:
    lost = [key for key in sorted(before) if kind in f"{key[0]} {key[1]}"]
    key = random.Random(kind).choice(lost)
    lose(key)

    found = run()

    assert {each.outcome for each in found} <= {"restored", "rebuilt"}
    assert figures(ledger()) == figures(before)
    assert run(1) == []
    [record] = [row for row in rows(settings().audit_table) if row["action"].startswith("ledger.")]
    assert record["who"] == "test"
    assert key[0] in record["object"]


def test_much_that_is_gone_at_once_is_reported_and_right_again_once_staff_says_so(before: Books_) -> None:
    """Entries, the days they made and the balances over them: where it cannot be told what was what, nobody gets more than
    they had until somebody looks."""
    for key in random.Random(3).sample(sorted(before), 60):
        lose(key)

    first, second = run(0), run(1)

    assert len(first) >= 60
    assert all(after <= held(before)[key] for key, after in held(ledger()).items() if key[1] == "available")
    assert outcomes(second)["left"]
    run(2, correct=True)
    assert run(3) == []
    assert verify(LATER).mismatches == []
    assert held(ledger()) == held(before)


# ------------------------------------------------------------------ what was lost on its way


def test_a_change_that_the_stream_lost_is_posted_once(before: Books_) -> None:
    lost = record_order(ordered("lost", payments=paid()), at(80))

    found = run()

    assert outcomes(found) == {"posted": 2}
    assert {each.subject for each in found} == {"lost"}
    after = ledger()
    book(lost)  # the record comes after all
    assert ledger() == after
    assert (run(1), verify(LATER).mismatches) == ([], [])


def test_a_refund_that_the_stream_lost_is_posted_and_its_record_changes_nothing_later(before: Books_) -> None:
    known = record_order(ordered("lost", payments=paid()), at(80))
    book(known)
    record_order(said("lost", refunds=refunded(("1", 4_000))), at(81))

    assert outcomes(run()) == {"posted": 2}

    assert verify(LATER).mismatches == []


def test_of_several_lost_changes_the_sum_is_posted_once_the_stream_has_forgotten_them(before: Books_) -> None:
    record_order(ordered("lost", payments=paid()), NIGHT - timedelta(hours=3))
    record_order(said("lost", refunds=refunded(("1", 4_000))), NIGHT - timedelta(hours=2))

    assert run() == []
    assert repairs.page(1, None)[0][0].in_transit == 1
    assert outcomes(run(1)) == {"posted": 2}

    entry = next(row for row in rows(settings().ledger_table) if row.get("order_id") == "lost")
    assert (entry["revision"], entry["covers"]) == (2, [1])
    assert (run(2), verify(LATER).mismatches) == ([], [])


def test_a_change_of_the_last_minutes_is_on_its_way(before: Books_) -> None:
    record_order(ordered("new", payments=paid()), NIGHT - timedelta(minutes=5))

    assert run() == []
    assert repairs.page(1, None)[0][0].in_transit == 1
    assert "posted" in outcomes(run(1))


@pytest.mark.parametrize("seed", range(8))
def test_a_lost_change_is_told_from_entries_that_are_gone(before: Books_, seed: int) -> None:
    """One order whose change never came, others whose entries are gone, and days of both that are gone with them."""
    dice = random.Random(seed)
    day, code = dice.randint(0, 12), dice.choice(["ANN", "BOB", "CAS"])
    lost = record_order(ordered("lost", code=code, placed_at=at(day), payments=paid(days=day)), at(80))
    state = saved()
    book(lost)
    whole = ledger()
    touched = [key for key in sorted(before) if before[key] != whole[key] and "BALANCE" not in key]
    others = [key for key in sorted(before) if "ENTRY#" in key[1] and "order_id" in before[key]]
    restore(state)
    for key in dice.sample(touched, dice.randint(0, len(touched))) + dice.sample(others, dice.choice([0, 1, 2])):
        lose(key)

    found = run()

    assert ("lost", "posted") in {(each.subject, each.outcome) for each in found}
    assert held(ledger()) == held(whole)
    assert run(1) == []


@pytest.mark.parametrize("seed", range(8))
def test_entries_that_are_gone_with_the_days_that_they_made_are_no_lost_change(before: Books_, seed: int) -> None:
    dice = random.Random(seed)
    pending = [each for each in before.values() if each.get("to") == "pending"]
    order_id = dice.choice(sorted({each["order_id"] for each in pending}))
    mine = [key for key in before if before[key].get("order_id") == order_id]
    days = {
        (account, f"DAY#{before[account, at]['day']}#{before[account, at]['hold_days']:03d}") for account, at in mine
    }
    for key in [*mine, *dice.sample(sorted(days & set(before)), dice.randint(0, len(days & set(before))))]:
        lose(key)

    found = run()

    assert "posted" not in outcomes(found)
    assert all(
        amount <= held(before)[key] for key, amount in held(ledger()).items() if key[0].startswith("distributor:")
    )
    if outcomes(found)["left"]:  # several changes of an order, whose days cannot tell them apart
        run(1, correct=True)
    assert held(ledger()) == held(before)


# ------------------------------------------------------------------ what holds something else


def change(key: Key, name: str, by: int) -> None:
    send(
        "update_item",
        TableName=settings().ledger_table,
        Key=to_item({"account": key[0], "at": key[1]}),
        UpdateExpression="ADD #name :by",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues=to_item({":by": by}),
    )


@pytest.mark.parametrize(
    ("kind", "name"), [("BALANCE", "available"), ("DAY#", "pending"), ("DAY#", "sales"), ("merchant:", "amount")]
)
def test_what_holds_something_else_is_left_until_staff_has_it_corrected(before: Books_, kind: str, name: str) -> None:
    key = next(k for k in sorted(before) if kind in f"{k[0]} {k[1]}" and name in before[k])
    change(key, name, 7)

    found = run()

    assert set(outcomes(found)) == {"left"}
    assert key[0] in {each.account for each in found}
    assert ledger()[key][name] == before[key][name] + 7
    assert set(outcomes(run(1, correct=True))) == {"corrected"}
    assert figures(ledger()) == figures(before)
    assert run(2) == []


def test_a_changed_entry_is_left_even_if_staff_wants_it_corrected(before: Books_) -> None:
    key = next(k for k in sorted(before) if "ENTRY#" in k[1] and before[k].get("order_id") and before[k]["amount"] > 0)
    item = before[key]
    parts = {name: part + 7 for name, part in list(item["merchants"].items())[:1]}
    send(
        "put_item",
        TableName=settings().ledger_table,
        Item=to_item({"account": key[0], "at": key[1], **item, "amount": item["amount"] + 7, "merchants": parts}),
    )

    found = run(0)

    assert ("order", "left") in {(each.kind, each.outcome) for each in found} or "restored" in outcomes(found)
    assert verify(LATER).mismatches


def test_running_totals_of_tax_that_are_off_are_reported(before: Books_) -> None:
    [total, *_] = [row for row in rows(settings().payouts_table) if row["id"].startswith("tax#")]
    name = next(each for each in total if each.startswith("tax_"))
    item = {**total, name: total[name] + 1}
    send("put_item", TableName=settings().payouts_table, Item=to_item(item))

    [found] = run()

    assert (found.kind, found.account, found.what, found.outcome) == ("tax", total["id"], name, "left")
    assert (found.stored, found.computed) == (total[name] + 1, total[name])
    assert [each.what for each in verify(LATER).mismatches] == [name]


def test_an_order_that_cannot_be_read_is_reported_and_the_others_are_compared(before: Books_) -> None:
    [row] = [row for row in rows(settings().orders_table) if row["id"] == "o-01"]
    send("put_item", TableName=settings().orders_table, Item=to_item({**row, "image": "{"}))

    found = run()

    assert {(each.subject, each.outcome) for each in found if each.kind == "order"} == {("o-01", "left")}


# ------------------------------------------------------------------ steps


def test_cut_off_anywhere_it_goes_on_and_finds_the_same(before: Books_, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = random.Random(5).sample(sorted(before), 3)
    for key in lost:
        lose(key)
    state = saved()
    whole = run()
    expected = figures(ledger())
    restore(state)
    monkeypatch.setattr(flow, "_STEP_SECONDS", 0)
    page = reads.ledger_page
    monkeypatch.setattr(reads, "ledger_page", lambda after: small(page, after))

    calls, done = 0, None
    while done is None or done.state != "done":
        left = iter([900.0, 900.0])  # one step
        done = repair(NIGHT, "test", False, lambda left=left: next(left, 1.0))
        calls += 1
        assert done
        assert calls < 200

    assert calls > 5
    assert read_repair(done.id)[1] == whole
    assert figures(ledger()) == expected


def small(page: Any, after: Any) -> Any:
    """A page of at most forty items."""
    items, following = page(after)
    if len(items) <= 40:
        return items, following
    last = items[39]
    return items[:40], to_item({"account": last["account"], "at": last["at"]})


def test_where_there_are_too_many_days_each_night_looks_at_some(
    before: Books_, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = next(key for key in sorted(before) if key[0].startswith("merchant:"))
    run()
    lose(key)
    monkeypatch.setattr(compare_ledger, "_MOST_TOTALS", 20)
    kept: list[int] = []
    take = compare_ledger.totals_page
    monkeypatch.setattr(
        compare_ledger, "totals_page", lambda progress, part: (take(progress, part), kept.append(len(progress.before)))
    )

    nights = [run(night) for night in range(1, 5)]

    assert [len(found) > 0 for found in nights].count(True) == 1
    assert figures(ledger()) == figures(before)
    assert max(kept) < len([each for each in before if not each[0].startswith("distributor:")]) // 2


def test_a_day_that_changes_while_all_is_read_is_passed_over(before: Books_, monkeypatch: pytest.MonkeyPatch) -> None:
    later = record_order(ordered("now", payments=paid(days=2)), at(70))
    seen = compare_ledger.ledger_pages
    monkeypatch.setattr(compare_ledger, "ledger_pages", lambda *a: (book(later), seen(*a))[1])
    order = repairs.page

    found = run()

    assert order(1, None)[0][0].found == len(found)
    assert not [each for each in found if each.kind in ("total", "account")]


def test_two_do_not_work_on_the_books_at_once(before: Books_) -> None:
    assert repairs.take("somebody else", LATER, 10**9)

    assert repair(NIGHT, "test", False, for_ever) is None

    repairs.let_go("nobody")
    assert repair(NIGHT, "test", False, for_ever) is None
    repairs.let_go("somebody else")
    assert run() == []


def test_a_run_that_is_done_is_left_alone(before: Books_) -> None:
    run()
    lose(next(iter(before)))

    assert repair(NIGHT, "test", False, for_ever) == repairs.page(1, None)[0][0]
    assert run(1)


# ------------------------------------------------------------------ the function


class Context:
    function_name = "fenrun-Repair-1"
    aws_request_id = "request-1"
    memory_limit_in_mb = 1024
    invoked_function_arn = log_group_name = log_stream_name = "x"

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


def test_the_function_counts_what_it_found_and_logs_the_list(
    before: Books_, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    record_order(ordered("lost", payments=paid()), at(80))
    key = next(key for key in sorted(before) if key[1] == "BALANCE")
    lose(key)
    counted: Counter[str] = Counter()
    monkeypatch.setattr(flow, "count", lambda name, value=1: counted.update({name: value}))

    answer = schedule.repair(scheduled_event("2026-06-01T20:00:00Z"), Context(900_000))

    assert (answer["state"], answer["posted"], answer["left"]) == ("done", 1, 0)
    assert counted == {"RepairsPosted": 1, "BooksMismatched": answer["found"]}
    [told] = [each for each in caplog.records if each.message == "the books did not add up"]
    assert told.levelname == "ERROR"
    assert any(f"{key[0]} available: 0, " in each for each in told.findings)  # type: ignore[attr-defined]
    assert not any(verify(LATER).imbalance.values())


def test_the_function_starts_itself_again_when_its_time_is_up(before: Books_, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(schedule.jobs, "start", lambda *what: started.append(what))
    event = scheduled_event("2026-06-01T20:00:00Z")

    answer = schedule.repair(event, Context(44_000))

    assert answer["state"] == "running"
    assert started == [("fenrun-Repair-1", event)]
    assert schedule.repair(event, Context(900_000))["state"] == "done"


def test_a_run_of_the_night_before_that_was_cut_off_is_finished_first(before: Books_) -> None:
    assert repair(NIGHT - timedelta(hours=20), "test", False, lambda: 1.0)
    assert run() == []
    assert [each.state for each in repairs.page(10, None)[0]] == ["done", "done"]
    assert structs.asdict(repairs.page(10, None)[0][1])["orders"] == 24
