"""`POST /v1/plans/simulate`: what a plan would pay, explained in both languages, and nothing kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.callers import Caller, signed_in, storefront

PLAN = {
    "direct": {"rate": "0.10"},
    "indirect": {"rate": "0.03"},
    "overrides": [{"match": {"sku": "CUP-1"}, "direct": {"rate": "0.2"}, "indirect": {"per_unit": 50}}],
    "ladders": [
        {
            "match": {"category": "tea"},
            "level": "direct",
            "by": "quantity",
            "mode": "whole",
            "steps": [{"from": 1, "rate": "0.05"}, {"from": 10, "rate": "0.08"}],
        }
    ],
    "cap": {"rate": "0.10"},
}
ORDER = {
    "customer_id": "c-1",
    "currency": "CNY",
    "lines": [
        {"line_id": "1", "sku": "CUP-1", "quantity": 2, "amount": 10_000},
        {"line_id": "2", "sku": "TEA-100", "category": "tea", "quantity": 12, "amount": 24_000},
        {"line_id": "3", "sku": "POT-1", "quantity": 1, "amount": 6_000},
    ],
    "shipping": 1000,
    "refunds": [
        {
            "refund_id": "r1",
            "refunded_at": "2026-03-02T00:00:00Z",
            "lines": [{"line_id": "2", "quantity": 6, "amount": 12_000}],
        }
    ],
}


@pytest.fixture
def shop(tables: Any) -> Caller:
    return storefront("plans:read")


def simulate(shop: Caller, language: str = "en", **more: Any) -> Any:
    body = {"plan": PLAN, "order": ORDER, "direct": {"rank": None}, "indirect": {"rank": None}, **more}
    return shop("POST", "/v1/plans/simulate", body, language=language)


def test_an_override_a_ladder_and_a_cap_on_a_refunded_order(shop: Caller) -> None:
    """Left are 10000, 12000 and 6000: 2000 + 600 + 600 direct; 100 + 360 + 180 indirect. The cap is 2800 of 3840."""
    got = simulate(shop)

    assert got.status == 200, got.text
    found = got.json
    assert (found["currency"], found["direct"], found["indirect"], found["capped"]) == ("CNY", 2800, 0, True)
    assert [(line["line_id"], line["base"]) for line in found["lines"]] == [("1", 10_000), ("2", 12_000), ("3", 6_000)]
    assert [line["direct"] for line in found["lines"]] == [1750, 525, 525]
    assert sum(line["indirect"] for line in found["lines"]) == 0

    without = simulate(shop, plan={**PLAN, "cap": {"rate": "1"}}).json
    assert (without["direct"], without["indirect"], without["capped"]) == (3200, 640, False)
    assert [line["direct"] for line in without["lines"]] == [2000, 600, 600]
    assert [line["indirect"] for line in without["lines"]] == [100, 360, 180]


def test_every_step_is_said_in_both_languages(shop: Caller) -> None:
    for language, said in (
        (
            "en",
            [
                "override for sku=CUP-1: 20 %, the most specific rule",
                "ladder reached at quantity=6: 5 %, in place of the general rule",
                "general rule: 10 %",
                "after refunds 50 % of it is left",
                "shipping and tax do not count",
                "the cap of 10 % took 4.00 CNY",
                "override for sku=CUP-1: 0.50 CNY per unit",
            ],
        ),
        (
            "zh-CN",
            [
                "针对 sku=CUP-1 的特别规则（最具体者优先）：20%",
                "阶梯（quantity=6）：5%，代替通用规则",
                "通用规则：10%",
                "退款后剩余 50%",
                "不含运费和税费",
                "封顶 10% 从本单该级佣金中扣除 4.00 CNY",
                "每件 0.50 CNY",
            ],
        ),
    ):
        text = " ".join(line["because"] for line in simulate(shop, language).json["lines"])
        assert [words for words in said if words not in text] == []
        assert "{" not in text


def test_without_an_indirect_distributor_and_with_a_month_that_is_nearly_full(shop: Caller) -> None:
    plan = {**PLAN, "cap": {"rate": "1"}, "limits": [{"per": "month", "amount": 5000}]}

    alone = simulate(shop, plan=plan, indirect=None).json
    assert (alone["direct"], alone["indirect"]) == (3200, 0)
    nearly = simulate(shop, plan=plan, earned_this_month={"direct": 4000, "indirect": 4999}).json
    assert (nearly["direct"], nearly["indirect"]) == (1000, 1)


def test_ranks_count(shop: Caller) -> None:
    plan = {"direct": {"rate": "0.1"}, "ranks": {"gold": {"direct": {"rate": "0.12"}}}}

    assert simulate(shop, plan=plan).json["direct"] == 2800
    assert simulate(shop, plan=plan, direct={"rank": "gold"}).json["direct"] == 3360


def test_payments_count_in_the_proportion_in_which_they_pay(shop: Caller) -> None:
    order = {
        **ORDER,
        "refunds": [],
        "payments": [{"payment_id": "p", "amount": 20_500, "paid_at": "2026-03-01T00:00:00Z"}],
    }
    plan = {"direct": {"rate": "0.1"}, "accrue_on": "delivered"}

    assert simulate(shop, plan=plan, order={**order, "payments": []}).json["direct"] == 4000
    assert simulate(shop, plan=plan, order=order).json["direct"] == 2000


def test_nothing_is_stored_and_only_the_caller_is_looked_up(shop: Caller, requests_sent: Any) -> None:
    sent = requests_sent()
    staff = signed_in("p-1", "staff", "support")
    sent.clear()

    assert simulate(shop).status == simulate(staff).status == 200

    tables = [arguments.get("TableName") or next(iter(arguments["RequestItems"])) for _, arguments in sent]
    assert [operation for operation, _ in sent if not operation.endswith("GetItem")] == []
    assert tables == ["fenrun-settings", "fenrun-transient"]  # the key, the session


def test_a_plan_that_contradicts_itself_is_refused_with_the_path(shop: Caller) -> None:
    got = simulate(shop, plan={"direct": {"rate": "0.1", "per_unit": 5}})

    assert (got.status, got.json["code"]) == (422, "PLAN_RATE_OR_PER_UNIT")
    assert signed_in("d-1", "distributor")("POST", "/v1/plans/simulate", {"plan": PLAN, "order": ORDER}).status == 403
