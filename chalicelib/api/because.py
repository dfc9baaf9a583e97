"""Why a line earns what it earns, in the reader's language."""

from __future__ import annotations

from chalicelib.api.messages import Language
from chalicelib.domain.earnings import LevelEarning, LineEarning
from chalicelib.domain.rates import Chosen

_SOURCE = {
    "zh-CN": {
        "override": "特别规则（{detail}）",
        "ladder": "阶梯（{detail}）",
        "rank": "等级 {detail}",
        "general": "通用规则",
    },
    "en": {
        "override": "override ({detail})",
        "ladder": "ladder ({detail})",
        "rank": "rank {detail}",
        "general": "general rule",
    },
}
_RULE = {
    "zh-CN": {
        "rate": "{source}：{percent}",
        "unit": "{source}：每件 {unit}",
        "of_direct": "{source}：直接佣金的 {percent}",
    },
    "en": {
        "rate": "{source}: {percent}",
        "unit": "{source}: {unit} per unit",
        "of_direct": "{source}: {percent} of direct",
    },
}
_UNPAID = {
    "zh-CN": {
        "inactive": "分销商已停用，不计佣金",
        "self_purchase": "自购不计佣金",
        "direct_inactive": "直接分销商已停用，按方案不再向上计佣",
    },
    "en": {
        "inactive": "the distributor is inactive",
        "self_purchase": "own purchases earn nothing",
        "direct_inactive": "the direct distributor is inactive and the plan stops there",
    },
}
_LEVEL = {"zh-CN": ("直接", "间接"), "en": ("direct", "indirect")}
_NOBODY = {"zh-CN": "无人", "en": "nobody"}


def _percent(chosen: Chosen) -> str:
    rate = chosen.rate
    if rate is None:
        return ""
    # At most six decimals in a plan's rates; a marginal ladder's blended rate is cut for reading, never for computing.
    scaled = rate.numerator * 10**8 // rate.denominator
    whole, fraction = divmod(scaled, 10**6)
    return f"{whole}.{fraction:06d}".rstrip("0").rstrip(".") + "%"


def _rule(chosen: Chosen, language: Language) -> str:
    source = _SOURCE[language][chosen.source].format(detail=chosen.detail)
    kind = "unit" if chosen.per_unit is not None else "of_direct" if chosen.of_direct else "rate"
    return _RULE[language][kind].format(source=source, percent=_percent(chosen), unit=chosen.per_unit)


def _level(side: LevelEarning, line: LineEarning, language: Language) -> str:
    if side.beneficiary is None:
        return _NOBODY[language]
    if side.beneficiary.unpaid:
        return _UNPAID[language][side.beneficiary.unpaid]
    return _rule(line.chosen, language)


def because(direct: LevelEarning, indirect: LevelEarning, i: int, language: Language) -> str:
    """The rules that decided line `i` at both levels, in words."""
    names = _LEVEL[language]
    first = _level(direct, direct.lines[i], language)
    second = _level(indirect, indirect.lines[i], language)
    return (
        f"{names[0]}：{first}；{names[1]}：{second}"
        if language == "zh-CN"
        else f"{names[0]} {first}; {names[1]} {second}"
    )
