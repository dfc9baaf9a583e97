"""Staff act on a delivery again, once what kept it from being recorded is mended; or let it rest."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.flows.receive_delivery import retry_delivery
from chalicelib.store import audit, inbox


def replay_delivery(inbox_id: str, by: str, now: datetime) -> Delivery:
    """The delivery after it was acted on once more: recorded, or stuck with the reason of now.

    Raises `NotFound` without such a delivery, or if its connection is gone; `Busy`.
    """
    if inbox.get(inbox_id) is None:
        raise NotFound("NOT_FOUND")
    audit.keep(now, by, "inbox.replay", f"delivery:{inbox_id}")  # first: what is done is on record, however it ends
    settled = retry_delivery(inbox_id, now)
    if settled is None:
        raise NotFound("NOT_FOUND")
    return settled


def dismiss_delivery(inbox_id: str, reason: str, by: str, now: datetime, once: str | None = None) -> Delivery:
    """Lets a stuck delivery rest; a replay takes it up again. One that is not stuck stays as it is: `Conflict`. With `once`,
    the same again of the same moment is the same request, and changes nothing.

    Raises `NotFound`.
    """
    found = inbox.get(inbox_id)
    if found is None:
        raise NotFound("NOT_FOUND")
    if once and (found.state, found.tried_at) == ("dismissed", now):
        return found  # this very request did it, and nobody heard of it
    if found.state != "stuck":
        raise Conflict("NOT_STUCK", state=found.state)
    record = audit.record(now, by, f"inbox.dismiss: {reason}", f"delivery:{inbox_id}", after="dismissed")
    return inbox.settle(found, "dismissed", now, found.order_ids, found.trouble, [record])
