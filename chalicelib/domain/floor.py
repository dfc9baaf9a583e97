"""The floor that no plan can lower, by the names of what would lower it. No such rule exists in Fenrun: a request that
spells one is told which principle refuses it, instead of hearing only that the field is unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction

from chalicelib.domain.errors import Fault

_RECRUITS = r"recruit|sign_?up|head_?count|per_head|invite|invitation|referr?al|enrol|downline|拉新|人头"
_FEES = r"fee$|^fee_|deposit|entry_|buy_in|join_|_to_join|upgrade|starter_kit|required_purchase|入门费|保证金"
_SPEND = r"spend|spent|purchase|consum|recharge|top_?up|deposit"
_TEAM = r"team|group_bonus|leader|breakaway|differential|same_rank|团队"
_THIRD = r"(^|_)third|(level|tier|depth|indirect|^l)_?([3-9]|[1-9][0-9]+)(_|$)|grand_"

NAMES: tuple[tuple[str, str], ...] = (
    (_THIRD, "POLICY_DEPTH_EXCEEDED"),
    (rf"rank.*({_RECRUITS})", "POLICY_RANK_BY_RECRUITS"),
    (rf"rank.*({_SPEND})", "POLICY_RANK_BY_SPEND"),
    (_RECRUITS, "POLICY_RECRUIT_REWARD"),
    (_FEES, "POLICY_ENTRY_FEE"),
    (r"purchase|price_to|paid_membership", "POLICY_ENTRY_FEE"),
    (_TEAM, "POLICY_TEAM_BONUS_DISABLED"),
)
"""What a field of a plan may not be called, and the refusal: the first that fits counts."""

OF_RANKS: tuple[tuple[str, str], ...] = (
    (_THIRD, "POLICY_DEPTH_EXCEEDED"),
    (_RECRUITS, "POLICY_RANK_BY_RECRUITS"),
    (r"fee$|^fee_|entry_|upgrade|buy_in|price", "POLICY_ENTRY_FEE"),
    (_SPEND, "POLICY_RANK_BY_SPEND"),
    (_TEAM, "POLICY_TEAM_BONUS_DISABLED"),
)
"""The same inside a rank: a rank is given for one's own sales or by staff, and for nothing else."""

TO_JOIN: tuple[tuple[str, str], ...] = ((rf"{_FEES}|{_SPEND}|price|payment|paid", "POLICY_ENTRY_FEE"),)
"""The same in a sign-up."""

_COUNTS = frozenset({"levels", "depth", "max_levels", "max_depth", "payout_depth", "chain_depth", "tiers", "layers"})
_CHOICES = frozenset({"level", "by", "of", "on", "per", "accrue_on", "metric", "event", "type", "kind", "condition"})
"""Fields whose text says what a rule is about: their value is looked at as a name is."""
_NO_REWARD = frozenset({"match", "payout"})
"""What stands in these is the caller's own words, or about paying out."""
_KNOWN = frozenset({"self_purchase", "ranks"})
"""Names of the plan's own that look like others."""
_BY_LAW = "Decree 444 of the State Council, art. 7(3)"
_DECIMAL = re.compile(r"^[0-9]{1,9}(\.[0-9]{1,9})?$")


def of_plan(plan: object, path: str = "") -> list[Fault]:
    """Every place of a plan (as decoded JSON) that would go below the floor. For plans that are refused anyway, because
    they have fields or values that no plan has: it says why there are none."""
    return list(_walk(plan, path, NAMES))


def of_sign_up(body: object) -> list[Fault]:
    """Every field of a sign-up that would make joining cost something."""
    names = [str(name) for name in body] if isinstance(body, Mapping) else []
    return [Fault(name[:80], code) for name in names if (code := _code(name, TO_JOIN))]


def _walk(value: object, path: str, names: tuple[tuple[str, str], ...]) -> Iterator[Fault]:
    if isinstance(value, list):
        for i, each in enumerate(value):
            yield from _walk(each, f"{path}[{i}]", names)
    if not isinstance(value, Mapping):
        return
    for key, inner in value.items():
        name = str(key)[:80]
        place = f"{path}.{name}" if path else name
        fault = _fault(name, inner, place, names)
        if fault:
            yield fault
        elif name == "ranks" and isinstance(inner, Mapping):
            for rank, rules in inner.items():
                yield from _walk(rules, f"{place}.{str(rank)[:80]}", OF_RANKS)
        elif name not in _NO_REWARD:
            yield from _walk(inner, place, names)


def _fault(name: str, value: object, place: str, names: tuple[tuple[str, str], ...]) -> Fault | None:
    if name in _COUNTS:
        return Fault(place, "POLICY_DEPTH_EXCEEDED") if _count(value) > 2 else None
    code = None if name in _KNOWN else _code(name, names)
    if code is None and isinstance(value, str) and (name in _CHOICES or name.startswith("rank")):
        code = _code(f"{name}_{value}" if name.startswith("rank") else value, names)
    if code:
        return Fault(place, code, {"source": _BY_LAW} if code == "POLICY_TEAM_BONUS_DISABLED" else {})
    if name == "rate" and isinstance(value, str) and _DECIMAL.match(value) and Fraction(value) > 1:
        return Fault(place, "POLICY_CAP_EXCEEDED", {"actual": value, "limit": "1"})
    return None


def _count(value: object) -> int:
    if isinstance(value, list | Mapping):
        return len(value)
    return value if isinstance(value, int) else 0


def _code(name: str, names: tuple[tuple[str, str], ...]) -> str | None:
    spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_").replace(" ", "_")
    return next((code for pattern, code in names if re.search(pattern, spelled)), None)
