"""Distributors who are paid through rails: what they earned, where they want it, and payouts of it."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain import accounts
from chalicelib.domain.buckets import day_of
from chalicelib.domain.payout_methods import PayoutMethod, checked, snapshot
from chalicelib.domain.payouts import Payout, Step, amounts
from chalicelib.settings import settings
from chalicelib.store import keys, payouts, sealed, sums
from chalicelib.store.items import to_item
from chalicelib.store.transactions import transact

CURRENCIES = {
    "alipay": ("CNY",),
    "paypal": ("USD", "EUR", "GBP"),
    "stripe": ("USD", "EUR", "JPY"),
    "wechatpay": ("CNY",),
    "wise": ("USD", "EUR", "GBP"),
}
FEE_RATE = "0.01"


def method(rail: str, n: int) -> PayoutMethod:
    """Where the distributor of this number wants it: an account of nobody else's."""
    account = {
        "alipay": f"2088{n:012d}",
        "paypal": f"payee{n}@example.com",
        "stripe": f"acct_payee{n:05d}",
        "wechatpay": f"o{n:027d}",
        "wise": str(40_000_000 + n),
    }[rail]
    return checked(PayoutMethod(rail=rail, holder="张三", account=account))  # type: ignore[arg-type]


def earn(owner: str, currency: str, amount: int, now: datetime) -> None:
    """Money that became available at once, brought by the operator's own account `bank:shop`."""
    account, day = accounts.distributor(owner, currency), day_of(now, settings().time_zone)
    line = {"account": account, "at": keys.entry(now, owner, "start"), "kind": "commission", "amount": amount}
    writes = [
        sums.balance(account, {"available": amount}),
        sums.total(accounts.bank("shop", currency), day, -amount),
        {"Put": {"TableName": settings().ledger_table, "Item": to_item(line)}},
    ]
    assert transact(writes) is None


def payout(name: str, owner: str, currency: str, gross: int, to: PayoutMethod, now: datetime) -> Payout:
    """A new payout, approved; its money is set aside."""
    of = amounts(gross, FEE_RATE)
    made = Payout(
        id=name,
        distributor_id=owner,
        country="US",
        currency=currency,
        gross=gross,
        fee=of.fee,
        tax=of.tax,
        rail=to.rail,
        method=snapshot("default", sealed.sealed_method(owner, to)),
        state="approved",
        history=(Step(at=now, to="approved", by="staff:1"),),
        requested_by="staff:1",
        created_at=now,
    )
    assert payouts.create(made) == "created"
    return made
