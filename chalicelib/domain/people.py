"""Distributors: who promotes, and who brought them in."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from chalicelib.domain.attribution import Person
from chalicelib.domain.tax import Standing


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
    tin_on_file: bool = False
    first_month: str | None = None

    def person(self) -> Person:
        """What attribution asks of them."""
        return Person(
            distributor_id=self.id, sponsor_id=self.sponsor_id, active=self.status == "active", rank=self.rank
        )

    def tax_standing(self) -> Standing:
        """What their tax depends on besides money."""
        return Standing(tin_on_file=self.tin_on_file, first_month=self.first_month)
