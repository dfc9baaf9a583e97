import msgspec
import pytest
from hypothesis import given
from msgspec import json

from chalicelib.domain.plans import (
    MAX_HOLD_DAYS,
    AttributionRules,
    Base,
    Cap,
    IndirectRule,
    PayoutRules,
    Plan,
    Rule,
    Step,
    check,
)
from tests.domain.strategies import plans


def test_only_the_direct_rate_is_required():
    least = json.decode(b'{"direct": {"rate": "0.10"}}', type=Plan)

    check(least)
    assert least == Plan(
        direct=Rule(rate="0.10"),
        indirect=IndirectRule(rate="0"),
        base=Base(of="amount", shipping=False, tax=False),
        overrides=(),
        ladders=(),
        ranks={},
        cap=Cap(rate="1"),
        limits=(),
        accrue_on="paid",
        hold_days=15,
        rounding="half_up",
        attribution=AttributionRules(
            model="last_click", click_days=30, binding="first", binding_days=None, protect_days=0
        ),
        self_purchase="none",
        inactive_direct="pay_indirect",
        payout=PayoutRules(minimum={}, fee_rate="0"),
    )


def test_the_plan_of_the_contract_is_read_whole():
    text = b"""{ "direct": {"rate": "0.10"}, "indirect": {"rate": "0.03", "of": "sale"},
      "base": {"of": "margin", "shipping": true, "tax": true},
      "overrides": [ {"match": {"sku": "X"}, "direct": {"rate": "0.2"}, "indirect": {"per_unit": 50}} ],
      "ladders": [ {"match": {"category": "tea"}, "level": "direct", "by": "quantity", "mode": "whole",
                    "steps": [{"from": 1, "rate": "0.05"}, {"from": 10, "rate": "0.08"}]} ],
      "ranks": {"gold": {"direct": {"rate": "0.12"}}}, "cap": {"rate": "0.30"},
      "limits": [ {"per": "customer", "orders": 1} , {"per": "month", "amount": 100000} ],
      "accrue_on": "delivered", "hold_days": 15, "rounding": "floor",
      "attribution": {"model": "first_click", "click_days": 30, "binding": "last", "binding_days": null,
                      "protect_days": 0},
      "self_purchase": "pays_self", "inactive_direct": "stop",
      "payout": {"minimum": {"CNY": 1000}, "fee_rate": "0"} }"""

    read = json.decode(text, type=Plan)

    check(read)
    assert read.ladders[0].steps == (Step(start=1, rate="0.05"), Step(start=10, rate="0.08"))
    assert (read.overrides[0].indirect, read.limits[1].amount) == (IndirectRule(per_unit=50), 100000)
    assert json.decode(json.encode(read), type=Plan) == read


@given(plans())
def test_a_plan_is_stored_and_read_back_the_same(of):
    assert json.decode(json.encode(of), type=Plan) == of


@pytest.mark.parametrize("rate", ["0", "1", "0.1", "0.123456", "1.000000", "0.000000"])
def test_a_rate_is_a_decimal_from_zero_to_one(rate):
    assert json.decode(json.encode({"rate": rate}), type=Cap).rate == rate


@pytest.mark.parametrize(
    "rate", ["", "-0.1", "1.1", "1.000001", "0.1234567", ".5", "0.", "00.1", "1e-1", " 0.1", "0,1", 0.1]
)
def test_another_rate_is_refused(rate):
    with pytest.raises(msgspec.ValidationError):
        json.decode(json.encode({"rate": rate}), type=Cap)


@pytest.mark.parametrize(
    "wrong",
    [
        {"third": {"rate": "0.1"}},
        {"hold_days": MAX_HOLD_DAYS + 1},
        {"hold_days": -1},
        {"indirect": {"per_unit": -1}},
        {"indirect": {"per_unit": 10**15 + 1}},
        {"direct": {"rate": "0.1", "of": "sale"}},
        {"overrides": [{"match": {"sku": ""}}]},
        {"overrides": [{"match": {"sku": "x" * 129}}]},
        {"overrides": [{"match": {"sku": "x"}}] * 1001},
        {"ladders": [{"level": "direct", "by": "amount", "mode": "whole", "steps": []}]},
        {"ladders": [{"level": "direct", "by": "amount", "mode": "whole", "steps": [{"from": 1, "rate": "0"}] * 51}]},
        {"ladders": [{"level": "direct", "by": "amount", "mode": "whole", "steps": [{"from": 1, "rate": "0"}]}] * 51},
        {"limits": [{"per": "customer", "orders": 10**6 + 1}]},
        {"limits": [{"per": "customer", "orders": -1}]},
        {"limits": [{"per": "customer", "orders": 1}] * 11},
        {"attribution": {"click_days": 0}},
        {"attribution": {"click_days": 366}},
        {"attribution": {"binding_days": 0}},
        {"attribution": {"binding_days": 3651}},
        {"attribution": {"protect_days": -1}},
        {"attribution": {"protect_days": 3651}},
        {"payout": {"minimum": {"cny": 1}}},
        {"payout": {"minimum": {"CNYX": 1}}},
    ],
)
def test_what_a_plan_does_not_know_or_allow_is_refused(wrong):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"direct": {"rate": "0.1"}} | wrong, type=Plan)


@pytest.mark.parametrize(
    "edge",
    [
        {"hold_days": MAX_HOLD_DAYS},
        {"hold_days": 0},
        {"indirect": {"per_unit": 10**15}},
        {"overrides": [{"match": {"sku": "x" * 128}}] * 1000},
        {"ladders": [{"level": "direct", "by": "amount", "mode": "whole", "steps": [{"from": 1, "rate": "0"}] * 50}]},
        {"ladders": [{"level": "direct", "by": "amount", "mode": "whole", "steps": [{"from": 1, "rate": "0"}]}] * 50},
        {"limits": [{"per": "customer", "orders": 10**6}] * 10},
        {"limits": [{"per": "customer", "orders": 0}]},
        {"attribution": {"click_days": 1, "binding_days": 1, "protect_days": 0}},
        {"attribution": {"click_days": 365, "binding_days": 3650, "protect_days": 3650}},
    ],
)
def test_the_edges_of_what_a_plan_allows_are_allowed(edge):
    msgspec.convert({"direct": {"rate": "0.1"}} | edge, type=Plan)


def test_no_hold_is_longer_than_half_a_year():
    assert MAX_HOLD_DAYS == 180
