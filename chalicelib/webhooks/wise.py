"""Wise's webhooks (docs.wise.com/guides/developer/webhooks/event-handling): what became of transfers that pay out.

Wise signs for all its customers with one key, so whose transfer it is decides: another profile's is refused. The header
`X-Delivery-Id` is not signed and names an attempt, so a delivery goes by its body. States may come out of order, and roll
back: only those that end something are news.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from msgspec import Struct

from chalicelib.domain.deliveries import Connection, Payload, PayoutNews, Request
from chalicelib.domain.errors import FenrunError, Rejected
from chalicelib.domain.payouts import Said as Outcome
from chalicelib.webhooks import reading
from chalicelib.webhooks.provider import About

_CHANGED = "transfers#state-change"
_STATES: Mapping[str, Outcome] = {"outgoing_payment_sent": "paid", "funds_refunded": "returned"}
"""docs.wise.com/guides/product/send-money/tracking/transfer-statuses. After `bounced_back` and `cancelled` the money is
still on its way back, or was never there: only asking tells."""

ABOUT = About(
    secrets={"public_key": "public_key"},
    account=True,
    signature="x-signature-sha256",
    keeps=("x-signature-sha256", "x-delivery-id"),
)


class _Resource(Struct, frozen=True):
    id: int
    profile_id: int


class _Data(Struct, frozen=True):
    resource: _Resource
    current_state: str = ""


class _Head(Struct, frozen=True):
    event_type: str


class _Event(Struct, frozen=True):
    data: _Data


def verify(request: Request, connection: Connection, now: datetime) -> Payload | None:
    """RSA-SHA256 over the body by one of Wise's keys, and the transfer's profile is the connection's account. The scheme
    has no clock: a replay is known by its body. None for a test notification. Raises `Rejected`."""
    signature = request.header("x-signature-sha256")
    if not signature:
        raise Rejected("NO_SIGNATURE")
    if not _signed_by(connection.held("public_key"), signature, request.body):
        raise Rejected("BAD_SIGNATURE")
    if request.header("x-test-notification") == "true":
        return None
    try:
        topic = reading.read(request.body, _Head).event_type
        whose = str(reading.read(request.body, _Event).data.resource.profile_id)
    except FenrunError:
        raise Rejected("UNREADABLE_DELIVERY") from None
    if whose != connection.settings.account:
        raise Rejected("OTHER_ACCOUNT")
    return Payload(
        delivery_id=sha256(request.body).hexdigest(), topic=topic, content=request.body, settings=connection.settings
    )


def _signed_by(keys: tuple[str, ...], signature: str, body: bytes) -> bool:
    from chalicelib.webhooks.public_keys import verified

    try:
        made = base64.b64decode(signature, validate=True)
    except ValueError:
        return False
    return any(verified(key, made, body) for key in keys)


def facts(payload: Payload) -> tuple[PayoutNews, ...]:
    """The state in which a transfer has ended: Wise names it by its own id alone. Raises `Malformed`."""
    if payload.topic != _CHANGED:
        return ()
    data = reading.read(payload.content, _Event).data
    outcome = _STATES.get(data.current_state)
    if outcome is None:
        return ()
    reason = None if outcome == "paid" else data.current_state
    return (PayoutNews(key="", rail="wise", outcome=outcome, reference=str(data.resource.id), reason=reason),)
