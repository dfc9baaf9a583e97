"""What an order has earned, for whom, in which state, and by which entries of the books."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from chalicelib.domain.accounts import distributor
from chalicelib.domain.buckets import HELD, matures_on
from chalicelib.domain.earnings import Earnings, LevelEarning, earnings
from chalicelib.domain.errors import NotFound
from chalicelib.domain.orders import Order
from chalicelib.settings import settings
from chalicelib.store import keys, orders, statement
from chalicelib.store.batch import read, ref

State = Literal["estimated", "pending", "held", "available", "reversed", "none"]


class LevelState(Struct, frozen=True):
    """`amount`: what has accrued; while nothing has (`estimated`), what is to come."""

    distributor_id: str
    amount: int
    state: State
    accrued: int
    estimated: int
    matures_on: str | None


class Explained(Struct, frozen=True):
    order: Order
    earned: Earnings
    direct: LevelState | None
    indirect: LevelState | None
    entries: list[dict[str, Any]]


def explain_order(order_id: str) -> Explained:
    """The commissions of an order and the entries that booked them, the oldest first. Raises `NotFound`."""
    order = orders.get(order_id)
    if order is None:
        raise NotFound("NOT_FOUND")
    earned = earnings(order)
    now = [side.beneficiary.distributor_id for side in (earned.direct, earned.indirect) if side.beneficiary]
    accounts = dict.fromkeys(distributor(each, order.facts.currency) for each in (*now, *order.former))
    entries = [
        entry
        for written in order.written
        for account in accounts
        for entry in statement.of_posting(account, written.at, f"{order_id}@{written.revision}")
        if entry["order_id"] == order_id
    ]
    return Explained(order, earned, _state(order, earned.direct), _state(order, earned.indirect), entries)


def _state(order: Order, side: LevelEarning) -> LevelState | None:
    if side.beneficiary is None:
        return None
    account = distributor(side.beneficiary.distributor_id, order.facts.currency)
    days = {b: ref(settings().ledger_table, account=account, at=keys.day(b)) for b in side.buckets if b.day != HELD}
    known = read(*days.values())
    # A day that is not in the books yet is on its way there.
    pending = [bucket for bucket, day in days.items() if "matured_at" not in known.get(day, {})]
    on = min(map(matures_on, pending), default=None)
    state: State
    if side.accrued and any(bucket.day == HELD for bucket in side.buckets):
        state = "held"
    elif side.accrued:
        state = "available" if days and not pending else "pending"
    elif side.estimated:
        state = "estimated"
    else:
        state = "reversed" if order.written and side.beneficiary.unpaid is None else "none"
    amount = side.accrued or side.estimated
    return LevelState(side.beneficiary.distributor_id, amount, state, side.accrued, side.estimated, on)
