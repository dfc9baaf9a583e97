"""Why a line earns what it earns, in the reader's language."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path

from chalicelib.api.messages import Language
from chalicelib.domain.explanations import LineReasons, Reason
from chalicelib.domain.money import DECIMALS

_MONEY = frozenset({"amount", "cost", "unit", "cut", "shipping", "tax", "base", "exact"})
_LEVEL = {"zh-CN": {"direct": "直接佣金", "indirect": "间接佣金"}, "en": {"direct": "direct", "indirect": "indirect"}}


@cache
def sentences() -> dict[str, dict[Language, str]]:
    """Every reason's sentence, by code and language."""
    found: dict[str, dict[Language, str]] = json.loads(Path(__file__).with_name("reasons.json").read_text("utf-8"))
    return found


def _shown(name: str, value: str | int, currency: str) -> str:
    """A figure as people read it: money in the currency's own units, everything else as it is."""
    if name not in _MONEY:
        return str(value)
    return f"{Decimal(value).scaleb(-DECIMALS[currency]):f} {currency}"


def words(reason: Reason, currency: str, language: Language) -> str:
    """One reason in words."""
    figures = {name: _shown(name, value, currency) for name, value in reason.params.items()}
    return sentences()[reason.code][language].format(**figures)


def spoken(reasons: Iterable[Reason], currency: str, language: Language) -> str:
    """Several steps as one sentence."""
    joint, end = ("，", "。") if language == "zh-CN" else ("; ", ".")
    return joint.join(words(reason, currency, language) for reason in reasons) + end


def because(levels: Iterable[LineReasons], currency: str, language: Language) -> str:
    """The steps of one line at its levels, as text."""
    colon, joint = ("：", "") if language == "zh-CN" else (": ", " ")
    names = _LEVEL[language]
    return joint.join(f"{names[each.level]}{colon}{spoken(each.reasons, currency, language)}" for each in levels)


def steps(levels: Iterable[LineReasons], currency: str, language: Language) -> dict[str, list[str]]:
    """The steps of one line by level, each in words."""
    return {each.level: [words(reason, currency, language) for reason in each.reasons] for each in levels}
