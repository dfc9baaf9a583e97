from collections import Counter

import pytest

from chalicelib.domain import accounts


@pytest.mark.parametrize(
    ("account", "name"),
    [
        (accounts.distributor("d-1", "CNY"), "distributor:d-1:CNY"),
        (accounts.merchant("m1", "USD", "o-1"), "merchant:m1:USD:2"),
        (accounts.clearing("paypal", "USD"), "clearing:paypal:USD"),
        (accounts.bank("bank_file", "JPY"), "bank:bank_file:JPY"),
        (accounts.fees("alipay", "CNY"), "fees:alipay:CNY"),
        (accounts.tax("CN", "CNY"), "tax:CN:CNY"),
    ],
)
def test_accounts_are_named_by_kind_holder_and_currency(account, name):
    assert account == name
    assert accounts.currency_of(account) == name.split(":")[2]


def test_an_id_with_colons_does_not_hide_the_currency():
    assert accounts.currency_of(accounts.distributor("a:b", "CNY")) == "CNY"
    assert accounts.currency_of(accounts.merchant("a:b", "JPY", "o:1")) == "JPY"


@pytest.mark.parametrize("distributor_id", ["d-1", "a:b", "distributor:x"])
def test_an_account_tells_whose_it_is_and_in_what_currency(distributor_id):
    assert accounts.payee(accounts.distributor(distributor_id, "CNY")) == (distributor_id, "CNY")


def test_an_order_always_charges_the_same_shard_and_orders_spread_over_all_eight():
    shards = Counter(accounts.merchant("m1", "CNY", f"o-{i}").rsplit(":", 1)[1] for i in range(800))

    assert shards.keys() == {str(i) for i in range(8)}
    assert min(shards.values()) > 50
    assert accounts.merchant("m1", "CNY", "o-7") == accounts.merchant("m1", "CNY", "o-7")


def test_lines_without_a_merchant_are_sold_by_the_operator():
    assert accounts.OPERATOR == "operator"


def test_all_shards_of_a_merchant_are_those_its_orders_charge():
    shards = accounts.of_merchant("m1", "CNY")

    assert set(shards) == {accounts.merchant("m1", "CNY", f"o-{i}") for i in range(800)}
    assert len(shards) == accounts.MERCHANT_SHARDS
