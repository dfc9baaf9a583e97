"""A payout is made with the tax of its payee withheld."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from msgspec import structs

from chalicelib.domain.buckets import day_of
from chalicelib.domain.errors import Fault, Refused
from chalicelib.domain.payouts import Payout, worth_paying
from chalicelib.domain.people import Distributor
from chalicelib.domain.plans import PayoutRules
from chalicelib.domain.tax import withheld
from chalicelib.settings import settings
from chalicelib.store import payouts, tax_years
from chalicelib.store.transactions import pauses


def create_taxed(
    payout: Payout,
    payee: Distributor,
    rules: PayoutRules,
    also: Callable[[Payout], list[dict[str, Any]]] = lambda payout: [],
) -> tuple[Literal["created", "exists", "not_enough", "changed"], Payout]:
    """Stores a new payout with the tax that the method of its country asks for; the outcome is that of `payouts.create`.

    `also` gives the writes that go into the same transaction, for the payout as it is stored; `changed`: a condition of
    theirs failed.

    The tax follows the payee's running totals, in the month of the payout's creation in the program's time zone: of two
    payouts at once the second is computed anew on top of the first. Raises `Refused`: `TAX_CURRENCY` for a currency that
    the method does not know, `TAX_TAKES_ALL` if nothing would be left for the payee.
    """
    method, month = rules.tax.get(payout.country, "none"), day_of(payout.created_at, settings().time_zone)[:7]
    waits = pauses()
    while True:
        if method == "none":
            return payouts.create(payout, also(payout)), payout
        this, last = tax_years.years(payee.id, payout.currency, int(month[:4]))
        tax = withheld(method, payout.gross, payout.currency, month, payee.tax_standing(), this, last)
        payout = structs.replace(payout, tax=tax, tax_month=month)
        if not worth_paying(payout.amounts, 1):
            raise Refused("TAX_TAKES_ALL", Fault("amount", "TAX_TAKES_ALL"))
        outcome = payouts.create(payout, [*tax_years.added(payout, this), *also(payout)])
        if outcome != "changed" or (this, last) == tax_years.years(payee.id, payout.currency, int(month[:4])):
            return outcome, payout
        next(waits)
