"""`earnings(order)`: what the two levels earn from one order image. A pure function: the image carries its terms.

CONTRACT.md, "Plans", is the meaning. Exact rational arithmetic inside, one rounding per level.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from chalicelib.domain.money import rounded, shared
from chalicelib.domain.orders import Facts, Order
from chalicelib.domain.plans import Plan
from chalicelib.domain.rates import Chosen, Level, choose
from chalicelib.domain.remaining import NOTHING, WHOLE, Left, collected, left
from chalicelib.domain.terms import Beneficiary, Terms

HELD = "HELD"
"""The bucket of what an open dispute withholds: it has no day and never matures; the dispute's end empties it."""


class Bucket(Struct, frozen=True, order=True):
    """Where commission waits: the day (ISO date in the program's time zone) on which it accrued, and its hold."""

    day: str
    hold_days: int


class LineEarning(Struct, frozen=True):
    """One line at one level: `amount` if everything is collected, by the rule `chosen`."""

    line_id: str
    base: int
    amount: int
    chosen: Chosen


class LevelEarning(Struct, frozen=True):
    """One level. `potential`: minor units once all is collected (and delivered, where the plan waits for that);
    `buckets`: what has accrued of it so far, by bucket and by line (in the order of `lines`)."""

    beneficiary: Beneficiary | None
    potential: int
    lines: tuple[LineEarning, ...]
    buckets: dict[Bucket, tuple[int, ...]]

    @property
    def accrued(self) -> int:
        return sum(sum(parts) for parts in self.buckets.values())

    @property
    def estimated(self) -> int:
        """What is still to come: shown to the distributor, not in the books."""
        return self.potential - self.accrued


class Earnings(Struct, frozen=True):
    direct: LevelEarning
    indirect: LevelEarning
    capped: bool
    sales: int
    """Net sales that the accrued commission rests on: lines after refunds, as far as collected; minor units."""

    def level(self, level: Level) -> LevelEarning:
        return self.direct if level == "direct" else self.indirect


class _Exact(Struct, frozen=True):
    """What the rules give each line at each level, exactly, and the cap on both levels together: before any rounding."""

    direct: list[Fraction]
    indirect: list[Fraction]
    cap: Fraction


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def day_of(at: datetime, time_zone: str) -> str:
    """The date of an instant in the program's time zone, as ISO text."""
    return at.astimezone(_zone(time_zone)).date().isoformat()


def matures_on(bucket: Bucket) -> str:
    """The first day on which the bucket's commission may be paid out, as ISO text."""
    return date.fromordinal(date.fromisoformat(bucket.day).toordinal() + bucket.hold_days).isoformat()


def bases(plan: Plan, facts: Facts, lines: Sequence[Left]) -> list[Fraction]:
    """What each line's rates are of: its amount or margin (never below zero), with its part of shipping and tax if the
    plan says so, in proportion to the lines' amounts; of all that, what is left after refunds."""
    known = facts.description
    extra = (known.shipping * plan.base.shipping + known.tax * plan.base.tax) if known else 0
    total = sum(each.line.amount for each in lines)
    result = []
    for each in lines:
        own = each.line.amount - (each.line.cost or 0 if plan.base.of == "margin" else 0)
        part = Fraction(extra * each.line.amount, total) if extra and total else NOTHING
        result.append(max(NOTHING, own + part) * each.share)
    return result


def _amount(chosen: Chosen, base: Fraction, direct: Fraction, each: Left) -> Fraction:
    if chosen.per_unit is not None:
        return chosen.per_unit * each.line.quantity * each.share
    return (chosen.rate or NOTHING) * (direct if chosen.of_direct else base)


def _month_limit(plan: Plan) -> int | None:
    return min((limit.amount for limit in plan.limits if limit.amount is not None), default=None)


def _customer_limit(plan: Plan) -> int | None:
    return min((limit.orders for limit in plan.limits if limit.orders is not None), default=None)


def _exact(terms: Terms, facts: Facts, lines: Sequence[Left], rules: tuple[list[Chosen], list[Chosen]]) -> _Exact:
    plan, base = terms.plan, bases(terms.plan, facts, lines)
    direct = [_amount(rule, b, NOTHING, each) for rule, b, each in zip(rules[0], base, lines, strict=True)]
    indirect = [_amount(rule, b, d, each) for rule, b, d, each in zip(rules[1], base, direct, lines, strict=True)]
    if not _paid(terms.direct):
        direct = [NOTHING] * len(direct)
    if not _paid(terms.indirect):
        indirect = [NOTHING] * len(indirect)
    orders = _customer_limit(plan)
    if orders is not None and terms.customer_order_number > orders:
        direct, indirect = [NOTHING] * len(direct), [NOTHING] * len(indirect)
    return _Exact(direct, indirect, Fraction(plan.cap.rate) * sum(base, NOTHING))


def _levels(terms: Terms, exact: _Exact, share: Fraction) -> tuple[int, int, bool]:
    """Both levels, in minor units, once this proportion is collected, and whether the cap cut them.

    Each level is rounded once, independently. Then the cap, rounded alike, cuts the indirect level first and the direct
    one after it; then each stays within what the month leaves to its beneficiary.
    """
    rounding = terms.plan.rounding
    direct = rounded(sum(exact.direct, NOTHING) * share, rounding)
    indirect = rounded(sum(exact.indirect, NOTHING) * share, rounding)
    cap = rounded(exact.cap * share, rounding)
    capped = direct + indirect > cap
    if capped:
        direct = min(direct, cap)
        indirect = min(indirect, cap - direct)
    month = _month_limit(terms.plan)
    if month is not None:
        direct = min(direct, max(0, month - terms.direct_this_month))
        indirect = min(indirect, max(0, month - terms.indirect_this_month))
    return direct, indirect, capped


