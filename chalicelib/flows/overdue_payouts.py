"""Payouts that have stood in clearing for longer than their rails take."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain.payouts import UNFINISHED, State
from chalicelib.settings import settings
from chalicelib.store import keys, open_index
from chalicelib.store.payout_items import OPEN_SHARDS, RAIL_SHARDS

_TAKES = timedelta(days=7)
_TAKES_LONGER: dict[State, timedelta] = {"awaiting_recipient": timedelta(days=35)}
"""PayPal gives a recipient thirty days."""


def overdue_payouts(at: datetime) -> int:
    """How many unfinished payouts were made longer ago than a payout takes: their money is neither with the distributor nor
    paid, so a clearing account does not come back to zero."""
    shards = (*OPEN_SHARDS, *RAIL_SHARDS)
    return sum(
        open_index.older(
            settings().payouts_table, "unfinished", shards, state, keys.stamp(at - _TAKES_LONGER.get(state, _TAKES))
        )
        for state in sorted(UNFINISHED)
    )
