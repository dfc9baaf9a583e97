"""Sixty days of the tea shop, played through the public API and by signed deliveries; the clock's functions are invoked as
EventBridge would."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from local.arrivals import Report, arrivals
from local.deliveries import CONNECTIONS, Deliveries
from local.http import Api, Wrong
from local.messages import written
from local.payday import Paydays
from local.printed import Progress
from local.sales import Order, buyers, orders
from local.shop import COUPONS, DAYS, MEMBERS, PLAN, Customer, bound_at
from local.stack import Stack, invoke, scheduled_event
from tests.rails.simulator import Simulator

SHOP_URL = "https://tea.example/"
THREADS, BATCH = 4, 40
PERIODS, PAYDAYS, FORGERIES = 6, (2, 4, 6), 3
DRAINED_WITHIN = 60.0
PAUSES = (16, 47, 108)
"""Minutes after which the inbox tries again for the first time, the second, the third: a little more."""


class Play:
    """The shop and its people on one stack. `orders` and `now` are known once the customers have come."""

    def __init__(self, stack: Stack, logins: dict[str, str], providers: Simulator, progress: Progress) -> None:
        self._stack, self._progress = stack, progress
        self.shop = Api(stack.base_url, logins["API key"])
        finance = self.shop.signed_in(*logins["finance login"].split(" ", 1))
        self._checker = self.shop.signed_in(*logins["checker login"].split(" ", 1))
        self._sessions: dict[str, Api] = {}
        self._codes: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.orders: list[Order] = []
        self.now = self._opened = datetime.now(UTC)
        self.reports: list[Report] = []
        self.sent = self.forged = 0
        self._deliveries = Deliveries(self.shop)
        self.paydays = Paydays(stack, self.shop, finance, self._sessions, providers, progress)

    def people_join(self) -> None:
        """The plan, the distributors by invite code, how they are paid, their coupons."""
        self._progress.say("plan and distributors")
        self.paydays.connect()
        since = self._opened - timedelta(days=DAYS + 10)
        self.shop.put("/v1/plans/default", {**PLAN, "effective_from": written(since)})
        for member in MEMBERS:
            email, password = f"{member.key}@promoters.example", f"steeped-leaves-{member.key}"
            signed = self.shop.acting_as(None).post(
                "/v1/distributors",
                {
                    "name": member.name,
                    "email": email,
                    "password": password,
                    "locale": member.locale,
                    "country": member.country,
                    "accepted_terms": True,
                    **({"invite_code": self._codes[member.sponsor]} if member.sponsor else {}),
                },
            )
            self.ids[member.key], self._codes[member.key] = signed["id"], signed["code"]
            if member.rail:
                self._sessions[signed["id"]] = self.shop.signed_in(email, password)
                self._sessions[signed["id"]].put(
                    f"/v1/distributors/{signed['id']}/payout-methods/default",
                    {"rail": member.rail, "holder": member.name, "account": member.account, "bank": member.bank},
                )
        for coupon, key in COUPONS.items():
            self.shop.put(f"/v1/distributors/{self.ids[key]}/coupons/{coupon}")

    def customers_come(self) -> None:
        """By code, weeks ago; by a link, today: a click is recorded when it happens, so what it earns is today's too."""
        self._progress.say("customers and their bindings")
        people = buyers()
        clicks = {each.id: self._click(each) for each in people if each.road in ("click", "visit")}
        for each in people:
            if each.road == "own":
                self.shop.put(f"/v1/distributors/{self.ids[each.member or '']}/customers/{each.id}")
            elif each.road == "code":
                self._bind(each.id, "bound", code=self._codes[each.member or ""], at=bound_at(each, self._opened))
            elif each.road == "click":
                self._bind(each.id, "bound", click_id=clicks[each.id], at=datetime.now(UTC))
        bound = next(each for each in people if each.road == "code" and each.member != "sato")
        self._bind(bound.id, "kept", code=self._codes["sato"], at=self._opened)  # the first binding wins
        # Providers write whole seconds, and no order may be older than the click it came by.
        time.sleep(1 - datetime.now(UTC).microsecond / 1_000_000)
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.orders = orders(self._opened, self.now)
        self._clicks = clicks

    def _click(self, customer: Customer) -> str:
        """A click on a page of the shop that carries the code, or on the distributor's link, which leads to the shop."""
        code = self._codes[customer.member or ""]
        if customer.road == "visit":
            location = self.shop.acting_as(None).redirected_to(f"/r/{code}")
            return parse_qs(urlsplit(location).query)["click_id"][0]
        body = {"code": code, "url": f"{SHOP_URL}longjing?from={code}"}
        return str(self.shop.acting_as(None).post("/v1/clicks", body)["click_id"])

    def _bind(self, customer_id: str, outcome: str, *, at: datetime, **claim: str) -> None:
        answer = self.shop.put(f"/v1/customers/{customer_id}/binding", {**claim, "occurred_at": written(at)})
        if answer["outcome"] != outcome:
            raise Wrong(f"the binding of {customer_id} is {answer['outcome']} ({answer['reason']}), not {outcome}")

    def days_pass(self) -> None:
        """Ten days at a time: what arrives is reported, holds end, and on some days money is paid out."""
        self._deliveries.connect()
        waiting = self.reports = arrivals(self.orders, self._codes, self._clicks, self.now)
        first: list[dict[str, str]] = []
        for period in range(1, PERIODS + 1):
            until = self.now - timedelta(days=DAYS - DAYS * period // PERIODS)
            due = [report for report in waiting if report.at <= until]
            waiting = waiting[len(due) :]
            self._report(due, f"to day {DAYS * period // PERIODS} of {DAYS}: orders")
            if period == PERIODS:
                self._nothing_waits()
            self.drained()
            if period == FORGERIES:
                self._forge(due)
            invoke(self._stack, "Mature", scheduled_event(written(until)))
            if period == PAYDAYS[0]:
                first = self.paydays.first(until)
            elif period == PAYDAYS[1]:
                self._asks_by_hand("chen", "CNY")
                self.paydays.second(until, first)
            elif period == PAYDAYS[2]:
                self.paydays.third(until)

    def _report(self, reports: list[Report], step: str) -> None:
        """By the API most as batches and every tenth by itself, deliveries one by one; by several threads at once."""
        by_api = [report for report in reports if report.message.road == "api"]
        many = [report for i, report in enumerate(by_api) if i % 10]
        groups = [[report] for report in reports if report.message.road != "api"] + [[each] for each in by_api[::10]]
        groups += [many[i : i + BATCH] for i in range(0, len(many), BATCH)]
        groups.sort(key=lambda group: group[0].at)
        with ThreadPoolExecutor(THREADS) as threads:
            try:
                for group in threads.map(self._send, groups):
                    self.sent += len(group)
                    self._progress.say(step, f"{self.sent} of {len(self.reports)} messages")
            finally:
                threads.shutdown(cancel_futures=True)

    def _send(self, group: list[Report]) -> list[Report]:
        if group[0].message.road != "api":
            self._deliveries.send(group[0])
            return group
        if len(group) == 1:
            self.shop.put(f"/v1/orders/{group[0].order_id}", group[0].message.body)
            return group
        orders = [{"order_id": report.order_id, **report.message.body} for report in group]
        for outcome in self.shop.post("/v1/orders/batch", {"orders": orders})["items"]:
            if outcome["status"] != 200:
                raise Wrong(f"order {outcome['order_id']} was answered {outcome['status']}: {outcome['problem']}")
        return group

    def _forge(self, reports: list[Report]) -> None:
        """Somebody else delivers, to every connection: each is refused, and nothing in the books moves."""
        before = self.drained()
        for name in CONNECTIONS:
            told = next(each for each in reports if each.message.road == name and "payments" in each.message.tells)
            self.forged += self._deliveries.forge(told)
        if self.drained() != before:
            raise Wrong("forged deliveries changed the books")

    def _nothing_waits(self) -> None:
        """Every delivery that was kept is acted on by now, if the clock calls."""
        for minutes in (0, *PAUSES):
            if minutes:
                at = datetime.now(UTC) + timedelta(minutes=minutes)
                invoke(self._stack, "Inbox", scheduled_event(written(at)))
            received, stuck = (self.shop.everything(f"/v1/inbox?state={state}") for state in ("received", "stuck"))
            waiting = received + stuck
            if not waiting:
                return
        troubles = {each["delivery_id"]: each["trouble"] for each in waiting}
        raise Wrong(f"{len(waiting)} deliveries are not acted on: {troubles}")

    def drained(self) -> dict[str, Any]:
        """Waits until every order has reached the books; the proof as it is then."""
        deadline = time.monotonic() + DRAINED_WITHIN
        while True:
            proof: dict[str, Any] = self.shop.get("/v1/ledger/verify")
            if not proof["in_transit"]:
                return proof
            if time.monotonic() > deadline:
                raise Wrong(f"{proof['in_transit']} orders have not reached the books within {DRAINED_WITHIN:.0f} s")
            time.sleep(0.3)

    def _asks_by_hand(self, key: str, currency: str) -> None:
        """A distributor asks for half of what is available; somebody else approves it."""
        session = self._sessions[self.ids[key]]
        balances = session.get(f"/v1/distributors/{self.ids[key]}/balance")["items"]
        available = next(each["available"] for each in balances if each["currency"] == currency)
        asked = {"currency": currency, "amount": available // 2, "method_id": "default"}
        payout = session.post("/v1/payouts", asked)
        self._checker.post(f"/v1/payouts/{payout['id']}/approve")
