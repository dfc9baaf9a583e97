"""What one of the processes that share the matrix does."""

from __future__ import annotations

import logging
from collections import Counter
from typing import NamedTuple

from tests.faults.matrix import cells, left_out, record, trouble
from tests.faults.scenarios import SCENARIOS
from tests.faults.world import world

PROCESSES = 2


class Found(NamedTuple):
    """Of one scenario, what one process found."""

    name: str
    calls: int
    cells: int
    writers: frozenset[str]
    left_out: Counter[str]
    troubles: list[str]


def half(given: tuple[int, str]) -> list[Found]:
    """Every second cell of the scenarios."""
    number, name = given
    logging.disable(logging.CRITICAL)
    found = []
    with world() as here:
        for scenario in SCENARIOS:
            if name not in scenario.name:
                continue
            fair = record(here, scenario)
            mine = list(cells(fair))[number::PROCESSES]
            said = [(cell, trouble(here, fair, cell)) for cell in mine]
            troubles = [
                f"{scenario.name}: {cell.kind} at call {cell.call} ({fair.calls[cell.call][1]})\n{text}"
                for cell, text in said
                if text
            ]
            out = left_out(fair) if number == 0 else Counter[str]()
            found.append(Found(scenario.name, len(fair.calls), len(mine), frozenset(fair.writers), out, troubles))
    return found
