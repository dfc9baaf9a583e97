"""Ten lives, two at a time; SEEDS, EVENTS, DAYS and PEOPLE in the environment make it fewer or smaller, SEED lives one.

Each seed says how it replays, each month how far it is, and the last line what all of them came to.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple

from tests.life.books import Wrong
from tests.life.life import Size, live

_AT_ONCE = 2


class Lived(NamedTuple):
    seed: int
    events: int
    entries: int
    payouts: int
    faults: int
    seconds: int
    wrong: str = ""


def _say(seed: int, line: str) -> None:
    print(f"life: seed={seed} {line}", flush=True)


def _lived(seed: int, size: Size) -> Lived:
    began, say = time.monotonic(), partial(_say, seed)
    say(f"begins; again: make life SEED={seed} EVENTS={size.events} DAYS={size.days} PEOPLE={size.people}")
    try:
        life = live(seed, size, say)
    except (Exception, Wrong) as wrong:
        # A seed that fails must not hide the others: this is the edge.
        say(f"is wrong: {type(wrong).__name__}: {wrong}"[:4000])
        return Lived(seed, 0, 0, 0, 0, int(time.monotonic() - began), str(wrong))
    books = life.audit.books
    lived = Lived(
        seed,
        life.world.events,
        books.entries,
        len(books.payouts),
        life.cloud.faults.met.total(),
        int(time.monotonic() - began),
    )
    say(f"ok {_figures([lived])} faults by kind: {dict(life.cloud.faults.met.most_common())}")
    return lived


def _told(tell: Any, seed: int, size: Size) -> None:
    tell.send(_lived(seed, size))


def _in_a_process(seed: int, size: Size) -> Lived:
    """Each life has a process of its own. One that is killed is wrong, and holds up nobody."""
    processes = get_context("spawn")
    hear, tell = processes.Pipe(duplex=False)
    process = processes.Process(target=_told, args=(tell, seed, size))
    process.start()
    tell.close()
    try:
        lived: Lived = hear.recv()
    except EOFError:
        process.join()
        lived = Lived(seed, 0, 0, 0, 0, 0, f"its process ended with {process.exitcode}")
        _say(seed, lived.wrong)
    process.join()
    return lived


def _figures(lives: Sequence[Lived]) -> str:
    sums = {name: sum(getattr(life, name) for life in lives) for name in ("events", "entries", "payouts", "faults")}
    return " ".join(f"{name}={amount}" for name, amount in sums.items())


def main(seeds: Sequence[int], size: Size) -> int:
    """Lives all of them; how many were wrong."""
    began = time.monotonic()
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        lives = list(threads.map(partial(_in_a_process, size=size), seeds))
    wrong = sorted(life.seed for life in lives if life.wrong)
    seconds = int(time.monotonic() - began)
    print(f"life: {f'wrong={wrong}' if wrong else 'ok'} seeds={len(seeds)} {_figures(lives)} seconds={seconds}")
    return len(wrong)


if __name__ == "__main__":
    given = {
        name: int(os.environ[name]) for name in ("SEED", "SEEDS", "EVENTS", "DAYS", "PEOPLE") if os.environ.get(name)
    }
    wanted = [given["SEED"]] if "SEED" in given else list(range(1, given.get("SEEDS", 10) + 1))
    sized = Size()._replace(**{name.lower(): given[name] for name in ("EVENTS", "DAYS", "PEOPLE") if name in given})
    sys.exit(main(wanted, sized))
