"""What providers deliver: a request that claims to be a notification, the connection it is for, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from chalicelib.domain.errors import Fault, FenrunError
from chalicelib.domain.orders import Facts
from chalicelib.domain.payouts import Said as Outcome

Report = Literal["order", "payments", "refunds", "disputes"]
REPORTS: tuple[Report, ...] = ("order", "payments", "refunds", "disputes")


class Request(Struct, frozen=True):
    """A notification as it arrived: header names in lower case, and the body's bytes untouched."""

    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        return self.headers.get(name)


class ConnectionSettings(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the operator says about one account at a provider.

    `account`: whose deliveries these are (shop domain, merchant account, app id …): others are refused. `order_id`, `code`,
    `coupon`, `click_id`: the places (see `webhooks/places.py`) where these stand in what is described, the first that
    holds something counts; None is the provider's own list. `order_prefix` comes before every order id. `merchant_id` is
    the merchant of every line. `reports`: which facts are taken from here, where another connection knows the others
    better. `paid_on`: Adyen's captures may be separate. `base_url`: where a rail is called, if not at its usual address.
    `app_id`: WeChat's app whose users are paid; `notify_url`: where a rail shall send its notifications.
    """

    account: str | None = None
    order_id: tuple[str, ...] | None = None
    order_prefix: str = ""
    code: tuple[str, ...] | None = None
    coupon: tuple[str, ...] | None = None
    click_id: tuple[str, ...] | None = None
    merchant_id: str | None = None
    reports: tuple[Report, ...] = REPORTS
    paid_on: Literal["authorisation", "capture"] = "authorisation"
    base_url: str | None = None
    app_id: str | None = None
    notify_url: str | None = None


class Connection(Struct, frozen=True, kw_only=True):
    """One account at a provider. `secrets` by name, several each while they are rotated; only in memory."""

    connection_id: str
    provider: str
    settings: ConnectionSettings = ConnectionSettings()
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def held(self, name: str) -> tuple[str, ...]:
        return self.secrets.get(name, ())


class Payload(Struct, frozen=True, kw_only=True):
    """A delivery that verified. `delivery_id` is the same when the provider sends it again; `content` is what it says: the
    body, or what was encrypted in it."""

    delivery_id: str
    topic: str
    content: bytes
    settings: ConnectionSettings = ConnectionSettings()


class Said(Struct, frozen=True, kw_only=True):
    """What a payload says about one order.

    `payment` names the provider's own payment. Where `facts.order_id` is empty, the order is the one that an earlier
    or later delivery names together with the same payment. `email` and `phone` are compared with the distributors' own,
    never stored; they also stand for a guest who has no customer id.
    """

    facts: Facts
    payment: str | None = None
    email: str | None = None
    phone: str | None = None


class PayoutNews(Struct, frozen=True, kw_only=True):
    """What a payload says about one payout of ours. `key`: what the rail knows it by; empty where the payload names only
    `reference`, the rail's own name for it. `reason`: the rail's code, for people."""

    key: str
    rail: str
    outcome: Outcome
    reference: str | None = None
    reason: str | None = None


State = Literal["received", "done", "ignored", "stuck", "dismissed"]
OPEN: frozenset[State] = frozenset({"received", "stuck"})


class Trouble(Struct, frozen=True, omit_defaults=True):
    """Why a delivery could not be acted on: a code of the catalogue, with its figures, and the faults it names."""

    code: str
    params: dict[str, str | int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    @staticmethod
    def of(error: FenrunError) -> Trouble:
        return Trouble(error.code, dict(error.params), error.faults)


class Delivery(Struct, frozen=True, kw_only=True):
    """A delivery that verified, as the inbox keeps it. `done`: what it says is recorded; `ignored`: it says nothing about
    orders; `stuck`: it could not be acted on, `trouble` says why, and after how many `attempts`; `dismissed`: staff decided
    that it need not be; `received`: not acted on yet. `headers`: those worth keeping."""

    id: str
    connection_id: str
    provider: str
    delivery_id: str
    topic: str
    received_at: datetime
    sha256: str
    size: int
    state: State = "received"
    headers: dict[str, str] = field(default_factory=dict)
    order_ids: tuple[str, ...] = ()
    attempts: int = 0
    tried_at: datetime | None = None
    trouble: Trouble | None = None
