"""What should become of everything that was told, kept a second time: people, bindings, clicks, orders, whom each goes to.

Written from CONTRACT.md and docs/decisions; it imports nothing of ours. What an order earns is the oracle's business.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.life.told import Body, Customer, Decision, Person, Sale, Side, bound, disputed, limited, merge, settled
from tests.oracle.commission_oracle import expected

LEVELS = ("direct", "indirect")


class Model:
    """`zone`: the program's time zone."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.plans: list[tuple[datetime, Body]] = []
        self.people: dict[str, Person] = {}
        self.codes: dict[str, str] = {}
        self.clicks: dict[str, tuple[datetime, str]] = {}
        self.customers: dict[str, Customer] = defaultdict(Customer)
        self.sales: dict[str, Sale] = {}
        self.operator_pays: set[str] = set()
        self._reserved = Counter[tuple[str, str, str, str]]()

    def plan(self, at: datetime) -> Body:
        """The plan in force: the newest that had taken effect; before the first one, the first."""
        return next((body for since, body in reversed(self.plans) if since <= at), self.plans[0][1])

    def claimed(self, customer_id: str, who: str, at: datetime, click: str | None) -> None:
        customer = self.customers[customer_id]
        claim = (at, who, self.plan(at)["attribution"])
        if claim not in customer.claims:
            customer.claims.append(claim)
        if click:
            customer.clicks[click] = self.clicks[click]

    def told(self, order_id: str, currency: str, part: Body, buyer: str | None) -> None:
        """A part of an order's body arrived and was stored."""
        sale = self.sales.setdefault(order_id, Sale({"currency": currency}))
        before = dict(sale.body.get("attribution", {}))
        merge(sale.body, part)
        if buyer:
            sale.buyers.add(buyer)
        if "customer_id" not in sale.body or "lines" not in sale.body:
            return
        if sale.decided is None:
            self._decide(sale)
            return
        came = {"click" if name == "click_id" else name for name in sale.body.get("attribution", {}).keys() - before}
        if came and sale.decided.because != "staff":
            self._decide_again(sale, came)

    def reattributed(self, order_id: str, who: str) -> None:
        """Staff gave the order to somebody; it keeps its plan, and who had been found to be the buyer is so still."""
        sale = self.sales[order_id]
        was = sale.decided
        assert was
        owner = self.customers[sale.body["customer_id"]].owner
        found = {side.who for side in (was.direct, was.indirect) if side and self._unpaid(sale, was, side) == "own"}
        direct, indirect = self._sides(was.plan, who, {owner} | found | sale.buyers)
        sale.decided = replace(was, because="staff", direct=direct, indirect=indirect)

    def _decide(self, sale: Sale) -> None:
        decision = self._decision(sale)
        customer = self.customers[sale.body["customer_id"]]
        if decision.direct and limited(decision.plan, "customer"):
            decision = replace(decision, number=customer.orders + 1)
            customer.orders += 1
        sale.decided = decision
        self._reserve(sale, LEVELS)

    def _decide_again(self, sale: Sale, came: set[str]) -> None:
        """What limits had counted for the order counts once: see docs/decisions/0013."""
        was, now = sale.decided, self._decision(sale)
        assert was
        if now.because not in came:
            return
        customer = self.customers[sale.body["customer_id"]]
        number = was.number
        if not was.direct and now.direct and limited(now.plan, "customer"):
            number = customer.orders + 1
            customer.orders += 1
        stays = [a is not None and b is not None and a.who == b.who for a, b in _pairs(was, now)]
        month = tuple(old if same else new for old, new, same in zip(was.month, now.month, stays, strict=True))
        sale.decided = replace(now, number=number, month=month)
        self._reserve(sale, [level for level, same in zip(LEVELS, stays, strict=True) if not same])

    def _decision(self, sale: Sale) -> Decision:
        at = datetime.fromisoformat(sale.body["placed_at"])
        plan = self.plan(at)
        who, because = self._source(sale.body, plan, at)
        if who is None:
            return Decision(plan, "none")
        direct, indirect = self._sides(plan, who, {self.customers[sale.body["customer_id"]].owner} | sale.buyers)
        decision = Decision(plan, because, direct, indirect)
        if not limited(plan, "month"):
            return decision
        keys = self._months(sale.body, decision)
        return replace(decision, month=tuple(self._reserved[key] if key else 0 for key in keys))

    def _months(self, body: Body, decision: Decision) -> list[tuple[str, str, str, str] | None]:
        month = datetime.fromisoformat(body["placed_at"]).astimezone(self.zone).strftime("%Y-%m")
        sides = (decision.direct, decision.indirect)
        return [
            (side.who, body["currency"], month, level) if side else None
            for level, side in zip(LEVELS, sides, strict=True)
        ]

    def _reserve(self, sale: Sale, levels: Any) -> None:
        assert sale.decided
        if not limited(sale.decided.plan, "month") or not sale.decided.direct:
            return
        to_come = self._oracle(sale, settled(sale.body), as_if_collected=True)
        for level, key in zip(LEVELS, self._months(sale.body, sale.decided), strict=True):
            if key and level in levels:
                self._reserved[key] += to_come[level]

    def _source(self, body: Body, plan: Body, at: datetime) -> tuple[str | None, str]:
        """Coupon, then code, then the binding in force, then the last (or first) click in the window."""
        carried = body.get("attribution", {})
        for name in ("coupon", "code"):
            if carried.get(name) in self.codes:
                return self.codes[carried[name]], name
        customer = self.customers[body["customer_id"]]
        if who := bound(customer, at):
            return who, "binding"
        seen = dict(customer.clicks)
        if carried.get("click_id") in self.clicks:
            seen[carried["click_id"]] = self.clicks[carried["click_id"]]
        rules = plan["attribution"]
        window = timedelta(days=rules["click_days"])
        inside = sorted((since, name, who) for name, (since, who) in seen.items() if since <= at < since + window)
        if not inside:
            return None, "none"
        return inside[-1 if rules["model"] == "last_click" else 0][2], "click"

    def _sides(self, plan: Body, who: str, own: set[str | None]) -> tuple[Side, Side | None]:
        direct = self._side(plan, who, own)
        sponsor = self.people[who].sponsor
        indirect = self._side(plan, sponsor, own) if sponsor else None
        stop = plan.get("inactive_direct") == "stop" and direct.unpaid == "inactive"
        if indirect and stop and not indirect.unpaid:
            indirect = replace(indirect, unpaid="direct inactive")
        return direct, indirect

    def _side(self, plan: Body, who: str, own: set[str | None]) -> Side:
        person, unpaid = self.people[who], None
        if not person.active:
            unpaid = "inactive"
        elif plan.get("self_purchase", "none") == "none" and who in own:
            unpaid = "own"
        return Side(who, person.rank, unpaid)

    def _unpaid(self, sale: Sale, decision: Decision, side: Side) -> str | None:
        """A contact that comes late still tells that the distributor bought it."""
        late = decision.plan.get("self_purchase", "none") == "none" and side.who in sale.buyers
        return "own" if late and side.unpaid != "inactive" else side.unpaid

    def _oracle(self, sale: Sale, body: Body, **more: Any) -> Body:
        decision = sale.decided
        assert decision and decision.direct
        paid = [side is not None and not self._unpaid(sale, decision, side) for side in _sides_of(decision)]
        ranks = [side.rank if side else None for side in _sides_of(decision)]
        result: Body = expected(
            decision.plan,
            body,
            direct_rank=ranks[0],
            indirect_rank=ranks[1],
            has_direct=paid[0],
            has_indirect=paid[1],
            earned_this_month=dict(zip(LEVELS, decision.month, strict=True)),
            customer_order_number=decision.number,
            **more,
        )
        return result

    def books(self, order_id: str, stopped_at: datetime | None = None) -> dict[tuple[str, bool], int]:
        """What the entries of the order must come to, zeros left out: (`distributor:…:CNY` or `merchant:…:CNY`, whether
        a dispute holds it) to minor units. Payments from `stopped_at` on do not count."""
        sale, found = self.sales[order_id], Counter[tuple[str, bool]]()
        if sale.decided is None or sale.decided.direct is None:
            return {}
        body = sale.body
        if stopped_at:
            kept = [each for each in body.get("payments", []) if datetime.fromisoformat(each["paid_at"]) < stopped_at]
            body = body | {"payments": kept}
        free = self._oracle(sale, body)
        whole = self._oracle(sale, settled(body)) if disputed(body) else free
        for line, now, later in zip(body["lines"], free["lines"], whole["lines"], strict=True):
            seller = line.get("merchant_id") or "operator"
            merchant = f"merchant:{'operator' if seller in self.operator_pays else seller}:{body['currency']}"
            for level, side in zip(LEVELS, _sides_of(sale.decided), strict=True):
                for held, amount in ((False, now[level]), (True, later[level] - now[level])):
                    if amount and side:
                        found[f"distributor:{side.who}:{body['currency']}", held] += amount
                        found[merchant, held] -= amount
        return {key: amount for key, amount in found.items() if amount}

    def accrual_days(self, order_id: str) -> set[str]:
        """The days (ISO, in the program's time zone) on which commission of the order can accrue."""
        body = self.sales[order_id].body
        times = [datetime.fromisoformat(each["paid_at"]) for each in body.get("payments", [])]
        if "delivered_at" in body:
            times.append(datetime.fromisoformat(body["delivered_at"]))
        return {at.astimezone(self.zone).date().isoformat() for at in times}


def _sides_of(decision: Decision) -> tuple[Side | None, Side | None]:
    return decision.direct, decision.indirect


def _pairs(was: Decision, now: Decision) -> list[tuple[Side | None, Side | None]]:
    return [(was.direct, now.direct), (was.indirect, now.indirect)]
