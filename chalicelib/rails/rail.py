"""What a rail's file holds beside its functions, and how a rail is found by its name.

A rail that is called over HTTP is a module of this package with `ABOUT` and

- `submit(payout, connection, attempt)`: the instruction that pays this payout. The same payout and attempt give the same
  bytes for ever: what is sent again is what was sent. It sends nothing.
- `query(payout, connection)`: the instruction that asks what became of it; None where it cannot be asked about yet, which is
  the same as `not_found`.
- `next(answer, payout, connection)`, if it has it: the instruction that must follow an answer, where paying takes several.
- `authorised(instruction, connection, now, send)`: the instruction with what authenticates it (a token, a signature over
  these bytes). It may call `send` for a token, and is made afresh each time an instruction is sent.
- `classify(answer, question, payout, connection)`: what an answer means. What the rail's documentation does not list is
  `unknown`.

Nothing here repeats a request: the payout's state decides whether anything is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from importlib import import_module
from typing import Literal, Protocol, cast

from msgspec import Struct

from chalicelib.domain.deliveries import Connection
from chalicelib.domain.errors import Refused
from chalicelib.domain.payouts import Payout
from chalicelib.webhooks.provider import SecretKind

NAMES = ("alipay", "paypal", "stripe", "wechatpay", "wise")
Question = Literal["submit", "query"]
Outcome = Literal["submitted", "awaiting_recipient", "paid", "failed", "returned", "unknown", "not_found"]


class Instruction(Struct, frozen=True):
    """One request to the rail. `path` stands after the connection's base URL; `key` is what the rail knows it by."""

    key: str
    method: Literal["GET", "POST"]
    path: str
    headers: dict[str, str]
    body: bytes = b""


class Answer(Struct, frozen=True):
    """What came back: header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Send = Callable[[str, Instruction], Answer | None]
"""Sends an instruction to a base URL once, with time-outs. None where no answer came: then nobody knows."""


class Verdict(Struct, frozen=True):
    """What an answer means for the payout. `failed`: definitely not paid, and never will be under this key. `not_found`: the
    rail knows no such key, as of now. `reference`: the rail's own name for the payment. `reason`: its code, for people."""

    outcome: Outcome
    reference: str | None = None
    reason: str | None = None


UNKNOWN = Verdict("unknown")


class About(Struct, frozen=True, kw_only=True):
    """`secrets`: what a connection needs to pay out; `account`: whether its settings must name one; `named_by`: the secret
    that says whose account it is, where they need not. `key_lives`: how long
    the same key is the same payment (None: for ever). `lag`: how long after submitting a `not_found` proves nothing.
    `currencies`: those it pays (None: any)."""

    secrets: Mapping[str, SecretKind]
    optional: tuple[str, ...] = ()
    account: bool = False
    named_by: str | None = None
    base_url: str
    key_lives: timedelta | None
    lag: timedelta
    currencies: frozenset[str] | None = None


class Rail(Protocol):
    """The module of a rail."""

    ABOUT: About

    def submit(self, payout: Payout, connection: Connection, attempt: int) -> Instruction: ...

    def query(self, payout: Payout, connection: Connection) -> Instruction | None: ...

    def authorised(
        self, instruction: Instruction, connection: Connection, now: datetime, send: Send
    ) -> Instruction: ...

    def classify(
        self, answer: Answer | None, question: Question, payout: Payout, connection: Connection
    ) -> Verdict: ...


def rail(name: str) -> Rail:
    """The rail's module, imported when it is first used. Raises `Refused` for a name that is none."""
    if name not in NAMES:
        raise Refused("NO_SUCH_RAIL")
    return cast(Rail, import_module(f"chalicelib.rails.{name}"))


def pays_in(name: str, currency: str) -> bool:
    """Whether a rail pays in this currency. A bank file carries any."""
    paid = rail(name).ABOUT.currencies if name in NAMES else None
    return paid is None or currency in paid
