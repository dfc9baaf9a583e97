"""Whatever happens to a call, what production does next leads to where fair weather leads. `make faults` runs all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from unittest.mock import Mock

import pytest

from chalicelib.store import audit
from tests.faults.kinds import KINDS, Kind, reads, senseless
from tests.faults.matrix import Recorded, Scenario, cells, left_out, record, trouble
from tests.faults.scenarios import SCENARIOS
from tests.faults.world import World, world
from tests.faults.writing import writing

_EVERY = 17
"""Of so many cells one is run here, each time another call and another fault."""
_BY_HAND = {
    "flows.api_keys.create_api_key": "an operator at a terminal, to whom a key is shown once; a lost one is ended",
    "flows.sessions.set_password": "an operator at a terminal, who does it again",
    "flows.staff.add_person": "an operator at a terminal, who is told that the address is in use if it was done already",
}


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture(scope="module")
def fair(here: World) -> Callable[[Scenario], Recorded]:
    return cache(lambda scenario: record(here, scenario))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_it_ends_as_in_fair_weather(here: World, fair: Callable[[Scenario], Recorded], scenario: Scenario) -> None:
    recorded = fair(scenario)
    start = SCENARIOS.index(scenario) % _EVERY
    found = {cell: trouble(here, recorded, cell) for cell in list(cells(recorded))[start::_EVERY]}
    assert [f"{cell}\n{text}" for cell, text in found.items() if text] == []


@pytest.mark.parametrize(
    ("name", "operation", "kind"),
    [
        ("people: somebody signs up", "GetItem", "throttled"),
        ("people: somebody signs up", "TransactWriteItems", "crash after"),
        ("people: somebody signs in", "PutItem", "answer lost"),
        ("people: what their tax depends on", "BatchGetItem", "partly throttled"),
        ("merchants: somebody of theirs", "TransactWriteItems", "crash after"),
        ("customers: terms of credit", "TransactWriteItems", "crash after"),
        ("plans: a version is saved", "TransactWriteItems", "crash after"),
        ("order: a batch of two, one refused", "BatchGetItem", "throttled"),
        ("connections: taken away", "DeleteSecret", "crash before"),
        ("inbox: a stuck delivery is let rest", "TransactWriteItems", "crash after"),
        ("payouts: approved", "TransactWriteItems", "crash after"),
        ("redrive: changes and a run that were given up on", "DeleteMessage", "throttled"),
    ],
)
def test_what_was_wrong_once_stays_right(
    here: World, fair: Callable[[Scenario], Recorded], name: str, operation: str, kind: Kind
) -> None:
    recorded = fair(next(each for each in SCENARIOS if each.name == name))
    chosen = [cell for cell in cells(recorded) if (recorded.calls[cell.call][1], cell.kind) == (operation, kind)]
    assert chosen and [text for cell in chosen if (text := trouble(here, recorded, cell))] == []


def test_every_flow_that_writes_is_in_the_matrix(fair: Callable[[Scenario], Recorded]) -> None:
    """A new one adds itself to this list, and fails here until somebody says what happens in production."""
    seen = {writer for scenario in SCENARIOS for writer in fair(scenario).writers}
    assert sorted(writing() - seen - _BY_HAND.keys()) == []
    assert writing() >= _BY_HAND.keys()


def test_names_are_unique() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


def test_every_call_makes_a_cell_of_every_kind_or_says_why_not(fair: Callable[[Scenario], Recorded]) -> None:
    for scenario in SCENARIOS[:4]:
        recorded = fair(scenario)
        made = len(list(cells(recorded))) + left_out(recorded).total()
        assert made == len(recorded.calls) * len(KINDS)
        assert any(reads(*call) for call in recorded.calls) and not all(reads(*call) for call in recorded.calls)


@pytest.mark.parametrize(
    ("call", "without"),
    [
        (("dynamodb", "TransactWriteItems"), {"partly throttled"}),
        (("dynamodb", "Query"), {"crash after", "answer lost", "conflict", "partly throttled"}),
        (("dynamodb", "BatchGetItem"), {"crash after", "answer lost", "conflict"}),
        (("s3", "PutObject"), {"conflict", "partly throttled"}),
    ],
)
def test_what_cannot_happen_is_left_out(call: tuple[str, str], without: set[Kind]) -> None:
    assert {kind for kind in KINDS if senseless(kind, *call)} == without


def test_a_fault_that_leaves_something_else_is_found(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix is worth nothing if it cannot fail: an audit record of its own for every run is enough."""
    scenario = next(each for each in SCENARIOS if each.name == "customers: terms of credit")
    monkeypatch.setattr(audit, "request", Mock(get=lambda: None))
    recorded = record(here, scenario)
    found = [cell for cell in cells(recorded) if trouble(here, recorded, cell)]
    assert {(recorded.calls[cell.call][1], cell.kind) for cell in found} >= {("TransactWriteItems", "crash after")}
