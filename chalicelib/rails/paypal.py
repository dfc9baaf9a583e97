"""PayPal Payouts: a batch of one item for each payout (developer.paypal.com/docs/api/payments.payouts-batch/v1).

The batch is named by our key. A batch whose name PayPal has seen within 30 days is refused with a link to the one that has
it: the same instruction again cannot pay twice, and says what the payment is called. There is no other look-up by our key,
so until PayPal's own name is known there is no `query`, only the same instruction again.

That a batch is accepted, or has succeeded, says nothing about its item: only the item's own state counts.
"""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta

from msgspec import Struct, field, json, structs

from chalicelib.domain.deliveries import Connection
from chalicelib.domain.errors import Busy, Fault, FenrunError, Refused
from chalicelib.domain.money import display
from chalicelib.domain.payouts import Payout, key_of
from chalicelib.rails.carry import code, secret
from chalicelib.rails.rail import UNKNOWN, About, Answer, Instruction, Outcome, Question, Send, Verdict
from chalicelib.webhooks import reading

_WHOLE = frozenset({"HUF", "JPY", "TWD"})
"""PayPal takes no decimals of these (developer.paypal.com/api/rest/reference/currency-codes)."""
_OTHERS = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS MXN MYR NOK NZD PHP PLN SEK SGD THB USD"

ABOUT = About(
    secrets={"client_id": "text", "client_secret": "text"},
    named_by="client_id",
    base_url="https://api-m.paypal.com",
    key_lives=timedelta(days=29, hours=12),
    lag=timedelta(minutes=10),
    currencies=_WHOLE | frozenset(_OTHERS.split()),
)

_EXISTS = "Batch with given sender_batch_id already exists"
_LINK = re.compile(r"https://[^/?#]+/v1/payments/payouts/([A-Za-z0-9_-]{1,30})")
_SAID: dict[str, Outcome] = {
    "SUCCESS": "paid",
    "PENDING": "submitted",
    "ONHOLD": "submitted",
    "BLOCKED": "submitted",
    "UNCLAIMED": "awaiting_recipient",
    "FAILED": "failed",
    "DENIED": "failed",
    "RETURNED": "returned",
    "REFUNDED": "returned",
    "REVERSED": "returned",
}
"""What an item's state means. What is blocked may be released later: it has not failed."""
_MOST_TOKENS, _EARLY = 64, timedelta(minutes=5)
_tokens: dict[tuple[str, str], tuple[str, datetime]] = {}
"""By address and credentials: the token, and when it is not used any more."""


class _SenderHeader(Struct):
    sender_batch_id: str


class _Header(Struct):
    payout_batch_id: str
    batch_status: str
    sender_batch_header: _SenderHeader


class _Amount(Struct):
    value: str
    currency: str


class _Asked(Struct):
    amount: _Amount
    receiver: str
    sender_item_id: str


class _Problem(Struct):
    name: str = ""


class _Item(Struct):
    transaction_status: str
    payout_item: _Asked
    errors: _Problem = field(default_factory=_Problem)


class _Batch(Struct):
    batch_header: _Header
    items: list[_Item] = field(default_factory=list)


class _Link(Struct):
    href: str


class _Detail(Struct):
    issue: str
    link: list[_Link] = field(default_factory=list)


class _Refusal(Struct):
    name: str
    details: list[_Detail] = field(default_factory=list)


class _Token(Struct):
    access_token: str
    expires_in: int


def submit(payout: Payout, connection: Connection, attempt: int) -> Instruction:
    """Raises `Refused` (`TOO_MANY_DECIMALS`) for an amount that PayPal cannot pay to the last minor unit."""
    key = key_of(payout.id, attempt)
    item = {
        "recipient_type": "EMAIL",
        "amount": {"value": _value(payout), "currency": payout.currency},
        "receiver": payout.method["account"],
        "sender_item_id": key,
        "note": "Commission",
    }
    batch = {"sender_batch_header": {"sender_batch_id": key, "email_subject": "Your commission"}, "items": [item]}
    headers = {"PayPal-Request-Id": key, "Content-Type": "application/json"}
    return Instruction(key, "POST", "/v1/payments/payouts", headers, json.encode(batch))


def query(payout: Payout, connection: Connection) -> Instruction | None:
    """None until PayPal's name for the batch is known."""
    if payout.reference is None:
        return None
    path = f"/v1/payments/payouts/{payout.reference}?page=1&page_size=1000&total_required=true"
    return Instruction(_key(payout), "GET", path, {})


