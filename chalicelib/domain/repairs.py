"""What the books lack, worked out from what they rest on: entries from order images, items from entries and payouts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any, Literal

from msgspec import Struct, structs

from chalicelib.domain import accounts
from chalicelib.domain.books import BALANCE, MONEY, STATISTICS, Books, day_item
from chalicelib.domain.buckets import HELD, Bucket, day_of, matures_on
from chalicelib.domain.orders import Order, Written
from chalicelib.domain.postings import LEVELS, Entry, Holder, Posting, charges, holdings, leg, times

Booked = Sequence[Mapping[str, Any]]
"""The entries of one order, as plain attributes."""


class Lack(Struct, frozen=True):
    """What an order's entries lack of what its image earns. `absent` are the revisions that should have been posted and have
    no entry; `postings` what is to be put, under keys that nothing has; none where no revision is left to put it under:
    then there are entries of other amounts than there should be."""

    absent: tuple[Written, ...]
    postings: tuple[Posting, ...]


def lack(order: Order, booked: Booked) -> Lack | None:
    """None if the entries add up to what the image earns.

    Of several absent revisions only the sum is known: it goes under the newest. An entry that is missing among others of
    its posting goes back under the key that it had, with the same amounts.
    """
    missing = _missing(order, booked)
    if not missing:
        return None
    present = covered(booked)
    absent = tuple(written for written in order.written if written.revision not in present)
    by_revision: dict[int, list[Entry]] = defaultdict(list)
    for holder, sums in missing.items():
        written = absent[-1] if absent else _revision(order, holder, booked)
        if written is None:
            return Lack(absent, ())
        entry = _entry(order, written, holder, sums, booked)
        covers = tuple(each.revision for each in absent if each != written)
        by_revision[written.revision].append(structs.replace(entry, covers=covers))
    postings = tuple(
        _posting(order, written, by_revision[written.revision])
        for written in order.written
        if written.revision in by_revision
    )
    return Lack(absent, postings)


def covered(booked: Booked) -> set[int]:
    """The revisions that are in the books: by entries of their own, or in those of another one."""
    return {entry["revision"] for entry in booked} | {each for entry in booked for each in entry.get("covers", ())}


def _missing(order: Order, booked: Booked) -> dict[Holder, Counter[str]]:
    sums: dict[Holder, Counter[str]] = defaultdict(Counter)
    for holder, share in holdings(order).items():
        sums[holder].update({" orders": share.orders, " sales": share.sales} | share.merchants)
    for entry in booked:
        distributor_id, _ = accounts.payee(entry["account"])
        holder = entry["level"], distributor_id, Bucket(entry["day"], entry["hold_days"])
        counted = {" orders": entry.get("orders", 0), " sales": entry.get("sales", 0)}
        sums[holder].subtract(counted | entry["merchants"])
    return {holder: each for holder, each in sorted(sums.items()) if any(each.values())}


def _revision(order: Order, holder: Holder, booked: Booked) -> Written | None:
    """The posting that has no entry at this leg but one of the other level in the same bucket; else the newest that has
    none."""
    level, distributor_id, bucket = holder
    account = accounts.distributor(distributor_id, order.facts.currency)
    mine, others = f"#{leg(level, bucket)}", f"#{leg(LEVELS[level == LEVELS[0]], bucket)}"
    taken = {entry["revision"] for entry in booked if entry["account"] == account and entry["at"].endswith(mine)}
    with_other = {entry["revision"] for entry in booked if entry["at"].endswith(others)} - taken
    free = [written for written in order.written if written.revision not in taken]
    return max(free, key=lambda written: (written.revision in with_other, written.revision), default=None)


def _entry(order: Order, written: Written, holder: Holder, sums: Counter[str], booked: Booked) -> Entry:
    level, distributor_id, bucket = holder
    orders, sales = sums[" orders"], sums[" sales"]
    merchants = {name: part for name, part in sorted(sums.items()) if part and not name.startswith(" ")}
    amount = sum(merchants.values())
    same = [datetime.fromisoformat(entry["happened_at"]) for entry in booked if entry["revision"] == written.revision]
    return Entry(
        account=accounts.distributor(distributor_id, order.facts.currency),
        leg=leg(level, bucket),
        kind="reversal" if (amount, sales) < (0, 0) else "commission",
        level=level,
        amount=amount,
        bucket=bucket,
        order_id=order.facts.order_id,
        revision=written.revision,
        happened_at=same[0] if same else max((each for each in times(order) if each <= written.at), default=written.at),
        merchants=merchants,
        orders=orders,
        sales=sales,
    )


def _posting(order: Order, written: Written, entries: Sequence[Entry]) -> Posting:
    zone = order.terms.time_zone if order.terms else "UTC"
    return Posting(
        key=f"{order.facts.order_id}@{written.revision}",
        at=written.at,
        currency=order.facts.currency,
        happened_on=day_of(entries[0].happened_at, zone),
        entries=tuple(entries),
        charges=charges(entries),
    )


Destination = Literal["pending", "available"]
_MOST_TRIED = 10


def destinations(books: Books, entries: Sequence[Entry], written_at: Mapping[int, datetime]) -> dict[int, Destination]:
    """Where the money of entries that are gone went, by their place in the list: the account still has it. `books` are those
    of their account without them; `written_at` when their revisions were recorded."""
    by_day: dict[str, list[int]] = defaultdict(list)
    for i, entry in enumerate(entries):
        by_day[day_item(entry.bucket)].append(i)
    found: dict[int, Destination] = {}
    for day, places in by_day.items():
        key = entries[places[0]].account, day
        matured_at = books.matured.get(key)
        late = {i for i in places if matured_at and written_at[entries[i].revision] > matured_at}
        waited = _adding_up(
            {i: entries[i].amount for i in places}, books.stored.get(key, 0) - books.expected.get(key, 0), late
        )
        found |= {i: "pending" if matured_at is None or i in waited else "available" for i in places}
    return found


def _adding_up(amounts: Mapping[int, int], total: int, unlikely: set[int]) -> set[int]:
    """Those of the amounts that add up to the total, with as few unlikely ones, and as many others, as can be; all where
    none do."""
    places = list(amounts)[:_MOST_TRIED]
    best, least = set(amounts), len(amounts) + 1
    for chosen in (set(some) for n in range(len(places) + 1) for some in combinations(places, n)):
        against = len(chosen ^ (set(places) - unlikely))
        if sum(amounts[i] for i in chosen) == total and against < least:
            best, least = chosen, against
    return best


def counted_on(books: Books, entry: Entry, order: Order) -> Entry:
    """The entry, late, with the time of the fact on whose day the account still counts it, where nothing else says when
    it happened."""
    for at in sorted(times(order), reverse=True):
        day = day_item(Bucket(day_of(at, books.time_zone), entry.bucket.hold_days))
        figures = {entry.level: entry.amount, "orders": entry.orders, "sales": entry.sales}
        lacking = {
            name: books.told.get((entry.account, f"{day} {name}"), 0)
            - books.counted.get((entry.account, f"{day} {name}"), 0)
            for name in figures
        }
        if lacking == figures:
            return structs.replace(entry, happened_at=at)
    return entry


class Rebuilt(Struct, frozen=True):
    """An item as it must have been: its figures; `matured` for a day whose money stands in BALANCE."""

    account: str
    at: str
    figures: dict[str, int]
    matured: bool = False
    due: bool = False


def rebuilt(
    books: Books, account: str, left: Mapping[str, int], today: str, in_any_case: bool = False
) -> list[Rebuilt]:
    """The items of a distributor's account that are gone, from its entries; `left` is what its payouts say is in flight and
    paid. None, too, where it cannot be told whether days that are gone had matured: BALANCE holds neither all nor nothing
    of those that are due by `today`. And no BALANCE where a day that is there holds something else than it should. Staff
    has it done `in_any_case`: what is due by `today` then counts as matured.
    """
    lost = sorted(gone(books, account) - {BALANCE})
    due = [at for at in lost if _is_due(at, today)]
    base = books.expected.get((account, "available"), 0)
    sum_due = sum(books.expected.get((account, at), 0) for at in due)
    has_balance = (account, BALANCE) in books.present
    inside = books.stored.get((account, "available"), 0) - base if has_balance else sum_due
    if in_any_case:
        inside = sum_due
    if inside not in (0, sum_due):
        return []
    matured = set(due) if inside == sum_due else set()
    found = [_day(books, account, at, at in matured) for at in lost]
    off = [at for of, at in books.present if of == account and not _agrees(books, account, at)]
    if not has_balance and (in_any_case or not off) and (matured or (account, BALANCE) in books.needed):
        figures = {"available": base + sum_due, **left}
        found.append(Rebuilt(account, BALANCE, figures, due=True))
    return found


def gone(books: Books, account: str) -> set[str]:
    """The items of the account that its entries speak of, and that are not there."""
    return {at for of, at in _known(books) - books.present if of == account}


def _agrees(books: Books, account: str, at: str) -> bool:
    return at == BALANCE or books.stored.get((account, at), 0) == books.expected.get((account, at), 0)


def _known(books: Books) -> set[tuple[str, str]]:
    """The items that entries speak of, with money or with statistics alone."""
    figures = {(account, what.split(" ")[0]) for (account, what), n in books.counted.items() if n}
    return {(a, w) for (a, w), n in books.expected.items() if n and w not in MONEY} | figures | books.needed


def _is_due(at: str, today: str) -> bool:
    _, day, hold = at.split("#")
    return day != HELD and matures_on(Bucket(day, int(hold))) <= today


def _day(books: Books, account: str, at: str, matured: bool) -> Rebuilt:
    statistics = {name: books.counted.get((account, f"{at} {name}"), 0) for name in STATISTICS}
    pending = books.expected.get((account, at), 0)
    held = (account, at) in books.held
    return Rebuilt(account, at, {"pending": pending, **statistics}, matured and held, held and not matured)


def expected_total(charged: Iterable[int]) -> dict[str, int]:
    """What a merchant's day holds after these charges."""
    parts = list(charged)
    return {"amount": sum(parts), "returned": sum(max(0, part) for part in parts)}
