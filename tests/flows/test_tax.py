"""Tax withheld from payouts that are really made: the running totals, the books and the year's statement."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain import accounts
from chalicelib.domain.errors import NotFound, Refused
from chalicelib.domain.payouts import Payout
from chalicelib.domain.tax import Standing, per_occurrence
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.report_results import Result, report_results
from chalicelib.flows.set_tax_standing import set_tax_standing
from chalicelib.flows.verify import verify
from chalicelib.settings import settings
from chalicelib.store import distributors, keys, payouts, tax_years
from tests.flows.money_out import (
    EVENT,
    NOW,
    RUN,
    all_payouts,
    american,
    ask,
    balance,
    check_books,
    earned,
    hooked,
    joined,
    plan,
    reject,
    rows,
    run,
    running_totals,
)

pytestmark = pytest.mark.usefixtures("cloud")
CN, CUMULATIVE, US = {"CN": "cn_per_occurrence"}, {"CN": "cn_cumulative"}, {"US": "us_backup"}


# ------------------------------------------------------------------ withheld


def test_tax_is_kept_back_in_the_payout_and_in_the_books() -> None:
    plan(fee_rate="0.01", tax=CN)
    earned(joined("d_1"), 5_000_00)

    payout = ask("d_1", 2_000_00)

    assert (payout.gross, payout.fee, payout.tax, payout.net) == (2_000_00, 20_00, 240_00, 1_740_00)
    assert payouts.existing(payout.id) == payout
    assert balance("d_1") == {"available": 3_000_00, "in_flight": 2_000_00, "paid": 0}
    days = [row for row in rows(settings().ledger_table) if row["account"] == accounts.tax("CN", "CNY")]
    shard = keys.shard(accounts.distributor("d_1", "CNY"))
    assert [(row["at"], row["amount"]) for row in days] == [(f"DAY#2026-11-21#{shard}", 240_00)]
    check_books()


def test_four_payouts_of_a_month_are_taxed_as_one() -> None:
    plan(tax=CN)
    earned(joined("d_1"), 4_000_00)

    assert [ask("d_1", 1_000_00).tax for _ in range(4)] == [40_00, 200_00, 200_00, 200_00]
    check_books()


def test_a_month_is_that_of_the_program_s_time_zone() -> None:
    plan(tax=CN)
    earned(joined("d_1"), 6_000_00)
    last_second = datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC)

    taxes = [ask("d_1", 2_000_00, at=last_second + timedelta(seconds=n)).tax for n in (0, 1, 1)]

    assert taxes == [240_00, 240_00, 400_00]


def test_the_cumulative_method_counts_the_year() -> None:
    plan(tax=CUMULATIVE)
    earned(joined("d_1"), 400_000_00)
    months = [datetime(2026, n, 10, tzinfo=UTC) for n in range(1, 13)]

    taxes = [ask("d_1", 30_000_00, at=month).tax // 100 for month in months]

    assert taxes == [570, 710, *[1_900] * 5, 2_700, *[3_800] * 4]
    assert ask("d_1", 30_000_00, at=datetime(2027, 1, 10, tzinfo=UTC)).tax == 570_00
    check_books()


def test_since_when_somebody_works_may_be_said() -> None:
    plan(tax=CUMULATIVE)
    for name in ("d_1", "d_2"):
        earned(joined(name), 20_000_00)
        ask(name, 10_000_00, at=datetime(2026, 1, 10, tzinfo=UTC))
    set_tax_standing("d_2", Standing(first_month="2026-01"), "staff:f", NOW)

    assert [ask(name, 10_000_00, at=datetime(2026, 3, 10, tzinfo=UTC)).tax for name in ("d_1", "d_2")] == [240_00, 0]


def test_backup_withholding_ends_with_a_number_on_file() -> None:
    plan(tax=US)
    earned(american("d_us"), 5_000_00, "USD")

    taxes = [ask("d_us", amount, "USD").tax for amount in (1_500_00, 700_00, 100_00)]
    set_tax_standing("d_us", Standing(tin_on_file=True), "staff:f", NOW)

    assert taxes == [0, 168_00, 24_00]
    assert ask("d_us", 1_000_00, "USD").tax == 0
    assert sum(row["amount"] for row in rows(settings().ledger_table) if row["account"] == "tax:US:USD") == 192_00
    check_books()


def test_a_payee_of_a_country_without_a_method_pays_no_tax() -> None:
    plan(tax=CN)
    earned(american("d_us"), 5_000_00)

    payout = ask("d_us", 5_000_00)

    assert (payout.tax, payout.tax_month) == (0, None)
    assert running_totals() == {}
    reject(payout)
    assert running_totals() == {}
    check_books()


def test_a_currency_that_the_method_does_not_know_is_refused() -> None:
    plan(tax={**CN, **US})
    earned(joined("d_1"), 5_000_00, "USD")
    earned(american("d_us"), 5_000_00, "EUR")

    for name, currency in (("d_1", "USD"), ("d_us", "EUR")):
        with pytest.raises(Refused) as error:
            ask(name, 1_000_00, currency)
        assert (error.value.code, error.value.faults[0].path) == ("TAX_CURRENCY", "currency")

    set_tax_standing("d_us", Standing(tin_on_file=True), "staff:f", NOW)
    assert ask("d_us", 1_000_00, "EUR").tax == 0
    check_books()


def test_a_payout_that_tax_and_fee_would_eat_is_refused() -> None:
    plan(fee_rate="0.9", tax=CN)
    earned(joined("d_1"), 100_000_00)

    with pytest.raises(Refused) as error:
        ask("d_1", 100_000_00)

    assert (error.value.code, error.value.faults[0].path) == ("TAX_TAKES_ALL", "amount")
    assert ask("d_1", 800_00).net == 80_00
    check_books()


def test_nothing_is_paid_where_tax_would_take_all() -> None:
    """Since when somebody works was said wrong: the tax that was not withheld is due at once."""
    plan(tax=CUMULATIVE)
    earned(joined("d_1"), 100_000_00)
    set_tax_standing("d_1", Standing(first_month="2026-01"), "staff:f", NOW)
    assert ask("d_1", 60_000_00).tax == 0
    set_tax_standing("d_1", Standing(), "staff:f", NOW)

    with pytest.raises(Refused) as error:
        ask("d_1", 1_000_00)

    assert error.value.code == "TAX_TAKES_ALL"
    assert ask("d_1", 10_000_00).tax == 2_580_00
    check_books()


def test_the_daily_run_withholds_and_passes_over_what_it_cannot_tax() -> None:
    plan(tax=CN)
    earned(joined("d_1"), 2_000_00)
    earned("d_1", 2_000_00, "USD")

    settlement = run()

    assert settlement.amounts == {"CNY": 1_760_00}
    assert {payout.id: payout.tax for payout in all_payouts().values()} == {f"po_{RUN}_d_1_CNY": 240_00}
    assert balance("d_1", "USD")["available"] == 2_000_00
    assert run() == settlement
    check_books()


# ------------------------------------------------------------------ put back


def test_a_payout_that_comes_back_takes_its_income_and_its_tax_along() -> None:
    plan(tax=CN)
    earned(joined("d_1"), 10_000_00)
    first, second = ask("d_1", 2_000_00), ask("d_1", 2_000_00)
    assert (first.tax, second.tax) == (240_00, 400_00)

    reject(first)
    check_books()

    assert running_totals() == {("tax#d_1#CNY#2026", "gross_11"): 2_000_00, ("tax#d_1#CNY#2026", "tax_11"): 400_00}
    assert ask("d_1", 2_000_00).tax == per_occurrence(4_000_00) - 400_00
    check_books()


def test_what_was_withheld_too_much_makes_later_payouts_cheaper_and_never_negative() -> None:
    plan(tax=CN)
    earned(joined("d_1"), 10_000_00)
    first = ask("d_1", 3_000_00)
    assert ask("d_1", 1_000_00).tax == 200_00
    reject(first)

    taxes = [ask("d_1", 500_00).tax for _ in range(4)]

    assert taxes == [0, 40_00, 100_00, 100_00]
    assert 200_00 + sum(taxes) == per_occurrence(3_000_00)
    check_books()


@pytest.mark.parametrize("outcome", ["failed", "returned"])
def test_the_bank_s_answer_takes_it_out_once(outcome: Any) -> None:
    plan(tax=CN)
    earned(joined("d_1"), 2_000_00)
    run()
    result = Result(payout_id=f"po_{RUN}_d_1_CNY", outcome=outcome)
    if outcome == "returned":
        report_results([Result(payout_id=result.payout_id, outcome="paid")], "staff:f", EVENT)
        assert running_totals() == {("tax#d_1#CNY#2026", "gross_11"): 2_000_00, ("tax#d_1#CNY#2026", "tax_11"): 240_00}

    for _ in range(2):
        report_results([result], "staff:f", EVENT)

    assert running_totals() == {}
    assert balance("d_1") == {"available": 2_000_00, "in_flight": 0, "paid": 0}
    check_books()


def test_it_leaves_the_month_in_which_it_was_made() -> None:
    plan(tax=CN)
    earned(joined("d_1"), 10_000_00)
    november = ask("d_1", 2_000_00)
    later = NOW + timedelta(days=20)
    ask("d_1", 2_000_00, at=later)

    decide_payout(november.id, "rejected", "staff:checker", later, "no")

    assert running_totals() == {("tax#d_1#CNY#2026", "gross_12"): 2_000_00, ("tax#d_1#CNY#2026", "tax_12"): 240_00}
    check_books()


# ------------------------------------------------------------------ at once


def test_two_at_once_do_not_see_the_same_total() -> None:
    plan(tax=CN)
    earned(joined("d_1"), 10_000_00)
    between: list[Payout] = []

    def other(model: Any, **_: Any) -> None:
        if model.name == "TransactWriteItems" and not between:
            between.append(None)  # type: ignore[arg-type]
            between[0] = ask("d_1", 2_000_00)

    with hooked(other):
        mine = ask("d_1", 2_000_00)

    assert (between[0].tax, mine.tax) == (240_00, 400_00)
    check_books()


def test_a_failure_in_between_is_seen_too() -> None:
    plan(tax=CN)
    earned(joined("d_1"), 10_000_00)
    first = ask("d_1", 2_000_00)
    between: list[Payout] = []

    def other(model: Any, **_: Any) -> None:
        if model.name == "TransactWriteItems" and not between:
            between.append(first)
            reject(first)

    with hooked(other):
        assert ask("d_1", 2_000_00).tax == 240_00
    check_books()


def test_the_same_request_is_taxed_once() -> None:
    plan(tax=CN)
    earned(joined("d_1"), 10_000_00)

    assert ask("d_1", 2_000_00, once="a" * 64) == ask("d_1", 2_000_00, once="a" * 64)
    assert running_totals()["tax#d_1#CNY#2026", "gross_11"] == 2_000_00
    check_books()


# ------------------------------------------------------------------ the items of the running totals


def test_running_totals_are_no_payouts() -> None:
    plan(tax=CN)
    earned(joined("d_1"), 10_000_00)
    payout = ask("d_1", 2_000_00)

    assert payouts.of_distributor("d_1", 10, None)[0] == [payout]
    assert payouts.unfinished(None, 10, None)[0] == [payout]
    assert payouts.get(f"{tax_years.PREFIX}d_1#CNY#2026") is None
    assert [each for each in verify(NOW).mismatches if each.what in ("in_flight", "paid")] == []


def test_what_a_tax_depends_on_is_kept_and_audited() -> None:
    joined("d_1")
    assert distributors.get("d_1").tax_standing() == Standing()  # type: ignore[union-attr]

    for standing in (
        Standing(tin_on_file=True, first_month="2026-03"),
        Standing(tin_on_file=True, first_month="2026-03"),
        Standing(first_month="2026-04"),
        Standing(),
    ):
        set_tax_standing("d_1", standing, "staff:f", NOW)
        assert distributors.get("d_1").tax_standing() == standing  # type: ignore[union-attr]

    records = [row for row in rows(settings().audit_table) if row["action"] == "distributor.tax"]
    assert [(row["who"], row["object"]) for row in records] == [("staff:f", "distributor:d_1")] * 3
    with pytest.raises(NotFound):
        set_tax_standing("d_x", Standing(), "staff:f", NOW)


def test_a_change_that_comes_in_between_is_not_lost() -> None:
    known = distributors.get(joined("d_1"))
    set_tax_standing("d_1", Standing(tin_on_file=True), "staff:f", NOW)

    assert known is not None
    assert not distributors.set_tax_standing(known, Standing(first_month="2026-01"))
