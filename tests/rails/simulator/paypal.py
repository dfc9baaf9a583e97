"""PayPal Payouts, simulated (developer.paypal.com/docs/api/payments.payouts-batch/v1)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from chalicelib.domain.money import DECIMALS, display
from local.signers import paypal as signer
from tests.rails.simulator.books import Payment
from tests.rails.simulator.faults import Asked, Fault
from tests.rails.simulator.server import Provider, Reply, Request, Simulator

_REMEMBERED, _CLAIMED_WITHIN, _TOKEN_SECONDS = timedelta(days=30), timedelta(days=30), 32400
_DECIMAL = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS MXN MYR NOK NZD PHP PLN SEK SGD THB USD"
_WHOLE = {"HUF", "JPY", "TWD"}
_CURRENCIES = {*_DECIMAL.split(), *_WHOLE}
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+")
_EVENTS = {"SUCCESS": "SUCCEEDED", "ONHOLD": "HELD"}


@dataclass
class _Item:
    id: str
    asked: dict[str, Any]
    payment: Payment
    status: str = "PENDING"
    error: str | None = None


@dataclass
class _Batch:
    id: str
    header: dict[str, Any]
    at: datetime
    visible_from: datetime
    status: str = "PENDING"
    items: list[_Item] = field(default_factory=list)


class Simulated(Provider):
    """A batch is dealt with `takes` after it was accepted. Money for `unregistered` addresses waits to be claimed."""

    name = "paypal"

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self.client_id, self.client_secret = "simulated-client", "simulated-secret"
        self.webhook_secrets, self._webhook_key = signer.keys()
        self.takes = timedelta(seconds=20)
        self.unregistered: set[str] = set()
        self.batches: dict[str, _Batch] = {}
        self.tokens: dict[str, datetime] = {}
        self._by_name: dict[str, _Batch] = {}

    @property
    def secrets(self) -> dict[str, tuple[str, ...]]:
        """What a connection needs."""
        own = {"client_id": (self.client_id,), "client_secret": (self.client_secret,)}
        return own | {name: tuple(held) for name, held in self.webhook_secrets.items()}

    def asked(self, request: Request) -> Asked:
        if request.path == "/v1/oauth2/token":
            return "token"
        if request.path == "/v1/payments/payouts" and request.method == "POST":
            return "submit"
        return "query" if request.method == "GET" else "other"

    def refusal(self, status: int) -> Reply:
        names = {429: "RATE_LIMIT_REACHED", 500: "INTERNAL_SERVER_ERROR", 503: "SERVICE_UNAVAILABLE"}
        return _error(status, names[status], "Try again.")

    def sign(self, body: bytes) -> dict[str, str]:
        event = sha256(body).hexdigest()
        return signer.sign(body, self._webhook_key, self.simulator.now, delivery_id=event[:36])[0]

    def carry_out(self, request: Request, fault: Fault | None) -> Reply:
        if request.path == "/v1/oauth2/token" and request.method == "POST":
            return self._token(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, datetime.min.replace(tzinfo=self.simulator.now.tzinfo)) <= self.simulator.now:
            return _error(401, "AUTHENTICATION_FAILURE", "Authentication failed due to invalid credentials.")
        match request.method, *request.path.strip("/").split("/"):
            case "POST", "v1", "payments", "payouts":
                return self._create(request, fault)
            case "GET", "v1", "payments", "payouts", batch_id:
                batch = self.batches.get(batch_id)
                if batch and batch.visible_from <= self.simulator.now:
                    return Reply(200, self._shown(batch))
            case "GET", "v1", "payments", "payouts-item", item_id if found := self._item(item_id):
                return Reply(200, self._shown_item(*found))
            case "POST", "v1", "payments", "payouts-item", item_id, "cancel" if found := self._item(item_id):
                if found[1].status != "UNCLAIMED":
                    return _error(400, "ITEM_NOT_CANCELLABLE", "Item is not in unclaimed status.")
                self.settle(*found, "RETURNED")
                return Reply(200, self._shown_item(*found))
        return _error(404, "INVALID_RESOURCE_ID", "Requested resource ID was not found.")

    def claim(self, key: str) -> None:
        """The recipient opens an account and takes what waits under this sender_item_id."""
        for batch in self.batches.values():
            for item in batch.items:
                if item.asked["sender_item_id"] == key and item.status == "UNCLAIMED":
                    self.settle(batch, item, "SUCCESS")

    def settle(self, batch: _Batch, item: _Item, status: str, error: str | None = None) -> None:
        """The item gets this state, the money goes where that says, and a notification is due."""
        if item.status in ("FAILED", "RETURNED", "REFUNDED", "REVERSED"):
            return
        if status == "SUCCESS":
            self.books.pay(item.payment)
        elif status in ("FAILED", "RETURNED", "REFUNDED", "REVERSED"):
            self.books.give_back(item.payment)
        item.status, item.error = status, error
        self._announce(f"PAYMENT.PAYOUTS-ITEM.{_EVENTS.get(status, status)}", self._shown_item(batch, item))

    def _token(self, request: Request) -> Reply:
        credentials = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {credentials}":
            return Reply(401, {"error": "invalid_client", "error_description": "Client Authentication failed"})
        if request.body != b"grant_type=client_credentials":
            return Reply(400, {"error": "unsupported_grant_type", "error_description": "Grant Type is NULL"})
        token = f"A21AA{len(self.tokens):06d}"
        self.tokens[token] = self.simulator.now + timedelta(seconds=_TOKEN_SECONDS)
        scope = "https://uri.paypal.com/payments/payouts"
        told = {"access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_SECONDS, "scope": scope}
        return Reply(200, told)

    def _create(self, request: Request, fault: Fault | None) -> Reply:
        try:
            content = request.json()
            header, items = content["sender_batch_header"], content["items"]
            name = header["sender_batch_id"]
            wrong = next(filter(None, map(_wrong, items)), None)
        except (ValueError, KeyError, TypeError, AttributeError):
            return _error(400, "INVALID_REQUEST", "Request is not well-formed.")
        if not request.headers.get("paypal-request-id") or not 1 <= len(name) <= 256 or not items:
            return _error(400, "INVALID_REQUEST", "Request is not well-formed.")
        known = self._by_name.get(name)
        if known and self.simulator.now - known.at < _REMEMBERED:
            return _exists(known)
        if wrong:
            return _error(400, "VALIDATION_ERROR", "Invalid request - see details", wrong)
        wanted: dict[str, int] = {}
        for each in items:
            amount = each["amount"]
            wanted[amount["currency"]] = wanted.get(amount["currency"], 0) + _minor(amount)
        if any(self.books.available[currency] < amount for currency, amount in wanted.items()):
            message = "Sender does not have sufficient funds. Please add funds and retry."
            return _error(422, "INSUFFICIENT_FUNDS", message)
        return self._accepted(header, items, fault)

    def _accepted(self, header: dict[str, Any], items: list[dict[str, Any]], fault: Fault | None) -> Reply:
        batch_id = sha256(f"{header['sender_batch_id']}{len(self.batches)}".encode()).hexdigest()[:13].upper()
        hidden = fault.after if fault and fault.kind == "hidden" else timedelta()
        batch = _Batch(batch_id, header, self.simulator.now, self.simulator.now + hidden)
        for number, asked in enumerate(items):
            currency = asked["amount"]["currency"]
            payment = self.books.reserve(asked["sender_item_id"], asked["receiver"], currency, _minor(asked["amount"]))
            assert payment
            batch.items.append(_Item(f"{batch_id[:8]}{number:05d}", asked, payment))
        self.batches[batch_id] = self._by_name[header["sender_batch_id"]] = batch
        slow = fault.after if fault and fault.kind == "slow" else timedelta()
        self.simulator.later(self.takes + slow, lambda: self._processed(batch, fault))
        shown = {"payout_batch_id": batch_id, "batch_status": "PENDING", "sender_batch_header": header}
        return Reply(201, {"batch_header": shown, "links": [_link(batch_id, "api-m")]})

    def _processed(self, batch: _Batch, fault: Fault | None) -> None:
        """Of several items, only the first meets the fault: the batch succeeds all the same."""
        batch.status = "SUCCESS"
        for number, item in enumerate(batch.items):
            kind = fault.kind if fault and number == 0 else None
            if kind == "rejected":
                self.settle(batch, item, "FAILED", "RECEIVER_UNCONFIRMED")
            elif kind == "unconfirmed" or item.asked["receiver"] in self.unregistered:
                self.settle(batch, item, "UNCLAIMED", "RECEIVER_UNREGISTERED")
                self.simulator.later(_CLAIMED_WITHIN, partial(self._expired, batch, item))
            else:
                self.settle(batch, item, "SUCCESS")
                if fault and kind == "returned":
                    self.simulator.later(fault.after, partial(self.settle, batch, item, "REVERSED"))
        self._announce("PAYMENT.PAYOUTSBATCH.SUCCESS", {"batch_header": self._shown(batch)["batch_header"]})

    def _expired(self, batch: _Batch, item: _Item) -> None:
        if item.status == "UNCLAIMED":
            self.settle(batch, item, "RETURNED")

    def _item(self, item_id: str) -> tuple[_Batch, _Item] | None:
        found = ((batch, item) for batch in self.batches.values() for item in batch.items if item.id == item_id)
        return next(found, None)

    def _shown(self, batch: _Batch) -> dict[str, Any]:
        processed = batch.status == "SUCCESS"
        header = {"payout_batch_id": batch.id, "batch_status": batch.status, "sender_batch_header": batch.header}
        items = [self._shown_item(batch, item) for item in batch.items] if processed else []
        return {"total_items": len(batch.items), "total_pages": 1, "batch_header": header, "items": items}

    def _shown_item(self, batch: _Batch, item: _Item) -> dict[str, Any]:
        shown = {
            "payout_item_id": item.id,
            "transaction_id": f"T{item.id}",
            "transaction_status": item.status,
            "payout_batch_id": batch.id,
            "sender_batch_id": batch.header["sender_batch_id"],
            "payout_item": dict(item.asked),
        }
        return shown | ({"errors": {"name": item.error, "message": item.error}} if item.error else {})

    def _announce(self, topic: str, resource: dict[str, Any]) -> None:
        at = self.simulator.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        event_id = f"WH-{sha256(f'{topic}{resource}'.encode()).hexdigest()[:24].upper()}"
        kind = "payouts_item" if "ITEM" in topic else "payouts"
        told = {"id": event_id, "event_version": "1.0", "create_time": at, "resource_type": kind, "event_type": topic}
        self.announce({**told, "resource": resource})


def _wrong(item: dict[str, Any]) -> str | None:
    amount = item["amount"]
    pattern = r"[1-9][0-9]*" if amount["currency"] in _WHOLE else r"(0|[1-9][0-9]*)\.[0-9]{2}"
    if item.get("recipient_type") != "EMAIL" or not _EMAIL.fullmatch(item["receiver"]):
        return "items[0].receiver"
    if amount["currency"] not in _CURRENCIES or not re.fullmatch(pattern, amount["value"]) or not _minor(amount):
        return "items[0].amount"
    return None if 1 <= len(item.get("sender_item_id", "")) <= 63 else "items[0].sender_item_id"


def _minor(amount: dict[str, str]) -> int:
    decimals = DECIMALS[amount["currency"]]
    whole, _, rest = amount["value"].partition(".")
    minor: int = int(whole) * 10**decimals + int(rest.ljust(decimals, "0") or "0")
    assert display(minor, amount["currency"]).startswith(amount["value"])
    return minor


def _link(batch_id: str, host: str) -> dict[str, str]:
    return {"href": f"https://{host}.sandbox.paypal.com/v1/payments/payouts/{batch_id}", "rel": "self", "method": "GET"}


def _exists(batch: _Batch) -> Reply:
    issue = "Batch with given sender_batch_id already exists"
    detail = {"field": "SENDER_BATCH_ID", "location": "body", "issue": issue, "link": [_link(batch.id, "api")]}
    told = {"name": "USER_BUSINESS_ERROR", "message": "User business error.", "debug_id": "f701090abdcb2"}
    return Reply(400, {**told, "details": [detail], "links": []})


def _error(status: int, name: str, message: str, place: str | None = None) -> Reply:
    details = [{"field": place, "location": "body", "issue": "Value is invalid"}] if place else []
    return Reply(status, {"name": name, "message": message, "debug_id": "simulated", "details": details})
