"""Why a line earns what it earns, in the reader's language."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from chalicelib.api.messages import Language
from chalicelib.domain.explanations import LineReasons, Reason

_LEVEL = {"zh-CN": {"direct": "直接佣金", "indirect": "间接佣金"}, "en": {"direct": "direct", "indirect": "indirect"}}


@cache
def sentences() -> dict[str, dict[Language, str]]:
    """Every reason's sentence, by code and language."""
    found: dict[str, dict[Language, str]] = json.loads(Path(__file__).with_name("reasons.json").read_text("utf-8"))
    return found


def words(reason: Reason, language: Language) -> str:
    """One reason in words."""
    return sentences()[reason.code][language].format(**reason.params)


def spoken(reasons: Iterable[Reason], language: Language) -> str:
    """Several steps as one sentence."""
    joint, end = ("，", "。") if language == "zh-CN" else ("; ", ".")
    return joint.join(words(reason, language) for reason in reasons) + end


def because(levels: Iterable[LineReasons], language: Language) -> str:
    """The steps of one line at its levels, as text."""
    colon, joint = ("：", "") if language == "zh-CN" else (": ", " ")
    return joint.join(f"{_LEVEL[language][each.level]}{colon}{spoken(each.reasons, language)}" for each in levels)
