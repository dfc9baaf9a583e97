"""Wise, simulated: quote, transfer, funding, and what follows (docs.wise.com, "Send money")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from chalicelib.domain.money import DECIMALS
from local.signers import wise as signer
from tests.rails.simulator.books import Payment
from tests.rails.simulator.faults import Asked, Fault
from tests.rails.simulator.server import Provider, Reply, Request, Simulator

_NAMES = UUID(int=7)
_QUOTED_FOR, _FUNDED_WITHIN = timedelta(minutes=30), timedelta(days=14)


@dataclass
class _Quote:
    body: dict[str, Any]
    until: datetime
    used: bool = False


@dataclass
class _Transfer:
    body: dict[str, Any]
    visible_from: datetime
    payment: Payment | None = None


class Simulated(Provider):
    """A funded transfer is sent `takes` later. `missing` recipients do not exist."""

    name = "wise"

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self.api_token, self.profile = "simulated-token", "16421159"
        self.takes = timedelta(minutes=1)
        self.missing: set[str] = set()
        self.quotes: dict[str, _Quote] = {}
        self.transfers: dict[int, _Transfer] = {}
        self._by_name: dict[str, _Transfer] = {}
        self.webhook_secrets, self._webhook_key = signer.keys()

    @property
    def secrets(self) -> dict[str, tuple[str, ...]]:
        """What a connection needs."""
        return {"api_token": (self.api_token,), **{name: tuple(held) for name, held in self.webhook_secrets.items()}}

    def asked(self, request: Request) -> Asked:
        if request.method == "GET":
            return "query"
        last = request.path.rsplit("/", 1)[-1]
        asked: dict[str, Asked] = {"transfers": "submit", "payments": "fund"}
        return asked.get(last, "other")

    def refusal(self, status: int) -> Reply:
        return Reply(status, {"timestamp": self.simulator.now.isoformat(), "status": status, "error": "Try again"})

    def sign(self, body: bytes) -> dict[str, str]:
        delivery_id = str(uuid5(_NAMES, body.decode()))
        return signer.sign(body, self._webhook_key, self.simulator.now, delivery_id=delivery_id)[0]

    def carry_out(self, request: Request, fault: Fault | None) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.api_token}":
            return Reply(401, {"error": "invalid_token", "error_description": "Invalid token"})
        try:
            content = request.json() if request.method == "POST" else {}
            match request.method, *request.path.strip("/").split("/"):
                case "POST", "v3", "profiles", self.profile, "quotes":
                    return self._quoted(content)
                case "POST", "v1", "transfers":
                    return self._created(content, fault)
                case "POST", "v3", "profiles", self.profile, "transfers", number, "payments" if number.isdigit():
                    return self._funded(int(number), content, fault)
                case "GET", "v1", "transfers", number if number.isdigit() and int(number) in self.transfers:
                    transfer = self.transfers[int(number)]
                    if transfer.visible_from <= self.simulator.now:
                        return Reply(200, dict(transfer.body))
                case "PUT", "v1", "transfers", number, "cancel" if int(number) in self.transfers:
                    self._cancel_unfunded(self.transfers[int(number)])
                    return Reply(200, dict(self.transfers[int(number)].body))
        except (ValueError, KeyError, TypeError) as error:
            return _invalid("ERROR", str(error))
        return Reply(404, {"errors": [{"code": "transfer.not-found", "message": "not found", "arguments": []}]})

    def _quoted(self, content: dict[str, Any]) -> Reply:
        currency, amount = content["targetCurrency"], content["targetAmount"]
        if content["sourceCurrency"] not in DECIMALS or currency not in DECIMALS:
            return _invalid("NOT_VALID", "targetCurrency")
        if isinstance(amount, bool) or not isinstance(amount, int | Decimal) or amount <= 0:
            return _invalid("error.greaterThanZero", "targetAmount")
        if Decimal(amount) * 10 ** DECIMALS[currency] % 1:
            return _invalid("NOT_VALID", "targetAmount")
        quote_id = str(uuid5(_NAMES, f"quote {len(self.quotes)}"))
        until = self.simulator.now + _QUOTED_FOR
        body = {
            "id": quote_id,
            "sourceCurrency": content["sourceCurrency"],
            "targetCurrency": currency,
            "targetAmount": amount,
            "rate": 1,
            "rateType": "FIXED",
            "status": "PENDING",
            "expirationTime": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self.quotes[quote_id] = _Quote(body, until)
        return Reply(200, body)

    def _created(self, content: dict[str, Any], fault: Fault | None) -> Reply:
        name = str(UUID(content["customerTransactionId"]))
        if name in self._by_name:
            return Reply(200, dict(self._by_name[name].body))
        quote, account = self.quotes.get(content["quoteUuid"]), content["targetAccount"]
        if not isinstance(account, int) or str(account) in self.missing:
            return _invalid("NOT_VALID", "targetAccount")
        if quote is None or quote.used or quote.until <= self.simulator.now:
            return _invalid("quote.expired-or-used", "quoteUuid")
        if len(content.get("details", {}).get("reference", "")) > 10:
            return _invalid("NOT_VALID", "details.reference")
        quote.used = True
        number = 16521632 + len(self.transfers)
        body = {
            "id": number,
            "targetAccount": account,
            "quoteUuid": content["quoteUuid"],
            "status": "incoming_payment_waiting",
            "rate": 1,
            "created": self.simulator.now.strftime("%Y-%m-%d %H:%M:%S"),
            "hasActiveIssues": False,
            "sourceCurrency": quote.body["sourceCurrency"],
            "targetCurrency": quote.body["targetCurrency"],
            "targetValue": quote.body["targetAmount"],
            "customerTransactionId": name,
            "details": content.get("details", {}),
        }
        hidden = fault.after if fault and fault.kind == "hidden" else timedelta()
        transfer = _Transfer(body, self.simulator.now + hidden)
        self.transfers[number] = self._by_name[name] = transfer
        self.simulator.later(_FUNDED_WITHIN, lambda: self._cancel_unfunded(transfer))
        return Reply(200, dict(body))

    def _funded(self, number: int, content: dict[str, Any], fault: Fault | None) -> Reply:
        transfer = self.transfers.get(number)
        if transfer is None:
            return Reply(404, {"errors": [{"code": "transfer.not-found", "message": "not found"}]})
        if content != {"type": "BALANCE"}:
            return _invalid("NOT_VALID", "type")
        if transfer.body["status"] != "incoming_payment_waiting":
            return _invalid("transfer.invalid-state", "status")
        currency, amount = transfer.body["targetCurrency"], transfer.body["targetValue"]
        minor = int(Decimal(amount) * 10 ** DECIMALS[currency])
        name, account = transfer.body["customerTransactionId"], str(transfer.body["targetAccount"])
        transfer.payment = self.books.reserve(name, account, currency, minor)
        if transfer.payment is None:
            return Reply(201, {"type": "BALANCE", "status": "REJECTED", "errorCode": "transfer.insufficient_funds"})
        self.move(transfer, "processing")
        slow = fault.after if fault and fault.kind == "slow" else timedelta()
        self.simulator.later(self.takes + slow, lambda: self._processed(transfer, fault))
        told = {"type": "BALANCE", "status": "COMPLETED", "errorCode": None, "balanceTransactionId": number}
        return Reply(201, told)

    def _processed(self, transfer: _Transfer, fault: Fault | None) -> None:
        kind = fault.kind if fault else None
        if kind == "rejected":
            return self.refund(transfer)
        self.move(transfer, "funds_converted")
        if kind == "unconfirmed":
            return self.move(transfer, "waiting_recipient_input_to_proceed")
        self.move(transfer, "outgoing_payment_sent")
        if fault and kind == "returned":
            self.simulator.later(fault.after, lambda: self.move(transfer, "bounced_back"))
            self.simulator.later(fault.after + self.takes, lambda: self.refund(transfer))

    def refund(self, transfer: _Transfer) -> None:
        """The transfer is cancelled and its money returned to the balance."""
        self.move(transfer, "cancelled")
        self.move(transfer, "funds_refunded")

    def move(self, transfer: _Transfer, status: str) -> None:
        """The transfer gets this status, the money goes where that says, and a notification is due."""
        before, transfer.body["status"] = transfer.body["status"], status
        if status == "outgoing_payment_sent" and transfer.payment:
            self.books.pay(transfer.payment)
        elif status == "funds_refunded" and transfer.payment:
            self.books.give_back(transfer.payment)
        at = self.simulator.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        resource = {
            "type": "transfer",
            "id": transfer.body["id"],
            "profile_id": int(self.profile),
            "account_id": transfer.body["targetAccount"],
        }
        data = {"resource": resource, "current_state": status, "previous_state": before, "occurred_at": at}
        told = {"data": data, "subscription_id": str(UUID(int=1)), "event_type": "transfers#state-change"}
        self.announce({**told, "schema_version": "4.0.0", "sent_at": at})

    def _cancel_unfunded(self, transfer: _Transfer) -> None:
        if transfer.body["status"] == "incoming_payment_waiting":
            self.move(transfer, "cancelled")


def _invalid(code: str, path: str) -> Reply:
    return Reply(422, {"errors": [{"code": code, "message": "not valid", "path": path, "arguments": []}]})
