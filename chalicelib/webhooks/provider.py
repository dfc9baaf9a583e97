"""What a provider's file declares beside its two functions, and how a provider is found by its name.

A provider is a module of this package with `ABOUT: About`, `verify(request, connection, now)` and `facts(payload)`:

- `verify` gives the `Payload`, or None for a probe that wants an answer and says nothing; it raises `Rejected` for whatever
  is not a delivery of this provider to this connection. The caller takes any other exception for a refusal, too.
- `facts` gives what the payload says: one `Said` for each order, one `PayoutNews` for each of our payouts; nothing for
  events that say nothing about either. It raises a `FenrunError` for what it cannot translate. It is pure: the same
  payload says the same for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from typing import Literal, Protocol, cast

from msgspec import Struct

from chalicelib.domain.deliveries import Connection, Payload, PayoutNews, Request, Said
from chalicelib.domain.errors import NotFound

SecretKind = Literal["text", "standard_webhooks", "hex", "public_key", "aes_256"]
NAMES = ("adyen", "alipay", "fenrun", "paypal", "shopify", "stripe", "wechatpay", "wise", "woocommerce")


class Answer(Struct, frozen=True):
    """What the provider wants to hear."""

    status: int
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


class About(Struct, frozen=True, kw_only=True):
    """`secrets`: the names a connection must have, and what each is; `optional` ones may be missing. `account`: whether the
    settings must say whose deliveries these are. `signature`: the header that carries the signature, None if the body
    does: then `mark` is what tells such a body. `keeps`: headers worth keeping with the delivery. `order_id`, `code`,
    `coupon`, `click_id`: the places where these usually stand."""

    secrets: Mapping[str, SecretKind]
    optional: tuple[str, ...] = ()
    account: bool = False
    signature: str | None = None
    mark: bytes | None = None
    keeps: tuple[str, ...] = ()
    order_id: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    coupon: tuple[str, ...] = ()
    click_id: tuple[str, ...] = ()
    accepted: Answer = Answer(200)
    refused: Answer | None = None
    """None: a problem of RFC 9457, as everywhere."""


class Provider(Protocol):
    """The module of a provider."""

    ABOUT: About

    def verify(self, request: Request, connection: Connection, now: datetime) -> Payload | None: ...

    def facts(self, payload: Payload) -> tuple[Said | PayoutNews, ...]: ...


def provider(name: str) -> Provider:
    """The provider's module, imported when its first delivery comes. Raises `NotFound` for a name that is none."""
    if name not in NAMES:
        raise NotFound("NO_SUCH_PROVIDER")
    return cast(Provider, import_module(f"chalicelib.webhooks.{name}"))