def authorised(instruction: Instruction, connection: Connection, now: datetime, send: Send) -> Instruction:
    """With a token, which is held until shortly before it expires. Raises `Refused` (`RAIL_CREDENTIALS`) where PayPal takes
    the credentials for wrong, `Busy` (`RAIL_NOT_REACHED`) where it gives no token now: nothing was sent then."""
    token = _token(connection, now, send)
    return structs.replace(instruction, headers={**instruction.headers, "Authorization": f"Bearer {token}"})


def classify(answer: Answer | None, question: Question, payout: Payout, connection: Connection) -> Verdict:
    if answer is None:
        return UNKNOWN
    if answer.status == 401:
        _tokens.pop(_place(connection), None)  # revoked: the next request fetches another
    try:
        if answer.status in (200, 201):
            return _told(reading.read(answer.body, _Batch), answer.status, question, payout)
        refusal = reading.read(answer.body, _Refusal)
    except FenrunError:
        return UNKNOWN
    if question == "submit" and answer.status == 400 and (batch_id := _existing(refusal)):
        return Verdict("submitted", batch_id)
    if question == "submit" and answer.status == 422 and refusal.name == "INSUFFICIENT_FUNDS":
        return Verdict("failed", reason=refusal.name)
    return Verdict("unknown", reason=code(refusal.name))


def _key(payout: Payout) -> str:
    return payout.key or key_of(payout.id, payout.attempts)


def _value(payout: Payout) -> str:
    if payout.currency not in _WHOLE:
        return display(payout.net, payout.currency)
    whole, _, rest = display(payout.net, payout.currency).partition(".")
    if rest.strip("0"):
        fault = Fault("net", "TOO_MANY_DECIMALS", {"currency": payout.currency})
        raise Refused("TOO_MANY_DECIMALS", fault, currency=payout.currency)
    return whole


def _told(batch: _Batch, status: int, question: Question, payout: Payout) -> Verdict:
    header, key = batch.batch_header, _key(payout)
    if header.sender_batch_header.sender_batch_id != key or not code(header.payout_batch_id):
        return Verdict("unknown", reason="another_batch")
    if question == "submit":
        return Verdict("submitted", header.payout_batch_id) if status == 201 else UNKNOWN
    if status != 200 or len(batch.items) > 1:
        return UNKNOWN
    if not batch.items:
        denied = header.batch_status == "DENIED"
        known: Outcome = "submitted" if header.batch_status in ("PENDING", "PROCESSING") else "unknown"
        return Verdict("failed" if denied else known, header.payout_batch_id, code(header.batch_status))
    item = batch.items[0]
    told, asked = item.payout_item, (_value(payout), payout.currency, payout.method["account"].lower(), key)
    if (told.amount.value, told.amount.currency, told.receiver.lower(), told.sender_item_id) != asked:
        return Verdict("unknown", reason="another_item")
    outcome = _SAID.get(item.transaction_status, "unknown")
    reason = None if outcome == "paid" else code(item.errors.name) or code(item.transaction_status)
    return Verdict(outcome, header.payout_batch_id, reason)


def _existing(refusal: _Refusal) -> str | None:
    """The batch that has our name already; only its id is taken from the link."""
    links = [link.href for detail in refusal.details if detail.issue == _EXISTS for link in detail.link]
    found = _LINK.fullmatch(links[0]) if refusal.name == "USER_BUSINESS_ERROR" and len(links) == 1 else None
    return found[1] if found else None


def _place(connection: Connection) -> tuple[str, str]:
    credentials = f"{secret(connection, 'client_id')}:{secret(connection, 'client_secret')}"
    return connection.settings.base_url or ABOUT.base_url, base64.b64encode(credentials.encode()).decode()


def _token(connection: Connection, now: datetime, send: Send) -> str:
    place = _place(connection)
    held = _tokens.get(place)
    if held and now < held[1]:
        return held[0]
    headers = {"Authorization": f"Basic {place[1]}", "Content-Type": "application/x-www-form-urlencoded"}
    asked = Instruction("", "POST", "/v1/oauth2/token", headers, b"grant_type=client_credentials")
    answer = send(place[0], asked)
    if answer and answer.status in (400, 401, 403):
        raise Refused("RAIL_CREDENTIALS", rail="paypal")
    try:
        if answer is None or answer.status != 200:
            raise Busy("RAIL_NOT_REACHED", rail="paypal")
        token = reading.read(answer.body, _Token)
    except FenrunError:
        raise Busy("RAIL_NOT_REACHED", rail="paypal") from None
    if len(_tokens) >= _MOST_TOKENS:
        _tokens.clear()
    _tokens[place] = (token.access_token, now + max(timedelta(seconds=token.expires_in) - _EARLY, timedelta()))
    return token.access_token