def _paid(beneficiary: Beneficiary | None) -> bool:
    return beneficiary is not None and beneficiary.unpaid is None


def _rules(terms: Terms, lines: Sequence[Left]) -> tuple[list[Chosen], list[Chosen]]:
    ranks = [b.rank if b else None for b in (terms.direct, terms.indirect)]
    return (
        [choose(terms.plan, "direct", each.line, ranks[0], lines) for each in lines],
        [choose(terms.plan, "indirect", each.line, ranks[1], lines) for each in lines],
    )


def _allocated(terms: Terms, exact: _Exact, share: Fraction) -> dict[Level, tuple[int, ...]]:
    """Both levels at this proportion collected, split over the lines."""
    direct, indirect, _ = _levels(terms, exact, share)
    return {"direct": shared(direct, exact.direct), "indirect": shared(indirect, exact.indirect)}


def _minus(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    return tuple(x - y for x, y in zip(a, b, strict=True))


class _View(Struct, frozen=True):
    """The order with disputes in some states counted as lost: what the rules give, and when which proportion of it
    accrued (rising)."""

    left: tuple[Left, ...]
    rules: tuple[list[Chosen], list[Chosen]]
    exact: _Exact
    accruals: list[tuple[Bucket, Fraction]]

    @property
    def share(self) -> Fraction:
        return self.accruals[-1][1] if self.accruals else NOTHING


def _view(terms: Terms, facts: Facts, disputes: tuple[str, ...]) -> _View:
    lines = left(facts, disputes)
    rules = _rules(terms, lines)
    return _View(lines, rules, _exact(terms, facts, lines, rules), _accruals(terms, facts, disputes))


def _accruals(terms: Terms, facts: Facts, disputes: tuple[str, ...]) -> list[tuple[Bucket, Fraction]]:
    """When which proportion accrues: at each payment, or at delivery if the plan waits for it and it came later."""
    if facts.cancelled_at or (terms.plan.accrue_on == "delivered" and not facts.delivered_at):
        return []
    waits = facts.delivered_at if terms.plan.accrue_on == "delivered" else None
    return [
        (Bucket(day_of(max(at, waits) if waits else at, terms.time_zone), terms.plan.hold_days), share)
        for at, share in collected(facts, disputes)
    ]


def _buckets(terms: Terms, whole: _View, undisputed: _View, level: Level) -> dict[Bucket, tuple[int, ...]]:
    """What has accrued, by bucket: each step in its own, and in `HELD` what an open dispute withholds of the whole."""
    result: dict[Bucket, tuple[int, ...]] = {}
    before = (0,) * len(whole.left)
    for bucket, share in undisputed.accruals:
        reached = _allocated(terms, undisputed.exact, share)[level]
        step = _minus(reached, before)
        result[bucket] = tuple(map(sum, zip(result[bucket], step, strict=True))) if bucket in result else step
        before = reached
    if whole is not undisputed:
        held = _minus(_allocated(terms, whole.exact, whole.share)[level], before)
        result[Bucket(HELD, terms.plan.hold_days)] = held
    return {bucket: parts for bucket, parts in result.items() if any(parts)}


def earnings(order: Order) -> Earnings:
    """What both levels earn from this image, and why. Zero at both after a full refund, a lost dispute or cancellation.

    Per level the exact sum over the lines is rounded once; the lines share it by largest remainder. What is collected
    in instalments accrues in steps whose sum is the rounded whole. An order without terms earns nothing.
    """
    terms, facts = order.terms, order.facts
    if terms is None:
        nothing = LevelEarning(None, 0, (), {})
        return Earnings(nothing, nothing, False, 0)
    whole = undisputed = _view(terms, facts, ("lost",))
    if any(dispute.state == "open" for dispute in facts.disputes.values()):
        undisputed = _view(terms, facts, ("lost", "open"))
    all_in = _allocated(terms, whole.exact, NOTHING if facts.cancelled_at else WHOLE)
    amounts = [part.numerator // part.denominator for part in bases(terms.plan, facts, whole.left)]

    def level(name: Level, beneficiary: Beneficiary | None, chosen: list[Chosen]) -> LevelEarning:
        explained = zip(whole.left, amounts, all_in[name], chosen, strict=True)
        return LevelEarning(
            beneficiary=beneficiary,
            potential=sum(all_in[name]),
            lines=tuple(LineEarning(each.line.line_id, base, amount, rule) for each, base, amount, rule in explained),
            buckets=_buckets(terms, whole, undisputed, name),
        )

    sold = sum((each.amount for each in whole.left), NOTHING) * whole.share
    return Earnings(
        direct=level("direct", terms.direct, whole.rules[0]),
        indirect=level("indirect", terms.indirect, whole.rules[1]),
        capped=_levels(terms, whole.exact, WHOLE)[2],
        sales=rounded(sold, "half_up"),
    )
