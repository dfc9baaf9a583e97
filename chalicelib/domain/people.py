"""Distributors: who promotes, and who brought them in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct, field

from chalicelib.domain.attribution import Person

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 letters and digits that nobody confuses when reading a poster aloud: no 0, O, 1 or I."""


class Distributor(Struct, frozen=True, kw_only=True):
    """A distributor. `sponsor_id` is who brought them in, for good; `currencies` those in which they have an account."""

    id: str
    code: str
    name: str
    status: Literal["active", "suspended"]
    joined_at: str
    email: str | None = None
    phone: str | None = None
    password_hash: str = ""
    sponsor_id: str | None = None
    rank: str | None = None
    locale: str = "zh-CN"
    country: str = "CN"
    currencies: frozenset[str] = frozenset()
    payout_methods: dict[str, dict[str, Any]] = field(default_factory=dict)

    def person(self) -> Person:
        """What attribution asks of them."""
        return Person(
            distributor_id=self.id, sponsor_id=self.sponsor_id, active=self.status == "active", rank=self.rank
        )


def letters(random: Sequence[int]) -> str:
    """A readable code from random bytes: one letter a byte, without bias."""
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in random)


def normalised_code(code: str) -> str:
    """A code as typed by hand: upper case, without spaces and dashes."""
    return "".join(code.upper().split()).replace("-", "")
