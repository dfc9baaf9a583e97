"""Races within the books: what is taken back against what is paid out or matures, and runs of the settlement."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from chalicelib.domain.orders import Order
from chalicelib.flows.mature import mature
from chalicelib.flows.record_order import record_order
from chalicelib.flows.settle import settle
from chalicelib.settings import settings
from tests.flows.money_out import for_ever
from tests.flows.shop import NOW, at, refunded, said
from tests.races.pair import OK, Meeting, Pair, Score, Told, insist, told
from tests.races.payouts import REFUSED, ask
from tests.races.program import all_payouts, available, book, earn, open_program, rows

AFTER_ALL = at(3000)
_AMOUNT, _SETTLERS = 1000, 4


def refund(order_id: str, old: Order) -> str:
    """All that the customer paid goes back, and the commission with it."""
    facts = said(order_id, customer_id=old.facts.customer_id, refunds=refunded(("1", old.facts.lines[0].amount)))
    new = insist(lambda: record_order(facts, NOW))
    insist(lambda: book(old, new))
    return OK


class _Refund(Pair):
    def open(self) -> None:
        open_program(self.slots)
        self.sold: dict[int, Order] = {}


class RefundAndPayout(_Refund):
    """A payee asks for what is available, in three places at once, while a customer gets back what it came from."""

    name, seats, rounds = "refund / payout", 4, 400

    def prepare(self, here: Meeting) -> None:
        # Of the round before, a payout and a refund may have taken the same money.
        if here.seat == 0:
            self.sold[here.slot] = earn(here.slot, _AMOUNT - available(here.slot), str(here.wave))

    def meet(self, here: Meeting) -> str:
        if here.seat:
            time.sleep(random.uniform(0, 0.02))  # asking is the shorter way
            return told(lambda: ask(here.slot, _AMOUNT, f"{here.number}-{here.seat}"))
        return refund(f"s{here.slot}-{here.wave}", self.sold[here.slot])

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        made, met = Counter(payout_id.rpartition("-")[0] for payout_id in all_payouts()), Counter[int]()
        for each in rounds:
            score.count(each, {OK: 2, REFUSED: 2}, {OK: 1, REFUSED: 3})
            paid = made[f"po_{each.number}"]
            met[paid] += 1
            score.expect(each.answers[0] == OK and paid == each.answers[1:].count(OK), each, "made", paid)
        score.expect(len(met) == 2 or len(rounds) < 200, "they did not meet:", met)


class RefundAndMature(_Refund):
    """A day matures in many places at once while what it holds is taken back."""

    name, seats, rounds = "refund / mature", 2, 500

    took = 0.0

    def prepare(self, here: Meeting) -> None:
        if _refunds(here):
            self.sold[here.slot] = earn(here.slot, _AMOUNT, str(here.wave), day=30 + here.wave)

    def meet(self, here: Meeting) -> str:
        if _refunds(here):
            time.sleep(random.uniform(0, self.took))  # maturing is the longer way
            return refund(f"s{here.slot}-{here.wave}", self.sold[here.slot])
        began = time.monotonic()
        days = insist(lambda: mature(AFTER_ALL))
        self.took = time.monotonic() - began
        return str(days)

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        answers = [answer for each in rounds for answer in each.answers]
        refunds, days = answers.count(OK), [int(answer) for answer in answers if answer != OK]
        left = mature(AFTER_ALL)
        score.succeeded, score.refused = refunds + sum(days) + left, days.count(0)
        score.expect((refunds, sum(days) + left) == (len(rounds), len(rounds)), refunds, "refunds,", sum(days), "days")
        score.expect(left < len(rounds) / 2, "they did not meet:", left, "days were left")
        entries = (row for row in rows(settings().ledger_table) if row.get("kind") == "reversal")
        late = sum(1 for row in entries if row["to"] == "available")
        score.expect(0 < late < len(rounds) or len(rounds) < 200, "they did not meet:", late, "refunds came late")


def _refunds(here: Meeting) -> bool:
    """In turns: so every process knows how long maturing takes."""
    return (here.seat + here.wave) % 2 == 0


class SettleAndSettle(Pair):
    """Four settle the same period at once, while the others ask for what is available to them: each account is paid once.
    An account counts as a round."""

    name, seats, rounds = "settle / settle, request", 0, 10

    def open(self) -> None:
        open_program(self.seats)
        self.accounts, self.took = self.seats, 0.0

    def prepare(self, here: Meeting) -> None:
        earn(here.seat, _AMOUNT if here.wave else _AMOUNT - 100, str(here.wave))

    def meet(self, here: Meeting) -> str:
        if here.seat < _SETTLERS:
            began = time.monotonic()
            state = insist(lambda: settle(_period(here.wave), for_ever)).state
            self.took = time.monotonic() - began
            return state
        time.sleep(random.uniform(0, self.took))  # settling takes much longer than asking
        return told(lambda: ask(here.seat, _AMOUNT, f"{here.wave}-{here.seat}"))

    def judge(self, rounds: Sequence[Told], score: Score) -> None:
        stored, score.rounds = all_payouts(), len(rounds) * self.accounts
        for each in rounds:
            settled = settle(_period(each.number), for_ever)
            by_run = [f"po_{settled.run}_s{n}_CNY" in stored for n in range(self.accounts)]
            asked = [f"po_{each.number}-{n}" in stored for n in range(self.accounts)]
            answers = Counter(each.answers[_SETTLERS:])
            score.succeeded += sum(by_run) + answers[OK]
            score.refused += answers[REFUSED]
            score.expect(all(one ^ other for one, other in zip(by_run, asked, strict=True)), settled.run, by_run, asked)
            score.expect(answers == Counter({OK: sum(asked), REFUSED: self.accounts - _SETTLERS - sum(asked)}), each)
            score.expect("filed" in each.answers[:_SETTLERS], "nobody finished the run:", each.answers[:_SETTLERS])
            expected = ("filed", sum(by_run), {"CNY": _AMOUNT * sum(by_run)})
            score.expect((settled.state, settled.payouts, settled.amounts) == expected, settled, expected)
        score.expect({payout.gross for payout in stored.values()} == {_AMOUNT}, "other amounts")


def _period(wave: int) -> datetime:
    return datetime(2027, 1, 1, 2, tzinfo=UTC) + timedelta(days=wave)
