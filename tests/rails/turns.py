"""Workers that take turns, so that one seed gives one run: at every call to a table or a rail, the seed decides who goes on
and whether whoever made it is gone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from random import Random
from threading import Lock, Thread, current_thread
from typing import Any
from unittest.mock import patch

from pynamodb.connection import Connection

from chalicelib.settings import settings
from tests.rails.memory import Call, Client

Job = Callable[[], object]


class Crash(BaseException):
    """The container of a function is gone: nothing that it would do afterwards is done."""


class Turns:
    """`crash_rate`: how many of the calls are the last of whoever makes them. Threads that it did not start (the
    simulator's) crash, too, and keep the turn of the worker that waits for them."""

    def __init__(self, random: Random, crash_rate: float) -> None:
        self._random, self.crash_rate = random, crash_rate
        self._waiting: dict[Thread, Lock] = {}
        self._failed: list[BaseException] = []
        self._on = False
        self.crashes = 0

    def run(self, jobs: Iterable[Job], workers: int) -> None:
        """Carries out the jobs, each to its end or its crash. Raises what a job raised that was no crash."""
        waiting, done = deque(jobs), Lock()
        done.acquire()
        threads = [Thread(target=self._work, args=(waiting, done), daemon=True) for _ in range(workers)]
        self._waiting = {thread: Lock() for thread in threads}
        for thread, lock in self._waiting.items():
            lock.acquire()
            thread.start()
        self._on = True
        self._waiting[threads[0]].release()
        done.acquire()
        self._on = False
        if self._failed:
            raise self._failed.pop()

    def point(self, may_crash: bool = True) -> None:
        """Here another worker may go on; or this one has crashed."""
        if not self._on:
            return
        if may_crash and self._random.random() < self.crash_rate:
            self.crashes += 1
            raise Crash
        me = self._waiting.get(current_thread())
        chosen = self._random.choice(list(self._waiting.values()))
        if me is not None and chosen is not me:
            chosen.release()
            me.acquire()

    def _work(self, jobs: deque[Job], done: Lock) -> None:
        me = current_thread()
        self._waiting[me].acquire()
        while jobs and not self._failed:
            job = jobs.popleft()
            try:
                job()
            except Crash:
                continue
            except BaseException as error:
                self._failed.append(error)
        del self._waiting[me]
        rest = list(self._waiting.values())
        (self._random.choice(rest) if rest else done).release()

    @contextmanager
    def at_tables(self, call: Call) -> Iterator[None]:
        """Calls to the tables go to `call`; before and after each is such a point. Settings are no tables here: a container
        may hold what it read before."""

        def watched(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
            if arguments.get("TableName") == settings().settings_table:
                return call(operation, arguments)
            self.point()
            answer = call(operation, arguments)
            self.point()
            return answer

        with patch.object(Connection, "client", Client(watched)):
            yield
