"""However Lambda delivers the orders' changes, the books are the same; a poison record holds up nothing but its order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from chalicelib.domain.orders import Order
from chalicelib.domain.postings import difference
from chalicelib.flows.mature import mature
from chalicelib.flows.redrive import redrive
from chalicelib.store import payouts
from chalicelib.store.ledger import post
from tests.domain.builders import at
from tests.domain.test_proof import payout
from tests.flows.busy_books import Item, Key, deployment, figures, ledger, restore, saved
from tests.flows.test_redrive import dead_letters, keep, waiting
from tests.streams.lambda_service import Mapping, life, number, order_of, poisoned, shard


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with deployment():
        dead_letters(monkeypatch)
        yield


def some_lives(dice: random.Random, orders: int) -> list[list[Order]]:
    return [life(f"o-{i}", *dice.sample([1_000, 2_000, 500, 300], dice.randint(0, 3))) for i in range(orders)]


@pytest.mark.parametrize("seed", range(6))
def test_duplicates_other_cuts_and_crashes_end_in_the_same_books(seed: int) -> None:
    dice = random.Random(seed)
    lives = some_lives(dice, 6)
    records = shard(dice, lives)
    expected = ledger_of(lives)

    mapping = Mapping(dice, trouble=lambda call: dice.random() < 0.2)
    mapping.deliver(records)
    mapping.trouble = None
    for batch in mapping.given_up:  # killed too often: a later redelivery brings them
        Mapping(dice).deliver(batch)

    assert mapping.invoked > 2
    assert figures(ledger()) == expected
    Mapping(dice).deliver(records)
    assert figures(ledger()) == expected


def ledger_of(lives: list[list[Order]]) -> dict[Key, Item]:
    """The books that these orders make, posted one after another; they are empty again afterwards."""
    empty = saved()
    for images in lives:
        for old, new in pairwise([None, *images]):
            post([change] if (change := difference(old, new)) else [])
    found = figures(ledger())
    restore(empty)
    return found


def test_a_poison_record_at_every_position_stops_nothing_but_its_order_until_it_is_redriven() -> None:
    """For each position: every other order is booked in full; what was given up is kept; once the poison can be read, a
    redrive completes the books, and a second one has no effect."""
    dice = random.Random(9)
    lives = some_lives(dice, 3)
    records = shard(dice, lives)
    expected, empty = ledger_of(lives), saved()
    for position, poison in enumerate(records):
        restore(empty)
        mapping = Mapping(random.Random(position))
        mapping.deliver([*records[:position], poisoned(poison), *records[position + 1 :]])
        mine = order_of(poison)
        assert {order_of(record) for batch in mapping.given_up for record in batch} >= {mine}
        entries = {key: item for key, item in expected.items() if item.get("order_id") not in (None, mine)}
        there = figures(ledger())
        assert {key: item for key, item in there.items() if item.get("order_id") not in (None, mine)} == entries

        mended = {number(record): record for record in records}
        for n, batch in enumerate(mapping.given_up):
            keep([mended[number(record)] for record in batch], n)
        first = redrive("staff:ops", at(5), lambda: True)
        again = redrive("staff:ops", at(5), lambda: True)

        assert (first.failed, first.more, waiting()) == ([], False, [])
        assert (again.posted, again.known) == (0, 0)
        assert figures(ledger()) == expected, position


def test_redelivery_after_a_day_finds_later_books_as_they_are() -> None:
    """Holds have ended, money was paid, later changes are booked: old records change nothing."""
    dice = random.Random(2)
    lives = some_lives(dice, 5)
    records = shard(dice, lives)
    Mapping(dice).deliver(records)
    mature(at(40))
    assert payouts.create(payout(gross=50, state="requested")) == "created"
    change = difference(*life("o-0", 100, 200, 300, 400)[-2:])
    assert change
    post([change])
    before = ledger()

    Mapping(dice).deliver(records)
    Mapping(dice).deliver(list(reversed(records)))

    assert ledger() == before
