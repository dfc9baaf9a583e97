"""A ledger in a list: the items that the store keeps, as plain attributes (see `store/ledger.py`), from postings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from chalicelib.domain.books import Books, add_item, day_item
from chalicelib.domain.buckets import Bucket
from chalicelib.domain.orders import Order
from chalicelib.domain.postings import Entry, Posting, difference

Item = dict[str, Any]


def items(*postings: Posting | None, matured: Iterable[str] = ()) -> list[Item]:
    """The items after these postings, in which the buckets of the days in `matured` had matured after the first one."""
    found: dict[tuple[str, str], Item] = {}

    def item(account: str, at: str) -> Item:
        return found.setdefault((account, at), defaultdict(int, account=account, at=at))

    done: set[tuple[str, str]] = set()
    for posting in postings:
        for entry in posting.entries if posting else ():
            assert posting
            late = (entry.account, day_item(entry.bucket)) in done
            at = f"ENTRY#{entry.revision}#{entry.leg}"
            found[entry.account, at] = _entry(entry) | {"at": at, "to": "available" if late else "pending"}
            if late:
                item(entry.account, "BALANCE")["available"] += entry.amount
            else:
                item(entry.account, day_item(entry.bucket))["pending"] += entry.amount
            counted = Bucket(posting.happened_on, entry.bucket.hold_days) if late else entry.bucket
            day = item(entry.account, day_item(counted))
            day[entry.level] += entry.amount
            day["reversals"] += max(0, -entry.amount)
            day["orders"] += entry.orders
            day["sales"] += entry.sales
        for charge in posting.charges if posting else ():
            charged = item(charge.account, f"DAY#{charge.bucket.day}")
            charged["amount"] += charge.amount
            charged["returned"] += max(0, charge.amount)
        for (account, at), day_of in list(found.items()):
            if account.startswith("distributor:") and at[4:14] in matured and (account, at) not in done:
                day_of["matured_at"] = "2026-04-01T00:00:00.000000Z"
                item(account, "BALANCE")["available"] += day_of["pending"]
                done.add((account, at))
    return [dict(each) for each in found.values()]


def _entry(entry: Entry) -> Item:
    return {
        "account": entry.account,
        "amount": entry.amount,
        "level": entry.level,
        "day": entry.bucket.day,
        "hold_days": entry.bucket.hold_days,
        "order_id": entry.order_id,
        "revision": entry.revision,
        "happened_at": entry.happened_at.isoformat(),
        "merchants": entry.merchants,
        "orders": entry.orders,
        "sales": entry.sales,
    }


def history(*images: Order, **more: Any) -> list[Item]:
    """The items after an order has been each of these in turn."""
    before = (None, *images)
    return items(*(difference(old, new) for old, new in zip(before, images, strict=False)), **more)


def read(found: Iterable[Item]) -> Books:
    books = Books("Asia/Shanghai")
    for each in found:
        add_item(books, each)
    return books
