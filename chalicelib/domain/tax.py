"""Tax withheld from payouts: on the running total of what one payer pays one payee, less what was withheld already.

`cn_per_occurrence` (劳务报酬; what is paid within a month is one occurrence, 个人所得税法实施条例 art. 14), `cn_cumulative`
(国家税务总局公告 2025 年第 16 号, for platforms, from 2025-10-01) and `us_backup` (26 U.S.C. 3406). Income is the gross
amount of the payouts, on the day on which they are made. Chinese tax is rounded half up to the cent once, on the whole
total, so it does not matter how a total was split; American tax is rounded half up for each payout.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from msgspec import Struct, field

from chalicelib.domain.errors import Fault, Refused
from chalicelib.domain.money import rounded

Method = Literal["none", "cn_per_occurrence", "cn_cumulative", "us_backup"]
SCOPE: dict[Method, tuple[str, str]] = {
    "cn_per_occurrence": ("CN", "CNY"),
    "cn_cumulative": ("CN", "CNY"),
    "us_backup": ("US", "USD"),
}
"""Whose payees a method is for, and the one currency that its amounts are in."""

_Brackets = tuple[tuple[int | None, Fraction, int], ...]
"""(up to, rate, quick deduction) in cents: tax = taxable * rate - deduction."""

_OCCURRENCE: _Brackets = (
    (20_000_00, Fraction(20, 100), 0),
    (50_000_00, Fraction(30, 100), 2_000_00),
    (None, Fraction(40, 100), 7_000_00),
)
_CUMULATIVE: _Brackets = (
    (36_000_00, Fraction(3, 100), 0),
    (144_000_00, Fraction(10, 100), 2_520_00),
    (300_000_00, Fraction(20, 100), 16_920_00),
    (420_000_00, Fraction(25, 100), 31_920_00),
    (660_000_00, Fraction(30, 100), 52_920_00),
    (960_000_00, Fraction(35, 100), 85_920_00),
    (None, Fraction(45, 100), 181_920_00),
)
_MONTHLY_DEDUCTION = 5_000_00
_BACKUP_RATE = Fraction(24, 100)
_BACKUP_THRESHOLD = {0: 600_00, 2026: 2_000_00}
"""From which year on which total of a year is reportable, in cents (Pub. L. 119-21 sec. 70433). It rises with inflation from
2027: until a year has its own line the last one holds, which withholds rather too early than too late."""


class Year(Struct, frozen=True, kw_only=True):
    """What a payee was paid in a calendar year, and what was withheld of it: by month (`01` to `12`), in minor units of one
    currency. Failed, returned and rejected payouts are not in it. `version` changes with every change."""

    version: int = 0
    gross: dict[str, int] = field(default_factory=dict)
    tax: dict[str, int] = field(default_factory=dict)


class Standing(Struct, frozen=True, kw_only=True):
    """What a payee's tax depends on besides money. `tin_on_file`: the payer has their US taxpayer number. `first_month`
    (`2026-03`): since when they have worked without a gap, for `cn_cumulative`; None to go by the payouts."""

    tin_on_file: bool = False
    first_month: str | None = None


def withheld(method: Method, gross: int, currency: str, month: str, standing: Standing, this: Year, last: Year) -> int:
    """The tax of a payout of `gross` that is made in `month` (`2026-11`), in minor units; never negative.

    `this` is its year without it, `last` the year before. Chinese tax that was withheld too much, because a payout failed
    after others had been taxed on top of it, makes later payouts of the period cheaper. Raises `Refused`
    (`TAX_CURRENCY`) where tax could be due and the currency is not the method's: there is no rate to convert by.
    """
    if method == "none" or (method == "us_backup" and standing.tin_on_file):
        return 0
    if currency != SCOPE[method][1]:
        raise Refused("TAX_CURRENCY", Fault("currency", "TAX_CURRENCY", {"currency": currency}), currency=currency)
    if method == "us_backup":
        return backup(gross, int(month[:4]), this, last)
    number = month[5:]
    if method == "cn_per_occurrence":
        due, already = per_occurrence(this.gross.get(number, 0) + gross), this.tax.get(number, 0)
    else:
        months = months_worked(month, standing.first_month, this)
        due, already = cumulative(sum(this.gross.values()) + gross, months), sum(this.tax.values())
    return max(0, due - already)


def per_occurrence(income: int) -> int:
    """Chinese tax on a month's income from services, in cents. Nothing up to 800 yuan; 800 are free up to 4 000, a fifth is
    above."""
    taxable = Fraction(income) * 4 / 5 if income > 4_000_00 else Fraction(max(0, income - 800_00))
    return _by(_OCCURRENCE, taxable)


def cumulative(income: int, months: int) -> int:
    """Chinese tax on a year's income so far from services on a platform, in cents: a fifth of it is free, and 5 000 yuan
    for each month."""
    return _by(_CUMULATIVE, max(Fraction(0), Fraction(income) * 4 / 5 - _MONTHLY_DEDUCTION * months))


def months_worked(month: str, first_month: str | None, this: Year) -> int:
    """For how many months without a gap, up to `month` and within its year, a payee has worked.

    Since `first_month` where that is said. Else a month without a payout is a gap, and the count begins anew after it: of
    the readings that No. 16 leaves open, the one that never withholds too little.
    """
    number = int(month[5:])
    if first_month:
        since = max(first_month, f"{month[:4]}-01")
        return max(1, number - int(since[5:]) + 1) if since[:4] == month[:4] else 1
    worked = 1
    while this.gross.get(f"{number - worked:02d}", 0) > 0:
        worked += 1
    return worked


def threshold(year: int) -> int:
    """From which total of a year on payments are reportable in the US, in cents."""
    return _BACKUP_THRESHOLD[max(start for start in _BACKUP_THRESHOLD if start <= year)]


def backup(gross: int, year: int, this: Year, last: Year) -> int:
    """American backup withholding on a payment to a payee without a taxpayer number, in cents: on the payment with which the
    year reaches the threshold and on all later ones; on every one if last year did (26 U.S.C. 3406(b)(6))."""
    before = sum(last.gross.values()) >= threshold(year - 1) or sum(last.tax.values()) > 0
    reached = sum(this.gross.values()) + gross >= threshold(year)
    return rounded(_BACKUP_RATE * gross, "half_up") if before or reached else 0


def _by(brackets: _Brackets, taxable: Fraction) -> int:
    rate, deduction = next((rate, less) for limit, rate, less in brackets if limit is None or taxable <= limit)
    return rounded(taxable * rate - deduction, "half_up")
