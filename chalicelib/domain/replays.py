"""What past orders earned, against what they would earn by a draft of their plan: order by order, and added up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter

from msgspec import Struct, field, structs

from chalicelib.domain.attribution import narrowed
from chalicelib.domain.buckets import day_of
from chalicelib.domain.earnings import Earnings, LevelEarning, earnings
from chalicelib.domain.orders import Order
from chalicelib.domain.plans import Plan
from chalicelib.domain.terms import MerchantPlan, Terms

MERCHANT_PREFIX = "merchant:"
WORST_LINES = 50


class Sums(Struct, kw_only=True):
    """Minor units at both levels: what has been earned (`then`) and would have been (`draft`), once all is collected; and
    `accrued_*`, how much of that has accrued so far."""

    orders: int = 0
    direct_then: int = 0
    direct_draft: int = 0
    indirect_then: int = 0
    indirect_draft: int = 0
    accrued_then: int = 0
    accrued_draft: int = 0

    @property
    def difference(self) -> int:
        return self.direct_draft + self.indirect_draft - self.direct_then - self.indirect_then


class LineChange(Struct, frozen=True, kw_only=True):
    """One line that would earn something else, at both levels; minor units, once all is collected."""

    order_id: str
    line_id: str
    currency: str
    day: str
    direct_then: int
    direct_draft: int
    indirect_then: int
    indirect_draft: int

    @property
    def difference(self) -> int:
        return self.direct_draft + self.indirect_draft - self.direct_then - self.indirect_then


class Comparison(Struct, kw_only=True):
    """Everything added up so far. `seen`: orders looked at; `unreadable`: those whose image cannot be read; by currency, and
    as `<day>#<currency>` and `<distributor>#<currency>`; `worst`: the lines that change most."""

    seen: int = 0
    unreadable: int = 0
    totals: dict[str, Sums] = field(default_factory=dict)
    days: dict[str, Sums] = field(default_factory=dict)
    distributors: dict[str, Sums] = field(default_factory=dict)
    worst: list[LineChange] = field(default_factory=list)


def placed(order: Order) -> datetime:
    """When an order counts as placed: when the storefront says, or else when its newest revision was recorded."""
    return order.facts.placed_at or order.recorded_at


def governed(order: Order, plan_id: str) -> bool:
    """Whether a plan governs any line of the order; a merchant's plan may be a first one, in place of the operator's."""
    if order.terms is None:
        return False
    if plan_id.startswith(MERCHANT_PREFIX):
        return any(line.merchant_id == plan_id.removeprefix(MERCHANT_PREFIX) for line in order.facts.lines)
    return order.terms.plan_id == plan_id


def drafted(terms: Terms, order: Order, plan_id: str, draft: Plan) -> Terms:
    """The same terms with the draft in place of the plan: beneficiaries, counters and time zone stay as they were frozen,
    and so do the lines of merchants that another plan governs."""
    kept = narrowed(draft, order.facts, terms.direct, terms.indirect)
    if not plan_id.startswith(MERCHANT_PREFIX):
        return structs.replace(terms, plan=kept)
    own = {plan_id.removeprefix(MERCHANT_PREFIX): MerchantPlan(plan_id=plan_id, version=0, plan=kept)}
    return structs.replace(terms, merchant_plans=terms.merchant_plans | own)


def compare(into: Comparison, order: Order, plan_id: str, draft: Plan, first: str, last: str, time_zone: str) -> None:
    """Adds an order to the comparison, if the plan governs it and it was placed from `first` (a day) to before `last`."""
    into.seen += 1
    day = day_of(placed(order), time_zone)
    if order.terms is None or not first <= day < last or not governed(order, plan_id):
        return
    then = earnings(order)
    new = earnings(structs.replace(order, terms=drafted(order.terms, order, plan_id, draft)))
    currency = order.facts.currency
    for sums in (
        into.totals.setdefault(currency, Sums()),
        into.days.setdefault(f"{day}#{currency}", Sums()),
    ):
        sums.orders += 1
        _add(sums, then.direct, new.direct, "direct")
        _add(sums, then.indirect, new.indirect, "indirect")
    for level in ("direct", "indirect"):
        side, other = getattr(then, level), getattr(new, level)
        if side.beneficiary:
            key = f"{side.beneficiary.distributor_id}#{currency}"
            sums = into.distributors.setdefault(key, Sums())
            sums.orders += 1
            _add(sums, side, other, level)
    into.worst = worst([*into.worst, *_lines(order, then, new, day)])


def _add(sums: Sums, then: LevelEarning, new: LevelEarning, level: str) -> None:
    for name, amount in (
        (f"{level}_then", then.potential),
        (f"{level}_draft", new.potential),
        ("accrued_then", then.accrued),
        ("accrued_draft", new.accrued),
    ):
        setattr(sums, name, getattr(sums, name) + amount)


def _lines(order: Order, then: Earnings, new: Earnings, day: str) -> list[LineChange]:
    changes = []
    for i, line in enumerate(order.facts.lines):
        change = LineChange(
            order_id=order.facts.order_id,
            line_id=line.line_id,
            currency=order.facts.currency,
            day=day,
            direct_then=then.direct.lines[i].amount,
            direct_draft=new.direct.lines[i].amount,
            indirect_then=then.indirect.lines[i].amount,
            indirect_draft=new.indirect.lines[i].amount,
        )
        if (change.direct_then, change.indirect_then) != (change.direct_draft, change.indirect_draft):
            changes.append(change)
    return changes


def worst(lines: Iterable[LineChange]) -> list[LineChange]:
    """The lines that change most, whichever way; among equals by their ids, so that the order of reading does not matter."""
    ranked = sorted(lines, key=attrgetter("order_id", "line_id"))
    return sorted(ranked, key=lambda line: -abs(line.difference))[:WORST_LINES]
