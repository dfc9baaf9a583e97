"""The ledger's items held against the entries: each distributor's, and what merchants, rails and tax have by day.

A distributor's account is read in one go, and its sums are forgotten at its end. The days of the others come from all
entries: their sums are kept while all is read, for as many items as fit; where there are more, a part of them each night.
An item that changed meanwhile is passed over: what was read of it is of no one instant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from zlib import crc32

from chalicelib.domain import accounts, proof
from chalicelib.domain.books import Books, add_item, whole_day
from chalicelib.domain.buckets import day_of
from chalicelib.domain.payouts import Payout
from chalicelib.domain.postings import Charge
from chalicelib.domain.proof import Mismatch
from chalicelib.settings import settings
from chalicelib.store import keys, payouts
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


def ledger_pages(progress: Progress, part: Part, goes_on: Callable[[], bool]) -> bool:
    """Holds every item against the entries of its account. False if it was told to stop, which it does at the end of an
    account, and not before the first."""
    books, entered, border, last = _fresh(), Counter[str](), progress.after, progress.after
    after = progress.after
    while True:
        items, after = reads.ledger_page(after)
        for item in items:
            if books.accounts and item["account"] not in books.accounts:
                _finish(progress, books, entered)
                books, entered, border = _fresh(), Counter[str](), last
            add_item(books, item)
            for key, amount in _charges_of(item):
                if part.has(key):
                    entered[key] += amount
            last = {name: {"S": item[name]} for name in ("account", "at")}
            if not item["account"].startswith("distributor:"):
                _visit(progress, item)
        if after is None:
            _finish(progress, books, entered)
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


def _charges_of(item: Mapping[str, Any]) -> list[tuple[str, int]]:
    """What an entry charges to merchants, by account and day."""
    if "order_id" not in item:
        return []
    currency, at = accounts.payee(item["account"])[1], keys.total_day(item["day"])
    parts = item["merchants"].items()
    return [(f"{accounts.merchant(each, currency, item['order_id'])}|{at}", -amount) for each, amount in parts]


def _finish(progress: Progress, books: Books, entered: Mapping[str, int]) -> None:
    for key, amount in entered.items():
        progress.entered[key] = progress.entered.get(key, 0) + amount
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


def day_of_charge(charge: Charge) -> str:
    """The merchant's day that a charge is counted on, as `Progress` names it."""
    return f"{charge.account}|{keys.total_day(charge.bucket.day)}"


def compare_totals(progress: Progress, began: datetime) -> None:
    """Names the days of merchants, rails and tax that are not what was added up, and did not change meanwhile. Those of
    rails and tax since the run `began` are left to the next: what came and went again would look unchanged."""
    today = f"DAY#{day_of(began, settings().time_zone)}"
    stored = {key: sums for key, sums in progress.before.items() if key in progress.seen}
    by_day: dict[str, set[str]] = {}
    for key in stored.keys() | progress.charged.keys():
        account, _, at = key.partition("|")
        by_day.setdefault(f"{account}|{whole_day(at)}", set()).add(key)
    none = [0, 0]
    for day, of_day in sorted(by_day.items()):
        account, _, on = day.partition("|")
        if not account.startswith("merchant:") and on >= today:
            progress.busy.add(day)
        if day in progress.busy:
            continue
        for i, name in enumerate(("", " returned")):
            has = sum(stored.get(key, none)[i] for key in of_day)
            should = sum(progress.charged.get(key, none)[i] for key in of_day)
            if has != should:
                progress.note("total", day, [Mismatch(account, on + name, has, should)])
        for key in sorted(of_day - stored.keys()):
            if day not in stored and not any(each.subject == day for each in progress.findings[-2:]):
                progress.note("total", day, [Mismatch(account, f"{key.partition('|')[2]} missing", 0, 1)])
