import pytest

from chalicelib.domain.payout_methods import MOST_METHODS, masked, preferred, snapshot


def test_an_account_number_is_shown_by_its_end():
    assert masked("6222020200112233") == "****2233"
    assert masked("12") == "****12"


@pytest.mark.parametrize(
    ("names", "first"),
    [((), None), (("b", "a"), "a"), (("b", "default", "a"), "default"), (("DEFAULT", "x"), "DEFAULT")],
)
def test_the_method_nobody_asks_for_is_the_default_or_the_first_by_name(names, first):
    assert preferred({name: {} for name in names}) == first


def test_a_payout_keeps_its_method_as_it_was():
    method = {"rail": "bank_file", "holder": "Ann", "account": "1234", "bank": None}

    kept = snapshot("home", method)
    method["account"] = "9999"

    assert kept == {"id": "home", "rail": "bank_file", "holder": "Ann", "account": "1234"}


def test_a_distributor_has_ten_methods_at_most():
    assert MOST_METHODS == 10
