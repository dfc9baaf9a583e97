"""Orders changed: every record is posted once, however the stream delivers it, and a bad one fails alone."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from msgspec import json, structs

from chalicelib.domain.errors import Busy
from chalicelib.domain.orders import Order
from chalicelib.domain.terms import Beneficiary
from chalicelib.store import statement
from chalicelib.streams.commissions import commissions
from tests.domain.builders import at, given_back, line, paid, terms
from tests.store import faults
from tests.store.builders import holds, ledger, sum_of_all
from tests.streams.events import Context, change, event

pytestmark = pytest.mark.usefixtures("cloud_tables")


def life(order_id: str, *refunds: int) -> list[Order]:
    """The images of an order of 100.00: paid, then given back step by step. Ann earns 10 %, Bob 3 %."""
    images = []
    for revision in range(len(refunds) + 1):
        back = {f"r{i}": given_back(amount) for i, amount in enumerate(refunds[:revision])}
        facts = structs.replace(paid(line(10_000), refunds=back), order_id=order_id)
        images.append(Order(facts=facts, terms=terms(), revision=revision + 1, recorded_at=at(1 + revision)))
    return images


def changes(images: list[Order], first: int = 1) -> list[dict[str, Any]]:
    return [change(first + i, old, new) for i, (old, new) in enumerate(pairwise([None, *images]))]


def run(records: list[dict[str, Any]], milliseconds: int = 60_000) -> list[str]:
    """The sequence numbers that failed."""
    answer = commissions(event(records), Context(milliseconds))
    assert answer.keys() == {"batchItemFailures"}
    assert all(each.keys() == {"itemIdentifier"} for each in answer["batchItemFailures"])
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def held() -> tuple[int, int]:
    return sum(holds(statement.balance("ann", "CNY"))), sum(holds(statement.balance("bob", "CNY")))


def numbers(records: list[dict[str, Any]]) -> list[str]:
    return [record["dynamodb"]["SequenceNumber"] for record in records]


def broken(record: dict[str, Any]) -> dict[str, Any]:
    """The same change, with an image that nobody can read."""
    image = record["dynamodb"]["NewImage"] | {"image": {"S": "{}"}}
    return record | {"dynamodb": record["dynamodb"] | {"NewImage": image}}


def test_a_batch_is_posted_and_answers_with_no_failures() -> None:
    assert run(changes(life("o-1", 4_000))) == []

    assert held() == (600, 180)
    assert sum_of_all(ledger()) == 0


def test_a_full_refund_ends_at_zero_at_both_levels() -> None:
    run(changes(life("o-1", 4_000, 6_000)))

    assert held() == (0, 0)


def test_an_empty_batch_has_no_failures() -> None:
    assert run([]) == []


def test_redelivery_changes_nothing() -> None:
    records = changes(life("o-1", 4_000, 1_000))
    run(records)
    before = ledger()

    assert run(records) == []
    assert run(records[1:]) == []
    assert ledger() == before


@pytest.mark.parametrize("seed", range(4))
def test_batches_cut_anywhere_and_delivered_again_end_in_the_same_books(seed: int) -> None:
    dice = random.Random(seed)
    lives = [changes(life(f"o-{i}", *dice.sample([1_000, 2_000, 500], dice.randint(0, 3))), 10 * i) for i in range(6)]
    records: list[dict[str, Any]] = []
    while any(lives):
        records.append(dice.choice([each for each in lives if each]).pop(0))
    sums = {record["dynamodb"]["Keys"]["id"]["S"]: record for record in records}
    expected = 0
    for record in sums.values():
        last = json.decode(record["dynamodb"]["NewImage"]["image"]["S"], type=Order)
        expected += (10_000 - sum(refund.amount or 0 for refund in last.facts.refunds.values())) // 10

    start = 0
    while start < len(records):
        end = start + dice.randint(1, 5)
        assert run(records[start:end]) == []
        start = max(start + 1, end - dice.randint(0, 3))

    assert held() == (expected, expected * 3 // 10)
    assert sum_of_all(ledger()) == 0


@pytest.mark.parametrize("position", range(4))
def test_a_poison_record_fails_with_the_later_ones_of_its_order_and_no_other(position: int) -> None:
    others = changes(life("o-2", 1_000), 10) + changes(life("o-3"), 20)
    mine = changes(life("o-1", 100, 200, 300))
    mine[position] = broken(mine[position])
    records = [mine[0], others[0], mine[1], others[1], mine[2], others[2], mine[3]]

    assert run(records) == numbers(mine[position:])

    left = {0: 0, 1: 1000, 2: 990, 3: 970}[position]
    assert held()[0] == 900 + 1000 + left
    assert sum_of_all(ledger()) == 0


def test_what_waited_is_posted_once_the_poison_is_given_up() -> None:
    mine = changes(life("o-1", 100, 200))
    run([mine[0], broken(mine[1]), mine[2]])

    assert run([mine[2]]) == []
    assert held()[0] == 1000 - 20


def test_a_posting_that_the_books_refuse_fails_alone() -> None:
    first = life("o-1")[0]
    run([change(1, None, first)])
    forged = structs.replace(first, facts=structs.replace(first.facts, payments={}))
    richer = structs.replace(first, facts=structs.replace(paid(line(99_000)), order_id="o-1"))

    assert run([change(2, forged, richer), *changes(life("o-2"), 3)]) == numbers([change(2, None, first)])
    assert held() == (2000, 600)


@pytest.mark.parametrize(
    "lacking", ["NewImage without an image", "image that is no JSON", "old image of another currency's shape"]
)
def test_whatever_is_wrong_with_a_record_does_not_stop_the_others(lacking: str) -> None:
    old, new = life("o-1", 100)
    bad = {
        "NewImage without an image": change(1, None, new, NewImage={"id": {"S": "o-1"}}),
        "image that is no JSON": change(1, None, new, NewImage={"image": {"S": "<xml/>"}}),
        "old image of another currency's shape": change(1, old, new, OldImage={"image": {"N": "1"}}),
    }[lacking]

    assert run([bad, *changes(life("o-2"), 2)]) == numbers([bad])
    assert held() == (1000, 300)


def test_a_removed_order_is_passed_over() -> None:
    first = life("o-1")[0]

    assert run([change(1, first, None)]) == []
    assert ledger() == {}


def test_an_order_without_terms_or_commission_posts_nothing() -> None:
    first = life("o-1")[0]
    without = structs.replace(first, terms=None)
    nobody = structs.replace(first, terms=terms(direct=None, indirect=None))
    oneself = structs.replace(first, terms=terms(direct=Beneficiary(distributor_id="ann", unpaid="x"), indirect=None))

    assert run([change(i, None, image) for i, image in enumerate([without, nobody, oneself])]) == []
    assert ledger() == {}


def test_an_image_of_an_older_and_of_a_newer_shape_is_read() -> None:
    first = json.decode(json.encode(life("o-1")[0]))
    older = {name: value for name, value in first.items() if name != "written"}
    newer = first | {"since_then": 1, "facts": first["facts"] | {"order_id": "o-2", "weather": "fine"}}
    records = []
    for number, image in enumerate([older, newer]):
        order_id = image["facts"]["order_id"]
        body = {"id": {"S": order_id}, "image": {"S": json.encode(image).decode()}}
        records.append(change(number, None, life(order_id)[0], NewImage=body))

    assert run(records) == []
    assert held() == (2000, 600)


def test_contention_beyond_the_functions_time_fails_the_batch_which_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = faults.plan(monkeypatch, *[faults.cancelled("TransactionConflict")] * 1000)

    with pytest.raises(Busy):
        run(changes(life("o-1")), milliseconds=2_200)

    client.faults.clear()
    assert run(changes(life("o-1"))) == []
    assert held() == (1000, 300)
