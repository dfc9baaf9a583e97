"""Thousands of payouts in bad weather: providers fail in every way they know, workers crash and race, news come twice and
late. In the end nobody is paid twice, and no money is missing. `python -m tests.rails.chaos <seed> <payouts>`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from functools import partial
from random import Random
from unittest.mock import patch

from chalicelib.domain.deliveries import ConnectionSettings, Request
from chalicelib.domain.errors import FenrunError
from chalicelib.domain.payout_methods import PayoutMethod
from chalicelib.domain.payouts import BACK, Payout
from chalicelib.flows import follow_payout, receive_delivery, retry_payout
from chalicelib.flows.connections import put_connection
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.submit_payout import submit_payout
from chalicelib.observe import logger, metrics
from chalicelib.rails import http, paypal
from chalicelib.rails.rail import NAMES, Answer, Instruction
from chalicelib.schedules.inbox import sweep
from chalicelib.schedules.submit import go_round
from chalicelib.store import hearings, payouts
from tests.flows.money_out import plan
from tests.rails import memory, payees
from tests.rails.audit import check
from tests.rails.memory import Call, in_memory
from tests.rails.simulator import Simulator
from tests.rails.turns import Crash, Job, Turns
from tests.rails.weather import Weather

_EACH = 4
"""Payouts of a distributor."""
_FINAL = BACK | {"paid"}
_WORDS = {
    "paid": "paid",
    "failed": "failed",
    "returned": "returned",
    "rejected": "rejected",
    "manual_review": "review",
}
_MINUTES = (1, 2, 5, 5, 10, 20, 60, 90, 240, 480, 500, 240, 600, 1440, 1440, 1440, 1440)


class Chaos:
    """`workers` deal with `number` payouts at once; each is in the hands of up to three of them."""

    def __init__(
        self,
        seed: int,
        number: int,
        *,
        call: Call = memory.call,
        say: Callable[[str], object] = lambda _: None,
        workers: int = 4,
        rate: float = 0.2,
        crashes: float = 0.004,
    ) -> None:
        self.random = Random(f"chaos {seed}")
        self.simulator = Simulator(seed=seed)
        self.weather = self.simulator.faults = Weather(seed, rate)
        self.turns = Turns(self.random, crashes)
        self.workers = workers
        self.earned: Counter[tuple[str, str]] = Counter()
        self.payouts: dict[str, Payout] = {}
        self.ended = Counter[str]()
        self._number = number
        self._say, self._call = say, call

    def run(self) -> None:
        """Everything, to the end. Raises `AssertionError` for money that is not where it should be."""
        with self.simulator, self._surroundings():
            self._connect()
            for n in range((self._number + _EACH - 1) // _EACH):
                self._distributor(n, min(_EACH, self._number - n * _EACH))
            self._fund(0.4)
            for n, minutes in enumerate(_MINUTES):
                self._round()
                self._fund(0.08)
                states = Counter(payout.state for payout in self.payouts.values())
                self._say(f"  {self.simulator.now:%d %b %H:%M} {dict(states)}")
                if n == 9:
                    self._ask_again()
                self.simulator.advance(timedelta(minutes=minutes * self.random.uniform(0.7, 1.3)))
            self._calm()
            self.ended = check(self)

    @contextmanager
    def _surroundings(self) -> Iterator[None]:
        self.simulator.listener = self._hear
        paypal._tokens.clear()
        with ExitStack() as stack:
            stack.enter_context(patch.object(metrics, "add_metric", lambda **_: None))
            # What depends on the clock on the wall, and would make the same seed another run.
            stack.enter_context(patch.object(hearings, "due", lambda *_: False))
            stack.enter_context(patch.object(receive_delivery, "_PATIENCE", 1e9))
            stack.enter_context(patch.object(follow_payout, "pauses", self._pauses))
            stack.enter_context(patch.object(retry_payout, "submit_payout", partial(submit_payout, send=self._send)))
            stack.enter_context(self.turns.at_tables(self._call))
            yield

    @property
    def summary(self) -> str:
        """What happened, in figures."""
        states = " ".join(f"{word}={self.ended[state]}" for state, word in _WORDS.items())
        return f"payouts={len(self.payouts)} {states} faults={self.weather.met.total()} crashes={self.turns.crashes}"

    def _pauses(self) -> Iterator[None]:
        while True:
            self.turns.point(may_crash=False)
            yield

    def _send(self, base_url: str, instruction: Instruction) -> Answer | None:
        self.turns.point()
        answer = http.send(base_url, instruction)
        self.turns.point()
        return answer

    def _connect(self) -> None:
        plan(fee_rate=payees.FEE_RATE, rails={name: name for name in NAMES})
        for name in NAMES:
            provider = self.simulator.provider(name)
            if name in ("alipay", "wechatpay"):
                to = provider.connection().settings
            else:
                account = provider.profile if name == "wise" else None
                to = ConnectionSettings(account=account, base_url=f"{self.simulator.url}/{name}")
            secrets = {each: tuple(value.strip() for value in held) for each, held in provider.secrets.items()}
            put_connection(name, name, secrets, to, "staff:1", self.simulator.now)

    def _distributor(self, n: int, number: int) -> None:
        """A distributor with money, and approved payouts of all of it but a little."""
        rail = NAMES[n % len(NAMES)]
        currency, owner = self.random.choice(payees.CURRENCIES[rail]), f"d{n:05d}"
        gross = [self.random.randrange(100, 30_000) for _ in range(number)]
        if self.random.random() < 0.02:
            gross[0] = 250_000
        self.earned[owner, currency] = sum(gross) + self.random.randrange(50)
        payees.earn(owner, currency, self.earned[owner, currency], self.simulator.now)
        for each, amount in enumerate(gross):
            self._create(f"po_{owner}_{each}", owner, currency, amount, payees.method(rail, n))

    def _create(self, name: str, owner: str, currency: str, gross: int, method: PayoutMethod) -> None:
        self.payouts[name] = payees.payout(name, owner, currency, gross, method, self.simulator.now)

    def _fund(self, share: float) -> None:
        """The operator sends a part of what is needed to each provider."""
        need: Counter[tuple[str, str]] = Counter()
        for each in self.payouts.values():
            need[each.rail, each.currency] += each.net
        for (rail, currency), amount in sorted(need.items()):
            self.simulator.top_up(rail, currency, int(amount * share))

    def _round(self) -> None:
        jobs: list[list[Job]] = []
        for name, payout in self.payouts.items():
            if payout.state not in _FINAL:
                hands = self.random.choices((1, 2, 3), (70, 20, 10))[0]
                jobs.append([partial(self._deal_with, name)] * hands)
        jobs += [[self._tick]] * self.random.randrange(4) + [[self._deliver]] * 3 + [[self._sweep]]
        self.random.shuffle(jobs)
        self.turns.run([job for same in jobs for job in same], self.workers)
        self.payouts |= payouts.get_many([name for name, each in self.payouts.items() if each.state not in _FINAL])

    def _deal_with(self, name: str) -> None:
        now, chance = self.simulator.now, self.random.random()
        with suppress(FenrunError):
            if chance < 0.01:
                decide_payout(name, "rejected", "staff:2", now)
            elif chance < 0.05:
                retry_payout.retry_payout(name, "staff:2", now)
            else:
                submit_payout(name, now, self._send)

    def _tick(self) -> None:
        """Time goes on while workers are at it; at times so much that whoever is slow is taken for lost."""
        self.simulator.advance(timedelta(seconds=self.random.choice((5, 20, 90, 400))))

    def _deliver(self) -> None:
        self.simulator.deliver(self._hear, times=self.random.choice((1, 1, 2)), shuffled=self.random.random() < 0.5)

    def _hear(self, name: str, headers: dict[str, str], body: bytes) -> None:
        """Delivers to us; what is not taken comes again in a while."""
        try:
            receive_delivery.receive_delivery(name, name, Request(headers, body), self.simulator.now)
        except (Crash, FenrunError):
            self.simulator.provider(name).announce(body, timedelta(minutes=self.random.randrange(60)))

    def _sweep(self) -> None:
        sweep(self.simulator.now, lambda: 1e9)

    def _ask_again(self) -> None:
        """Of what failed, a part is asked for again: another payout of the same money."""
        for name, payout in list(self.payouts.items()):
            if payout.state in BACK and self.random.random() < 0.6:
                method = payees.method(payout.rail, int(payout.distributor_id[1:]))
                self._create(f"{name}_again", payout.distributor_id, payout.currency, payout.gross, method)

    def _calm(self) -> None:
        """Nothing goes wrong any more, nobody lacks money, and payees make up their minds."""
        self.weather.rate = self.turns.crash_rate = 0.0
        self._fund(2)
        for days in (1, 1, 1, 1, 35, 1, 1):
            self._round()
            self._decide()
            self.simulator.advance(timedelta(days=days))
            while self.simulator.deliver(self._hear):
                pass
        self._sweep()
        assert go_round(self.simulator.now, lambda: 1e9).failed == 0

    def _decide(self) -> None:
        wise = self.simulator.provider("wise")
        for transfer in wise.transfers.values():
            if transfer.body["status"] == "waiting_recipient_input_to_proceed":
                wise.move(transfer, "outgoing_payment_sent") if self.random.random() < 0.5 else wise.refund(transfer)
        for payout in self.payouts.values():
            if payout.rail == "paypal" and payout.state == "awaiting_recipient" and self.random.random() < 0.3:
                self.simulator.provider("paypal").claim(payout.key)


def main(seed: int, number: int) -> None:
    """One run, with what happens on the way."""
    print(f"chaos: seed={seed} payouts={number}", flush=True)
    began = time.monotonic()
    logger.setLevel("CRITICAL")
    with in_memory():
        chaos = Chaos(seed, number, say=partial(print, flush=True))
        chaos.run()
    print(f"chaos: ok seed={seed} {chaos.summary} seconds={time.monotonic() - began:.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
