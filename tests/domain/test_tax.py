"""Tax withheld, by the printed examples: China per occurrence and cumulative, American backup withholding."""

import pytest

from chalicelib.domain.errors import Refused
from chalicelib.domain.plans import PayoutRules, Plan, Rule, check
from chalicelib.domain.tax import (
    SCOPE,
    Standing,
    Year,
    backup,
    cumulative,
    months_worked,
    per_occurrence,
    threshold,
    withheld,
)

NOBODY = Standing()
CURRENCIES = {"none": "CNY", **{method: currency for method, (_, currency) in SCOPE.items()}}


def paid(method, *payouts, standing=NOBODY, last=Year()):  # noqa: B008
    """The tax of each of these payouts, `(month, gross)` one after the other, in cents."""
    this, taxes = Year(), []
    for month, gross in payouts:
        taxes.append(withheld(method, gross, CURRENCIES[method], month, standing, this, last))
        this = after(this, month[5:], gross, taxes[-1])
    return taxes


def after(this, month, gross, tax):
    return Year(
        gross={**this.gross, month: this.gross.get(month, 0) + gross},
        tax={**this.tax, month: this.tax.get(month, 0) + tax},
    )


# ------------------------------------------------------------------ China, per occurrence


@pytest.mark.parametrize(
    ("income", "tax"),
    [
        (0, 0),
        (800, 0),
        (2_000, 240),
        (4_000, 640),
        (5_000, 800),
        (25_000, 4_000),
        (30_000, 5_200),
        (60_000, 12_400),
        (62_500, 13_000),
        (100_000, 25_000),
    ],
)
def test_china_per_occurrence(income, tax):
    assert per_occurrence(income * 100) == tax * 100
    assert paid("cn_per_occurrence", ("2026-11", income * 100)) == [tax * 100]


def test_a_month_is_one_occurrence_however_it_is_split():
    quarters = [("2026-11", 1_000_00)] * 4

    assert sum(paid("cn_per_occurrence", *quarters)) == 640_00
    assert paid("cn_per_occurrence", *quarters) == [40_00, 200_00, 200_00, 200_00]


def test_the_next_month_is_another_occurrence():
    assert paid("cn_per_occurrence", ("2026-11", 2_000_00), ("2026-12", 2_000_00)) == [240_00, 240_00]


@pytest.mark.parametrize(
    ("cents", "tax"),
    [(800_02, 0), (800_03, 1), (800_07, 1), (800_08, 2), (4_000_01, 640_00), (4_000_03, 640_00), (4_000_04, 640_01)],
)
def test_a_half_cent_is_rounded_up(cents, tax):
    assert per_occurrence(cents) == tax


def test_china_has_no_jump_at_the_end_of_a_bracket():
    for edge in (800_00, 4_000_00, 25_000_00, 62_500_00):
        assert 0 <= per_occurrence(edge + 1) - per_occurrence(edge) <= 1


# ------------------------------------------------------------------ China, cumulative


@pytest.mark.parametrize(
    ("monthly", "taxes"),
    [
        (5_000, [0] * 12),
        (10_000, [90] * 12),
        (30_000, [570, 710, *[1_900] * 5, 2_700, *[3_800] * 4]),
    ],
)
def test_china_cumulative_over_a_year(monthly, taxes):
    months = [(f"2026-{n:02d}", monthly * 100) for n in range(1, 13)]

    assert paid("cn_cumulative", *months) == [tax * 100 for tax in taxes]


def test_the_two_chinese_methods_over_the_year_of_the_example():
    months = [(f"2026-{n:02d}", 30_000_00) for n in range(1, 13)]

    assert sum(paid("cn_cumulative", *months)) == 28_680_00
    assert sum(paid("cn_per_occurrence", *months)) == 62_400_00


@pytest.mark.parametrize(
    ("taxable", "tax"),
    [
        (36_000, 1_080),
        (144_000, 11_880),
        (300_000, 43_080),
        (420_000, 73_080),
        (660_000, 145_080),
        (960_000, 250_080),
        (1_000_000, 268_080),
    ],
)
def test_the_brackets_of_the_cumulative_method(taxable, tax):
    """Table 1 of the withholding rates: the tax at the top of each bracket, the same from both sides."""
    income = (taxable + 5_000) * 5 // 4 * 100

    assert cumulative(income, 1) == tax * 100
    assert 0 <= cumulative(income + 5, 1) - tax * 100 <= 2


