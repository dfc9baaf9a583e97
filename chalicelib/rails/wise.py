"""Wise: money from the operator's balance to a recipient (docs.wise.com, "Standard transfers" and "Fund a transfer").

Three requests: a quote, which moves nothing; a transfer of that quote, which moves nothing either; the funding, which pays.
`next` says which of them must follow an answer. The transfer's `customerTransactionId` comes from our key: the same id gives
the same transfer for ever, whatever the quote, so the whole chain may be begun again. A transfer is funded at most once: a
second time is refused (422 `transfer.invalid-state`). While it waits for its money, because the balance was too small or an
answer was lost, whoever looks at it funds it; Wise cancels it after 14 days.

Wise has no look-up by our id: until the transfer's own id is known there is no `query`, only the same instruction again.
The payout's currency is that of the balance and of the recipient; `account` of the connection is the profile.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeVar
from uuid import UUID, uuid5

from msgspec import Struct, json, structs

from chalicelib.domain.deliveries import Connection
from chalicelib.domain.errors import FenrunError, Refused
from chalicelib.domain.money import display
from chalicelib.domain.payouts import Payout, key_of
from chalicelib.rails.carry import code, secret
from chalicelib.rails.rail import UNKNOWN, About, Answer, Instruction, Outcome, Question, Send, Verdict
from chalicelib.webhooks import reading

ABOUT = About(
    secrets={"api_token": "text"},
    account=True,
    base_url="https://api.wise.com",
    key_lives=None,
    lag=timedelta(minutes=2),
)

Told = TypeVar("Told", bound=Struct)
_NAMES = UUID("6d4f4c5e-8a0f-5c0b-9d0e-2f7b1a3c5d77")
_JSON = {"Content-Type": "application/json"}
_ENCODER = json.Encoder(decimal_format="number")
_RECIPIENT = re.compile(r"[1-9][0-9]{0,18}")
_WAITING = "incoming_payment_waiting"
_SAID: dict[str, Outcome] = {
    _WAITING: "submitted",
    "incoming_payment_initiated": "submitted",
    "processing": "submitted",
    "funds_converted": "submitted",
    "bounced_back": "submitted",
    "waiting_recipient_input_to_proceed": "awaiting_recipient",
    "outgoing_payment_sent": "paid",
    "cancelled": "failed",
    "funds_refunded": "returned",
}
"""docs.wise.com, "Tracking transfers". `bounced_back` goes on to another state; `cancelled` was never paid, or bounced."""


class _Quote(Struct):
    id: UUID
    sourceCurrency: str
    targetCurrency: str
    targetAmount: Decimal


class _Transfer(Struct):
    id: int
    status: str
    targetAccount: int
    targetCurrency: str
    targetValue: Decimal
    customerTransactionId: UUID


class _Funding(Struct):
    type: Literal["BALANCE"]
    status: Literal["COMPLETED", "REJECTED"]
    errorCode: str | None = None


def submit(payout: Payout, connection: Connection, attempt: int) -> Instruction:
    """The quote that the rest follows from: the key says which transfer it leads to. Raises `Refused` for a recipient that
    Wise cannot have."""
    if not _RECIPIENT.fullmatch(payout.method["account"]):
        raise Refused("BAD_RAIL_ACCOUNT", rail="wise")
    quote = {
        "sourceCurrency": payout.currency,
        "targetCurrency": payout.currency,
        "targetAmount": _amount(payout),
        "payOut": "BANK_TRANSFER",
    }
    path = f"/v3/profiles/{connection.settings.account}/quotes"
    return Instruction(key_of(payout.id, attempt), "POST", path, _JSON, _ENCODER.encode(quote))


def query(payout: Payout, connection: Connection) -> Instruction | None:
    """None until the transfer's id is known."""
    if payout.reference is None:
        return None
    return Instruction(_key(payout), "GET", f"/v1/transfers/{payout.reference}", {})


def authorised(instruction: Instruction, connection: Connection, now: datetime, send: Send) -> Instruction:
    headers = {"Authorization": f"Bearer {secret(connection, 'api_token')}"}
    return structs.replace(instruction, headers={**instruction.headers, **headers})


def next(answer: Answer, payout: Payout, connection: Connection) -> Instruction | None:
    """A quote is followed by its transfer, a transfer that waits for money by its funding; anything else by nothing."""
    key = _key(payout)
    if quote := _quote(answer, payout):
        transfer = {
            "targetAccount": int(payout.method["account"]),
            "quoteUuid": str(quote.id),
            "customerTransactionId": str(transaction_id(key)),
            "details": {"reference": "Commission"},  # the shortest that every currency's route takes has 10 characters
        }
        return Instruction(key, "POST", "/v1/transfers", _JSON, json.encode(transfer))
    transfer_of = _transfer(answer, payout)
    if transfer_of is None or transfer_of.status != _WAITING:
        return None
    path = f"/v3/profiles/{connection.settings.account}/transfers/{transfer_of.id}/payments"
    return Instruction(key, "POST", path, _JSON, json.encode({"type": "BALANCE"}))


def classify(answer: Answer | None, question: Question, payout: Payout, connection: Connection) -> Verdict:
    if answer is None:
        return UNKNOWN
    if transfer := _transfer(answer, payout):
        outcome = _SAID.get(transfer.status, "unknown")
        if transfer.status == "cancelled" and payout.state == "paid":
            outcome = "returned"
        return Verdict(outcome, str(transfer.id), None if outcome == "paid" else code(transfer.status))
    if answer.status in (200, 201) and (funding := _read(answer, _Funding)):
        return Verdict("submitted", reason=code(funding.errorCode))
    return Verdict("unknown", reason=f"http_{answer.status}" if answer.status >= 300 else None)


def transaction_id(key: str) -> UUID:
    """The `customerTransactionId` that stands for our key."""
    return uuid5(_NAMES, key)


def _key(payout: Payout) -> str:
    return payout.key or key_of(payout.id, payout.attempts)


def _amount(payout: Payout) -> Decimal:
    return Decimal(display(payout.net, payout.currency))


def _quote(answer: Answer, payout: Payout) -> _Quote | None:
    quote = _read(answer, _Quote) if answer.status in (200, 201) else None
    asked = (payout.currency, payout.currency, _amount(payout))
    return quote if quote and (quote.sourceCurrency, quote.targetCurrency, quote.targetAmount) == asked else None


def _transfer(answer: Answer, payout: Payout) -> _Transfer | None:
    """The transfer in the answer, if it is the one of this payout's key, to its recipient and of its amount."""
    found = _read(answer, _Transfer) if answer.status in (200, 201) else None
    if found is None or found.customerTransactionId != transaction_id(_key(payout)):
        return None
    told = (str(found.targetAccount), found.targetCurrency, found.targetValue)
    return found if told == (payout.method["account"], payout.currency, _amount(payout)) else None


def _read(answer: Answer, wanted: type[Told]) -> Told | None:
    try:
        return reading.read(answer.body, wanted)
    except FenrunError:
        return None
