"""Items of the ledger that are gone are put back from entries and payouts; one that holds something else is set right only
because staff said so (`correct`)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chalicelib.domain.books import BALANCE, MONEY, Books
from chalicelib.domain.buckets import day_of
from chalicelib.domain.proof import Mismatch, payouts
from chalicelib.domain.repairs import rebuilt
from chalicelib.flows.compare_ledger import mismatches, payouts_in, steady
from chalicelib.settings import settings
from chalicelib.store import audit, mended
from chalicelib.store.repairs import Finding, Outcome, Progress

_LAYERS = 3


class Items:
    """One run's work on items. `progress` is brought up to date with every step of it."""

    def __init__(self, progress: Progress, at: datetime, correct: bool, by: str) -> None:
        self.progress, self.at, self.correct, self.by = progress, at, correct, by

    def record(self, action: str, what: str, after: object) -> dict[str, Any]:
        """The audit record of a change."""
        return audit.record(self.at, self.by, action, what, after=after)

    def account(self, account: str) -> None:
        """Puts back what is gone of a distributor's account, and settles its findings. Not without the entries of an order
        that waits: by the items that it made it is told whether they were posted."""
        books = None if self.progress.blind or account in self.progress.waiting else steady(account)
        if books is None:
            self.progress.settle("account", account, lambda _: "left")
            return
        done: dict[str, Outcome] = {}
        left = _left(books)
        for item in rebuilt(books, account, left, day_of(self.at, settings().time_zone), self.correct):
            record = self.record("ledger.rebuild", f"{account} {item.at}", item)
            if mended.put_if_gone(mended.item(item, self.at), record):
                done[item.at] = "rebuilt"
        # What a day holds decides what BALANCE should, and a figure that is off hides others of its item.
        for _ in range(_LAYERS if self.correct else 0):
            done |= self._corrected(account)
        off = {each.what for each in mismatches(steady(account) or books)}

        def outcome(finding: Finding) -> Outcome | None:
            at = BALANCE if finding.what in MONEY else finding.what.split(" ")[0]
            return "left" if finding.what in off else done.get(at)

        self.progress.settle("account", account, outcome)

    def _corrected(self, account: str) -> dict[str, Outcome]:
        books = steady(account)
        found: dict[str, dict[str, tuple[int, int]]] = {}
        for each in mismatches(books) if books else []:
            at, name = _figure(each)
            if name:
                found.setdefault(at, {})[name] = (each.stored, each.computed)
        return self._set_right(account, found)

    def _set_right(self, account: str, found: dict[str, dict[str, tuple[int, int]]]) -> dict[str, Outcome]:
        done: dict[str, Outcome] = {}
        for at, figures in found.items():
            record = self.record("ledger.correct", f"{account} {at}", figures)
            if mended.correct(account, at, figures, record):
                done[at] = "corrected"
        return done

    def total(self, day: str) -> None:
        """Puts back a day of a merchant, rail or tax (`<account>|DAY#<day>`) that is gone, and settles its findings."""
        account = day.partition("|")[0]
        progress = self.progress
        stored = {key: progress.before[key] for key in progress.before if key in progress.seen and _of(key, day)}
        should = {key: sums for key, sums in progress.charged.items() if _of(key, day)}
        absent = [key for key in should if key not in stored]
        after = _sum([*stored.values(), *(should[key] for key in absent)])
        followed = _sum(stored.values()) == _sum(should.values()) and not (absent and day not in stored)
        if followed or day in progress.busy:
            # It was right once entries were back, or nothing can be said of it tonight.
            progress.settle("total", day, lambda _: None)
            return
        outcome: Outcome = "left"
        if not self._is_known(day, {*stored, *should}):
            pass
        elif absent and day not in stored and after == _sum(should.values()):
            for key in absent:
                amount, returned = should[key]
                figures = {"amount": amount, "returned": returned}
                record = self.record("ledger.rebuild", f"{account} {key.partition('|')[2]}", figures)
                if mended.put_if_gone(mended.total(account, key.partition("|")[2], figures), record):
                    outcome = "rebuilt"
                    progress.before[key] = [amount, returned]
                    progress.seen.add(key)
        elif self.correct and not absent and len(stored) == 1:
            [key] = stored
            both = zip(("amount", "returned"), stored[key], should.get(key, [0, 0]), strict=True)
            figures_off = {name: (has, wanted) for name, has, wanted in both if has != wanted}
            outcome = self._set_right(account, {key.partition("|")[2]: figures_off}).get(key.partition("|")[2], "left")
        progress.settle("total", day, lambda _: outcome)

    def _is_known(self, day: str, keys: Iterable[str]) -> bool:
        """Whether what the day should hold is beyond doubt: a merchant's by all orders and by all entries alike. An order
        that cannot be read, or that nobody got to, has charges that the orders which were read do not tell of."""
        progress = self.progress
        if not day.startswith("merchant:"):
            return True
        if progress.blind or day in progress.waiting:
            return False
        return all(progress.charged.get(key, [0])[0] == progress.entered.get(key, 0) for key in keys)


def _of(key: str, day: str) -> bool:
    return key == day or key.startswith(day + "#")


def _sum(several: Any) -> tuple[int, int]:
    both = list(several)
    return sum(each[0] for each in both), sum(each[1] for each in both)


def _left(books: Books) -> dict[str, int]:
    """What the account's payouts say is in flight, and paid."""
    sums = {"in_flight": 0, "paid": 0}
    for each in payouts(Books(books.time_zone), list(payouts_in(books))):
        if each.what in sums:
            sums[each.what] += each.computed
    return sums


def _figure(mismatch: Mismatch) -> tuple[str, str]:
    """The item and the figure in it that a mismatch of a distributor's account is about."""
    if mismatch.what in MONEY:
        return BALANCE, mismatch.what
    at, _, name = mismatch.what.partition(" ")
    if not at.startswith("DAY#") or name == "missing":
        return at, ""
    return at, name or "pending"
