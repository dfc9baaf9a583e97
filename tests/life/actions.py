"""What people and other systems do to the program, each as its API does it; and what of it came about, told to the model.

An action may be repeated: whoever does it got no answer. The model hears of it when it is committed, whatever is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import convert, structs

from chalicelib.domain.credit import CreditTerms
from chalicelib.domain.errors import Conflict, FenrunError, Refused
from chalicelib.domain.orders import Carriers
from chalicelib.domain.payout_methods import PayoutMethod
from chalicelib.domain.tax import Standing
from chalicelib.flows.attribute_order import Contact
from chalicelib.flows.bind_customer import bind_customer
from chalicelib.flows.change_standing import change_standing
from chalicelib.flows.contacts import blinded
from chalicelib.flows.credit_terms import set_credit_terms
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.reattribute_order import reattribute_order
from chalicelib.flows.record_click import record_click
from chalicelib.flows.record_order import record_order
from chalicelib.flows.report_results import Result, report_results
from chalicelib.flows.request_payout import request_payout
from chalicelib.flows.save_plan import save_plan
from chalicelib.flows.set_payout_method import set_payout_method
from chalicelib.flows.set_tax_standing import set_tax_standing
from chalicelib.flows.sign_up import sign_up
from chalicelib.settings import settings
from chalicelib.store import customers
from tests.life.bank import Answer
from tests.life.books import check, text
from tests.life.changes import Change
from tests.life.model import Model
from tests.life.told import Body, Person
from tests.oracle.images import facts_of, plan_of

_STAFF, _CHECKER = "staff:maker", "staff:checker"
_EVER = datetime(2000, 1, 1, tzinfo=UTC)
_REFUSALS = {
    "BELOW_MINIMUM",
    "DISTRIBUTOR_NOT_ACTIVE",
    "METHOD_COOLING_OFF",
    "NOT_ENOUGH_AVAILABLE",
    "NO_PAYOUT_METHOD",
    "PAYOUT_STATE",
    "TAX_CURRENCY",
    "TAX_TAKES_ALL",
    "UNKNOWN_CODE",
    "UNKNOWN_INVITE_CODE",
}
"""Why somebody may be refused in a life; anything else is wrong."""


class Actions:
    """`heard` is called with every change that is committed; `refused` counts answers that say no."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._told: tuple[str, Callable[[Change], None]] = ("", lambda _: None)
        self.emails: dict[str, str] = {}
        self.payouts: list[tuple[datetime, str]] = []
        """Requested payouts that nobody decided about."""
        self.refused: dict[str, int] = {}

    def begins(self) -> None:
        """Another action: what is committed from now on is not the last one's."""
        self._told = ("", lambda _: None)

    def heard(self, change: Change) -> None:
        table, tell = self._told
        if change.table == table:
            tell(change)

    def _expects(self, table: str, tell: Callable[[Change], None]) -> None:
        self._told = (table, tell)

    def _no(self, error: FenrunError) -> None:
        check(error.code in _REFUSALS, "an action is refused for a reason that there cannot be", error)
        self.refused[error.code] = self.refused.get(error.code, 0) + 1

    def plan(self, now: datetime, body: Body, since: datetime) -> None:
        def tell(change: Change) -> None:
            if change.new and text(change.new, "kind") == "plan_index":
                self._model.plans.append((since, body))

        self._expects(settings().settings_table, tell)
        if (since, body) not in self._model.plans:
            save_plan("default", plan_of(body), since, _STAFF, now)

    def sign_up(self, now: datetime, email: str, country: str, invite_code: str | None) -> None:
        def tell(change: Change) -> None:
            if change.new and "code" in change.new and change.old is None:
                who, code = text(change.new, "id"), text(change.new, "code")
                sponsor = self._model.codes[invite_code] if invite_code else None
                self._model.people[who] = Person(sponsor, code, country)
                self._model.codes[code] = who
                self.emails[email] = who

        self._expects(settings().distributors_table, tell)
        details: dict[str, Any] = {"name": email, "phone": None, "password": "correct horse battery", "locale": "en"}
        try:
            sign_up(email=email, country=country, invite_code=invite_code, now=now, **details)
        except Conflict:
            check(email in self.emails, "an e-mail address is taken that nobody has", email)
        except Refused as refusal:
            self._no(refusal)

    def click(self, now: datetime, who: str) -> None:
        def tell(change: Change) -> None:
            if change.new and "clicked_at" in change.new:
                self._model.clicks[text(change.new, "id").removeprefix("click#")] = (now, who)

        self._expects(settings().transient_table, tell)
        try:
            record_click(self._model.people[who].code, "https://shop.example/", None, now)
        except Refused as refusal:
            self._no(refusal)

    def bind(self, now: datetime, customer: str, who: str, click: str | None, at: datetime) -> None:
        self._expects(settings().customers_table, lambda _: self._model.claimed(customer, who, at, click))
        try:
            bind_customer(customer, None if click else self._model.people[who].code, click, at)
        except Refused as refusal:
            self._no(refusal)

    def own_customer(self, now: datetime, customer: str, who: str) -> None:
        def tell(_: Change) -> None:
            self._model.customers[customer].owner = who

        self._expects(settings().customers_table, tell)
        customers.set_owner(customer, who)

    def tell(self, now: datetime, order_id: str, currency: str, part: Body, email: str | None) -> None:
        """Somebody tells of an order, at times with the buyer's e-mail address."""
        buyer = self.emails.get(email or "")

        def tell(change: Change) -> None:
            if change.new and text(change.new, "id") == order_id:
                self._model.told(order_id, currency, part, buyer)

        self._expects(settings().orders_table, tell)
        facts = structs.replace(facts_of({"currency": currency} | part), order_id=order_id)
        if "attribution" in part:
            facts = structs.replace(facts, attribution=convert(part["attribution"], Carriers))
        record_order(facts, now, blinded(email, None) if email else Contact())

    def reattribute(self, now: datetime, order_id: str, who: str) -> None:
        sale = self._model.sales.get(order_id)
        if sale is None or sale.decided is None:
            return

        def tell(change: Change) -> None:
            if change.new and text(change.new, "id") == order_id:
                self._model.reattributed(order_id, who)

        self._expects(settings().orders_table, tell)
        reattribute_order(order_id, who, "asked for it", _STAFF, now)

    def standing(self, now: datetime, who: str, given: dict[str, str | None]) -> None:
        def tell(change: Change) -> None:
            if change.new and text(change.new, "id") == who:
                person = self._model.people[who]
                person.active = given.get("status", "active" if person.active else "suspended") == "active"
                person.rank = given.get("rank", person.rank)

        self._expects(settings().distributors_table, tell)
        change_standing(who, given, _STAFF, now)

    def method(self, now: datetime, who: str, account: str) -> None:
        person = self._model.people[who]
        hours = self._model.plan(now)["payout"]["cool_off_hours"] if person.usable_from else 0
        usable_from = now.replace(microsecond=0) + timedelta(hours=hours) if hours else _EVER

        def tell(change: Change) -> None:
            if change.new and text(change.new, "id") == who:
                person.usable_from = usable_from

        self._expects(settings().distributors_table, tell)
        method = PayoutMethod(rail="bank_file", holder="李伟", account=account, bank="ICBC")
        set_payout_method(who, "default", method, f"distributor:{who}", now)

    def tax_number(self, now: datetime, who: str) -> None:
        def tell(change: Change) -> None:
            if change.new and text(change.new, "id") == who:
                self._model.people[who].has_number = True

        self._expects(settings().distributors_table, tell)
        set_tax_standing(who, Standing(tin_on_file=True), _STAFF, now)

    def credit(self, now: datetime, customer: str, net_days: int) -> None:
        set_credit_terms(customer, CreditTerms(credit_limit=10**9, net_days=net_days), _STAFF, now)

    def request(self, now: datetime, who: str, currency: str, amount: int | None, once: str) -> None:
        try:
            payout = request_payout(who, currency, amount, "default", f"distributor:{who}", now, once)
        except FenrunError as refusal:
            if refusal.code == "BUSY":
                raise
            self._no(refusal)
        else:
            if payout.state == "requested" and payout.id not in {each for _, each in self.payouts}:
                self.payouts.append((now, payout.id))

    def decide(self, now: datetime, payout_id: str, decision: str) -> None:
        try:
            decide_payout(payout_id, decision, _CHECKER, now)  # type: ignore[arg-type]
        except Conflict as conflict:
            self._no(conflict)

    def report(self, now: datetime, answers: Sequence[Answer]) -> None:
        results = [Result(payout_id=a.payout_id, outcome=a.outcome, reference=a.reference) for a in answers]  # type: ignore
        for each in report_results(results, _STAFF, now):
            late = each.state == "returned"  # the news that it was paid came after the news that it came back
            check(each.result != "refused" or late, "the bank's answer is refused", each)
