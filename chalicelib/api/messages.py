"""What a code says to people, in Chinese and in English. The sentences are data: `messages.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["zh-CN", "en"]


class _Given(dict[str, str | int]):
    """The figures for a sentence. One that is missing shows as an ellipsis: a refusal never fails to be told."""

    def __missing__(self, name: str) -> str:
        return "…"


@cache
def catalogue() -> dict[str, dict[str, list[str]]]:
    """Code → language → [title, detail]."""
    loaded: dict[str, dict[str, list[str]]] = json.loads(
        Path(__file__).with_name("messages.json").read_text(encoding="utf-8")
    )
    return loaded


def title(code: str, language: Language) -> str:
    """The heading of a refusal; a code that the catalogue lacks is its own heading."""
    entry = catalogue().get(code)
    return entry[language][0] if entry else code


def detail(code: str, params: Mapping[str, str | int], language: Language) -> str:
    """The sentence of a refusal with its figures filled in. Figures are inserted as they are, never interpreted."""
    entry = catalogue().get(code)
    return entry[language][1].format_map(_Given(params)) if entry else code


def language_of(accept_language: str | None) -> Language:
    """The language that an Accept-Language header prefers: Chinese of any kind is zh-CN, everything else is en."""
    best: tuple[float, Language] = (0.0, "en")
    for part in (accept_language or "")[:500].split(","):
        tag, _, weight = part.strip().partition(";")
        tag = tag.strip().lower()
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            quality = 0.0
        if tag in ("zh", "en") or tag.startswith(("zh-", "en-")):
            language: Language = "zh-CN" if tag.startswith("zh") else "en"
            if best[0] < quality <= 1.0:
                best = (quality, language)
    return best[1]