def test_several_payouts_of_a_month_deduct_its_5000_once():
    assert paid("cn_cumulative", ("2026-01", 10_000_00), ("2026-01", 10_000_00)) == [90_00, 240_00]


def test_after_a_month_without_a_payout_the_deductions_begin_anew():
    this = Year(gross={"01": 1, "02": 1, "03": 1, "05": 1})

    assert [months_worked(f"2026-{n:02d}", None, this) for n in (1, 3, 4, 5, 6, 7)] == [1, 3, 4, 1, 2, 1]


def test_staff_may_say_since_when_there_is_no_gap():
    since = [months_worked("2026-08", first, Year()) for first in ("2025-11", "2026-01", "2026-03", "2026-08")]

    assert since == [8, 8, 6, 1]
    assert months_worked("2026-08", "2026-09", Year()) == 1
    assert months_worked("2026-08", "2027-01", Year()) == 1


def test_more_months_never_cost_more_and_what_was_withheld_too_much_stays():
    gap = [("2026-01", 10_000_00), ("2026-03", 10_000_00)]

    assert paid("cn_cumulative", *gap) == [90_00, 240_00]
    assert paid("cn_cumulative", *gap, standing=Standing(first_month="2026-01")) == [90_00, 0]


# ------------------------------------------------------------------ United States


def test_backup_withholding_begins_with_the_payment_that_reaches_the_threshold():
    assert paid("us_backup", ("2026-01", 1_500_00), ("2026-02", 700_00)) == [0, 168_00]
    assert paid("us_backup", ("2026-01", 1_999_99), ("2026-02", 1), ("2026-03", 100_00)) == [0, 0, 24_00]


@pytest.mark.parametrize(("year", "dollars"), [(2020, 600), (2025, 600), (2026, 2_000), (2027, 2_000), (2099, 2_000)])
def test_the_threshold_is_that_of_the_year_of_payment(year, dollars):
    assert threshold(year) == dollars * 100
    assert backup(dollars * 100, year, Year(), Year()) == dollars * 24
    assert backup(dollars * 100 - 1, year, Year(), Year()) == 0


@pytest.mark.parametrize(
    ("last", "tax"),
    [
        (Year(gross={"12": 600_00}), 24),
        (Year(gross={"12": 599_99}), 0),
        (Year(gross={"12": 1_00}, tax={"12": 24}), 24),
    ],
)
def test_a_year_that_was_reported_or_withheld_makes_the_next_begin_with_the_first_dollar(last, tax):
    assert paid("us_backup", ("2026-01", 1_00), last=last) == [tax]


def test_with_a_taxpayer_number_on_file_nothing_is_withheld():
    known = Standing(tin_on_file=True)

    assert paid("us_backup", ("2026-01", 10_000_00), standing=known) == [0]
    assert withheld("us_backup", 10_000_00, "EUR", "2026-01", known, Year(), Year()) == 0


# ------------------------------------------------------------------ all


def test_without_a_method_nothing_is_withheld():
    assert paid("none", ("2026-11", 100_000_00)) == [0]


@pytest.mark.parametrize("method", SCOPE)
def test_another_currency_than_the_method_s_is_refused(method):
    with pytest.raises(Refused) as error:
        withheld(method, 1, "EUR", "2026-11", NOBODY, Year(), Year())

    assert (error.value.code, error.value.params) == ("TAX_CURRENCY", {"currency": "EUR"})


def test_what_was_withheld_too_much_is_never_given_back_by_a_payout():
    this = Year(gross={"11": 1_000_00}, tax={"11": 500_00})

    assert withheld("cn_per_occurrence", 1_000_00, "CNY", "2026-11", NOBODY, this, Year()) == 0
    assert withheld("cn_per_occurrence", 3_000_00, "CNY", "2026-11", NOBODY, this, Year()) == 140_00


def test_a_plan_names_a_method_only_for_its_own_country():
    check(
        Plan(direct=Rule(rate="0.1"), payout=PayoutRules(tax={"CN": "cn_cumulative", "US": "us_backup", "DE": "none"}))
    )
    with pytest.raises(Refused) as error:
        check(Plan(direct=Rule(rate="0.1"), payout=PayoutRules(tax={"US": "cn_cumulative"})))

    assert [(fault.path, fault.code, fault.params) for fault in error.value.faults] == [
        ("payout.tax.US", "PLAN_TAX_COUNTRY", {"method": "cn_cumulative", "country": "CN"})
    ]
