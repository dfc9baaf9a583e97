"""Races around money on its way out: decisions, the last cent, and a rail's word against its answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from time import sleep

from chalicelib.domain.deliveries import ConnectionSettings
from chalicelib.domain.payout_methods import PayoutMethod
from chalicelib.domain.payouts import Payout, State
from chalicelib.flows.connections import put_connection
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.follow_payout import follow_payout
from chalicelib.flows.request_payout import request_payout
from chalicelib.flows.submit_payout import submit_payout
from chalicelib.rails.rail import Answer, Instruction, Verdict
from chalicelib.store import payouts, sealed
from tests.flows.shop import NOW
from tests.flows.stripe_wire import ACCOUNT, GROSS, found, made, transfer
from tests.races.pair import OK, Meeting, Pair, Score, Told, insist, told
from tests.races.program import all_payouts, earn, open_program

REFUSED = "NOT_ENOUGH_AVAILABLE"


def ask(payee: int, amount: int, once: str, currency: str = "CNY") -> Payout:
    name = f"s{payee}"
    return request_payout(name, currency, amount, "card", f"distributor:{name}", NOW, once)


def approve(payout_id: str, staff: object) -> Payout:
    return decide_payout(payout_id, "approved", f"staff:{staff}", NOW)


def stripe(payee: str) -> dict[str, str]:
    return sealed.sealed_method(payee, PayoutMethod(rail="stripe", holder="Zhang San", account=ACCOUNT))


def steps(payout: Payout) -> list[State]:
    return [step.to for step in payout.history]


class ApproveTwice(Pair):
    """Four members of staff approve the same payout."""

    name, seats, rounds = "approve / approve", 4, 700

    def open(self) -> None:
        open_program(self.slots)
        for slot in range(self.slots):
            earn(slot, self.rounds, "rich")

    def prepare(self, here: Meeting) -> None:
        if here.seat == 0:
            insist(lambda: ask(here.slot, 1, str(here.number)))

    def meet(self, here: Meeting) -> str:
        return told(lambda: approve(f"po_{here.number}", here.seat))

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        stored = all_payouts()
        for each in rounds:
            score.count(each, {OK: 1, "PAYOUT_STATE": self.seats - 1})
            payout = stored[f"po_{each.number}"]
            score.expect(steps(payout) == ["requested", "approved"], payout)
            score.expect(payout.history[-1].by == f"staff:{each.answers.index(OK)}", "not the winner:", payout)


class ApproveAndReject(ApproveTwice):
    """Two approve what two reject: it is rejected once, approved at most once before, and its money back once."""

    name, seats, rounds = "approve / reject", 4, 700

    def meet(self, here: Meeting) -> str:
        if here.seat % 2:
            return super().meet(here)
        return told(lambda: decide_payout(f"po_{here.number}", "rejected", f"staff:{here.seat}", NOW, "no"))

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        stored, met = all_payouts(), Counter[int]()
        for each in rounds:
            score.count(each, {OK: 1, "PAYOUT_STATE": 3}, {OK: 2, "PAYOUT_STATE": 2})
            payout, rejected = stored[f"po_{each.number}"], each.answers[::2].count(OK)
            score.expect(payout.state == "rejected" and rejected == 1, payout.state, each)
            score.expect(len(steps(payout)) == 1 + each.answers.count(OK), payout.history, each)
            met[len(steps(payout))] += 1
        score.expect(len(met) == 2 or len(rounds) < 200, "they did not meet:", met)


class LastCent(Pair):
    """Two of four requests fit into what is available, to the cent; each is sent twice under one key."""

    name, seats, rounds = "request / last cent", 8, 350

    def open(self) -> None:
        open_program(self.slots)

    def prepare(self, here: Meeting) -> None:
        if here.seat == 0:
            earn(here.slot, 500 if here.wave else 400, str(here.wave))

    def meet(self, here: Meeting) -> str:
        return told(lambda: ask(here.slot, 250, f"{here.number}-{here.seat // 2}"))

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        made = Counter(payout_id.rpartition("-")[0] for payout_id in all_payouts())
        for each in rounds:
            score.count(each, {OK: 4, REFUSED: 4})
            score.expect(made[f"po_{each.number}"] == 2, each, "made", made[f"po_{each.number}"])
            score.expect(
                all(each.answers[n] == each.answers[n + 1] for n in (0, 2, 4, 6)), "one key, two answers:", each
            )


SENT, NOT_SENT = "sent", "not sent"


class SubmitAndNews(Pair):
    """Two workers submit a payout; the rail's word that it is paid comes twice, before its answer or after."""

    name, seats, rounds = "submit / webhook", 4, 400

    def open(self) -> None:
        open_program(self.slots, "USD", stripe, fee_rate="0.01", rails={"stripe": "stripe"})
        put_connection("stripe", "stripe", {"api_key": ("sk_test_1",)}, ConnectionSettings(), "staff:1", NOW)
        for slot in range(self.slots):
            earn(slot, self.rounds * GROSS, "rich", "USD")

    def prepare(self, here: Meeting) -> None:
        if here.seat == 0:
            payout_id = insist(lambda: ask(here.slot, GROSS, str(here.number), "USD")).id
            insist(lambda: approve(payout_id, 1))

    def meet(self, here: Meeting) -> str:
        payout_id = f"po_{here.number}"
        if here.seat % 2:
            assert here.signal.wait(60), "nobody sent it"
            said = Verdict("paid", "tr_1")
            return told(lambda: follow_payout(payouts.existing(payout_id), said, "connection:stripe", NOW))
        sent = list[Instruction]()

        def send(_base_url: str, instruction: Instruction) -> Answer:
            if instruction.method == "GET":
                return found(transfer(payout_id))
            sent.append(instruction)
            here.signal.set()
            sleep(Random(here.number).uniform(0, 0.01))
            return made(payout_id)

        insist(lambda: submit_payout(payout_id, NOW, send))
        return OK if sent else NOT_SENT

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        stored, met = all_payouts(), Counter[str]()
        for each in rounds:
            score.count(each, {OK: 3, NOT_SENT: 1})
            payout = stored[f"po_{each.number}"]
            score.expect(steps(payout) == ["requested", "approved", "submitting", "submitted", "paid"], payout)
            score.expect((payout.attempts, payout.reference) == (1, "tr_1"), payout)
            met[payout.history[-1].by] += 1
        score.expect(len(met) == 2 or len(rounds) < 200, "they did not meet:", met)
