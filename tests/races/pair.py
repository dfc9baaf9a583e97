"""What races: two flows, or one twice, that want the same thing; who meets, and what must have become of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Event
from typing import ClassVar, TypeVar

from msgspec import Struct, field

from chalicelib.domain.errors import Busy, FenrunError

T = TypeVar("T")
OK = "ok"
_TRIES = 8


class Meeting(Struct, frozen=True):
    """One contender's place in one round. `slot`: where it is played, of those that are played at the same time; `wave`: how
    many were played there before. `signal` is shared by the contenders, and at first not set."""

    number: int
    wave: int
    slot: int
    seat: int
    signal: Event


class Told(Struct, frozen=True):
    """What a round's contenders were told, in the order of their seats: `OK`, a code, or more."""

    number: int
    answers: tuple[str, ...]


class Score(Struct):
    """`succeeded` and `refused` contenders; `violations`: what should not be, in words."""

    rounds: int = 0
    succeeded: int = 0
    refused: int = 0
    violations: list[str] = field(default_factory=list)

    def count(self, told: Told, *possible: dict[str, int]) -> None:
        """Counts a round whose answers must be one of these."""
        answers = Counter(told.answers)
        self.succeeded += answers[OK]
        self.refused += len(told.answers) - answers[OK]
        if answers not in [Counter(each) for each in possible]:
            self.violations.append(f"round {told.number}: {told.answers}")

    def expect(self, true: object, *what: object) -> None:
        if not true:
            self.violations.append(" ".join(map(str, what)))


class Pair:
    """`seats`: contenders a round (0: the whole crew); `rounds`: how many are played. What `open` notes in the object
    reaches the crew."""

    name: ClassVar[str]
    seats: int
    rounds: ClassVar[int]
    slots: int = 0

    def open(self) -> None:
        """Fills the empty tables, once."""

    def prepare(self, here: Meeting) -> None:
        """What each contender does before all begin."""

    def meet(self, here: Meeting) -> str:
        """What one contender does, and is told."""
        raise NotImplementedError

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        """Holds what was told, and what is stored, against what must be."""
        raise NotImplementedError


def told(call: Callable[[], object]) -> str:
    """What a caller is told in the end: of `Busy` they are told to do the same again."""
    for _ in range(_TRIES):
        try:
            call()
        except Busy:
            continue
        except FenrunError as error:
            return error.code
        return OK
    return "BUSY"


def insist(call: Callable[[], T]) -> T:
    """The same, for what must succeed."""
    for _ in range(_TRIES):
        try:
            return call()
        except Busy:
            continue
    raise AssertionError("busy for ever")
