"""What was found to be missing from the books is put back, where it follows from what is there; the rest is left to people.

By itself this adds what is gone, and nothing else: a change of an order that was lost, an entry, an item. What is there and
holds something else than it should has been seen, and maybe paid out: only staff has it set right (`correct`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from chalicelib.domain.orders import Order
from chalicelib.domain.postings import Entry, Posting, by_bucket
from chalicelib.domain.proof import Mismatch
from chalicelib.domain.repairs import counted_on, destinations, gone
from chalicelib.flows.compare_ledger import Part, day_of_charge, steady
from chalicelib.flows.compare_orders import charged, entries_due, hold_up, looked_at, on_its_way
from chalicelib.flows.fate import fate, lacks
from chalicelib.flows.mend_items import Items
from chalicelib.flows.post_change import said
from chalicelib.flows.post_commissions import post_commissions
from chalicelib.observe import logger
from chalicelib.store import mended, orders
from chalicelib.store import payouts as payout_store
from chalicelib.store import proof as reads
from chalicelib.store.ledger import put_entry
from chalicelib.store.repairs import Kind, Outcome, Progress


def _worst(outcomes: list[Outcome]) -> Outcome:
    return "left" if "left" in outcomes else outcomes[0]


class Mending:
    """One run's work on what it found. `progress` is brought up to date with every step of it."""

    def __init__(self, progress: Progress, part: Part, at: datetime, correct: bool, by: str) -> None:
        self.progress, self.part, self.at = progress, part, at
        self.items = Items(progress, at, correct, by)

    def go(self, goes_on: Callable[[], bool]) -> bool:
        """Deals with what was found, in the order in which it follows from each other. False if it was told to
        stop: there may be more."""
        for_later, nobody = self.progress.lost, set[str]()
        steps: tuple[tuple[Kind, Callable[[str], None], set[str]], ...] = (
            ("payout", self._payout, nobody),
            ("order", partial(self._order, lost=False), for_later),
            ("order", partial(self._order, lost=True), nobody),
            ("account", self.items.account, nobody),
            ("total", self.items.total, nobody),
            ("tax", lambda item: self.progress.settle("tax", item, lambda _: "left"), nobody),
        )
        for kind, mend, passed_over in steps:
            for subject in self.progress.open(kind):
                if subject in passed_over:
                    continue
                mend(subject)
                if not goes_on():
                    return False
        return True

    # -------------------------------------------------------------- payouts

    def _payout(self, payout_id: str) -> None:
        payout = payout_store.existing(payout_id)
        wanted = {each.what for each in self.progress.findings if (each.kind, each.subject) == ("payout", payout_id)}
        for key, _ in entries_due(payout):
            if key["at"] in wanted:
                record = self.items.record("ledger.restore", f"{key['account']} {key['at']}", payout_id)
                mended.put_if_gone(mended.payout_entry(payout, key["at"]), record)
        self.progress.settle("payout", payout_id, lambda _: "restored")

    # -------------------------------------------------------------- orders

    def _order(self, order_id: str, lost: bool) -> None:
        """What is gone is put back first: the days that it moved then add up, and show what was never posted (`lost`)."""
        found = looked_at(order_id)
        if found is None:
            self._arrived(order_id)
            return
        image, entries, lacking = found
        if on_its_way(image, entries, lacking, self.at):
            hold_up(self.progress, image, entries, lacking)
            self._arrived(order_id)
            return
        parts, own = [part for posting in lacking.postings for part in by_bucket(posting)], lacks(lacking)
        fates = {fate(self.progress, part, own) for part in parts}
        outcome: Outcome | None = "left"
        if fates == {"gone"} or (lost and self.items.correct and fates - {"lost"}):
            # Where it is unclear: whatever the accounts hold is then set right by their entries.
            outcome = _worst([self._restored(image, part) for part in parts])
        elif fates and not lost:
            self.progress.lost.add(order_id)
            outcome = None
        elif fates == {"lost"}:
            outcome = _worst([self._posted(part) for part in parts])
            self.progress.posted += len({part.key for part in parts}) if outcome == "posted" else 0
        self._recount(image)
        if outcome == "left":
            hold_up(self.progress, image, entries, lacking)
        elif outcome:
            self.progress.lacks.pop(order_id, None)
        if outcome:
            self.progress.settle("order", order_id, lambda _: outcome)

    def _arrived(self, order_id: str) -> None:
        """Nothing is lacking any more, or not yet: the stream was slow, or this run was cut off after it had put it back."""
        if image := orders.get(order_id):
            self.progress.busy |= self._recount(image)
        self.progress.lacks.pop(order_id, None)
        self.progress.settle("order", order_id, lambda _: None)

    def _posted(self, posting: Posting) -> Outcome:
        """What it adds to is put back before: an item that it had to begin anew would hide that it was gone."""
        for key in map(day_of_charge, posting.charges):
            if key in self.progress.charged and key not in self.progress.seen and self.part.has(key):
                self.items.total(key)
        for account in dict.fromkeys(entry.account for entry in posting.entries):
            books = steady(account)
            if books and gone(books, account):
                self.items.account(account)
                books = steady(account)
            if books is None or gone(books, account):
                return "left"
        [outcome] = post_commissions([posting])
        if outcome.result == "refused":
            return "left"
        logger.info("posted", extra={"postings": [said(posting)]})
        for key, charge in ((day_of_charge(each), each) for each in posting.charges if outcome.result == "applied"):
            if key in self.progress.seen or key not in self.progress.charged:
                sums = self.progress.before.setdefault(key, [0, 0])
                sums[0], sums[1] = sums[0] + charge.amount, sums[1] + max(0, charge.amount)
                self.progress.seen.add(key)
        return "posted"

    def _restored(self, image: Order, posting: Posting) -> Outcome:
        written_at = {written.revision: written.at for written in image.written}
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
        record = self.items.record("ledger.restore", f"{entry.account} {posting.key} {entry.leg}", entry)
        mended.put_if_gone(put_entry(posting, entry, to), record)

    def _recount(self, image: Order) -> set[str]:
        """Counts what the entries that an order has now charge to merchants, instead of what was counted before; on which
        days."""
        order_id = image.facts.order_id
        then, now = self.progress.counted.get(order_id, {}), charged(reads.entries_of([image])[order_id])
        self.progress.counted[order_id] = now
        for key in filter(self.part.has, then.keys() | now.keys()):
            (amount, returned), (amount_then, returned_then) = now.get(key, (0, 0)), then.get(key, (0, 0))
            if (amount, returned) == (amount_then, returned_then):
                continue
            sums = self.progress.charged.setdefault(key, [0, 0])
            sums[0], sums[1] = sums[0] + amount - amount_then, sums[1] + returned - returned_then
            self.progress.entered[key] = self.progress.entered.get(key, 0) + amount - amount_then
            self._look_at(key)
        return {*now}

    def _look_at(self, key: str) -> None:
        """A merchant's day that nothing spoke of any more, because its entries were gone with it."""
        if key in self.progress.open("total"):
            return
        account, _, at = key.partition("|")
        stored, should = self.progress.before.get(key, [0, 0]), self.progress.charged[key]
        if stored != should:
            self.progress.note("total", key, [Mismatch(account, at, stored[0], should[0])])
