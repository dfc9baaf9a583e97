"""The codes that distributors share: how they are made, typed and told from other texts."""

from __future__ import annotations

from collections.abc import Sequence

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 letters and digits that nobody confuses when reading a poster aloud: no 0, O, 1 or I."""
CODE_LETTERS = 8


def letters(random: Sequence[int]) -> str:
    """A readable code from random bytes: one letter a byte, without bias."""
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in random)


def looks_like_code(text: str) -> bool:
    """Whether this can be a code that we made: 8 of our letters and digits, however it was typed."""
    code = normalised_code(text)
    return len(code) == CODE_LETTERS and set(code) <= set(_ALPHABET)


def normalised_code(code: str) -> str:
    """A code as typed by hand: upper case, without spaces and dashes."""
    return "".join(code.upper().split()).replace("-", "")
