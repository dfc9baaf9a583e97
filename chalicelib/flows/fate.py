"""What became of the entries that an order lacks: were they never posted, or are they gone?

Each item that they would have changed is asked by how much it holds more than its entries say. Nothing: they never came.
What is lacking there: they are gone, and what they moved is still where it went. Others may lack entries there, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from chalicelib.domain.books import BALANCE, Books, day_item
from chalicelib.domain.postings import Entry, Posting
from chalicelib.domain.repairs import Lack, gone
from chalicelib.flows.compare_ledger import day_of_charge, mismatches, steady
from chalicelib.store.repairs import Progress

Fate = Literal["lost", "gone", "unclear"]


def lacks(lacking: Lack) -> dict[str, int]:
    """What is lacking by the day that it would have changed: distributors' (`<account>|DAY#<day>#<hold>`) and merchants'."""
    sums: Counter[str] = Counter()
    for posting in lacking.postings:
        for entry in posting.entries:
            sums[_day_of(entry)] += entry.amount
        for charge in posting.charges:
            sums[day_of_charge(charge)] += charge.amount
    return dict(sums)


def fate(progress: Progress, posting: Posting, own: Mapping[str, int]) -> Fate:
    """`own` is all that the order lacks. `unclear` where items contradict each other, or hold what nothing explains, or
    where an account does not hold still. Items that are gone, too, say nothing; if all are, both come to the same."""
    words: list[Fate] = []
    for key in map(day_of_charge, posting.charges):
        if key in progress.seen and key not in progress.busy and own[key]:
            more = progress.before[key][0] - progress.charged.get(key, [0])[0]
            words.append(_word(more, own[key], _all(progress, key)))
    accounts = {entry.account: steady(entry.account) for entry in posting.entries}
    for entry in posting.entries:
        if books := accounts[entry.account]:
            words += _words(progress, books, entry, own)
    said = set(words)
    if None in accounts.values() and said != {"lost"}:
        return "unclear"
    return "lost" if said <= {"lost"} else "gone" if said == {"gone"} else "unclear"


def _word(more: int, own: int, everybodys: int) -> Fate:
    """What an item says that holds so much `more` than its entries say."""
    is_gone, is_lost = more in (own, everybodys), more in (0, everybodys - own)
    return "unclear" if is_gone == is_lost else "gone" if is_gone else "lost"


def _all(progress: Progress, key: str) -> int:
    return sum(each.get(key, 0) for each in progress.lacks.values())


def _day_of(entry: Entry) -> str:
    return f"{entry.account}|{day_item(entry.bucket)}"


def _words(progress: Progress, books: Books, entry: Entry, own: Mapping[str, int]) -> list[Fate]:
    account, day = entry.account, day_item(entry.bucket)
    key, is_there, has_balance = _day_of(entry), (account, day) in books.present, (account, BALANCE) in books.present
    if not own[key]:
        off = {each.what.split(" ")[0] for each in mismatches(books)}
        return ["gone" if day in off else "lost"] if is_there and (entry.orders or entry.sales) else []
    more, late = _more(books, account, "available"), (account, day) in books.matured
    if not is_there:
        # What days that are gone had held may have matured, and stands in BALANCE: theirs alone, or this entry's too.
        held = sum(books.expected.get((account, at), 0) for at in gone(books, account))
        return ["gone"] if has_balance and more in (own[key], held + own[key]) else []
    if late and not has_balance:
        return []
    return [_word(_more(books, account, day) + (more if late else 0), own[key], _all(progress, key))]


def _more(books: Books, account: str, what: str) -> int:
    return books.stored.get((account, what), 0) - books.expected.get((account, what), 0)
