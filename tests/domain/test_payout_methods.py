from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.errors import Refused
from chalicelib.domain.payout_methods import (
    MOST_METHODS,
    PayoutMethod,
    checked,
    cooling_off,
    masked,
    preferred,
    refuse_cooling_off,
    snapshot,
    usable_from,
)

AT = datetime(2026, 11, 22, 2, tzinfo=UTC)
OPENID = "o-MYE42l80oelYMDE34nYD456Xoy"


def method(rail, account, **more):
    return PayoutMethod(rail=rail, holder="Ann", account=account, **more)


@pytest.mark.parametrize(
    ("given", "kind", "account"),
    [
        (method("bank_file", "de89 3704 0044 0532 0130 00"), "iban", "DE89370400440532013000"),
        (method("bank_file", "0005-123-4567890"), "number", "0005-123-4567890"),
        (method("bank_file", "DE00370400440532013000", kind="number"), "number", "DE00370400440532013000"),
        (method("bank_file", "6228 4804 0256 4890 018", kind="cn_card"), "cn_card", "6228480402564890018"),
        (method("bank_file", "98765-43210", kind="us_bank", bank="021000021"), "us_bank", "9876543210"),
        (method("bank_file", "123456\n"), "number", "123456"),
        (method("stripe", "acct_1032D82eZvKYlo2C"), None, "acct_1032D82eZvKYlo2C"),
        (method("paypal", " Ann+tea@Example.com "), None, "Ann+tea@Example.com"),
        (method("alipay", "2088102122524333"), "user_id", "2088102122524333"),
        (method("alipay", "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5", kind="open_id"), "open_id", None),
        (method("alipay", "ann@example.com", kind="logon_id"), "logon_id", None),
        (method("alipay", "13800138000", kind="logon_id"), "logon_id", None),
        (method("wechatpay", OPENID), None, OPENID),
        (method("wise", "40000000"), None, "40000000"),
    ],
)
def test_a_method_gets_its_kind_and_one_spelling(given, kind, account):
    found = checked(given)

    assert (found.kind, found.account) == (kind, account or given.account)
    assert checked(found) == found
    assert found.holder == "Ann"


@pytest.mark.parametrize(
    ("given", "path", "code"),
    [
        (method("bank_file", "DE89370400440532013001"), "account", "BAD_IBAN"),
        (method("bank_file", "6228480402564890019", kind="cn_card"), "account", "BAD_CARD_NUMBER"),
        (method("bank_file", "12345", kind="us_bank", bank="021000022"), "bank", "BAD_ROUTING_NUMBER"),
        (method("bank_file", "12345", kind="us_bank"), "bank", "BAD_ROUTING_NUMBER"),
        (method("bank_file", "123456789012345678", kind="us_bank", bank="021000021"), "account", "BAD_RAIL_ACCOUNT"),
        (method("bank_file", "12345"), "account", "BAD_RAIL_ACCOUNT"),
        (method("bank_file", "=1+1+1"), "account", "BAD_RAIL_ACCOUNT"),
        (method("bank_file", "123456", kind="user_id"), "kind", "BAD_METHOD_KIND"),
        (method("stripe", "ba_1032D82eZvKYlo2C"), "account", "BAD_RAIL_ACCOUNT"),
        (method("stripe", "acct_1032D82eZvKYlo2C", kind="number"), "kind", "BAD_METHOD_KIND"),
        (method("paypal", "ann"), "account", "BAD_EMAIL"),
        (method("alipay", "2188102122524333"), "account", "BAD_RAIL_ACCOUNT"),
        (method("alipay", "ann@example.com"), "account", "BAD_RAIL_ACCOUNT"),
        (method("alipay", "ann", kind="logon_id"), "account", "BAD_RAIL_ACCOUNT"),
        (method("wechatpay", OPENID[:-1]), "account", "BAD_RAIL_ACCOUNT"),
        (method("wechatpay", "x" + OPENID[1:]), "account", "BAD_RAIL_ACCOUNT"),
        (method("wise", "4000-0000"), "account", "BAD_RAIL_ACCOUNT"),
        (method("wise", "４０００００００"), "account", "BAD_RAIL_ACCOUNT"),
    ],
)
def test_what_is_no_account_of_its_rail_is_refused_by_field(given, path, code):
    with pytest.raises(Refused) as refused:
        checked(given)

    assert (refused.value.code, refused.value.faults[0].path) == (code, path)
    assert given.account not in str(refused.value)


def test_an_account_is_shown_by_its_end_and_an_address_by_its_domain():
    assert masked("6222020200112233") == "****2233"
    assert masked("12") == "****12"
    assert masked("ann@example.com") == "a***@example.com"


def test_a_method_that_was_changed_is_paid_to_later():
    changed = {"rail": "bank_file", "usable_from": "2026-11-22T02:00:00.000000Z"}

    assert usable_from(changed) == AT
    assert usable_from({"rail": "bank_file"}) is None
    assert cooling_off(changed, AT - timedelta(seconds=1))
    assert not cooling_off(changed, AT)
    assert not cooling_off({}, AT)
    refuse_cooling_off(changed, AT)
    with pytest.raises(Refused) as refused:
        refuse_cooling_off(changed, AT - timedelta(hours=1))
    assert (refused.value.code, refused.value.params) == ("METHOD_COOLING_OFF", {"at": "2026-11-22T02:00:00Z"})


@pytest.mark.parametrize(
    ("names", "first"),
    [((), None), (("b", "a"), "a"), (("b", "default", "a"), "default"), (("DEFAULT", "x"), "DEFAULT")],
)
def test_the_method_nobody_asks_for_is_the_default_or_the_first_by_name(names, first):
    assert preferred({name: {} for name in names}) == first


def test_a_payout_keeps_its_method_as_it_was():
    method = {"rail": "bank_file", "holder": "Ann", "account": "1234", "bank": None, "usable_from": "2026"}

    kept = snapshot("home", method)
    method["account"] = "9999"

    assert kept == {"id": "home", "rail": "bank_file", "holder": "Ann", "account": "1234"}


def test_a_distributor_has_ten_methods_at_most():
    assert MOST_METHODS == 10
