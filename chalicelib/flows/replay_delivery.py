"""Staff act on a delivery again, once what kept it from being recorded is mended."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.errors import NotFound
from chalicelib.flows.receive_delivery import retry_delivery
from chalicelib.store import audit
from chalicelib.store.transactions import transact


def replay_delivery(inbox_id: str, by: str, now: datetime) -> Delivery:
    """The delivery after it was acted on once more: recorded, or stuck with the reason of now.

    Raises `NotFound` without such a delivery, or if its connection is gone; `Busy`.
    """
    settled = retry_delivery(inbox_id, now)
    if settled is None:
        raise NotFound("NOT_FOUND")
    transact([audit.record(now, by, "inbox.replay", f"delivery:{inbox_id}", after=settled.state)])
    return settled
