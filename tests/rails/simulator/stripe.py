"""Stripe's transfers, simulated (docs.stripe.com/api/transfers, docs.stripe.com/api/idempotent_requests)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from chalicelib.domain.money import DECIMALS
from local.signers import stripe as signer
from tests.rails.simulator.books import Payment
from tests.rails.simulator.faults import Asked, Fault
from tests.rails.simulator.server import Provider, Reply, Request, Simulator

_OWN_DECIMALS = {"MGA": 0, "ISK": 2, "UGX": 2}
_KNOWN = {"amount", "currency", "destination", "transfer_group", "description", "metadata[payout_id]"}
_KEPT = timedelta(hours=24)


@dataclass
class _Transfer:
    body: dict[str, Any]
    payment: Payment
    visible_from: datetime


class Simulated(Provider):
    """`missing` accounts do not exist; `restricted` ones may not be paid to."""

    name = "stripe"

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self.api_key = "sk_test_simulated"
        self.webhook_secrets, self._webhook_key = signer.keys()
        self.missing: set[str] = set()
        self.restricted: set[str] = set()
        self.transfers: dict[str, _Transfer] = {}
        self._saved: dict[str, tuple[bytes, Reply, datetime]] = {}
        self._in_progress: dict[str, Request] = {}

    @property
    def secrets(self) -> dict[str, tuple[str, ...]]:
        """What a connection needs."""
        return {"api_key": (self.api_key,), **{name: tuple(held) for name, held in self.webhook_secrets.items()}}

    def asked(self, request: Request) -> Asked:
        if request.path != "/v1/transfers" or request.method not in ("GET", "POST"):
            return "other"
        return "query" if request.method == "GET" else "submit"

    def refusal(self, status: int) -> Reply:
        if status == 429:
            return _error(429, "invalid_request_error", "rate_limit", "Too many requests hit the API too quickly.")
        return _error(status, "api_error", None, "An unexpected error occurred.")

    def answer(self, request: Request, fault: Fault | None) -> Reply:
        key = request.headers.get("idempotency-key", "")
        answered = self._replayed(key, request) is not None or key in self._in_progress
        spoiled = fault is not None and fault.kind in ("error", "error_committed")
        return super().answer(request, None if answered and spoiled else fault)

    def saved(self, request: Request, reply: Reply) -> None:
        self._save(request.headers.get("idempotency-key", ""), request, reply)

    def begun(self, request: Request) -> None:
        key = request.headers.get("idempotency-key", "")
        if self._replayed(key, request) is None:
            self._in_progress.setdefault(key, request)

    def sign(self, body: bytes) -> dict[str, str]:
        return signer.sign(body, self._webhook_key, self.simulator.now)[0]

    def carry_out(self, request: Request, fault: Fault | None) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            return _error(401, "invalid_request_error", None, "Invalid API Key provided.")
        parts = request.path.strip("/").split("/")
        match request.method, *parts:
            case "GET", "v1", "transfers":
                return self._listed(request)
            case "GET", "v1", "transfers", transfer_id if transfer_id in self.transfers:
                return Reply(200, self.transfers[transfer_id].body)
            case "POST", "v1", "transfers":
                return self._once(request, fault)
            case "POST", "v1", "transfers", transfer_id, "reversals" if transfer_id in self.transfers:
                return self.reverse(transfer_id)
        return _error(404, "invalid_request_error", "resource_missing", "No such resource.")

    def reverse(self, transfer_id: str) -> Reply:
        """Takes the whole transfer back, and says so in a notification."""
        transfer = self.transfers[transfer_id]
        if transfer.body["reversed"]:
            return _error(400, "invalid_request_error", "transfer_already_reversed", "Already fully reversed.")
        self.books.give_back(transfer.payment)
        transfer.body |= {"reversed": True, "amount_reversed": transfer.body["amount"]}
        self._announce("transfer.reversed", transfer.body)
        return Reply(200, {"id": f"trr_{transfer_id[3:]}", "object": "transfer_reversal", "transfer": transfer_id})

    def _once(self, request: Request, fault: Fault | None) -> Reply:
        key = request.headers.get("idempotency-key", "")
        if not 1 <= len(key) <= 255:
            return _error(400, "idempotency_error", None, "This stand-in wants an Idempotency-Key.")
        if key in self._in_progress and self._in_progress[key] is not request:
            message = "There is currently another in-progress request using this Idempotent Key."
            return _error(409, "invalid_request_error", "idempotency_key_in_use", message)
        self._in_progress.pop(key, None)
        if replayed := self._replayed(key, request):
            return replayed
        if wrong := self._wrong(request):
            return wrong
        reply = self._transferred(request.form(), fault)
        self._save(key, request, reply)
        return reply

    def _replayed(self, key: str, request: Request) -> Reply | None:
        digest, reply, at = self._saved.get(key, (b"", None, datetime.min.replace(tzinfo=self.simulator.now.tzinfo)))
        if reply is None or self.simulator.now - at >= _KEPT:
            return None
        if digest != _digest(request):
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
            )
            return _error(400, "idempotency_error", None, message)
        return Reply(reply.status, reply.body, {**reply.headers, "Idempotent-Replayed": "true"})

    def _save(self, key: str, request: Request, reply: Reply) -> None:
        self._saved[key] = (_digest(request), Reply(reply.status, reply.content, reply.headers), self.simulator.now)

    def _wrong(self, request: Request) -> Reply | None:
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return _error(400, "invalid_request_error", None, "The body is not a form.")
        try:
            form = request.form()
        except ValueError:
            return _error(400, "invalid_request_error", None, "The body is not a form.")
        for name in sorted(form.keys() - _KNOWN):
            return _error(
                400, "invalid_request_error", "parameter_unknown", f"Received unknown parameter: {name}", name
            )
        for name in ("currency", "destination"):
            if not form.get(name):
                return _error(400, "invalid_request_error", "parameter_missing", f"Missing: {name}.", name)
        amount, currency = form.get("amount", ""), form["currency"].upper()
        if currency not in DECIMALS or form["currency"] != form["currency"].lower():
            return _error(400, "invalid_request_error", None, "Invalid currency.", "currency")
        if not (amount.isascii() and amount.isdigit() and int(amount) > 0):
            return _error(
                400, "invalid_request_error", "parameter_invalid_integer", "Invalid positive integer", "amount"
            )
        step = 100 if currency in ("ISK", "UGX") else 10 if DECIMALS[currency] == 3 else 1
        if int(amount) % step:
            return _error(400, "invalid_request_error", None, f"Amount must be a multiple of {step}.", "amount")
        return None

    def _transferred(self, form: dict[str, str], fault: Fault | None) -> Reply:
        destination, currency = form["destination"], form["currency"].upper()
        if not destination.startswith("acct_") or destination in self.missing:
            message = f"No such destination: '{destination}'"
            return _error(400, "invalid_request_error", "resource_missing", message, "destination")
        if destination in self.restricted or (fault and fault.kind == "rejected"):
            message = (
                "Your destination account needs to have at least one of the following capabilities enabled: transfers"
            )
            return _error(400, "invalid_request_error", "insufficient_capabilities_for_transfer", message)
        group = form.get("transfer_group", "")
        difference = DECIMALS[currency] - _OWN_DECIMALS.get(currency, DECIMALS[currency])
        amount = int(form["amount"]) * 10**difference if difference >= 0 else int(form["amount"]) // 10**-difference
        payment = self.books.reserve(group, destination, currency, amount)
        if payment is None:
            message = "You have insufficient available funds in your Stripe account."
            return _error(400, "invalid_request_error", "balance_insufficient", message)
        self.books.pay(payment)
        transfer_id = f"tr_{sha256(f'{group}{len(self.transfers)}'.encode()).hexdigest()[:24]}"
        body = {
            "id": transfer_id,
            "object": "transfer",
            "amount": int(form["amount"]),
            "amount_reversed": 0,
            "created": int(self.simulator.now.timestamp()),
            "currency": form["currency"],
            "description": form.get("description"),
            "destination": destination,
            "livemode": False,
            "metadata": {"payout_id": form.get("metadata[payout_id]", "")},
            "reversed": False,
            "reversals": {"object": "list", "data": [], "has_more": False},
            "source_transaction": None,
            "source_type": "card",
            "transfer_group": group,
        }
        hidden = fault.after if fault and fault.kind == "hidden" else timedelta()
        self.transfers[transfer_id] = _Transfer(body, payment, self.simulator.now + hidden)
        self._announce("transfer.created", body)
        if fault and fault.kind == "returned":
            self.simulator.later(fault.after, lambda: self.reverse(transfer_id))
        return Reply(200, dict(body))

    def _listed(self, request: Request) -> Reply:
        limit = int(request.query.get("limit", "10"))
        found = [
            dict(each.body)
            for each in reversed(self.transfers.values())
            if each.visible_from <= self.simulator.now
            and request.query.get("transfer_group") in (None, each.body["transfer_group"])
            and request.query.get("destination") in (None, each.body["destination"])
        ]
        more = len(found) > limit
        return Reply(200, {"object": "list", "url": "/v1/transfers", "has_more": more, "data": found[:limit]})

    def _announce(self, topic: str, body: dict[str, Any]) -> None:
        event_id = f"evt_{sha256(f'{topic}{body}'.encode()).hexdigest()[:24]}"
        event = {
            "id": event_id,
            "object": "event",
            "api_version": "2025-03-31.basil",
            "created": int(self.simulator.now.timestamp()),
            "data": {"object": dict(body)},
            "livemode": False,
            "pending_webhooks": 1,
            "type": topic,
        }
        self.announce(event)


def _digest(request: Request) -> bytes:
    return sha256(f"{request.method} {request.target}\n".encode() + request.body).digest()


def _error(status: int, kind: str, code: str | None, message: str, param: str | None = None) -> Reply:
    told = {"type": kind, "code": code, "message": message, "param": param}
    error = {name: value for name, value in told.items() if value is not None}
    return Reply(status, {"error": error}, {"Request-Id": "req_simulated"})
