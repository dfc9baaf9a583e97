"""What was found to be missing from the books is put back, where it follows from what is there; the rest is left to people.

By itself this adds what is gone, and nothing else: a change of an order that was lost, an entry, an item. What is there and
holds something else than it should has been seen, and maybe paid out: only staff has it set right (`correct`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from msgspec import structs

from chalicelib.domain.books import BALANCE, MONEY, Books
from chalicelib.domain.buckets import day_of
from chalicelib.domain.orders import Order
from chalicelib.domain.postings import Entry, Posting, charges
from chalicelib.domain.proof import Mismatch, payouts
from chalicelib.domain.repairs import Lack, counted_on, destinations, gone, rebuilt
from chalicelib.flows.compare_ledger import Part, mismatches, payouts_in, steady, was_lost
from chalicelib.flows.compare_orders import entries_due, looked_at, on_its_way
from chalicelib.flows.post_change import said
from chalicelib.flows.post_commissions import post_commissions
from chalicelib.observe import logger
from chalicelib.settings import settings
from chalicelib.store import audit, mended
from chalicelib.store import payouts as payout_store
from chalicelib.store.ledger import put_entry
from chalicelib.store.repairs import Finding, Kind, Outcome, Progress

_LAYERS = 3


class Mending:
    """One run's work on what it found. `progress` is brought up to date with every step of it."""

    def __init__(self, progress: Progress, part: Part, at: datetime, correct: bool, by: str) -> None:
        self.progress, self.part, self.at, self.correct, self.by = progress, part, at, correct, by

    def go(self, goes_on: Callable[[], bool]) -> bool:
        """Deals with what was found, in the order in which it follows from each other. False if it was told to
        stop: there may be more."""
        steps: tuple[tuple[Kind, Callable[[str], None]], ...] = (
            ("payout", self._payout),
            ("order", partial(self._order, lost=False)),
            ("order", partial(self._order, lost=True)),
            ("account", self._account),
            ("total", self._total),
            ("tax", self._leave),
        )
        for kind, mend in steps:
            subjects = {each.subject: None for each in self.progress.findings if _open(each, kind)}
            for subject in subjects:
                mend(subject)
                if not goes_on():
                    return False
        return True

    def _settle(self, kind: str, subject: str, outcome: Callable[[Finding], Outcome | None]) -> None:
        """Notes what became of the findings about this; None takes one off the list: it followed from another."""
        kept = []
        for each in self.progress.findings:
            if _open(each, kind) and each.subject == subject:
                became = outcome(each)
                kept += [structs.replace(each, outcome=became)] if became else []
            else:
                kept.append(each)
        self.progress.findings = kept

    def _record(self, action: str, what: str, after: object) -> dict[str, Any]:
        return audit.record(self.at, self.by, action, what, after=after)

    def _leave(self, subject: str) -> None:
        self._settle("tax", subject, lambda _: "left")

    # -------------------------------------------------------------- payouts

    def _payout(self, payout_id: str) -> None:
        payout = payout_store.existing(payout_id)
        wanted = {each.what for each in self.progress.findings if _open(each, "payout") and each.subject == payout_id}
        for key, _ in entries_due(payout):
            if key["at"] in wanted:
                record = self._record("ledger.restore", f"{key['account']} {key['at']}", payout_id)
                mended.put_if_gone(mended.payout_entry(payout, key["at"]), record)
        self._settle("payout", payout_id, lambda _: "restored")

    # -------------------------------------------------------------- orders

    def _order(self, order_id: str, lost: bool) -> None:
        """What is gone is put back first: the days that it moved then add up, and show what was never posted (`lost`)."""
        found = looked_at(order_id)
        if found is None or on_its_way(found[2], self.at):
            self._settle("order", order_id, lambda _: None)  # it arrived since
            return
        image, _, lacking = found
        if not lacking.postings:
            outcome: Outcome = "left"
        elif not (lacking.absent and was_lost(self.progress, lacking.postings)):
            outcome = self._restored(image, lacking)
        elif lost:
            outcome = self._posted(lacking)
        else:
            return
        self._settle("order", order_id, lambda _: outcome)

    def _posted(self, lacking: Lack) -> Outcome:
        """What it adds to is put back before: an item that it had to begin anew would hide that it was gone."""
        for posting in lacking.postings:
            for charge in posting.charges:
                key = f"{charge.account}|DAY#{charge.bucket.day}"
                if key in self.progress.charged and key not in self.progress.seen:
                    self._total(key)
            for account in dict.fromkeys(entry.account for entry in posting.entries):
                books = steady(account)
                if books and gone(books, account):
                    self._account(account)
                    books = steady(account)
                if books is None or gone(books, account):
                    return "left"
        if "refused" in {each.result for each in post_commissions(lacking.postings)}:
            return "left"
        logger.info("posted", extra={"postings": [said(posting) for posting in lacking.postings]})
        self.progress.posted += 1
        for posting in lacking.postings:
            for key, amount in (each for entry in posting.entries for each in _charged(entry)):
                for sums in (self.progress.before.get(key), self.progress.charged.get(key)):
                    if sums:
                        sums[0], sums[1] = sums[0] + amount, sums[1] + max(0, amount)
        return "posted"

    def _restored(self, image: Order, lacking: Lack) -> Outcome:
        written_at = {written.revision: written.at for written in image.written}
        for posting in lacking.postings:
            for account in dict.fromkeys(entry.account for entry in posting.entries):
                books = steady(account)
                if books is None:
                    return "left"
                mine = [entry for entry in posting.entries if entry.account == account]
                went = destinations(books, mine, written_at)
                for i, entry in enumerate(mine):
                    late = went[i] == "available"
                    self._put_back(posting, counted_on(books, entry, image) if late else entry, went[i])
        return "restored"

    def _put_back(self, posting: Posting, entry: Entry, to: str) -> None:
        record = self._record("ledger.restore", f"{entry.account} {posting.key} {entry.leg}", entry)
        if not mended.put_if_gone(put_entry(posting, entry, to), record):
            return
        for key, amount in _charged(entry):
            sums = self.progress.charged.setdefault(key, [0, 0])
            sums[0], sums[1] = sums[0] + amount, sums[1] + max(0, amount)
            self._look_at(key)

    def _look_at(self, key: str) -> None:
        """A merchant's day that nothing spoke of any more, because its entries were gone with it."""
        if not self.part.has(key) or any(
            _open(each, "total") and each.subject == key for each in self.progress.findings
        ):
            return
        account, _, at = key.partition("|")
        stored, should = self.progress.before.get(key, [0, 0]), self.progress.charged[key]
        if stored != should:
            self.progress.note("total", key, [Mismatch(account, at, stored[0], should[0])])

    # -------------------------------------------------------------- items of distributors

    def _account(self, account: str) -> None:
        books = steady(account)
        if books is None:
            self._settle("account", account, lambda _: "left")
            return
        done: dict[str, Outcome] = {}
        left = _left(books)
        for item in rebuilt(books, account, left, day_of(self.at, settings().time_zone), self.correct):
            record = self._record("ledger.rebuild", f"{account} {item.at}", item)
            if mended.put_if_gone(mended.item(item, self.at), record):
                done[item.at] = "rebuilt"
        # What a day holds decides what BALANCE should, and a figure that is off hides others of its item.
        for _ in range(_LAYERS if self.correct else 0):
            done |= self._corrected(account)
        off = {each.what for each in mismatches(steady(account) or books)}

        def outcome(finding: Finding) -> Outcome | None:
            at = BALANCE if finding.what in MONEY else finding.what.split(" ")[0]
            return "left" if finding.what in off else done.get(at)

        self._settle("account", account, outcome)

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
            record = self._record("ledger.correct", f"{account} {at}", figures)
            if mended.correct(account, at, figures, record):
                done[at] = "corrected"
        return done

    # -------------------------------------------------------------- days of merchants, rails and tax

    def _total(self, day: str) -> None:
        account = day.partition("|")[0]
        progress = self.progress
        stored = {key: progress.before[key] for key in progress.before if key in progress.seen and _of(key, day)}
        should = {key: sums for key, sums in progress.charged.items() if _of(key, day)}
        absent = [key for key in should if key not in stored]
        after = _sum([*stored.values(), *(should[key] for key in absent)])
        if _sum(stored.values()) == _sum(should.values()) and not (absent and day not in stored):
            self._settle("total", day, lambda _: None)  # it followed from entries that are back
            return
        outcome: Outcome = "left"
        if absent and day not in stored and after == _sum(should.values()):
            for key in absent:
                amount, returned = should[key]
                figures = {"amount": amount, "returned": returned}
                record = self._record("ledger.rebuild", f"{account} {key.partition('|')[2]}", figures)
                if mended.put_if_gone(mended.total(account, key.partition("|")[2], figures), record):
                    outcome = "rebuilt"
                    progress.before[key] = [amount, returned]
                    progress.seen.add(key)
        elif self.correct and not absent and len(stored) == 1:
            [key] = stored
            both = zip(("amount", "returned"), stored[key], should.get(key, [0, 0]), strict=True)
            figures_off = {name: (has, wanted) for name, has, wanted in both if has != wanted}
            outcome = self._set_right(account, {key.partition("|")[2]: figures_off}).get(key.partition("|")[2], "left")
        self._settle("total", day, lambda _: outcome)


def _open(finding: Finding, kind: str) -> bool:
    return finding.kind == kind and finding.outcome == "found"


def _of(key: str, day: str) -> bool:
    return key == day or key.startswith(day + "#")


def _sum(several: Any) -> tuple[int, int]:
    both = list(several)
    return sum(each[0] for each in both), sum(each[1] for each in both)


def _charged(entry: Entry) -> list[tuple[str, int]]:
    return [(f"{charge.account}|DAY#{charge.bucket.day}", charge.amount) for charge in charges([entry])]


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
