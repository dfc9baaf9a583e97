"""What an order costs, as far as it follows from the code alone: units and requests, never time."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bench import growth, units
from bench.program import START, inside, opened, said

DAY = START + timedelta(days=1)


@pytest.fixture(autouse=True)
def engine() -> Iterator[None]:
    with inside(), said():
        yield


def test_an_order_alone_takes_at_most_14_write_units_and_10_of_them_once_the_day_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(units, "ORDERS", 40)

    paid, refunded = units.measure(opened(), 2, "zipf", 1, DAY, refunds=True)

    assert paid.most_writes <= 14
    assert (paid.least_posting, paid.posting_reads, paid.posting_requests) == (10, 0, 1)
    assert (paid.order_writes, paid.order_reads, paid.order_requests) == (2, 5, 3)
    assert refunded.writes <= 12


def test_an_order_in_a_batch_of_100_takes_at_most_10_write_units_and_a_tenth_of_a_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(units, "ORDERS", 100)

    [paid] = units.measure(opened(), 2, "zipf", 100, DAY, refunds=False)

    assert paid.most_writes <= 10
    assert paid.posting_writes <= 6.5
    assert (paid.posting_reads, paid.posting_requests <= 0.1) == (0, True)


def test_pages_read_the_same_however_many_entries_there_are() -> None:
    key = opened()
    for n, entries in ((5, 10), (6, 200)):
        growth.grow(key, n, entries)

    for page in growth.PAGES:
        few, many = growth.units_of(key, page, 5), growth.units_of(key, page, 6)
        assert few == many, page
