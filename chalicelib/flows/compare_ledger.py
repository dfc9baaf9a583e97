"""The ledger's items held against the entries: each distributor's, and what merchants, rails and tax have by day.

A distributor's account is read in one go, and its sums are forgotten at its end. The days of the others come from all
entries: their sums are kept while all is read, for as many items as fit; where there are more, a part of them each night.
An item that changed meanwhile is passed over: what was read of it is of no one instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from zlib import crc32

from chalicelib.domain import proof
from chalicelib.domain.books import BALANCE, Books, add_item, day_item, whole_day
from chalicelib.domain.payouts import Payout
from chalicelib.domain.postings import Charge, Entry, Posting
from chalicelib.domain.proof import Mismatch
from chalicelib.settings import settings
from chalicelib.store import payouts
from chalicelib.store import proof as reads
from chalicelib.store.repairs import Progress

_MOST_TOTALS = 20_000
"""Days of merchants, rails and tax whose sums one run keeps: some 5 MB."""
_LOOKS = 3


class Part:
    """Which of the items whose sums are kept a run looks at: all, or one in so many, another one every day."""

    def __init__(self, at: datetime, known: int) -> None:
        self.parts = 1 + known // _MOST_TOTALS
        self.mine = at.toordinal() % self.parts

    def has(self, key: str) -> bool:
        return crc32(key.encode()) % self.parts == self.mine


def totals_page(progress: Progress, part: Part) -> None:
    """Notes what a page's days of merchants, rails and tax hold."""
    items, progress.after = reads.ledger_page(progress.after)
    for item in items:
        if not item["account"].startswith("distributor:"):
            progress.totals += 1
            if part.has(f"{item['account']}|{whole_day(item['at'])}"):
                progress.before[f"{item['account']}|{item['at']}"] = [item.get("amount", 0), item.get("returned", 0)]


def ledger_pages(progress: Progress, goes_on: Callable[[], bool]) -> bool:
    """Holds every item against the entries of its account. False if it was told to stop, which it does at the end of an
    account, and not before the first."""
    books, border, last = _fresh(), progress.after, progress.after
    after = progress.after
    while True:
        items, after = reads.ledger_page(after)
        for item in items:
            if books.accounts and item["account"] not in books.accounts:
                _finish(progress, books)
                books, border = _fresh(), last
            add_item(books, item)
            last = {name: {"S": item[name]} for name in ("account", "at")}
            if not item["account"].startswith("distributor:"):
                _visit(progress, item)
        if after is None:
            _finish(progress, books)
            progress.after = None
            return True
        if border != progress.after and not goes_on():
            progress.after = border
            return False


def _fresh() -> Books:
    return Books(settings().time_zone, orders=False)


def _visit(progress: Progress, item: dict[str, Any]) -> None:
    key = f"{item['account']}|{item['at']}"
    now = [item.get("amount", 0), item.get("returned", 0)]
    if progress.before.get(key, now) != now or (key in progress.charged and key not in progress.before):
        progress.busy.add(f"{item['account']}|{whole_day(item['at'])}")
    if key in progress.before:
        progress.seen.add(key)


def _finish(progress: Progress, books: Books) -> None:
    progress.accounts += len(books.accounts)
    progress.entries += books.entries
    for account in books.accounts:
        if account.startswith("distributor:") and mismatches(books):
            progress.note("account", account, differences(account) or [])


def differences(account: str) -> list[Mismatch] | None:
    """Where a distributor's items are not what entries and payouts make of them; None if the account does not hold still."""
    books = steady(account)
    return mismatches(books) if books else None


def steady(account: str) -> Books | None:
    """The account's items at one instant; None if it changes every time that it is looked at."""
    for _ in range(_LOOKS):
        books = _fresh()
        if reads.read_account(account, partial(add_item, books)):
            return books
    return None


def mismatches(books: Books) -> list[Mismatch]:
    return proof.balances(books, whole=False) + proof.payouts(books, list(payouts_in(books)))


def payouts_in(books: Books) -> Iterable[Payout]:
    """The payouts that the account's entries name."""
    return payouts.get_many(sorted({what.split(" ")[1] for _, what in books.moved})).values()


def was_lost(progress: Progress, postings: Sequence[Posting]) -> bool:
    """Whether these never came: an item that they would have changed is there and adds up without them. Else their entries
    are gone, and what they moved is still where it went. Items that are gone, too, say nothing; if all are, both come to
    the same."""
    add_up = [sums for posting in postings for charge in posting.charges for sums in _charge_adds_up(progress, charge)]
    for entry in (each for posting in postings for each in posting.entries):
        books = steady(entry.account)
        if books is None:
            return False
        add_up += _adds_up(books, entry)
    return any(add_up) or not add_up


def _charge_adds_up(progress: Progress, charge: Charge) -> list[bool]:
    key = f"{charge.account}|DAY#{charge.bucket.day}"
    known = key in progress.seen and key not in progress.busy
    return [progress.before[key] == progress.charged.get(key, [0, 0])] if known else []


def _adds_up(books: Books, entry: Entry) -> list[bool]:
    key = entry.account, day_item(entry.bucket)
    late = key in books.matured
    if key not in books.present or (late and (entry.account, BALANCE) not in books.present):
        return []
    off = {each.what.split(" ")[0] for each in mismatches(books)}
    return [not off & ({key[1], "available"} if late else {key[1]})]


def compare_totals(progress: Progress) -> None:
    """Names the days of merchants, rails and tax that are not what was added up, and did not change meanwhile."""
    stored = {key: sums for key, sums in progress.before.items() if key in progress.seen}
    by_day: dict[str, set[str]] = {}
    for key in stored.keys() | progress.charged.keys():
        account, _, at = key.partition("|")
        by_day.setdefault(f"{account}|{whole_day(at)}", set()).add(key)
    none = [0, 0]
    for day, of_day in sorted(by_day.items()):
        if day in progress.busy:
            continue
        account, _, at = day.partition("|")
        for i, name in enumerate(("", " returned")):
            has = sum(stored.get(key, none)[i] for key in of_day)
            should = sum(progress.charged.get(key, none)[i] for key in of_day)
            if has != should:
                progress.note("total", day, [Mismatch(account, at + name, has, should)])
        for key in sorted(of_day - stored.keys()):
            if day not in stored and not any(each.subject == day for each in progress.findings[-2:]):
                progress.note("total", day, [Mismatch(account, f"{key.partition('|')[2]} missing", 0, 1)])
