"""Processes of several threads act at the same instant; the contenders of a round are in different ones."""

from __future__ import annotations

import traceback
from collections import defaultdict
from collections.abc import Mapping
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier, Event
from pkgutil import walk_packages
from threading import Thread
from typing import Any

import pytest
from msgspec import Struct, json

from chalicelib import domain, flows, store, webhooks
from chalicelib.flows import credentials
from chalicelib.observe import logger
from chalicelib.store import connection
from tests.containers import become, become_local
from tests.races.conflicts import Conflicts
from tests.races.pair import Meeting, Pair, Told

_PATIENCE = 120
_SPAWN = get_context("spawn")


class Crew:
    """So many `processes` of so many `threads`, against the cloud at `endpoint`. A context manager."""

    def __init__(self, endpoint: str, processes: int, threads: int) -> None:
        self.size, self.conflicts = processes * threads, 0
        # Kept: with the last of ours gone, they would be gone before the others have found them.
        self._shared = _SPAWN.Barrier(self.size), [_SPAWN.Event() for _ in range(self.size)]
        self._members: list[tuple[Any, Connection]] = []
        for n in range(processes):
            ours, theirs = _SPAWN.Pipe()
            places = [thread * processes + n for thread in range(threads)]  # neighbours are in different processes
            member = _SPAWN.Process(
                target=_work, args=(theirs, endpoint, places, self.size, *self._shared), daemon=True
            )
            member.start()
            theirs.close()  # so that we hear of its end
            self._members.append((member, ours))

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for member, to in self._members:
            to.close()
            member.join(10)
            member.terminate()

    def play(self, pair: Pair, environment: Mapping[str, str], rounds: int) -> list[Told]:
        """Plays the rounds; what the contenders were told. Raises `AssertionError` with whatever broke one of them."""
        for _, to in self._members:
            to.send((pair, dict(environment), rounds))
        answers: dict[int, dict[int, str]] = defaultdict(dict)
        for broken, conflicts, part in [self._answer(*member) for member in self._members]:
            assert not broken, broken
            self.conflicts += conflicts
            for number, seat, answer in part:
                answers[number][seat] = answer
        return [Told(number, tuple(of[seat] for seat in sorted(of))) for number, of in sorted(answers.items())]

    def _answer(self, member: Any, to: Connection) -> Any:
        try:
            return to.recv()
        except EOFError:
            self._shared[0].abort()
            member.join(10)
            raise AssertionError(f"a process of the crew is gone: {member.exitcode}") from None


def _work(
    orders: Connection, endpoint: str, places: list[int], size: int, barrier: Barrier, signals: list[Event]
) -> None:
    """A process of the crew: plays what it is told to until nobody tells it any more."""
    logger.setLevel("CRITICAL")
    _read_types()
    with pytest.MonkeyPatch.context() as patch:
        # It takes as long as it should: the rest of the crew would wait for the processor.
        patch.setattr(credentials, "hash_password", lambda _: "no hash")
        become(patch, {"AWS_ENDPOINT_URL": endpoint})
        shared, conflicts = connection.shared(), Conflicts(places[0])
        shared.client.meta.events.register("before-send.dynamodb", conflicts)
        while True:
            try:
                pair, environment, rounds = orders.recv()
            except EOFError:
                return
            become_local(patch, {**environment, "AWS_ENDPOINT_URL": endpoint}, shared)
            orders.send(_play(pair, rounds, places, size, barrier, signals, conflicts))


def _read_types() -> None:
    """msgspec reads a type when it is first used, and where several threads do so at once the process is gone (0.22)."""
    for package in (domain, flows, store, webhooks):
        for found in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(found.name)
    todo = Struct.__subclasses__()
    while todo:
        each = todo.pop()
        todo += each.__subclasses__()
        if each.__module__.startswith("chalicelib."):
            json.Decoder(each)


def _play(
    pair: Pair,
    rounds: int,
    places: list[int],
    size: int,
    barrier: Barrier,
    signals: list[Event],
    conflicts: Conflicts,
) -> tuple[str, int, list[tuple[int, int, str]]]:
    before, answers, broken = conflicts.made, list[tuple[int, int, str]](), list[str]()
    slots = size // pair.seats

    def contend(place: int) -> None:
        slot, seat = divmod(place, pair.seats)
        try:
            for wave in range(-(-rounds // slots)):
                number = wave * slots + slot
                plays = slot < slots and number < rounds
                here = Meeting(number, wave, slot, seat, signals[slot % slots])
                if plays:
                    here.signal.clear()
                    pair.prepare(here)
                barrier.wait(_PATIENCE)
                if plays:
                    answers.append((number, seat, pair.meet(here)))
                barrier.wait(_PATIENCE)
        except Exception:
            broken.append(traceback.format_exc())
            barrier.abort()

    threads = [Thread(target=contend, args=(place,)) for place in places]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    first = sorted(broken, key=lambda text: "BrokenBarrierError" in text)[:1]
    return "".join(first), conflicts.made - before, answers
