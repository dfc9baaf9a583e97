"""Where a distributor's money goes: named ways to be paid, each of one rail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

MOST_METHODS = 10
_SHOWN = 4


class PayoutMethod(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bank account: whose it is, its number, and the bank where the number alone does not say."""

    rail: Literal["bank_file"]
    holder: str
    account: str
    bank: str | None = None


def masked(account: str) -> str:
    """An account's number as it is shown: its last 4 characters."""
    return "****" + account[-_SHOWN:]


def preferred(methods: Mapping[str, dict[str, Any]]) -> str | None:
    """The method for payouts that nobody asks for: the one called `default`, else the first by name. None without any."""
    return "default" if "default" in methods else min(methods, default=None)


def snapshot(method_id: str, method: Mapping[str, Any]) -> dict[str, str]:
    """The method as a payout keeps it: what is changed later does not redirect money that is on its way."""
    return {"id": method_id, **{name: value for name, value in method.items() if value is not None}}
