"""A customer became overdue, or no longer is: their open orders stop accruing, or go on. The difference is posted."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.buckets import day_of, end_of
from chalicelib.domain.earnings import Earnings
from chalicelib.domain.orders import Order
from chalicelib.flows.next_image import next_image
from chalicelib.settings import settings
from chalicelib.store import credit, orders
from chalicelib.store.transactions import pauses

_AT_ONCE = 8
"""Orders a transaction, which holds 4 MB: the largest images fit. The customer's item is written once for all of them."""


def follow_credit(customer_id: str, now: datetime, most: int | None = None) -> int:
    """Stops every order of the customer on account, or lets it go on, as they are overdue by `now` or not. Returns how
    many orders changed: `most` or a few more, if given.

    Orders and account change together, so what a crash or `most` leaves undone is found again. Whoever comes second finds
    nothing to do; and an earlier `now` than somebody's before decides nothing (`Account.judged`). Raises `Busy`.
    """
    changed, waits = 0, pauses()
    while most is None or changed < most:
        old = credit.get(customer_id)
        account = old.judged(day_of(now, settings().time_zone))
        todo = account.out_of_step[:_AT_ONCE]
        if not todo:
            break
        found = orders.get_many(todo)
        steps = [(found[each], *_image(found[each], account.missed, now)) for each in todo]
        writes = [orders.update(image, earned, known) for known, image, earned in steps[1:]]
        known, image, earned = steps[0]
        writes.append(credit.keeps(customer_id, old, account.in_step(todo)))
        if orders.save(image, earned, known, writes):
            changed += len(todo)
        else:
            next(waits)
    return changed


def _image(known: Order, missed: str | None, now: datetime) -> tuple[Order, Earnings]:
    zone = known.terms.time_zone if known.terms else settings().time_zone
    return next_image(known, known.facts, known.terms, now, end_of(missed, zone) if missed else None)
