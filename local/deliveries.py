"""The shop's connections to providers, and the providers: they sign what they say when they say it, and want to hear what
each of them always wants to hear. And somebody who is none of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

from local.arrivals import Report
from local.http import Api, Wrong
from local.shopify_orders import SHOPS
from local.signers import fenrun, shopify, stripe, wechatpay

_HEARD = {"wechatpay": b'{"code":"SUCCESS"}'}
"""What a provider wants to hear beside a 200, where that is not nothing."""
_STALE = timedelta(minutes=10)
_MONEY = frozenset({"amount", "price", "total_price", "amount_received", "amount_total", "total"})


@dataclass(frozen=True)
class Connection:
    """`account`: whose deliveries these are; `rules`: where in them what stands."""

    provider: str
    signer: ModuleType
    account: str = ""
    rules: dict[str, Any] | None = None


CONNECTIONS = {
    "fenrun": Connection("fenrun", fenrun),
    **{
        name: Connection("shopify", shopify, f"tea-{name[-2:]}.myshopify.com", {"order_id": ["name"]})
        for name in SHOPS.values()
    },
    "wechatpay": Connection(
        "wechatpay", wechatpay, "1900007291", {"order_id": ["attach.order_id"], "coupon": ["attach.coupon"]}
    ),
    "stripe": Connection("stripe", stripe),
}


class Deliveries:
    """Every provider that the shop is connected to, with the keys that they sign with."""

    def __init__(self, shop: Api) -> None:
        self._shop, self._nobody = shop, shop.acting_as(None)
        self._keys: dict[str, Any] = {}

    def connect(self) -> None:
        """The operator enters each provider's secrets."""
        for name, connection in CONNECTIONS.items():
            secrets, self._keys[name] = connection.signer.keys()
            settings = {**(connection.rules or {}), **({"account": connection.account} if connection.account else {})}
            body = {"provider": connection.provider, "secrets": secrets, "settings": settings}
            self._shop.put(f"/v1/connections/{name}", body)

    def send(self, report: Report) -> None:
        """Delivers it as its provider would. Raises `Wrong` if the answer is not the one that the provider takes."""
        name = report.message.road
        connection = CONNECTIONS[name]
        headers, body = self._signed(report)
        status, answer = self._post(name, headers, body)
        if (status, answer) != (200, _HEARD.get(connection.provider, b"")):
            raise Wrong(f"{report.delivery_id} was answered {status} {answer[:300]!r}")

    def forge(self, report: Report) -> int:
        """Delivers what nobody said, in each way that there is: the amounts of a true delivery raised under its signature, a
        signature by another key, and where signatures have a time, one of ten minutes ago. How many that were; raises
        `Wrong` unless each is answered 401."""
        name = report.message.road
        signer = CONNECTIONS[name].signer
        raised = _raised(report.message.body)
        headers, _ = self._signed(report)
        forged = [(headers, self._signed(report, raised)[1]), self._signed(report, raised, key=signer.keys()[1])]
        if signer is not shopify:
            forged.append(self._signed(report, at=datetime.now(UTC) - _STALE))
        for headers, body in forged:
            status, answer = self._post(name, headers, body)
            if status != 401:
                raise Wrong(f"a forged delivery to {name} was answered {status} {answer[:300]!r}")
        return len(forged)

    def _signed(
        self, report: Report, said: Any = None, key: Any = None, at: datetime | None = None
    ) -> tuple[dict[str, str], bytes]:
        message = report.message
        connection, content = CONNECTIONS[message.road], said or message.body
        if connection.provider == "stripe":
            content = {"id": report.delivery_id, **content}
        signed: tuple[dict[str, str], bytes] = connection.signer.sign(
            json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(),
            key or self._keys[message.road],
            at or datetime.now(UTC),
            topic=message.topic,
            delivery_id=report.delivery_id,
            account=connection.account,
        )
        return signed

    def _post(self, name: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        return self._nobody.deliver(f"/webhooks/{CONNECTIONS[name].provider}/{name}", headers, body)


def _raised(said: Any) -> Any:
    """The same with every amount ten times as high."""
    if isinstance(said, list):
        return [_raised(each) for each in said]
    if not isinstance(said, dict):
        return said
    return {name: _times_ten(value) if name in _MONEY else _raised(value) for name, value in said.items()}


def _times_ten(amount: Any) -> Any:
    if isinstance(amount, str):
        return str(Decimal(amount) * 10)
    return amount * 10 if isinstance(amount, int) else _raised(amount)
