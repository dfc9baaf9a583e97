"""Each step of a payout is told: one line of the log, and counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.domain.payouts import Payout, State
from chalicelib.observe import count, logger
from chalicelib.store import payouts


def move_payout(payout: Payout, to: State, **step: Any) -> Payout | None:
    """`payouts.move`, and tells of it if it did."""
    moved = payouts.move(payout, to, **step)
    if moved:
        tell([moved])
    return moved


def tell(entered: Iterable[Payout]) -> None:
    """Says in which state these payouts are now: under the correlation id of whoever asked for them."""
    for payout in entered:
        run = payout.requested_by.partition("run:")[2] or payout.run_id
        about = {"payout": payout.id, "distributor": payout.distributor_id, "rail": payout.rail, "state": payout.state}
        about |= {"run": run} if run else {}
        logger.info("payout", extra=about | ({"correlation_id": payout.trace} if payout.trace else {}))
        count("Payouts", rail=payout.rail, state=payout.state)
        if payout.state == "paid":
            count("AmountPaid", payout.net, currency=payout.currency)
