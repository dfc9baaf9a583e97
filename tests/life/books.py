"""The books, kept a second time from every change of an item, and compared with the first after every single commit.

Written from the description of the tables in DESIGN.md and `store/ledger.py`; it imports nothing of ours.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from tests.life.changes import Change, Item

Key = tuple[str, str]
"""An account (of merchants without its shard), and what of it: `available`, `in_flight`, `paid`, a day, or what the days
count of all of it."""
_STEPS = {
    None: {"requested", "approved", "submitting"},
    "requested": {"approved", "rejected"},
    "approved": {"submitting", "rejected"},
    "submitting": {"submitted", "failed"},
    "submitted": {"paid", "failed", "returned"},
    "paid": {"returned"},
}
"""The steps of a payout by bank file."""
_STATISTICS = ("direct", "indirect", "reversals", "orders", "sales")
BACK = {"rejected", "failed", "returned"}


class Wrong(BaseException):
    """A promise is broken: no `except Exception` on the way out makes it good."""


def check(true: object, promise: str, *about: object) -> None:
    """Raises `Wrong`, with what it is about, unless it is true."""
    if not true:
        raise Wrong(promise, *about)


def number(item: Mapping[str, Any] | None, name: str) -> int:
    return int(item[name]["N"]) if item and name in item else 0


def text(item: Mapping[str, Any], name: str) -> str:
    return str(item[name]["S"])


class Books:
    """What stands in the ledger's and the payouts' items (`stored`), and what should by the entries and the payouts."""

    def __init__(self, ledger: str, payouts: str) -> None:
        self.stored = Counter[Key]()
        self.expected = Counter[Key]()
        self.earned: dict[str, Counter[tuple[str, bool]]] = defaultdict(Counter)
        """By order: (`distributor:…:CNY` or `merchant:…:CNY`, whether a dispute holds it) to minor units."""
        self.days: dict[str, set[str]] = defaultdict(set)
        """By order: the days on which any of it accrued."""
        self.unmatured: dict[str, set[Key]] = defaultdict(set)
        """By the day on which they are due: the keys of DAY items that hold money."""
        self.last_matured: list[tuple[str, str]] = []
        """What matured: when it was due, and whose it is."""
        self.payouts: dict[str, Item] = {}
        self.accounts: dict[str, None] = {}
        """Distributors' accounts that have a balance."""
        self.entries = 0
        self._zero = Counter[str]()
        self._touched: set[Key] = set()
        self._tables = {ledger: self._ledger, payouts: self._payout}

    def commit(self, changes: list[Change]) -> None:
        """Takes in what one call changed. Raises `Wrong` if the books do not add up after it, or history was changed."""
        self._touched.clear()
        for change in changes:
            if change.table in self._tables:
                self._tables[change.table](change.old, change.new)
        for currency, amount in self._zero.items():
            check(amount == 0, "the accounts do not come to zero", currency, amount)
        for key in self._touched:
            stored, expected = self.stored[key], self.expected[key]
            check(stored == expected, "an item is not what it should be", key, stored, expected)

    def _add(self, into: Counter[Key], account: str, what: str, amount: int) -> None:
        into[account, what] += amount
        self._touched.add((account, what))

    def _ledger(self, old: Item | None, new: Item | None) -> None:
        check(new is not None, "an item of the ledger was deleted", old)
        assert new
        account, at = text(new, "account"), text(new, "at")
        if at.startswith("ENTRY#"):
            check(old is None, "an entry was changed", old, new)
            self._entry(account, new)
        elif at == "BALANCE":
            self.accounts[account] = None
            for name in ("available", "in_flight", "paid"):
                change = number(new, name) - number(old, name)
                self._add(self.stored, account, name, change)
                self._zero[_currency(account)] += change if name == "available" else 0
                check(name == "available" or number(new, name) >= 0, "less than nothing is on its way or paid", new)
        elif account.startswith("distributor:"):
            self._day(account, at, old, new)
        else:
            change = number(new, "amount") - number(old, "amount")
            self._zero[_currency(account)] += change
            if account.startswith("merchant:"):
                self._add(self.stored, account.rpartition(":")[0], at, change)
            else:
                self._add(self.stored, account, "total", change)

    def _day(self, account: str, at: str, old: Item | None, new: Item) -> None:
        _, day, hold = at.split("#")
        for name in _STATISTICS:
            if change := number(new, name) - number(old, name):
                self._add(self.stored, account, name, change)
        was, now = number(old, "pending"), number(new, "pending")
        matured = "matured_at" in new
        if old and "matured_at" in old:
            check(was == now, "a day changed after it matured", old, new)
            return
        self._add(self.stored, account, at, now - was)
        if matured:
            check(was == now, "a day changed while it matured", old, new)
            check(day != "HELD", "what a dispute holds matured", new)
            self._add(self.expected, account, "available", now)
            self.unmatured[due(day, hold)].discard((account, at))
            self.last_matured.append((due(day, hold), account))
            self._zero[_currency(account)] -= now
        elif day != "HELD":
            holds = self.unmatured[due(day, hold)]
            (holds.add if now else holds.discard)((account, at))
        self._zero[_currency(account)] += now - was

    def _entry(self, account: str, new: Item) -> None:
        self.entries += 1
        amount = number(new, "amount")
        if "order_id" not in new:
            self._add(self.expected, account, "available", amount)
            return
        day, order_id = text(new, "day"), text(new, "order_id")
        for name, counted in ((text(new, "level"), amount), ("reversals", max(0, -amount))):
            self._add(self.expected, account, name, counted)
        for name in ("orders", "sales"):
            self._add(self.expected, account, name, number(new, name))
        pending = text(new, "to") == "pending"
        what = f"DAY#{day}#{number(new, 'hold_days'):03d}" if pending else "available"
        self._add(self.expected, account, what, amount)
        held = day == "HELD"
        earned = self.earned[order_id]
        currency = _currency(account)
        earned[account, held] += amount
        self.days[order_id].add(day)
        merchants = new["merchants"]["M"]
        check(sum(int(part["N"]) for part in merchants.values()) == amount, "nobody bears all of an entry", new)
        for merchant, part in merchants.items():
            earned[f"merchant:{merchant}:{currency}", held] -= int(part["N"])
            self._add(self.expected, f"merchant:{merchant}:{currency}", f"DAY#{day}", -int(part["N"]))

    def _payout(self, old: Item | None, new: Item | None) -> None:
        check(new is not None, "a payout was deleted", old)
        assert new
        if "state" not in new:  # running totals of tax
            return
        state, before = text(new, "state"), text(old, "state") if old else None
        check(state == before or state in _STEPS.get(before, ()), "a payout took a step that is none", old, new)
        for name in ("gross", "fee", "tax", "rail", "distributor_id", "currency", "country", "method"):
            check(old is None or old[name] == new[name], "a payout was changed", name, old, new)
        joined = old and old.get("run_id")
        check(not joined or new.get("run_id") == joined, "a payout went from one run to another", old, new)
        self.payouts[text(new, "id")] = new
        for item, sign in ((old, -1), (new, 1)):
            if item:
                self._counts(item, sign)

    def _counts(self, payout: Item, sign: int) -> None:
        """What a payout makes of the accounts, by its state."""
        state, currency, rail = text(payout, "state"), text(payout, "currency"), text(payout, "rail")
        if state in BACK:
            return
        gross, fee, tax = (sign * number(payout, name) for name in ("gross", "fee", "tax"))
        check(sign * (gross - fee - tax) > 0, "a payout leaves nothing to its payee", payout)
        account = f"distributor:{text(payout, 'distributor_id')}:{currency}"
        self._add(self.expected, account, "paid" if state == "paid" else "in_flight", gross)
        where = "bank" if state == "paid" else "clearing"
        self._add(self.expected, f"{where}:{rail}:{currency}", "total", gross - fee - tax)
        self._add(self.expected, f"fees:{rail}:{currency}", "total", fee)
        self._add(self.expected, f"tax:{text(payout, 'country')}:{currency}", "total", tax)


def due(day: str, hold: str) -> str:
    """The day on which a DAY item matures."""
    return (date.fromisoformat(day) + timedelta(days=int(hold))).isoformat()


def _currency(account: str) -> str:
    parts = account.split(":")
    return parts[-2] if parts[0] == "merchant" and len(parts) == 4 else parts[-1]
