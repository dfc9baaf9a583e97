"""The simulated providers that pay out, without their HTTP server."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import urllib3

from tests.rails.simulator import Simulator
from tests.rails.simulator.messages import Request

BASE = "http://rails.invalid"
RICH = 10_000_000


class Providers:
    """Takes the place of the pool through which `rails.http` sends. Stripe has enough of our money to pay."""

    def __init__(self, now: datetime) -> None:
        self._keys = Simulator().provider("stripe")
        self.reset(now)

    def reset(self, now: datetime) -> None:
        """Nothing has been paid yet. The secrets stay what they are."""
        self.simulator = Simulator(now)
        self.simulator._server.server_close()
        stripe = self.simulator.provider("stripe")
        stripe.webhook_secrets, stripe._webhook_key = self._keys.webhook_secrets, self._keys._webhook_key
        self.simulator.top_up("stripe", "USD", RICH)

    def request(self, method: str, url: str, headers: dict[str, str], body: bytes | None, **_: Any) -> Any:
        parts = urlsplit(url)
        rail, _, rest = parts.path.lstrip("/").partition("/")
        named = {name.lower(): value for name, value in headers.items()}
        target = f"/{rest}?{parts.query}" if parts.query else f"/{rest}"
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        reply, _ = self.simulator.answered(rail, Request(method, f"/{rest}", query, named, body or b"", target))
        if reply is None:
            raise urllib3.exceptions.ProtocolError
        raw = io.BytesIO(reply.content)
        return urllib3.HTTPResponse(raw, status=reply.status, headers=dict(reply.headers), preload_content=False)

    def advance(self, by: timedelta) -> None:
        self.simulator.advance(by)

    def paid(self) -> list[tuple[str, int]]:
        """What was transferred, to whom; what came back is not in it."""
        transfers = self.simulator.provider("stripe").transfers.values()
        return sorted(
            (each.body["destination"], each.body["amount"]) for each in transfers if not each.body["reversed"]
        )
