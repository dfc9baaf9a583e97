"""The tax that should be withheld from each payout, from the statutes alone: a second calculation, in whole cents.

China: 个人所得税法实施条例 art. 14 (services, by the month), 国家税务总局公告 2025 年第 16 号 (platforms, by the year).
United States: 26 U.S.C. 3406. Rounded half up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

_MONTHLY = ((2_000_000, "0.2", 0), (5_000_000, "0.3", 200_000), (None, "0.4", 700_000))
_YEARLY = (
    (3_600_000, "0.03", 0),
    (14_400_000, "0.1", 252_000),
    (30_000_000, "0.2", 1_692_000),
    (42_000_000, "0.25", 3_192_000),
    (66_000_000, "0.3", 5_292_000),
    (96_000_000, "0.35", 8_592_000),
    (None, "0.45", 18_192_000),
)
_REPORTABLE_CENTS = 200_000
"""What a year must reach in the US, from 2026 on."""
CURRENCY = {"cn_per_occurrence": "CNY", "cn_cumulative": "CNY", "us_backup": "USD"}


@dataclass
class Payee:
    """What somebody was paid and what was withheld, by month (`2028-02`)."""

    gross: Counter[str] = field(default_factory=Counter)
    tax: Counter[str] = field(default_factory=Counter)

    def add(self, month: str, gross: int, tax: int, sign: int = 1) -> None:
        self.gross[month] += sign * gross
        self.tax[month] += sign * tax

    def due(self, method: str, month: str, gross: int, has_number: bool) -> int:
        """The tax of the next payout of `gross` in this month."""
        match method:
            case "cn_per_occurrence":
                income = self.gross[month] + gross
                taxable = Decimal(income) * 4 / 5 if income > 400_000 else Decimal(max(0, income - 80_000))
                return max(0, _bracket(_MONTHLY, taxable) - self.tax[month])
            case "cn_cumulative":
                income = self._year(self.gross, month[:4]) + gross
                taxable = Decimal(income) * 4 / 5 - 500_000 * self._months(month)
                return max(0, _bracket(_YEARLY, max(Decimal(0), taxable)) - self._year(self.tax, month[:4]))
            case "us_backup" if not has_number:
                year, before = month[:4], str(int(month[:4]) - 1)
                last = self._year(self.gross, before) >= _REPORTABLE_CENTS or self._year(self.tax, before) > 0
                reached = self._year(self.gross, year) + gross >= _REPORTABLE_CENTS
                return _rounded(Decimal(gross) * 24 / 100) if last or reached else 0
        return 0

    def _year(self, of: Counter[str], year: str) -> int:
        return sum(amount for month, amount in of.items() if month.startswith(year))

    def _months(self, month: str) -> int:
        """How many months of the year up to this one had a payout without a gap."""
        worked, number = 1, int(month[5:])
        while number > worked and self.gross[f"{month[:5]}{number - worked:02d}"] > 0:
            worked += 1
        return worked


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def _bracket(brackets: tuple[tuple[int | None, str, int], ...], taxable: Decimal) -> int:
    for limit, rate, less in brackets:
        if limit is None or taxable <= limit:
            return _rounded(taxable * Decimal(rate) - less)
    raise AssertionError
