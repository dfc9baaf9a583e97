"""Orders held against their entries, and payouts against theirs: page by page. What is kept while all is read is bounded by
`Part`, which looks at some of it each night."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from msgspec import DecodeError, ValidationError

from chalicelib.domain import proof
from chalicelib.domain.accounts import distributor, merchant, payee
from chalicelib.domain.books import Books, add_item, whole_day
from chalicelib.domain.buckets import Bucket
from chalicelib.domain.orders import Order
from chalicelib.domain.payouts import BACK, Payout
from chalicelib.domain.postings import holdings
from chalicelib.domain.proof import Mismatch
from chalicelib.domain.repairs import Lack, lack
from chalicelib.flows.compare_ledger import Part, day_of_charge
from chalicelib.flows.fate import lacks
from chalicelib.observe import logger
from chalicelib.settings import settings
from chalicelib.store import keys, orders
from chalicelib.store import proof as reads
from chalicelib.store.batch import read, ref
from chalicelib.store.repairs import Progress
from chalicelib.store.transactions import MAX_ITEMS

_PAGE = 50
_STREAMS_MINUTES, _STREAMS_HOURS = timedelta(minutes=15), timedelta(hours=24)
"""A change may be on its way this long; and a stream forgets what it did not deliver."""
_UNREADABLE = (DecodeError, ValidationError, LookupError, ArithmeticError, ValueError, TypeError, AttributeError)
"""What an image raises that is not what it should be."""


def orders_page(progress: Progress, part: Part, at: datetime) -> None:
    """Holds a page of orders against their entries, and adds up what these charge to merchants."""
    items, progress.after = reads.orders_page(progress.after, _PAGE)
    progress.orders += len(items)
    images: list[Order] = []
    for item in items:
        with _by_itself(progress, item["id"]):
            images.append(orders.from_attributes(item))
    try:
        booked = reads.entries_of(images)
    except _UNREADABLE:
        booked = {}
    for image in images:
        order_id = image.facts.order_id
        with _by_itself(progress, order_id):
            entries = booked[order_id] if booked else reads.entries_of([image])[order_id]
            counted = charged(entries)
            for key, (amount, returned) in counted.items():
                if part.has(key):
                    sums = progress.charged.setdefault(key, [0, 0])
                    sums[0], sums[1] = sums[0] + amount, sums[1] + returned
            if lack(image, entries):
                progress.counted[order_id] = counted
                _look_again(progress, order_id, at)


@contextmanager
def _by_itself(progress: Progress, order_id: str) -> Iterator[None]:
    """An order that cannot be read or worked out is named, and does not hold up the others."""
    try:
        yield
    except _UNREADABLE:
        logger.exception("an order cannot be compared", extra={"order": order_id})
        progress.note("order", order_id, [Mismatch("", f"order {order_id} cannot be read", 1, 0)], "left")
        progress.blind = True


def charged(entries: Sequence[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """What these entries charge to merchants, as (amount, returned) by account and day."""
    by_posting: dict[tuple[str, str], dict[tuple[int, Bucket], int]] = {}
    for entry in entries:
        currency = payee(entry["account"])[1]
        bucket = Bucket(entry["day"], entry["hold_days"])
        for merchant_id, amount in entry["merchants"].items():
            key = merchant(merchant_id, currency, entry["order_id"]), keys.total_day(bucket.day)
            parts = by_posting.setdefault(key, {})
            posting = entry["revision"], bucket
            parts[posting] = parts.get(posting, 0) - amount
    return {
        f"{account}|{day}": (sum(parts.values()), sum(max(0, amount) for amount in parts.values()))
        for (account, day), parts in by_posting.items()
        if any(parts.values())
    }


def _look_again(progress: Progress, order_id: str, at: datetime) -> None:
    """What was read may be of two instants: the image is read first now, so what it knows of is there or on its way."""
    found = looked_at(order_id)
    if found is None:
        return
    image, entries, lacking = found
    if not progress.more:
        progress.lacks[order_id] = lacks(lacking)
    if on_its_way(image, entries, lacking, at):
        progress.in_transit += 1
        hold_up(progress, image, entries, lacking)
        return
    books = Books(settings().time_zone)
    for entry in entries:
        add_item(books, entry)
    unclear = [Mismatch("", f"order {order_id}", 0, 1)]
    progress.note("order", order_id, proof.order(books, image) or unclear)


def looked_at(order_id: str) -> tuple[Order, list[dict[str, Any]], Lack] | None:
    """The order as it is now, its entries, and what they lack; None if nothing."""
    image = orders.get(order_id)
    if image is None:
        return None
    entries = reads.entries_of([image])[order_id]
    lacking = lack(image, entries)
    return (image, entries, lacking) if lacking else None


def hold_up(progress: Progress, image: Order, entries: Sequence[dict[str, Any]], lacking: Lack) -> None:
    """Notes what an order that is not settled tonight is booked on: without its entries these items are not what they
    seem."""
    if not lacking.postings:
        return  # no night will settle it
    now = [each.distributor_id for each in (image.terms.direct, image.terms.indirect) if each] if image.terms else []
    progress.waiting |= {distributor(each, image.facts.currency) for each in (*now, *image.former)}
    progress.waiting |= {day_of_charge(charge) for posting in lacking.postings for charge in posting.charges}
    progress.waiting |= charged(entries).keys()


def on_its_way(image: Order, entries: Sequence[dict[str, Any]], lacking: Lack, at: datetime) -> bool:
    """Whether what is lacking may still be delivered by the stream. One change that comes later finds its entries there; of
    several the books could not tell, nor of one that comes in parts: they wait until the stream has forgotten them."""
    if _may_come_in_parts(image, entries):
        return image.written[-1].at > at - _STREAMS_HOURS
    if not lacking.absent:
        return False
    patience = _STREAMS_MINUTES if len(lacking.absent) == 1 else _STREAMS_HOURS
    return lacking.absent[-1].at > at - patience


def _may_come_in_parts(image: Order, entries: Sequence[dict[str, Any]]) -> bool:
    """Whether a change of the order may have more items than a transaction takes (`store/ledger.py`), and some to spare: it
    may have taken from others what nothing speaks of by now."""
    legs = {
        (
            entry["level"],
            payee(entry["account"])[0],
            Bucket(entry["day"], entry["hold_days"]),
            tuple(entry["merchants"]),
        )
        for entry in entries
    } | {(*holder, tuple(share.merchants)) for holder, share in holdings(image).items()}
    holders = {leg[:3] for leg in legs}
    charges = {(merchant_id, bucket) for _, _, bucket, merchants in legs for merchant_id in merchants}
    return 3 * len(holders) + len(charges) > MAX_ITEMS // 2


def payouts_page(progress: Progress, part: Part) -> None:
    """Holds a page of payouts against their entries, and adds up what their steps moved; and what tax depends on."""
    items, progress.after = reads.payouts_page(progress.after, _PAGE)
    found, totals = reads.sorted_out(items)
    for payout in found:
        for (account, at), amount in proof.system_days(payout, settings().time_zone).items():
            # By whole days: which of a day's items something is in was not always the same.
            if part.has(f"{account}|{whole_day(at)}"):
                progress.charged.setdefault(f"{account}|{at}", [0, 0])[0] += amount
        for key, amount in proof.in_tax_year(payout).items():
            _add_tax(progress, part, key, amount)
    progress.totals += len(totals)
    for key, amount in totals.items():
        _add_tax(progress, part, key, -amount)
    there = read(*(ref(settings().ledger_table, **key) for payout in found for key, _ in entries_due(payout)))
    for payout in found:
        if any(ref(settings().ledger_table, **key) not in there for key, _ in entries_due(payout)):
            progress.note("payout", payout.id, _lacking(payout))


def _add_tax(progress: Progress, part: Part, key: tuple[str, str], amount: int) -> None:
    name = "|".join(key)
    if part.has(name):
        progress.tax[name] = progress.tax.get(name, 0) + amount
        if not progress.tax[name]:
            del progress.tax[name]


def entries_due(payout: Payout) -> list[tuple[dict[str, str], int]]:
    """The keys of the entries that a payout has, and their amounts."""
    account = distributor(payout.distributor_id, payout.currency)
    due = [({"account": account, "at": keys.entry(payout.created_at, payout.id, "requested")}, -payout.gross)]
    if payout.state in BACK:
        due.append(({"account": account, "at": keys.entry(payout.history[-1].at, payout.id, "returned")}, payout.gross))
    return due


def _lacking(payout: Payout) -> list[Mismatch]:
    due = entries_due(payout)
    there = read(*(ref(settings().ledger_table, **key) for key, _ in due))
    gone = [(key, amount) for key, amount in due if ref(settings().ledger_table, **key) not in there]
    return [Mismatch(key["account"], key["at"], 0, amount) for key, amount in gone]


def compare_tax(progress: Progress) -> None:
    """Names the running totals that are not what the payouts of their payee add up to: read again, each by itself."""
    items = sorted({name.split("|")[0] for name in progress.tax})
    for item in items:
        stored, of_payee = reads.tax_year(item)
        progress.note("tax", item, proof.tax_years(stored, [p for p in of_payee if _in(item, p)]))
    progress.tax = {}


def _in(item: str, payout: Payout) -> bool:
    return any(key[0] == item for key in proof.in_tax_year(payout))
