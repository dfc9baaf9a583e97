"""Any storefront, by Standard Webhooks 1.0.0 (standardwebhooks.com): the body is an order as `PUT /v1/orders/{order_id}`
takes it, with its `order_id`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

from msgspec import structs

from chalicelib.bodies.orders import BatchOrderBody
from chalicelib.bodies.orders import facts as facts_of
from chalicelib.bodies.parse import parse, refusal
from chalicelib.domain.deliveries import Connection, Payload, Request, Said
from chalicelib.domain.errors import Fault, Rejected
from chalicelib.webhooks.provider import About
from chalicelib.webhooks.reported import reported

_TOLERANCE, _MAX_ID = 300, 128
_SEEN = ("webhook-id", "webhook-timestamp", "webhook-signature")

ABOUT = About(secrets={"signing_secret": "standard_webhooks"}, signature="webhook-signature", keeps=_SEEN)


def verify(request: Request, connection: Connection, now: datetime) -> Payload:
    """HMAC-SHA256 over `id.timestamp.body`, any of the `v1` signatures by any of the secrets; the timestamp within five
    minutes of `now` either way. Raises `Rejected`."""
    delivery_id, timestamp, signatures = (request.header(name) for name in _SEEN)
    if not delivery_id or not timestamp or not signatures:
        raise Rejected("NO_SIGNATURE")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12 or len(delivery_id) > 200:
        raise Rejected("BAD_SIGNATURE")
    if abs(int(timestamp) - now.timestamp()) > _TOLERANCE:
        raise Rejected("CLOCK")
    signed = b".".join((delivery_id.encode("utf-8", "surrogatepass"), timestamp.encode(), request.body))
    given = [
        part.removeprefix("v1,").encode("utf-8", "replace") for part in signatures.split() if part.startswith("v1,")
    ]
    for key in filter(None, map(_key, connection.held("signing_secret"))):
        expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
        if any(hmac.compare_digest(each, expected) for each in given):
            return Payload(delivery_id=delivery_id, topic="order", content=request.body, settings=connection.settings)
    raise Rejected("BAD_SIGNATURE")


def _key(secret: str) -> bytes | None:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return None


def facts(payload: Payload) -> tuple[Said, ...]:
    """The order that the body is. Raises `Malformed` or `Refused` as `PUT /v1/orders/{order_id}` would."""
    settings = payload.settings
    body = parse(payload.content, None, BatchOrderBody)
    order_id = settings.order_prefix + body.order_id
    if len(order_id) > _MAX_ID:
        raise refusal(Fault("order_id", "BAD_LENGTH", {"bound": f"<= {_MAX_ID - len(settings.order_prefix)}"}))
    said = facts_of(order_id, body)
    if said.description and settings.merchant_id:
        lines = tuple(
            structs.replace(line, merchant_id=line.merchant_id or settings.merchant_id)
            for line in said.description.lines
        )
        said = structs.replace(said, description=structs.replace(said.description, lines=lines))
    return reported(Said(facts=said, email=body.contact.email, phone=body.contact.phone), settings)
