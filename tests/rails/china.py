"""Payouts to Alipay and WeChat Pay, and what is asked of their simulated providers over HTTP."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta

from msgspec import structs

from chalicelib.domain.deliveries import Connection
from chalicelib.domain.payouts import Payout, State, key_of
from chalicelib.rails import http
from chalicelib.rails.carry import carried_out
from chalicelib.rails.rail import Instruction, Question, Verdict, rail
from tests.rails.simulator import Simulator

AT = datetime(2026, 11, 22, 2, tzinfo=UTC)
FINAL = ("paid", "failed", "returned")
USER_ID, OPENID = "2088102122524333", "o-MYE42l80oelYMDE34nYD456Xoy"


def payout(rail: str, net: int = 1999, state: State = "submitting", holder: str = "张三", **fields: object) -> Payout:
    method = {"id": "default", "rail": rail, "holder": holder}
    method |= {"account": USER_ID, "kind": "user_id"} if rail == "alipay" else {"account": OPENID}
    made = Payout(
        id="po_1",
        distributor_id="d_1",
        country="CN",
        currency="CNY",
        gross=net,
        fee=0,
        tax=0,
        rail=rail,
        method=method,
        state=state,
        history=(),
        requested_by="d_1",
        created_at=AT,
        attempts=1,
        key=key_of("po_1", 1),
    )
    return structs.replace(made, **fields)


class Driver:
    """One payout at one simulated provider: submitted once, its body stored, and sent again as it was stored."""

    def __init__(self, simulator: Simulator, subject: Payout, connection: Connection | None = None) -> None:
        self.simulator, self.handler = simulator, rail(subject.rail)
        self.connection = connection or simulator.provider(subject.rail).connection()
        self.instruction = self.handler.submit(subject, self.connection, 1)
        self.payout = structs.replace(subject, sent=b64encode(self.instruction.body).decode())

    def submit(self) -> Verdict:
        return self._carried_out(self.instruction, "submit")

    def query(self) -> Verdict:
        return self._carried_out(self.handler.query(self.payout, self.connection), "query")

    def _carried_out(self, instruction: Instruction, question: Question) -> Verdict:
        now = self.simulator.now
        return carried_out(self.handler, instruction, question, self.payout, self.connection, now, http.send)

    def pursue(self, patience: timedelta = timedelta(days=3)) -> list[Verdict]:
        """Submits, asks every ten minutes, and sends again where nothing is found and that is no wonder any more: all that
        was said, up to what is final."""
        began, said = self.simulator.now, [self.submit()]
        while said[-1].outcome not in FINAL and self.simulator.now - began < patience:
            self.simulator.advance(timedelta(minutes=10))
            said.append(self.query())
            if said[-1].outcome == "not_found":
                assert self.simulator.now - began >= self.handler.ABOUT.lag
                said.append(self.submit())
        return said
