"""Staff act on a delivery again, once what kept it from being recorded is mended; or let it rest."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.flows.receive_delivery import retry_delivery
from chalicelib.store import audit, inbox
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


def dismiss_delivery(inbox_id: str, reason: str, by: str, now: datetime) -> Delivery:
    """Lets a stuck delivery rest; a replay takes it up again. One that is not stuck stays as it is: `Conflict`.

    Raises `NotFound`.
    """
    found = inbox.get(inbox_id)
    if found is None:
        raise NotFound("NOT_FOUND")
    if found.state != "stuck":
        raise Conflict("NOT_STUCK", state=found.state)
    settled = inbox.settle(found, "dismissed", now, found.order_ids, found.trouble)
    transact([audit.record(now, by, f"inbox.dismiss: {reason}", f"delivery:{inbox_id}", after=settled.state)])
    return settled
