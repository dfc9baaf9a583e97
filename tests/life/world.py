"""The world around the program: who joins, who promotes whom, who buys, what is told when, and by whom how late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from tests.life import orders, plans
from tests.life.actions import Actions
from tests.life.faults import Faults
from tests.life.model import Model

_HOME = {"CN": "CNY", "US": "USD", "JP": "JPY", "KW": "KWD"}
_COUNTRIES = (*_HOME, "GB")
_KINDS = {
    "order": 60,
    "click": 12,
    "bind": 14,
    "request": 5,
    "reattribute": 0.7,
    "suspend": 0.4,
    "rank": 0.5,
    "method": 0.8,
    "own": 0.4,
    "credit": 0.15,
}
_ZIPF = 1.1
Push = Callable[..., None]


class World:
    """`push(at, action, *arguments)` lets something happen at an instant; `size` people will join. `events` counts what
    happens."""

    def __init__(self, seed: int, size: int, model: Model, actions: Actions, faults: Faults, push: Push) -> None:
        self.chance = Random(f"world {seed}")
        self.events = 0
        self._model, self._actions, self._faults, self._push = model, actions, faults, push
        self._orders: list[str] = []
        self._customers: list[str] = []
        self._on_account: list[str] = []
        self._size = size
        self._number = count(1)
        self._weights: list[float] = []
        self._known: list[str] = []
        self._clicks: list[str] = []
        self._people = 0
        self._settled = 0

    def happens(self, at: datetime, action: Callable[..., None], *arguments: Any, late: bool = True) -> None:
        """An event of the world: the program hears of it soon, later, or much later, and now and then again."""
        self.events += 1
        heard = at + timedelta(seconds=self.chance.expovariate(1 / 40))
        if late and self._faults.chance("told late", 0.08):
            heard += timedelta(days=self.chance.choice([0.1, 0.5, 1, 2, 4, 15]) * self.chance.random())
        self._push(heard, action, *arguments)
        if self._faults.chance("told twice", 0.08):
            self._push(heard + timedelta(days=self.chance.choice([0, 0.01, 1, 6])), action, *arguments)

    def joins(self, at: datetime) -> None:
        """Somebody signs up, two thirds of them invited."""
        invited = self._known and self.chance.random() < 0.67
        sponsor = self._model.people[self._promoter()].code if invited else None
        self._people += 1
        self.happens(
            at, self._actions.sign_up, _email(self._people), self.chance.choice(_COUNTRIES), sponsor, late=False
        )

    def day(self, start: datetime, quota: int) -> None:
        """The events that begin on this day: so many that with what follows from them they are about the quota."""
        self._looks_around()
        for who in self._known[self._settled :]:
            self._settles_in(start, who)
        self._settled = len(self._known)
        kinds, weights = list(_KINDS), list(_KINDS.values())
        planned = self.events + quota
        while self._known and self.events < planned:
            at = start + timedelta(seconds=self.chance.uniform(0, 86_399))
            if self.chance.random() < 0.03:
                at = self._midnight(start)
            getattr(self, f"_{self.chance.choices(kinds, weights)[0]}")(at)

    def changes_plan(self, at: datetime) -> None:
        """A new plan, in force from an instant around now, at times on the stroke of a month."""
        since = at.replace(microsecond=0) + timedelta(seconds=self.chance.choice([0, 0, 3600, 100_000]))
        self.happens(at, self._actions.plan, plans.draw(self.chance), since, late=False)

    def _looks_around(self) -> None:
        """Who and what there is by now; whoever joined has a place in the order of who brings in most."""
        self._known = list(self._model.people)
        while len(self._weights) < len(self._known):
            rank = 1 + self.chance.random() * self._size
            self._weights.append((self._weights[-1] if self._weights else 0) + rank**-_ZIPF)
        self._clicks = list(self._model.clicks)[-300:]

    def _promoter(self) -> str:
        return self.chance.choices(self._known, cum_weights=self._weights)[0]

    def _midnight(self, start: datetime) -> datetime:
        """Around the end of the day in the program's time zone."""
        local = start.astimezone(self._model.zone).replace(hour=0, minute=0, second=0) + timedelta(days=1)
        return local.astimezone(start.tzinfo) + timedelta(microseconds=self.chance.choice([-1, 0, 1, 999_999]))

    def _settles_in(self, at: datetime, who: str) -> None:
        if self.chance.random() < 0.85:
            self.happens(at, self._actions.method, who, self._account())
        if self._model.people[who].country == "US" and self.chance.random() < 0.6:
            self.happens(at + timedelta(days=self.chance.uniform(0, 90)), self._actions.tax_number, who)

    def _account(self) -> str:
        return f"{self.chance.randrange(10**15, 10**16)}"

    def _currency(self, who: str) -> str:
        home = _HOME.get(self._model.people[who].country)
        # Where tax is withheld only the currency of the country can be paid out: the rest would stay for ever.
        mixed = home is None or self.chance.random() < (0.002 if home in ("CNY", "USD") else 0.1)
        return self.chance.choice(list(orders.SCALE)) if mixed or home is None else home

    def _customer(self) -> str:
        if self._on_account and self.chance.random() < 0.04:
            return self.chance.choice(self._on_account)
        if self._customers and self.chance.random() < 0.5:
            return self.chance.choice(self._customers[-3000:])
        self._customers.append(f"c-{next(self._number)}")
        return self._customers[-1]

    def _order(self, at: datetime) -> None:
        who = self._promoter()
        order_id, customer, carriers = f"o-{next(self._number)}", self._customer(), self._carriers(who)
        currency = self._currency(who)
        email = _email(self.chance.randint(1, self._people)) if self.chance.random() < 0.03 else None
        pays_in = 30 if customer in self._on_account else 0
        for told in orders.story(self.chance, currency, customer, at, carriers, pays_in):
            self.happens(told.at, self._actions.tell, order_id, currency, told.part, email)
            email = None
        self._orders.append(order_id)

    def _carriers(self, who: str) -> dict[str, str]:
        kind, code = self.chance.random(), self._model.people[who].code
        if kind < 0.45:
            return {"code": code}
        if kind < 0.55:
            return {"coupon": code}
        if kind < 0.6:
            return {"coupon": "SPRING", "code": code}
        if kind < 0.75 and self._clicks:
            return {"click_id": self.chance.choice(self._clicks)}
        return {"code": "NOBODY"} if kind < 0.78 else {}

    def _click(self, at: datetime) -> None:
        self.happens(at, self._actions.click, self._promoter(), late=False)

    def _bind(self, at: datetime) -> None:
        click = self.chance.choice(self._clicks) if self._clicks and self.chance.random() < 0.4 else None
        who = self._model.clicks[click][1] if click else self._promoter()
        self.happens(at, self._actions.bind, self._customer(), who, click, at)

    def _request(self, at: datetime) -> None:
        who = self._promoter()
        currency = self._currency(who)
        amount = None if self.chance.random() < 0.7 else plans.MINIMUM[currency] * self.chance.choice([1, 2])
        once = f"{self.chance.getrandbits(128):032x}"
        self.happens(at, self._actions.request, who, currency, amount, once, late=False)

    def decides(self, at: datetime) -> None:
        """Staff looks at the payouts that were asked for, but for some."""
        waiting, self._actions.payouts = self._actions.payouts, []
        for asked, payout_id in waiting:
            if self.chance.random() < 0.3 and at - asked < timedelta(days=5):
                self._actions.payouts.append((asked, payout_id))
                continue
            decision = "approved" if self.chance.random() < 0.85 else "rejected"
            self.happens(at, self._actions.decide, payout_id, decision, late=False)

    def _reattribute(self, at: datetime) -> None:
        if self._orders:
            order_id = self.chance.choice(self._orders[-2000:])
            self.happens(at, self._actions.reattribute, order_id, self._promoter(), late=False)

    def _suspend(self, at: datetime) -> None:
        who = self.chance.choice(self._known)
        back = at + timedelta(days=self.chance.uniform(1, 40))
        self.happens(at, self._actions.standing, who, {"status": "suspended"}, late=False)
        self.happens(back, self._actions.standing, who, {"status": "active"}, late=False)

    def _rank(self, at: datetime) -> None:
        rank = self.chance.choice([None, "gold", "silver", "bronze"])
        self.happens(at, self._actions.standing, self._promoter(), {"rank": rank}, late=False)

    def _method(self, at: datetime) -> None:
        self.happens(at, self._actions.method, self._promoter(), self._account(), late=False)

    def _own(self, at: datetime) -> None:
        """A distributor who buys for themself, with their own code."""
        who = self._promoter()
        customer = f"own-{who}"
        self.happens(at, self._actions.own_customer, customer, who, late=False)
        self._customers.append(customer)

    def _credit(self, at: datetime) -> None:
        customer = self._customer()
        self.happens(at, self._actions.credit, customer, self.chance.choice([0, 7, 14]), late=False)
        self._on_account.append(customer)


def _email(number: int) -> str:
    return f"p{number}@example.com"
