"""Where a distributor's money goes: named ways to be paid, each of one rail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, structs

from chalicelib.domain import bank_accounts
from chalicelib.domain.contacts import masked_email, normalise_email, normalise_phone
from chalicelib.domain.errors import Fault, Refused

MOST_METHODS = 10
_SHOWN = 4


Rail = Literal["alipay", "bank_file", "paypal", "stripe", "wechatpay", "wise"]
Kind = Literal["iban", "us_bank", "cn_card", "number", "user_id", "open_id", "logon_id"]

_KINDS: dict[str, tuple[Kind, ...]] = {
    "bank_file": ("iban", "us_bank", "cn_card", "number"),
    "alipay": ("user_id", "open_id", "logon_id"),
}
_FORMS = {
    "number": re.compile(r"(?=.{6,40}$)[0-9A-Za-z](?:[0-9A-Za-z -]*[0-9A-Za-z])?"),
    "user_id": re.compile(r"2088[0-9]{12}"),
    "open_id": re.compile(r"[0-9A-Za-z_-]{16,128}"),
    "stripe": re.compile(r"acct_[0-9A-Za-z_]{4,64}"),
    "wechatpay": re.compile(r"o[0-9A-Za-z_-]{27}"),
    "wise": re.compile(r"[1-9][0-9]{0,18}"),
}
"""What the rails say of their identifiers (Alipay: user ids begin with 2088; WeChat Pay: an openid has 28 characters)."""


class PayoutMethod(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where money goes: the `rail`, the `holder`'s name, and the `account` there: a bank account's number or IBAN (`bank`
    where the number alone does not say), a Stripe account (`acct_…`), PayPal's e-mail address, an openid, Alipay's identity
    or a Wise recipient. `kind`: what the account is, where a rail knows several."""

    rail: Rail
    holder: str
    account: str
    bank: str | None = None
    kind: Kind | None = None


class MethodChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A method was set: which one, when, by whom, and from when it may be paid to, if not at once."""

    at: datetime
    method_id: str
    by: str
    usable_from: datetime | None = None


def checked(method: PayoutMethod) -> PayoutMethod:
    """The method with its kind, its account spelled as the rail wants it. Raises `Refused` for what cannot be one."""
    kinds = _KINDS.get(method.rail, ())
    if method.kind is not None and method.kind not in kinds:
        figures: dict[str, str | int] = {"rail": method.rail, "kinds": ", ".join(kinds) or "-"}
        raise Refused("BAD_METHOD_KIND", Fault("kind", "BAD_METHOD_KIND", figures), **figures)
    kind = method.kind or default_kind(method.rail, method.account)
    account, bank = method.account.strip(), method.bank
    if kind == "us_bank":
        bank = _held(bank_accounts.routing_number(bank or ""), "bank", "BAD_ROUTING_NUMBER")
    if method.rail == "paypal":
        account = _held(account if normalise_email(account) else None, "account", "BAD_EMAIL")
    else:
        code = {"iban": "BAD_IBAN", "cn_card": "BAD_CARD_NUMBER"}.get(kind or "", "BAD_RAIL_ACCOUNT")
        account = _held(_spelled(account, kind or method.rail), "account", code, rail=method.rail)
    return structs.replace(method, account=account, bank=bank, kind=kind)


def _spelled(account: str, kind: str) -> str | None:
    match kind:
        case "iban":
            return bank_accounts.iban(account)
        case "us_bank":
            return bank_accounts.us_account(account)
        case "cn_card":
            return bank_accounts.card_number(account)
        case "logon_id":
            return account if normalise_email(account) or normalise_phone(account) else None
    return account if _FORMS[kind].fullmatch(account) else None


def _held(value: str | None, path: str, code: str, **figures: str | int) -> str:
    if value is None:
        raise Refused(code, Fault(path, code, figures), **figures)
    return value


def default_kind(rail: str, account: str) -> Kind | None:
    """What an account is whose kind nobody said."""
    if rail == "bank_file":
        return "iban" if bank_accounts.like_iban(account) else "number"
    return "user_id" if rail == "alipay" else None


def masked(account: str) -> str:
    """An account as it is shown: the last 4 characters of a number, the start and the domain of an e-mail address."""
    return masked_email(account) if "@" in account else "****" + account[-_SHOWN:]


def usable_from(method: Mapping[str, Any]) -> datetime | None:
    """Until when the method, as it is stored, may not be paid to because it was changed. None if it may at once."""
    return datetime.fromisoformat(method["usable_from"]) if method.get("usable_from") else None


def cooling_off(method: Mapping[str, Any], at: datetime) -> bool:
    """Whether the method may not be paid to yet."""
    since = usable_from(method)
    return since is not None and at < since


def refuse_cooling_off(method: Mapping[str, Any], at: datetime) -> None:
    """Raises `Refused` (`METHOD_COOLING_OFF`, with the time) for a method that may not be paid to yet."""
    since = usable_from(method)
    if since is not None and at < since:
        when = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        raise Refused("METHOD_COOLING_OFF", Fault("method_id", "METHOD_COOLING_OFF", {"at": when}), at=when)


def preferred(methods: Mapping[str, dict[str, Any]]) -> str | None:
    """The method for payouts that nobody asks for: the one called `default`, else the first by name. None without any."""
    return "default" if "default" in methods else min(methods, default=None)


def snapshot(method_id: str, method: Mapping[str, Any]) -> dict[str, str]:
    """The method as a payout keeps it: what is changed later does not redirect money that is on its way."""
    kept = {name: value for name, value in method.items() if value is not None and name != "usable_from"}
    return {"id": method_id, **kept}
