"""Connections and signed deliveries for the flows' tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.deliveries import ConnectionSettings, Request
from chalicelib.flows.connections import put_connection
from chalicelib.flows.receive_delivery import Outcome, receive_delivery
from local.signers import fenrun

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)


class Storefront:
    """A `fenrun` connection and whoever signs for it."""

    def __init__(self, connection_id: str = "shop-1", **settings: Any) -> None:
        self.id = connection_id
        secrets, self.key = fenrun.keys()
        self.secret = secrets["signing_secret"][0]
        put_connection(
            self.id, "fenrun", {"signing_secret": (self.secret,)}, ConnectionSettings(**settings), "staff:1", NOW
        )

    def signed(self, body: Any, delivery_id: str = "msg_1", at: datetime = NOW) -> Request:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Request(*fenrun.sign(content, self.key, at, delivery_id=delivery_id))

    def delivers(self, body: Any, delivery_id: str = "msg_1", at: datetime = NOW) -> Outcome:
        return receive_delivery("fenrun", self.id, self.signed(body, delivery_id, at), at)


def order(order_id: str = "o-1", **more: Any) -> dict[str, Any]:
    """A paid order of one line by Ann's code."""
    return {
        "order_id": order_id,
        "customer_id": "c-1",
        "currency": "CNY",
        "placed_at": "2026-03-01T04:00:00Z",
        "lines": [{"line_id": "1", "amount": 10_000}],
        "attribution": {"code": "ANN"},
        "payments": [{"payment_id": "p-1", "amount": 10_000, "paid_at": "2026-03-01T04:00:00Z"}],
        **more,
    }
