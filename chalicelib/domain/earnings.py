"""`earnings(order)`: what the two levels earn from one order image. A pure function: the image carries its terms.

CONTRACT.md, "Plans", is the meaning. Exact rational arithmetic inside, one rounding per level.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct, field

from chalicelib.domain.buckets import HELD, Bucket, day_of
from chalicelib.domain.levels import Exact, Reached, exact, reached
from chalicelib.domain.money import rounded
from chalicelib.domain.orders import Order
from chalicelib.domain.plans import Plan
from chalicelib.domain.rates import Chosen, Level
from chalicelib.domain.remaining import NOTHING, WHOLE, Left, collected, left
from chalicelib.domain.terms import Beneficiary, Terms


class LineEarning(Struct, frozen=True):
    """One line at one level: `amount` once all is collected, by the rule `chosen`, of `base` (minor units, cut)."""

    line_id: str
    base: int
    amount: int
    chosen: Chosen


class LevelEarning(Struct, frozen=True):
    """One level. `potential`: minor units once all is collected (and delivered, where the plan waits for that);
    `buckets`: what has accrued of it so far, by bucket and by line (in the order of the order's lines)."""

    beneficiary: Beneficiary | None
    potential: int
    lines: tuple[LineEarning, ...]
    buckets: dict[Bucket, tuple[int, ...]]

    @property
    def accrued(self) -> int:
        return sum(sum(parts) for parts in self.buckets.values())

    @property
    def by_line(self) -> tuple[int, ...]:
        """What has accrued, by line; as long as nothing has, what is to come."""
        parts = tuple(map(sum, zip(*self.buckets.values(), strict=True)))
        return parts if any(parts) else tuple(line.amount for line in self.lines)

    @property
    def estimated(self) -> int:
        """What is still to come: shown to the distributor, not in the books."""
        return self.potential - self.accrued


class Earnings(Struct, frozen=True):
    direct: LevelEarning
    indirect: LevelEarning
    capped: bool
    sales: dict[Bucket, int]
    """Net sales that the accrued commission rests on, by bucket: lines after refunds, as far as collected; minor units."""

    def level(self, level: Level) -> LevelEarning:
        return self.direct if level == "direct" else self.indirect


class View(Struct, frozen=True):
    """The lines that one plan governs, with disputes in some states counted as lost: what the rules give them, and when
    which proportion accrued (rising). `places`: where the lines stand in the order."""

    plan: Plan
    places: list[int]
    lines: list[Left]
    exact: Exact
    accruals: list[tuple[Bucket, Fraction]]
    _known: dict[Fraction, Reached] = field(default_factory=dict)

    def reached(self, terms: Terms, share: Fraction) -> Reached:
        """Both levels once this proportion is collected: worked out once, since all steps and levels ask for it."""
        if share not in self._known:
            self._known[share] = reached(terms, self.plan, self.exact, share)
        return self._known[share]

    @property
    def share(self) -> Fraction:
        return self.accruals[-1][1] if self.accruals else NOTHING


def _accruals(order: Order, terms: Terms, plan: Plan, disputes: tuple[str, ...]) -> list[tuple[Bucket, Fraction]]:
    """When which proportion accrues: at each payment, or at delivery if the plan waits for it and it came later."""
    facts = order.facts
    waits = facts.delivered_at if plan.accrue_on == "delivered" else None
    if facts.cancelled_at or (plan.accrue_on == "delivered" and waits is None):
        return []
    return [
        (Bucket(day_of(max(at, waits) if waits else at, terms.time_zone), plan.hold_days), share)
        for at, share in collected(facts, disputes, order.stopped_at)
    ]


def views(order: Order, terms: Terms, disputes: tuple[str, ...]) -> list[View]:
    """The order by the plans that govern its lines: the operator's, and those of merchants who have their own."""
    lines = left(order.facts, disputes)
    places: dict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(lines):
        merchant_id = each.line.merchant_id or ""
        places[merchant_id if merchant_id in terms.merchant_plans else ""].append(place)
    result = []
    for merchant_id in sorted(places):
        own = terms.merchant_plans.get(merchant_id)
        plan = own.plan if own else terms.plan
        mine = [lines[place] for place in places[merchant_id]]
        given = exact(terms, plan, order.facts, mine)
        result.append(View(plan, places[merchant_id], mine, given, _accruals(order, terms, plan, disputes)))
    return result


def _minus(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    return tuple(x - y for x, y in zip(a, b, strict=True))


def _steps(terms: Terms, whole: View, undisputed: View, level: Level) -> dict[Bucket, tuple[int, ...]]:
    """What has accrued, by bucket: each step in its own, and in `HELD` what an open dispute withholds of the whole."""
    result: dict[Bucket, tuple[int, ...]] = {}
    before = (0,) * len(whole.lines)
    for bucket, share in undisputed.accruals:
        now = undisputed.reached(terms, share).by_line[level]
        step = _minus(now, before)
        result[bucket] = tuple(map(sum, zip(result[bucket], step, strict=True))) if bucket in result else step
        before = now
    if whole is not undisputed:
        held = _minus(whole.reached(terms, whole.share).by_line[level], before)
        result[Bucket(HELD, whole.plan.hold_days)] = held
    return result


def _level(
    order: Order, terms: Terms, level: Level, pairs: Sequence[tuple[View, View]], beneficiary: Beneficiary | None
) -> LevelEarning:
    size = len(order.facts.lines)
    lines: dict[int, LineEarning] = {}
    buckets: dict[Bucket, list[int]] = {}
    for whole, undisputed in pairs:
        full = NOTHING if order.facts.cancelled_at else WHOLE
        all_in = whole.reached(terms, full).by_line[level]
        for i, place in enumerate(whole.places):
            base = whole.exact.bases[i].left
            lines[place] = LineEarning(
                whole.lines[i].line.line_id,
                base.numerator // base.denominator,
                all_in[i],
                whole.exact.rules[level][i],
            )
        for bucket, parts in _steps(terms, whole, undisputed, level).items():
            into = buckets.setdefault(bucket, [0] * size)
            for place, part in zip(whole.places, parts, strict=True):
                into[place] += part
    return LevelEarning(
        beneficiary=beneficiary,
        potential=sum(line.amount for line in lines.values()),
        lines=tuple(lines[place] for place in range(size)),
        buckets={bucket: tuple(parts) for bucket, parts in buckets.items() if any(parts)},
    )


def _sales(whole: Sequence[View]) -> dict[Bucket, int]:
    """Net sales by bucket: what each step collected of what is left of the lines."""
    result: dict[Bucket, int] = {}
    for view in whole:
        left_of = sum((each.amount for each in view.lines), NOTHING)
        before = 0
        for bucket, share in view.accruals:
            now = rounded(left_of * share, "half_up")
            result[bucket] = result.get(bucket, 0) + now - before
            before = now
    return result


def earnings(order: Order) -> Earnings:
    """What both levels earn from this image, and why. Zero at both after a full refund, a lost dispute or cancellation.

    Per level and plan the exact sum over the lines is rounded once; the lines share it by largest remainder. What is
    collected in instalments accrues in steps whose sum is the rounded whole. An order without terms earns nothing.
    """
    terms = order.terms
    if terms is None:
        nothing = LevelEarning(None, 0, (), {})
        return Earnings(nothing, nothing, False, {})
    whole = undisputed = views(order, terms, ("lost",))
    if any(dispute.state == "open" for dispute in order.facts.disputes.values()):
        undisputed = views(order, terms, ("lost", "open"))
    pairs = list(zip(whole, undisputed, strict=True))
    ends = [view.reached(terms, WHOLE) for view in whole]
    return Earnings(
        direct=_level(order, terms, "direct", pairs, terms.direct),
        indirect=_level(order, terms, "indirect", pairs, terms.indirect),
        capped=any(end.rounded != end.capped for end in ends),
        sales=_sales(whole),
    )
