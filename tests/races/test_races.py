"""A few rounds of every race; `make races` plays ten thousand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.races.crew import Crew
from tests.races.pair import Pair
from tests.races.pairs import PAIRS
from tests.races.race import race

PROCESSES, THREADS = 2, 4
ROUNDS = 8


@pytest.fixture(scope="module")
def crew(endpoint: str) -> Iterator[Crew]:
    with Crew(endpoint, PROCESSES, THREADS) as started:
        yield started


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_whoever_meets_the_books_stay_right(pair: type[Pair], crew: Crew, endpoint: str) -> None:
    plays = pair()
    score = race(crew, plays, ROUNDS if plays.seats else 1, endpoint)

    assert score.violations == []
    assert score.succeeded
    assert score.rounds == ROUNDS
