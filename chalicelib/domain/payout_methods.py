"""Where a distributor's money goes: named ways to be paid, each of one rail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

MOST_METHODS = 10
_SHOWN = 4


Rail = Literal["alipay", "bank_file", "paypal", "stripe", "wechatpay", "wise"]


class PayoutMethod(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where money goes: the `rail`, the `holder`'s name, and the `account` there: a bank account's number or IBAN (`bank`
    where the number alone does not say), a Stripe account (`acct_…`), PayPal's e-mail address, an openid, Alipay's identity
    or a Wise recipient. `kind`: what the account is, where a rail knows several."""

    rail: Rail
    holder: str
    account: str
    bank: str | None = None
    kind: str | None = None


def masked(account: str) -> str:
    """An account's number as it is shown: its last 4 characters."""
    return "****" + account[-_SHOWN:]


def preferred(methods: Mapping[str, dict[str, Any]]) -> str | None:
    """The method for payouts that nobody asks for: the one called `default`, else the first by name. None without any."""
    return "default" if "default" in methods else min(methods, default=None)


def snapshot(method_id: str, method: Mapping[str, Any]) -> dict[str, str]:
    """The method as a payout keeps it: what is changed later does not redirect money that is on its way."""
    return {"id": method_id, **{name: value for name, value in method.items() if value is not None}}
