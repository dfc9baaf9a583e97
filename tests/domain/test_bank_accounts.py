"""Check digits: what is right is taken in every spelling, and one wrong character never is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.bank_accounts import card_number, iban, in_sepa, like_iban, packed, routing_number, us_account

IBANS = [
    "DE89370400440532013000",
    "GB82WEST12345698765432",
    "FR7630006000011234567890189",
    "NL91ABNA0417164300",
    "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S",
    "LC55HEMM000100010012001200023015",
    "SA0380000000608010167519",
]
ROUTING = ["021000021", "026009593", "121042882", "011000015", "123456780"]
CARDS = ["6222020200112233446", "6228480402564890018", "4111111111111111"]
DIGITS, LETTERS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize("number", IBANS)
def test_an_iban_is_taken_however_it_is_spaced(number):
    spaced = " ".join(number[i : i + 4] for i in range(0, len(number), 4))

    assert iban(number) == iban(spaced) == iban(spaced.lower()) == iban(spaced.replace(" ", "-")) == number
    assert like_iban(spaced)


@given(st.sampled_from(IBANS), st.data())
def test_an_iban_with_one_wrong_character_is_none(number, data):
    place = data.draw(st.integers(0, len(number) - 1))
    # A digit for a digit, a letter for a letter: modulo 97 promises nothing where the length changes.
    others = DIGITS if number[place] in DIGITS else LETTERS
    other = data.draw(st.sampled_from(others.replace(number[place], "")))

    assert iban(number[:place] + other + number[place + 1 :]) is None


@given(st.sampled_from(IBANS), st.data())
def test_an_iban_with_two_neighbours_swapped_is_none(number, data):
    place = data.draw(st.integers(2, len(number) - 2).filter(lambda i: number[i] != number[i + 1]))

    assert iban(number[:place] + number[place + 1] + number[place] + number[place + 2 :]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DE",
        "DE8937040044053201300",
        "DE893704004405320130000",
        "XX89370400440532013000",
        "DE８９370400440532013000",
        "de89 3704 0044 0532 0130 0é",
    ],
)
def test_what_no_country_gives_out_is_no_iban(text):
    assert iban(text) is None


def test_check_digits_below_two_and_above_98_are_not_given_out():
    wrong = [f"NL{check:02d}ABNA{n:010d}" for check in (0, 1, 99) for n in range(400)]

    assert [each for each in wrong if iban(each)] == []


@pytest.mark.parametrize("text", ["0005-123-4567890", "6222 0202 0011 2233 446", "AB12", "1234567890123"])
def test_other_numbers_do_not_look_like_an_iban(text):
    assert not like_iban(text)


def test_sepa_is_wider_than_the_euro_and_narrower_than_iban():
    assert all(in_sepa(number) for number in ("DE89", "GB82", "CH93", "RS35", "SE45"))
    assert not any(in_sepa(number) for number in ("SA03", "TR33", "UA21"))


@pytest.mark.parametrize("number", ROUTING)
def test_a_routing_number_has_nine_digits_and_a_check_digit(number):
    assert routing_number(number) == routing_number(f"{number[:4]}-{number[4:]}") == number
    assert routing_number(number[:-1]) is None


@given(st.sampled_from(ROUTING), st.integers(0, 8), st.integers(1, 9))
def test_a_routing_number_with_one_wrong_digit_is_none(number, place, more):
    wrong = str((int(number[place]) + more) % 10)

    assert routing_number(number[:place] + wrong + number[place + 1 :]) is None


@pytest.mark.parametrize("text", ["", "000000000", "１２３４５６７８０", "12345678x", "500000005"])
def test_what_the_federal_reserve_does_not_give_out_is_no_routing_number(text):
    assert routing_number(text) is None


@pytest.mark.parametrize("number", CARDS)
def test_a_card_number_is_taken_however_it_is_spaced(number):
    spaced = " ".join(number[i : i + 4] for i in range(0, len(number), 4))

    assert card_number(number) == card_number(spaced) == number


@given(st.sampled_from(CARDS), st.data())
def test_a_card_number_with_one_wrong_digit_is_none(number, data):
    place = data.draw(st.integers(0, len(number) - 1))
    wrong = str((int(number[place]) + data.draw(st.integers(1, 9))) % 10)

    assert card_number(number[:place] + wrong + number[place + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["0" * 16, "41111111111111", "62220202001122334460", "４１１１１１１１１１１１１１１１", ""]
)
def test_what_is_too_short_too_long_or_nothing_is_no_card(text):
    assert card_number(text) is None


@given(st.text(max_size=40))
def test_any_text_is_answered(text):
    for check in (iban, routing_number, card_number, us_account):
        found = check(text)
        assert found is None or (found.isascii() and found.isalnum() and check(found) == found)
    assert " " not in packed(text)
