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
from chalicelib.domain.tax import Year, withheld
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
    year, waits = int(month_of(payout)[:4]), pauses()
    while True:
        if not is_taxed(payout, rules):
            return payouts.create(payout, also(payout)), payout
        seen = tax_years.years(payee.id, payout.currency, year)
        payout = taxed(payout, payee, rules, seen)
        outcome = payouts.create(payout, [*tax_years.added(payout, seen[0]), *also(payout)])
        if outcome != "changed" or seen == tax_years.years(payee.id, payout.currency, year):
            return outcome, payout
        next(waits)


def is_taxed(payout: Payout, rules: PayoutRules) -> bool:
    """Whether the plan has a method for the payee's country."""
    return rules.tax.get(payout.country, "none") != "none"


def month_of(payout: Payout) -> str:
    """The month (`2026-11`) in whose totals the payout stands: that of its creation in the program's time zone."""
    return day_of(payout.created_at, settings().time_zone)[:7]


def taxed(payout: Payout, payee: Distributor, rules: PayoutRules, seen: tuple[Year, Year]) -> Payout:
    """The payout with its tax on top of the totals that were `seen`: of its year and of the year before. Raises
    `Refused`."""
    month = month_of(payout)
    method = rules.tax.get(payout.country, "none")
    tax = withheld(method, payout.gross, payout.currency, month, payee.tax_standing(), *seen)
    payout = structs.replace(payout, tax=tax, tax_month=month)
    if not worth_paying(payout.amounts, 1):
        raise Refused("TAX_TAKES_ALL", Fault("amount", "TAX_TAKES_ALL"))
    return payout
