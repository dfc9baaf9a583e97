"""Every promise, checked: of the books after each commit, of what changed each evening, of everything at the end."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from unittest.mock import patch

from msgspec import json

from chalicelib.flows.verify import verify
from chalicelib.settings import settings
from chalicelib.store import proof
from chalicelib.store.items import from_item
from tests.life import changes
from tests.life.books import BACK, Books, check, number, text
from tests.life.changes import Change, Item
from tests.life.cloud import Cloud
from tests.life.model import Model
from tests.life.told import Body
from tests.life.withholding import CURRENCY, Payee


class Audit:
    """Hears of every commit. Raises `Wrong` as soon as a promise is broken."""

    def __init__(self, cloud: Cloud, model: Model) -> None:
        self._cloud, self._model = cloud, model
        self._orders = settings().orders_table
        self.books = Books(settings().ledger_table, settings().payouts_table)
        self._looked_at = {
            self._orders: self._order,
            settings().payouts_table: self._payout,
            settings().settings_table: self._setting,
        }
        self._changed: set[str] = set()
        self._payees: dict[tuple[str, str], Payee] = defaultdict(Payee)
        self.filed: list[str] = []
        """The runs whose files are written, by their date."""
        self.compared = self.stopped = 0

    def committed(self, changed: list[Change]) -> None:
        self.books.commit(changed)
        self._nothing_early()
        for table, old, new in changed:
            if table in self._looked_at and new:
                self._looked_at[table](old, new)

    def _order(self, old: Item | None, new: Item) -> None:
        check(number(new, "revision") == number(old, "revision") + 1, "an order lost a revision", old, new)
        self._changed.add(text(new, "id"))

    def _setting(self, old: Item | None, new: Item) -> None:
        if text(new, "kind") == "payout_run" and text(new, "state") == "filed" != (old and text(old, "state")):
            self.filed.append(text(new, "id"))

    def _payout(self, old: Item | None, new: Item) -> None:
        if "state" not in new:  # running totals of tax
            return
        who, currency, state = text(new, "distributor_id"), text(new, "currency"), text(new, "state")
        person = self._model.people[who]
        payee, created = self._payees[who, currency], datetime.fromisoformat(text(new, "created_at"))
        month = created.astimezone(self._model.zone).strftime("%Y-%m")
        if old is None:
            rules = self._model.plan(created)["payout"]
            gross, tax = number(new, "gross"), number(new, "tax")
            fee = _fee(rules, gross)
            due = payee.due(rules["tax"].get(person.country, "none"), month, gross, person.has_number)
            check((number(new, "fee"), tax) == (fee, due), "a payout keeps back another fee or tax", new, fee, due)
            check(gross >= rules["minimum"][currency], "a payout is below the minimum", new)
            check(self._available(who, currency) >= 0, "a payout takes more than there is", new)
            check(person.active and self._has_method(who, created), "a payout to nobody who may be paid", new)
            if "tax_month" in new:
                payee.add(month, gross, tax)
        elif state == "submitting":
            check(person.active, "a payout of somebody suspended went to the bank", new)
        elif state in BACK and text(old, "state") not in BACK and "tax_month" in new:
            payee.add(month, number(new, "gross"), number(new, "tax"), -1)

    def _available(self, who: str, currency: str) -> int:
        return self.books.stored[f"distributor:{who}:{currency}", "available"]

    def _has_method(self, who: str, at: datetime) -> bool:
        since = self._model.people[who].usable_from
        return since is not None and since <= at

    def matured(self, at: datetime) -> None:
        """After all that was due by the date of `at` matured."""
        today = self.run_of(at)
        late = {day: keys for day, keys in self.books.unmatured.items() if keys and day <= today}
        check(not late, "what was due did not mature", late)

    def _nothing_early(self) -> None:
        today = self._cloud.now.astimezone(self._model.zone).date()
        for key, stored in self.books.last_matured:
            check(date.fromisoformat(key) <= today, "it matured before its hold was over", key, stored)
        self.books.last_matured.clear()

    def run_of(self, at: datetime) -> str:
        """The run of the period that this instant belongs to."""
        return at.astimezone(self._model.zone).date().isoformat()

    def settled(self, at: datetime) -> None:
        """After the run of `at` was carried out: it is filed, and whoever can be paid was."""
        check(self.run_of(at) in self.filed, "a settlement is not finished", at)
        minimum = self._model.plan(at)["payout"]["minimum"]
        for account in self.books.accounts:
            _, who, currency = account.split(":")
            available = self.books.stored[account, "available"]
            forgotten = available >= minimum[currency] and self._payable(who, currency, available, at)
            check(not forgotten, "a settlement forgot somebody", account, available)

    def _payable(self, who: str, currency: str, gross: int, at: datetime) -> bool:
        """Whether a payout of so much can be made: to somebody active who may be paid, taxed so that something is left."""
        person, rules = self._model.people[who], self._model.plan(at)["payout"]
        if not person.active or not self._has_method(who, at):
            return False
        method = rules["tax"].get(person.country, "none")
        if CURRENCY.get(method, currency) != currency:
            return method == "us_backup" and person.has_number
        tax = self._payees[who, currency].due(method, self.run_of(at)[:7], gross, person.has_number)
        return gross - _fee(rules, gross) - tax >= 1

    def end_of_day(self, behind: set[str]) -> None:
        """Every order that changed, but for those whose changes are still on their way, has in the books what the oracle
        expects of it."""
        for order_id in sorted(self._changed - behind):
            self.order(order_id)
        self._changed &= behind

    def order(self, order_id: str) -> None:
        booked = {key: amount for key, amount in self.books.earned.get(order_id, {}).items() if amount}
        wanted = self._model.books(order_id, self._stopped_at(order_id))
        check(booked == wanted, "an order earned something else", order_id, booked, wanted, self._model.sales[order_id])
        days = self.books.days.get(order_id, set()) - {"HELD"}
        check(days <= self._model.accrual_days(order_id), "commission of a day without payment", order_id, days)
        paid = {account for (account, _), amount in booked.items() if account.startswith("distributor:") and amount > 0}
        check(len(paid) <= 2, "more than two beneficiaries", order_id, paid)
        self.compared += 1

    def _stopped_at(self, order_id: str) -> datetime | None:
        stored: Any = json.decode(text(changes.item(self._orders, order_id) or {}, "image"))
        if "stopped_at" not in stored:
            return None
        self.stopped += 1
        return datetime.fromisoformat(stored["stopped_at"])

    def everything(self) -> int:
        """The product's own proof of everything, the oracle's word on every order; how many orders there are.

        The engine's scan would read all items for each page, so they are read as they lie there."""
        with patch.object(proof, "_scan", lambda table: map(from_item, changes.items(table))):
            proven = verify(self._cloud.now)
        check(not proven.mismatches, "the proof finds mismatches", proven.mismatches[:5])
        check(not any(proven.imbalance.values()), "the proof finds an imbalance", proven.imbalance)
        check(proven.in_transit == 0, "orders have not reached the books", proven.in_transit)
        check(proven.entries == self.books.entries, "entries are missing", proven.entries, self.books.entries)
        for order_id in self._model.sales:
            self.order(order_id)
        return proven.orders


def _fee(rules: Body, gross: int) -> int:
    return int((Decimal(rules["fee_rate"]) * gross).quantize(Decimal(1), ROUND_HALF_UP))
