"""A life: two years of a program, day by day, with everything going wrong that may; every promise is checked every day."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, NamedTuple

from chalicelib.domain.errors import Busy
from chalicelib.flows.merchants import save_merchant
from chalicelib.store.merchants import Merchant
from tests.faults.kinds import Crash
from tests.life.actions import Actions
from tests.life.audit import Audit
from tests.life.bank import Bank
from tests.life.books import check
from tests.life.changes import Change
from tests.life.clockwork import Clockwork
from tests.life.cloud import Cloud, deployed
from tests.life.model import Model
from tests.life.stream import Stream
from tests.life.world import World

ZONES = (
    "Asia/Shanghai",
    "Pacific/Kiritimati",  # UTC+14
    "Etc/GMT+12",  # UTC-12
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Europe/Berlin",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Auckland",
    "America/Sao_Paulo",
)
_DAY = timedelta(days=1)
_TRIES = 60
_PLAN_DAYS = 45


class Size(NamedTuple):
    """How long and large a life is; the leap day 2028-02-29 is in it."""

    start: datetime = datetime(2027, 3, 14, tzinfo=UTC)
    days: int = 731
    people: int = 2000
    events: int = 200_000
    fault_rate: float = 0.004


SHORT = Size(start=datetime(2028, 2, 12, tzinfo=UTC), days=45, people=60, events=2200, fault_rate=0.008)


class Life:
    """The parts of one life, within `deployed`."""

    def __init__(self, seed: int, size: Size, cloud: Cloud, zone: str) -> None:
        self.seed, self.size, self.cloud = seed, size, cloud
        self.chance = Random(f"life {seed}")
        self.model = Model(zone)
        self.audit = Audit(cloud, self.model)
        self.actions = Actions(self.model)
        self.stream = Stream(cloud, Random(f"stream {seed}"))
        self.bank = Bank(cloud, Random(f"bank {seed}"), self.audit.books)
        self.clockwork = Clockwork(cloud, self.audit)
        self.world = World(seed, size.people, self.model, self.actions, cloud.faults, self.push)
        self._heap: list[tuple[datetime, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = count()
        self._read = 0
        cloud.engine.committed = self._committed

    def _committed(self, changed: list[Change]) -> None:
        self.audit.committed(changed)
        for change in changed:
            self.actions.heard(change)

    def push(self, at: datetime, action: Callable[..., None], *arguments: Any) -> None:
        """Lets it happen at this instant, or now if that is over."""
        heapq.heappush(self._heap, (max(at, self.cloud.now), next(self._number), action, arguments))

    def run(self, say: Callable[[str], object] = lambda _: None, monthly: bool = False) -> None:
        """From the first day to the last, and on until nothing is on its way. `monthly`: proves everything at each month's
        end, too. Raises `Wrong`."""
        self._opens()
        for day in range(self.size.days):
            start = self.size.start + day * _DAY
            share = self._joined(day + 1) - self._joined(day)
            for _ in range(share):
                self.world.joins(start + timedelta(seconds=self.chance.uniform(0, 86_399)))
            if day % _PLAN_DAYS == _PLAN_DAYS - 1:
                self.world.changes_plan(start + timedelta(seconds=self.chance.randrange(86_400)))
            left = self.size.events - self.world.events
            self.world.day(start, max(0, left // (self.size.days - day)))
            self._day(start)
            if (start + _DAY).day == 1:
                say(f"{start:%Y-%m} events={self.world.events} faults={self.cloud.faults.met.total()}")
                if monthly:
                    self._proved()
        self._calms_down()

    def _opens(self) -> None:
        with self.cloud.outside():
            save_merchant(Merchant(merchant_id="m2", name="M2", paid_by="operator"), "staff:maker", self.cloud.now)
        self.model.operator_pays.add("m2")
        self.world.changes_plan(self.cloud.now - _DAY)

    def _joined(self, day: int) -> int:
        """How many have joined by then: a quarter within ten days, all of them after three quarters of the time."""
        share = 0.25 * min(1, day / 10) + 0.75 * day * 4 / (3 * self.size.days)
        return int(self.size.people * min(1, share))

    def _day(self, start: datetime) -> None:
        """One day (UTC): what is told, what the clock calls, what the stream delivers; then the audit."""
        faults = self.cloud.faults
        for hour, function in ((0.5, self.clockwork.mature), (1, self.clockwork.overdue), (2, self.clockwork.settle)):
            at = start + timedelta(hours=hour)
            name = function.__name__
            if faults.chance(f"{name} missed", 0.02):
                continue
            later = timedelta(hours=self.chance.choice([1, 9, 30])) if faults.chance(f"{name} late", 0.04) else None
            self.push(at + (later or timedelta()), self._fires, function, at)
        for hour in (5, 11, 17, 23):
            self.push(start + timedelta(hours=hour), self._streams)
        self.push(start + timedelta(hours=8), self.world.decides)
        self.push(start + timedelta(hours=9), self._banks)
        while self._heap and self._heap[0][0] < start + _DAY:
            at, _, action, arguments = heapq.heappop(self._heap)
            self.cloud.now = at
            self._carried_out(at, action, arguments)
        self.audit.end_of_day(self.stream.behind)

    def _carried_out(self, now: datetime, action: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        """Whoever gets no answer does it again: mostly at once, else in a while."""
        for _ in range(_TRIES):
            self.cloud.begins()
            self.actions.begins()
            try:
                action(now, *arguments)
                return
            except Crash:
                self.cloud.container()
            except Busy:
                pass
            if self.cloud.faults.chance("sent again later", 0.3):
                self.push(now + timedelta(minutes=self.chance.choice([1, 10, 600])), action, *arguments)
                return
        raise AssertionError("an action never succeeds")

    def _fires(self, now: datetime, function: Callable[[datetime], None], at: datetime) -> None:
        function(at)

    def _streams(self, now: datetime) -> None:
        if not self.cloud.faults.chance("stream late", 0.1):
            self.stream.deliver()

    def _banks(self, now: datetime) -> None:
        """The bank takes the files that are new; its answers come in the next days, one by one."""
        for run_id in self.audit.filed[self._read :]:
            for answer in self.bank.read(run_id, now):
                self.world.happens(answer.at, self.actions.report, [answer], late=False)
        self._read = len(self.audit.filed)

    def _proved(self) -> None:
        with self.cloud.outside():
            self.stream.deliver()
            self.audit.everything()

    def _calms_down(self) -> None:
        """Nothing goes wrong any more; what is on its way arrives, and what can be paid is paid."""
        self.cloud.faults.calm = True
        start = self.size.start + self.size.days * _DAY
        while self._heap or self.actions.payouts:
            self._day(start)
            start += _DAY
            if self._heap:  # days on which nothing happens are passed over
                start = max(start, self._heap[0][0].replace(hour=0, minute=0, second=0, microsecond=0))
        self._proved()
        for currency, paid in self.bank.paid.items():
            stored = self.audit.books.stored[f"bank:bank_file:{currency}", "total"]
            check(stored == paid, "the bank paid something else", currency, stored, paid)


def live(seed: int, size: Size, say: Callable[[str], object] = lambda _: None, monthly: bool = False) -> Life:
    """Lives one life: the same seed and size are the same life again, fault by fault. Raises `Wrong`."""
    zone = ZONES[seed % len(ZONES)]
    with deployed(seed, size.start, zone, size.fault_rate) as cloud:
        life = Life(seed, size, cloud, zone)
        life.run(say, monthly)
        return life
