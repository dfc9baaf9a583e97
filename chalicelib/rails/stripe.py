"""Stripe Connect: a transfer to the distributor's connected account (docs.stripe.com/api/transfers).

A transfer that is made is money moved: the payout is paid. What its bank makes of it later is between the account's holder
and Stripe. Stripe saves the first answer under a key, a 500 included, and gives it again for a day at least; after that the
same key is a new transfer (docs.stripe.com/api/idempotent_requests). So a transfer is looked up by its `transfer_group`,
which is the key as well, and an answer is believed only if it is about the money that this payout sends.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from urllib.parse import urlencode

from msgspec import Struct, structs

from chalicelib.domain.deliveries import Connection
from chalicelib.domain.errors import Fault, FenrunError, Refused
from chalicelib.domain.money import DECIMALS
from chalicelib.domain.payouts import Payout, key_of
from chalicelib.rails.carry import code, secret
from chalicelib.rails.rail import UNKNOWN, About, Answer, Instruction, Question, Send, Verdict
from chalicelib.webhooks import reading

ABOUT = About(
    secrets={"api_key": "text"},
    named_by="api_key",
    base_url="https://api.stripe.com",
    key_lives=timedelta(hours=23, minutes=30),
    lag=timedelta(minutes=5),
)

_VERSION = "2025-03-31.basil"
_REFUSED = frozenset(
    {
        "amount_too_large",
        "amount_too_small",
        "balance_insufficient",
        "insufficient_capabilities_for_transfer",
        "transfers_not_allowed",
    }
)
"""Errors after which there is no transfer under this key, and never will be (docs.stripe.com/error-codes)."""


class _Transfer(Struct):
    id: str
    object: str
    amount: int
    currency: str
    destination: str
    transfer_group: str | None = None
    amount_reversed: int = 0
    reversed: bool = False


class _Transfers(Struct):
    object: str
    data: list[_Transfer]
    has_more: bool


class _Error(Struct):
    type: str = ""
    code: str | None = None
    param: str | None = None


class _Refusal(Struct):
    error: _Error


def submit(payout: Payout, connection: Connection, attempt: int) -> Instruction:
    """Raises `Refused` (`TOO_MANY_DECIMALS`) for an amount that Stripe cannot move to the last minor unit."""
    key = key_of(payout.id, attempt)
    form = {
        "amount": str(units(payout.net, payout.currency)),
        "currency": payout.currency.lower(),
        "destination": payout.method["account"],
        "transfer_group": key,
        "metadata[payout_id]": payout.id,
    }
    headers = {"Idempotency-Key": key, "Content-Type": "application/x-www-form-urlencoded"}
    return Instruction(key, "POST", "/v1/transfers", headers, urlencode(form).encode())


def query(payout: Payout, connection: Connection) -> Instruction:
    key = _key(payout)
    return Instruction(key, "GET", "/v1/transfers?" + urlencode({"transfer_group": key, "limit": 10}), {})


def authorised(instruction: Instruction, connection: Connection, now: datetime, send: Send) -> Instruction:
    headers = {"Authorization": f"Bearer {secret(connection, 'api_key')}", "Stripe-Version": _VERSION}
    return structs.replace(instruction, headers={**instruction.headers, **headers})


def classify(answer: Answer | None, question: Question, payout: Payout, connection: Connection) -> Verdict:
    if answer is None:
        return UNKNOWN
    try:
        if answer.status != 200:
            return _refusal(answer, question)
        if question == "submit":
            return _made(reading.read(answer.body, _Transfer), payout)
        return _found(reading.read(answer.body, _Transfers), payout)
    except FenrunError:
        return UNKNOWN


def units(amount: int, currency: str) -> int:
    """An amount in Stripe's own minor units. Raises `Refused` where those are too large for it, and where the last of three
    decimals is not 0 (docs.stripe.com/currencies)."""
    ours = Fraction(reading.from_units(10**6, currency, "stripe", "net"), 10**6)
    theirs = Fraction(amount) / ours
    if theirs.denominator != 1 or (DECIMALS[currency] == 3 and theirs % 10):
        raise Refused("TOO_MANY_DECIMALS", Fault("net", "TOO_MANY_DECIMALS", {"currency": currency}), currency=currency)
    return theirs.numerator


def _key(payout: Payout) -> str:
    return payout.key or key_of(payout.id, payout.attempts)


def _found(found: _Transfers, payout: Payout) -> Verdict:
    if found.object != "list" or found.has_more or len(found.data) > 1:
        return Verdict("unknown", reason="several_transfers")
    return _made(found.data[0], payout) if found.data else Verdict("not_found")


def _made(transfer: _Transfer, payout: Payout) -> Verdict:
    asked = (units(payout.net, payout.currency), payout.currency.lower(), payout.method["account"], _key(payout))
    if transfer.object != "transfer" or not code(transfer.id):
        return UNKNOWN
    if (transfer.amount, transfer.currency, transfer.destination, transfer.transfer_group) != asked:
        return Verdict("unknown", reason="another_transfer")
    if transfer.reversed:
        return Verdict("returned", transfer.id, "reversed")
    return Verdict("paid", transfer.id, "partly_reversed" if transfer.amount_reversed else None)


def _refusal(answer: Answer, question: Question) -> Verdict:
    error = reading.read(answer.body, _Refusal).error
    no_payee = error.code == "resource_missing" and error.param == "destination"
    definite = answer.status == 400 and error.type == "invalid_request_error"
    if question == "submit" and definite and (error.code in _REFUSED or no_payee):
        return Verdict("failed", reason=error.code)
    return Verdict("unknown", reason=code(error.code) or code(error.type))
