"""What one plan gives its lines at both levels: exactly, then rounded once, cut by cap and limits, and shared again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct

from chalicelib.domain.money import rounded, shared
from chalicelib.domain.orders import Facts
from chalicelib.domain.plans import Plan
from chalicelib.domain.rates import Chosen, Level, choose, rate
from chalicelib.domain.remaining import NOTHING, Left
from chalicelib.domain.terms import Beneficiary, Terms


class Base(Struct, frozen=True):
    """What the rates of one line are of, and what it is made from: `whole` before refunds, of which `left` remains.

    `whole` is the amount, or what is left of it after the cost if the plan pays on margin (never below zero), plus the
    line's part of shipping and tax if the plan counts them.
    """

    cost: int
    shipping: Fraction
    tax: Fraction
    whole: Fraction
    left: Fraction


class Exact(Struct, frozen=True):
    """What the rules give each line at each level, exactly, and the cap on both levels together: before any rounding."""

    bases: list[Base]
    rules: dict[Level, list[Chosen]]
    amounts: dict[Level, list[Fraction]]
    cap: Fraction


class Reached(Struct, frozen=True):
    """Both levels in minor units: as rounded, after the cap, and after the month's limit (which is what is paid), also by
    line."""

    rounded: dict[Level, int]
    capped: dict[Level, int]
    amounts: dict[Level, int]
    by_line: dict[Level, tuple[int, ...]]


def bases(plan: Plan, facts: Facts, lines: Sequence[Left]) -> list[Base]:
    """What each line's rates are of. Shipping and tax belong to the order's lines in proportion to their amounts."""
    known = facts.description
    total = sum(line.amount for line in facts.lines)
    counted = known.shipping if known and plan.base.shipping else 0, known.tax if known and plan.base.tax else 0
    result = []
    for each in lines:
        cost = (each.line.cost or 0) if plan.base.of == "margin" else 0
        shipping, tax = (Fraction(each.line.amount * of, total) if of and total else NOTHING for of in counted)
        whole = max(0, each.line.amount - cost) + shipping + tax
        result.append(Base(cost, shipping, tax, whole, whole * each.share))
    return result


def _amount(chosen: Chosen, base: Fraction, direct: Fraction, each: Left) -> Fraction:
    if chosen.per_unit is not None:
        return chosen.per_unit * each.line.quantity * each.share
    return (chosen.rate or NOTHING) * (direct if chosen.of_direct else base)


def _paid(beneficiary: Beneficiary | None) -> bool:
    return beneficiary is not None and beneficiary.unpaid is None


def beyond_customer_limit(plan: Plan, terms: Terms) -> bool:
    """Whether the plan pays only a customer's first orders and this is a later one."""
    orders = min((limit.orders for limit in plan.limits if limit.orders is not None), default=None)
    return orders is not None and terms.customer_order_number > orders


def exact(terms: Terms, plan: Plan, facts: Facts, lines: Sequence[Left]) -> Exact:
    """What the plan's rules give these lines, which it governs, before any rounding."""
    base = bases(plan, facts, lines)
    rules: dict[Level, list[Chosen]] = {
        "direct": [choose(plan, "direct", each.line, _rank(terms.direct), lines) for each in lines],
        "indirect": [choose(plan, "indirect", each.line, _rank(terms.indirect), lines) for each in lines],
    }
    direct = [_amount(rule, b.left, NOTHING, each) for rule, b, each in zip(rules["direct"], base, lines, strict=True)]
    indirect = [
        _amount(rule, b.left, first, each)
        for rule, b, first, each in zip(rules["indirect"], base, direct, lines, strict=True)
    ]
    over = beyond_customer_limit(plan, terms)
    nothing = [NOTHING] * len(lines)
    amounts: dict[Level, list[Fraction]] = {
        "direct": direct if _paid(terms.direct) and not over else nothing,
        "indirect": indirect if _paid(terms.indirect) and not over else nothing,
    }
    return Exact(base, rules, amounts, rate(plan.cap.rate) * sum((b.left for b in base), NOTHING))


def _rank(beneficiary: Beneficiary | None) -> str | None:
    return beneficiary.rank if beneficiary else None


def reached(terms: Terms, plan: Plan, of: Exact, share: Fraction) -> Reached:
    """Both levels once this proportion is collected.

    Each level is rounded once, independently. Then the cap, rounded alike, cuts the indirect level first and the direct
    one after it; then each stays within what the month leaves to its beneficiary, and the lines share it by largest
    remainder.
    """
    direct = rounded(sum(of.amounts["direct"], NOTHING) * share, plan.rounding)
    indirect = rounded(sum(of.amounts["indirect"], NOTHING) * share, plan.rounding)
    cap = rounded(of.cap * share, plan.rounding)
    first = min(direct, cap)
    second = min(indirect, cap - first)
    month = min((limit.amount for limit in plan.limits if limit.amount is not None), default=None)
    amounts: dict[Level, int] = {
        "direct": first if month is None else min(first, max(0, month - terms.direct_this_month)),
        "indirect": second if month is None else min(second, max(0, month - terms.indirect_this_month)),
    }
    return Reached(
        rounded={"direct": direct, "indirect": indirect},
        capped={"direct": first, "indirect": second},
        amounts=amounts,
        by_line={
            "direct": shared(amounts["direct"], of.amounts["direct"]),
            "indirect": shared(amounts["indirect"], of.amounts["indirect"]),
        },
    )
