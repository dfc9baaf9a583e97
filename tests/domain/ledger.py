"""A ledger in a list: the items that the store keeps, as plain attributes (see `store/ledger.py`), from postings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from chalicelib.domain.orders import Order
from chalicelib.domain.postings import Posting, difference
from chalicelib.domain.proof import Books, add_item

Item = dict[str, Any]


def items(*postings: Posting | None, matured: Iterable[str] = ()) -> list[Item]:
    """The items after these postings, in which the buckets of the days in `matured` had matured after the first one."""
    found: dict[tuple[str, str], Item] = {}

    def item(account: str, at: str) -> Item:
        return found.setdefault((account, at), defaultdict(int, account=account, at=at))

    done: set[tuple[str, str]] = set()
    for posting in postings:
        for entry in posting.entries if posting else ():
            day = f"DAY#{entry.bucket.day}#{entry.bucket.hold_days:03d}"
            late = (entry.account, day) in done
            found[entry.account, f"ENTRY#{entry.revision}#{entry.leg}"] = {
                "account": entry.account,
                "at": f"ENTRY#{entry.revision}#{entry.leg}",
                "amount": entry.amount,
                "day": entry.bucket.day,
                "hold_days": entry.bucket.hold_days,
                "to": "available" if late else "pending",
                "order_id": entry.order_id,
                "revision": entry.revision,
                "merchants": entry.merchants,
            }
            if late:
                item(entry.account, "BALANCE")["available"] += entry.amount
            else:
                item(entry.account, day)["pending"] += entry.amount
        for charge in posting.charges if posting else ():
            item(charge.account, f"DAY#{charge.bucket.day}")["amount"] += charge.amount
        for (account, at), day_item in list(found.items()):
            if account.startswith("distributor:") and at[4:14] in matured and (account, at) not in done:
                day_item["matured_at"] = "2026-04-01T00:00:00.000000Z"
                item(account, "BALANCE")["available"] += day_item["pending"]
                done.add((account, at))
    return [dict(each) for each in found.values()]


def history(*images: Order, **more: Any) -> list[Item]:
    """The items after an order has been each of these in turn."""
    before = (None, *images)
    return items(*(difference(old, new) for old, new in zip(before, images, strict=False)), **more)


def read(found: Iterable[Item]) -> Books:
    books = Books.empty()
    for each in found:
        add_item(books, each)
    return books
