from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.money import DECIMALS, MAX_AMOUNT, display, rounded, shared

fractions = st.fractions(min_value=0, max_value=10**6, max_denominator=10**6)
halves = st.integers(0, 2**54).map(lambda n: Fraction(n, 2))


@pytest.mark.parametrize(
    ("exact", "half_up", "floor"),
    [
        (Fraction(0), 0, 0),
        (Fraction(1, 2), 1, 0),
        (Fraction(3, 2), 2, 1),
        (Fraction(5, 2), 3, 2),
        (Fraction(49999999, 10**8), 0, 0),
        (Fraction(249, 100), 2, 2),
        (Fraction(251, 100), 3, 2),
        (Fraction(7), 7, 7),
        (Fraction(2**53 + 1), 2**53 + 1, 2**53 + 1),
    ],
)
def test_a_level_is_rounded_to_the_nearest_unit_or_down(exact, half_up, floor):
    assert rounded(exact, "half_up") == half_up
    assert rounded(exact, "floor") == floor


@given(fractions | halves)
def test_rounding_never_moves_further_than_its_rule_allows(exact):
    assert -Fraction(1, 2) < rounded(exact, "half_up") - exact <= Fraction(1, 2)
    assert -1 < rounded(exact, "floor") - exact <= 0


@given(st.lists(fractions | halves, min_size=1, max_size=8), st.integers(0, 10**9))
def test_parts_add_up_and_stay_within_one_unit_of_their_quota(weights, total):
    whole = sum(weights, Fraction(0))
    total = total if whole else 0

    parts = shared(total, weights)

    assert sum(parts) == total
    assert all(abs(part * whole - total * weight) < (whole or 1) for part, weight in zip(parts, weights, strict=True))


@given(st.lists(fractions | halves, min_size=2, max_size=8), st.integers(0, 10**9))
def test_a_heavier_part_never_gets_less(weights, total):
    parts = shared(total if any(weights) else 0, weights)

    by_weight = sorted(range(len(parts)), key=lambda i: (weights[i], parts[i]))
    assert [parts[i] for i in by_weight] == sorted(parts)


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (1, ["1/2", "1/2"], (1, 0)),
        (2, ["1/2", "1/2", "1/2"], (1, 1, 0)),
        (1, ["1/3", "1/3", "1/3"], (1, 0, 0)),
        (2, ["1/5", "9/10", "9/10"], (0, 1, 1)),
        (10, ["10/3", "10/3", "10/3"], (4, 3, 3)),
        (3, ["9/10", "11/10", "1"], (1, 1, 1)),
        (4, ["5/4", "7/4", "1"], (1, 2, 1)),
        (7, ["100", "0", "200"], (2, 0, 5)),
        (0, ["1", "2"], (0, 0)),
        (0, ["0", "0"], (0, 0)),
        (0, [], ()),
    ],
)
def test_the_largest_remainder_takes_the_odd_unit_and_the_earlier_of_equals_wins(total, weights, parts):
    assert shared(total, [Fraction(weight) for weight in weights]) == parts


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (123456, "CNY", "1234.56"),
        (5, "USD", "0.05"),
        (-5, "USD", "-0.05"),
        (100, "EUR", "1.00"),
        (0, "CNY", "0.00"),
        (123456, "JPY", "123456"),
        (-7, "KRW", "-7"),
        (1234, "KWD", "1.234"),
        (-999, "BHD", "-0.999"),
        (12345, "CLF", "1.2345"),
    ],
)
def test_an_amount_is_shown_with_the_decimals_of_its_currency(amount, currency, text):
    assert display(amount, currency) == text


@given(st.integers(-MAX_AMOUNT, MAX_AMOUNT), st.sampled_from(sorted(DECIMALS)))
def test_what_is_shown_reads_back_as_the_same_amount(amount, currency):
    assert Fraction(display(amount, currency)) * 10 ** DECIMALS[currency] == amount


@pytest.mark.parametrize(
    ("decimals", "count", "some"),
    [
        (0, 17, "BIF ISK JPY KRW VND XPF"),
        (2, 139, "AED CNY EUR GBP HKD TWD USD ZWG"),
        (3, 7, "BHD IQD KWD TND"),
        (4, 2, "CLF UYW"),
    ],
)
def test_every_currency_has_its_iso_decimals(decimals, count, some):
    codes = {code for code, digits in DECIMALS.items() if digits == decimals}

    assert set(some.split()) <= codes
    assert len(codes) == count


def test_currency_codes_are_three_capitals_and_metals_and_test_codes_are_none():
    assert all(len(code) == 3 and code.isascii() and code.isalpha() and code.isupper() for code in DECIMALS)
    assert not {"XAU", "XXX", "XTS", "BGN", "CNH"} & DECIMALS.keys()


def test_the_largest_amount_is_a_thousand_billion_minor_units_of_a_thousand():
    assert MAX_AMOUNT == 10**15
