"""A payout through Stripe whose answers a test writes: what the tests of submitting share."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from chalicelib.domain.deliveries import ConnectionSettings
from chalicelib.domain.payout_methods import PayoutMethod
from chalicelib.domain.payouts import Payout, key_of
from chalicelib.flows.connections import put_connection
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.submit_payout import submit_payout
from chalicelib.rails import stripe
from chalicelib.rails.rail import Answer, Instruction
from chalicelib.settings import settings
from chalicelib.store import payouts, sealed
from tests.flows.money_out import NOW, asked, earned, joined, plan, rows

Said = Answer | None | Callable[[], Answer | None] | Exception
MINUTE, LAG = timedelta(minutes=1), stripe.ABOUT.lag
GROSS, NET = 5000, 4950
ACCOUNT = "acct_1"


class Wire:
    """Answers in their order what is sent; `paid` is what the rail was asked to pay, `sent` everything."""

    def __init__(self, *answers: Said) -> None:
        self.answers, self.sent = list(answers), list[Instruction]()

    def __call__(self, base_url: str, instruction: Instruction) -> Answer | None:
        self.sent.append(instruction)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    @property
    def paid(self) -> list[Instruction]:
        return [each for each in self.sent if each.method == "POST"]


def approved(
    name: str = "d_1", rail: str = "stripe", currency: str = "USD", account: str = ACCOUNT, gross: int = GROSS
) -> str:
    """A payout of all that somebody has earned."""
    method = sealed.sealed_method(name, PayoutMethod(rail=rail, holder="Zhang San", account=account))  # type: ignore
    earned(joined(name, {"card": method}), gross, currency)
    return decide_payout(asked(name, currency=currency).id, "approved", "staff:checker", NOW).id


def answer(status: int, told: Any) -> Answer:
    return Answer(status, {}, json.dumps(told).encode())


def made(payout_id: str, **changes: Any) -> Answer:
    return answer(200, transfer(payout_id, **changes))


def transfer(payout_id: str, **changes: Any) -> dict[str, Any]:
    told = {
        "id": "tr_1",
        "object": "transfer",
        "amount": NET,
        "currency": "usd",
        "destination": ACCOUNT,
        "transfer_group": key_of(payout_id, 1),
    }
    return {**told, **changes}


def found(*transfers: dict[str, Any]) -> Answer:
    return answer(200, {"object": "list", "data": transfers, "has_more": False})


NOT_FOUND = found()
BROKEN = answer(500, {"error": {"type": "api_error"}})
NO_MONEY = answer(400, {"error": {"type": "invalid_request_error", "code": "balance_insufficient"}})


def states(payout_id: str) -> list[str]:
    return [step.to for step in payouts.existing(payout_id).history[1:]]


def out(payout_id: str, wire: Wire, after: timedelta = timedelta()) -> Payout | None:
    return submit_payout(payout_id, NOW + after, wire)


def lost(payout_id: str) -> Wire:
    """The payout was sent, and its answer never came."""
    wire = Wire(None)
    assert out(payout_id, wire)
    assert states(payout_id) == ["approved", "submitting", "unknown"]
    return wire


def contradictions() -> list[str]:
    return [row["action"] for row in rows(settings().audit_table) if "contradicted" in row["action"]]


def open_rails() -> None:
    """A plan that pays through Stripe and PayPal, and a connection to Stripe."""
    plan(fee_rate="0.01", rails={"stripe": "stripe", "paypal": "paypal"})
    put_connection("stripe", "stripe", {"api_key": ("sk_test_1",)}, ConnectionSettings(), "staff:1", NOW)
