"""Which rule of the plan decides a line at a level, and what it comes to exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from chalicelib.domain.orders import Line
from chalicelib.domain.plans import IndirectRule, Ladder, Match, Plan, Rule, matches
from chalicelib.domain.remaining import NOTHING, Left

Level = Literal["direct", "indirect"]


class Chosen(Struct, frozen=True):
    """The rule that won for one line and level. Exactly one of `rate` and `per_unit`.

    `source` names where it stands: override, ladder, rank or general; `detail` what it matched or counted.
    """

    source: Literal["override", "ladder", "rank", "general"]
    rate: Fraction | None
    per_unit: int | None
    of_direct: bool = False
    detail: str = ""


@lru_cache(maxsize=1024)
def rate(text: str) -> Fraction:
    """The number that a plan's decimal text is: every line of every order asks for the same few."""
    return Fraction(text)


def match_of(line: Line) -> Match:
    """The line's own fields, as a match compares them."""
    return Match(sku=line.sku, product_id=line.product_id, category=line.category, merchant_id=line.merchant_id)


def _described(match: Match) -> str:
    fields = (
        ("sku", match.sku),
        ("product_id", match.product_id),
        ("category", match.category),
        ("merchant_id", match.merchant_id),
    )
    return ", ".join(f"{name}={value}" for name, value in fields if value is not None)


def _from_rule(
    source: Literal["override", "rank", "general"], rule: Rule | IndirectRule, of_direct: bool, detail: str
) -> Chosen:
    own = getattr(rule, "of", None)
    return Chosen(
        source,
        None if rule.rate is None else rate(rule.rate),
        rule.per_unit,
        rule.rate is not None and (own == "direct" if own else of_direct),
        detail,
    )


def _reached(ladder: Ladder, lines: Sequence[Left], of_direct: bool) -> Chosen:
    """The rate that the ladder gives to the lines it matches: counted together, on what remains of them."""
    mine = [left for left in lines if matches(ladder.match, match_of(left.line))]
    if ladder.by == "quantity":
        count = Fraction(sum(left.units for left in mine))
    else:
        count = sum((left.amount for left in mine), NOTHING)
    reached = NOTHING
    if ladder.mode == "whole":
        reached = next((rate(step.rate) for step in reversed(ladder.steps) if step.start <= count), NOTHING)
    elif count:
        # A step by quantity begins with unit number `from`; one by amount begins where `from` has been reached.
        first = [Fraction(max(0, step.start - (ladder.by == "quantity"))) for step in ladder.steps]
        for i, step in enumerate(ladder.steps):
            upper = first[i + 1] if i + 1 < len(first) else count
            reached += rate(step.rate) * max(NOTHING, min(count, upper) - first[i])
        reached /= count
    return Chosen("ladder", reached, None, of_direct, f"{ladder.by}={count.numerator // count.denominator}")


def choose(plan: Plan, level: Level, line: Line, rank: str | None, lines: Sequence[Left]) -> Chosen:
    """The rule for this line at this level: the most specific override that speaks of the level, else the most specific
    ladder, else the beneficiary's rank, else the general rule. Among equals the earlier in the plan wins."""
    of_direct = level == "indirect" and plan.indirect.of == "direct"
    fields = match_of(line)
    best = None
    for override in plan.overrides:
        rule = override.direct if level == "direct" else override.indirect
        if rule is None or not matches(override.match, fields):
            continue
        if best is None or override.match.specificity() > best[0].specificity():
            best = (override.match, rule)
    if best:
        return _from_rule("override", best[1], of_direct, _described(best[0]))
    ladder = None
    for candidate in plan.ladders:
        if candidate.level != level or not matches(candidate.match, fields):
            continue
        if ladder is None or candidate.match.specificity() > ladder.match.specificity():
            ladder = candidate
    if ladder:
        return _reached(ladder, lines, of_direct)
    ranked = plan.ranks.get(rank) if rank else None
    rank_rule = (ranked.direct if level == "direct" else ranked.indirect) if ranked else None
    if rank_rule:
        return _from_rule("rank", rank_rule, of_direct, rank or "")
    return _from_rule("general", plan.direct if level == "direct" else plan.indirect, of_direct, "")
