import msgspec
import pytest

from chalicelib.domain.errors import Refused
from chalicelib.domain.plans import PayoutRules, Plan, Rule, check

SEPA = {"name": "Tea House GmbH", "iban": "DE89 3704 0044 0532 0130 00", "bic": "COBADEFFXXX"}
ACH = {"name": "TEA HOUSE INC", "routing": "021000021", "bank": "FIRST BANK", "company_id": "1234567890"}


def faults(**payout):
    rules = msgspec.convert(payout, PayoutRules)
    try:
        check(Plan(direct=Rule(rate="0.1"), payout=rules))
    except Refused as refused:
        return [(fault.path, fault.code) for fault in refused.faults]
    return []


def test_a_format_with_an_originator_that_it_can_name_is_taken():
    assert faults(bank_formats={"EUR": "pain.001"}, originator=SEPA) == []
    assert faults(bank_formats={"USD": "nacha", "CNY": "csv"}, originator=ACH) == []
    assert faults(bank_formats={"EUR": "pain.001", "USD": "nacha"}, originator={**SEPA, **ACH}) == []
    assert faults(originator={"name": "Tea"}) == []


@pytest.mark.parametrize(
    ("formats", "originator", "expected"),
    [
        ({"USD": "pain.001"}, SEPA, [("payout.bank_formats.USD", "PLAN_BANK_FORMAT")]),
        ({"EUR": "nacha"}, ACH, [("payout.bank_formats.EUR", "PLAN_BANK_FORMAT")]),
        (
            {"EUR": "pain.001"},
            None,
            [("payout.originator.name", "PLAN_ORIGINATOR"), ("payout.originator.iban", "PLAN_ORIGINATOR")],
        ),
        (
            {"USD": "nacha"},
            SEPA,
            [("payout.originator.routing", "PLAN_ORIGINATOR"), ("payout.originator.company_id", "PLAN_ORIGINATOR")],
        ),
        ({}, {**SEPA, "iban": "DE88370400440532013000"}, [("payout.originator.iban", "BAD_IBAN")]),
        ({}, {**ACH, "routing": "021000022"}, [("payout.originator.routing", "BAD_ROUTING_NUMBER")]),
    ],
)
def test_what_a_format_cannot_carry_or_name_is_refused(formats, originator, expected):
    assert faults(bank_formats=formats, originator=originator) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"bank_formats": {"EUR": "pain.002"}},
        {"bank_formats": {"eur": "csv"}},
        {"originator": {}},
        {"originator": {"name": "李"}},
        {"originator": {"name": "x" * 71}},
        {"originator": {**SEPA, "bic": "COBA"}},
        {"originator": {**ACH, "company_id": "123"}},
        {"originator": {**SEPA, "vat": "x"}},
        {"cool_off_hours": -1},
        {"cool_off_hours": 721},
    ],
)
def test_what_payout_rules_do_not_know_or_allow_is_refused(wrong):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, PayoutRules)


def test_a_change_cools_off_for_three_days_unless_the_plan_says_otherwise():
    assert PayoutRules().cool_off_hours == 72
