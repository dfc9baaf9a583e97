"""For any sequence of payouts: the parts come to the tax of the whole, and what failed was never there."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.tax import Standing, Year, cumulative, months_worked, per_occurrence, withheld

gross = st.one_of(st.integers(1, 200_000_00), st.sampled_from([1, 800_00, 800_01, 4_000_00, 4_000_01, 25_000_00]))
months = st.integers(1, 12).map(lambda n: f"2026-{n:02d}")
in_a_year = st.lists(st.tuples(months, gross), min_size=1, max_size=15).map(sorted)
METHODS = {"cn_per_occurrence": "CNY", "cn_cumulative": "CNY", "us_backup": "USD"}


class Payee:
    """Somebody who is paid, with what stands in their running totals."""

    def __init__(self, method, standing=Standing(first_month="2026-01")):  # noqa: B008
        self.method, self.standing, self.made = method, standing, []

    def totals(self):
        sums = Year()
        for month, amount, tax in self.made:
            number = month[5:]
            sums.gross[number] = sums.gross.get(number, 0) + amount
            sums.tax[number] = sums.tax.get(number, 0) + tax
        return sums

    def pay(self, month, amount):
        tax = withheld(self.method, amount, METHODS[self.method], month, self.standing, self.totals(), Year())
        self.made.append((month, amount, tax))
        return tax

    def fail(self, index):
        del self.made[index]

    @property
    def taxes(self):
        return [tax for _, _, tax in self.made]


@given(st.lists(gross, min_size=1, max_size=12))
def test_a_month_s_taxes_come_to_the_tax_of_its_income(amounts):
    payee = Payee("cn_per_occurrence")
    for amount in amounts:
        payee.pay("2026-11", amount)

    assert sum(payee.taxes) == per_occurrence(sum(amounts))


@given(st.lists(gross, min_size=1, max_size=12), st.randoms())
def test_the_order_of_a_month_s_payouts_changes_no_sum(amounts, random):
    one, other = Payee("cn_per_occurrence"), Payee("cn_per_occurrence")
    for amount in amounts:
        one.pay("2026-11", amount)
    random.shuffle(amounts)
    for amount in amounts:
        other.pay("2026-11", amount)

    assert sum(one.taxes) == sum(other.taxes)


@given(st.sampled_from(sorted(METHODS)), gross, st.integers(1, 10))
def test_equal_amounts_are_taxed_the_same_whichever_comes_first(method, amount, times):
    one, other = Payee(method), Payee(method)

    assert [one.pay("2026-11", amount) for _ in range(times)] == [other.pay("2026-11", amount) for _ in range(times)]


@given(in_a_year)
def test_a_year_s_taxes_are_never_below_the_tax_of_its_income_and_equal_where_nothing_hit_the_floor(payouts):
    payee, at_floor = Payee("cn_cumulative"), False
    for month, amount in payouts:
        payee.pay(month, amount)
        income = sum(each for _, each, _ in payee.made)
        due = cumulative(income, int(month[5:]))
        assert sum(payee.taxes) >= due
        at_floor = sum(payee.taxes) > due
    assert at_floor or sum(payee.taxes) == due


@given(st.sampled_from(sorted(METHODS)), in_a_year, st.booleans())
def test_tax_is_never_negative(method, payouts, known):
    payee = Payee(method, Standing(first_month="2026-01" if known else None))

    assert all(payee.pay(month, amount) >= 0 for month, amount in payouts)


@given(st.sampled_from(["cn_per_occurrence", "us_backup"]), in_a_year)
def test_tax_leaves_most_of_a_payout_to_its_payee(method, payouts):
    payee = Payee(method)

    assert all(5 * payee.pay(month, amount) <= 2 * amount + 5 for month, amount in payouts)


@given(st.lists(gross, min_size=2, max_size=10), st.data())
def test_what_failed_was_never_there_once_the_next_one_is_paid(amounts, data):
    """The next payout is large enough for what was withheld too much."""
    for method in ("cn_per_occurrence", "cn_cumulative"):
        payee, spared = Payee(method), Payee(method)
        for amount in amounts:
            payee.pay("2026-11", amount)
        for _ in range(data.draw(st.integers(1, len(amounts) - 1))):
            payee.fail(data.draw(st.integers(0, len(payee.made) - 1)))
        kept = [amount for _, amount, _ in payee.made]
        for amount in (*kept, 3_000_000_00):
            spared.pay("2026-11", amount)
        payee.pay("2026-11", 3_000_000_00)

        assert sum(payee.taxes) == sum(spared.taxes)


@given(st.lists(gross, min_size=2, max_size=10), gross, st.data())
def test_after_a_failure_the_next_one_is_taxed_for_what_is_left_or_not_at_all(amounts, following, data):
    payee = Payee("cn_per_occurrence")
    for amount in amounts:
        payee.pay("2026-11", amount)
    payee.fail(data.draw(st.integers(0, len(amounts) - 1)))
    before = sum(payee.taxes)
    income = sum(amount for _, amount, _ in payee.made) + following

    assert payee.pay("2026-11", following) == max(0, per_occurrence(income) - before)


@given(in_a_year)
def test_backup_withholding_takes_all_or_nothing_of_each_payment(payouts):
    payee, total, begun = Payee("us_backup"), 0, False
    for month, amount in payouts:
        total += amount
        begun = begun or total >= 2_000_00
        assert payee.pay(month, amount) == ((amount * 24 + 50) // 100 if begun else 0)


@given(st.sampled_from([per_occurrence, lambda income: cumulative(income, 3)]), gross, gross)
def test_more_income_is_more_tax_and_never_more_than_the_income_grew(formula, income, more):
    assert 0 <= formula(income + more) - formula(income) <= more


@given(st.sets(st.integers(1, 12)), st.integers(1, 12))
def test_the_months_without_a_gap_end_with_this_one(worked, now):
    counted = months_worked(f"2026-{now:02d}", None, Year(gross={f"{n:02d}": 1 for n in worked}))
    run = range(now - counted + 1, now + 1)

    assert run[0] >= 1
    assert set(run) - {now} <= worked
    assert run[0] - 1 not in worked
    assert all(later - earlier == 1 for earlier, later in pairwise(run))
