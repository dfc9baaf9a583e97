"""Every scenario × every call that it makes × everything that can happen to the call: in the end all is as without it."""

from __future__ import annotations

import difflib
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from tests.faults.kinds import KINDS, Kind, Operation, reads, senseless
from tests.faults.production import asked_again
from tests.faults.state import Item, canonical, items
from tests.faults.world import World

_OURS = ("chalicelib.flows.", "chalicelib.schedules.", "chalicelib.streams.")


def whole(_place: str, item: Item) -> Item | None:
    """Everything counts."""
    return item


@dataclass(frozen=True)
class Scenario:
    """Something that happens in production. `prepare` is before it; `act` is it, with all that production does again;
    `after` is what comes later in any case. `view` says which part of an item has to be the same (None: none), and
    `because` why not all of it."""

    name: str
    prepare: Callable[[World], Any]
    act: Callable[[World, Any], object]
    after: Callable[[World, Any], object] = lambda world, made: None
    view: Callable[[str, Item], Item | None] = whole
    because: str = ""


@dataclass
class Recorded:
    """A scenario in fair weather: its calls, the functions of ours that made them, and what was left."""

    scenario: Scenario
    saved: bytes
    made: Any
    calls: list[tuple[str, str]] = field(default_factory=list)
    writers: set[str] = field(default_factory=set)
    state: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Cell:
    """This happens to the call of this number."""

    call: int
    kind: Kind


def record(world: World, scenario: Scenario) -> Recorded:
    world.restore(world.empty)
    made = scenario.prepare(world)
    found = Recorded(scenario, world.saved(), made)
    world.restore(found.saved)

    def note(operation: Operation) -> None:
        found.calls.append((operation.service, operation.name))
        if not reads(operation.service, operation.name):
            found.writers |= _ours(sys._getframe())

    found.state = _played(world, found, note)
    assert found.writers or any(not reads(*call) for call in found.calls), f"{scenario.name} writes nothing"
    return found


def _ours(frame: FrameType | None) -> set[str]:
    found = set()
    while frame is not None:
        if (module := frame.f_globals.get("__name__", "")).startswith(_OURS):
            found.add(f"{module.removeprefix('chalicelib.')}.{frame.f_code.co_qualname.split('.')[0]}")
        frame = frame.f_back
    return found


def cells(found: Recorded) -> Iterator[Cell]:
    for i, call in enumerate(found.calls):
        yield from (Cell(i, kind) for kind in KINDS if not senseless(kind, *call))


def left_out(found: Recorded) -> Counter[str]:
    """Why there are no more cells, and how many."""
    return Counter(why for call in found.calls for kind in KINDS if (why := senseless(kind, *call)))


def trouble(world: World, found: Recorded, cell: Cell) -> str | None:
    """How what is left differs from what fair weather leaves; None if it does not."""
    seen = 0

    def meet(operation: Operation) -> Kind | None:
        nonlocal seen
        seen += 1
        if seen != cell.call + 1:
            return None
        assert (operation.service, operation.name) == found.calls[cell.call], "another call than was recorded"
        return cell.kind

    world.restore(found.saved)
    try:
        state = _played(world, found, meet)
    except Exception:
        return traceback.format_exc()
    if state == found.state:
        return None
    return "\n".join(line for line in difflib.unified_diff(found.state, state, "fair", "faulty", lineterm="", n=0))


def _played(world: World, found: Recorded, meet: Callable[[Operation], Kind | None]) -> list[str]:
    world.meet = meet
    found.scenario.act(world, found.made)
    world.meet = lambda _: None
    asked_again(world)
    found.scenario.after(world, found.made)
    return canonical(items(world), found.scenario.view)
