"""What goes below the floor is refused with its principle (422), wherever a plan or a sign-up comes in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.callers import Caller, storefront
from tests.domain.test_floor import HUASHENG, YUNJI

pytestmark = pytest.mark.usefixtures("tables")
ORDER = {"currency": "CNY", "lines": [{"line_id": "1", "amount": 10_000}]}
DIRECT = {"rate": "0.1"}


@pytest.fixture
def shop(tables: Any) -> Caller:
    return storefront("plans:write", "plans:read")


def put(shop: Caller, plan: Any, **more: Any) -> Any:
    return shop("PUT", "/v1/plans/{plan_id}", plan, plan_id="default", **more)


def simulate(shop: Caller, plan: Any, **more: Any) -> Any:
    return shop("POST", "/v1/plans/simulate", {"plan": plan, "order": ORDER}, **more)


def replay(shop: Caller, plan: Any, **more: Any) -> Any:
    body = {"plan": plan, "from": "2026-03-01", "to": "2026-04-01"}
    return shop("POST", "/v1/plans/{plan_id}/replay", body, plan_id="default", **more)


REFUSALS = [
    ({"third": DIRECT}, "third", "POLICY_DEPTH_EXCEEDED", "remove level 3", "请删除第三级"),
    ({"levels": 3}, "levels", "POLICY_DEPTH_EXCEEDED", "At most two levels", "最多向上两级分佣"),
    ({"recruit_bonus": 5}, "recruit_bonus", "POLICY_RECRUIT_REWARD", "not on recruits", "成交并过售后期的订单计酬"),
    ({"entry_fee": 5}, "entry_fee", "POLICY_ENTRY_FEE", "must be free", "成为推广员必须免费"),
    (
        {"ranks": {"gold": {"recruits": 5}}},
        "ranks.gold.recruits",
        "POLICY_RANK_BY_RECRUITS",
        "one's own sales only",
        "等级只能按本人真实销售评定",
    ),
    (
        {"ranks": {"gold": {"own_spend": 5}}},
        "ranks.gold.own_spend",
        "POLICY_RANK_BY_SPEND",
        "one's own sales only",
        "等级只能按本人真实销售评定",
    ),
    ({"team_bonus": DIRECT}, "team_bonus", "POLICY_TEAM_BONUS_DISABLED", "The owner can choose", "团队奖金"),
    ({"cap": {"rate": "1.5"}}, "cap.rate", "POLICY_CAP_EXCEEDED", "1.5", "请降低一级或二级比例"),
]


@pytest.mark.parametrize(("broken", "path", "code", "english", "chinese"), REFUSALS, ids=lambda each: str(each)[:40])
def test_each_way_in_refuses_in_both_languages(
    shop: Caller, broken: Any, path: str, code: str, english: str, chinese: str
) -> None:
    for way, prefix in ((put, ""), (simulate, "plan."), (replay, "plan.")):
        for language, words in (("en", english), ("zh-CN", chinese)):
            got = way(shop, {"direct": DIRECT, **broken}, language=language)

            assert (got.status, got.json["code"]) == (422, code)
            assert words in got.json["detail"] and "…" not in got.json["detail"]
            assert [(each["path"], each["code"]) for each in got.json["errors"]] == [(prefix + path, code)]


@pytest.mark.parametrize("plan", [YUNJI, HUASHENG], ids=["yunji", "huasheng"])
def test_plans_that_were_fined_are_refused_with_every_reason(shop: Caller, plan: Any) -> None:
    got = put(shop, plan)

    assert (got.status, got.json["code"]) == (422, got.json["errors"][0]["code"])
    assert len(got.json["errors"]) == (5 if plan is YUNJI else 2)
    assert shop("GET", "/v1/plans/{plan_id}", plan_id="default").status == 404


def test_what_is_only_unknown_or_wrong_stays_that(shop: Caller) -> None:
    for broken, code in (
        ({"surprise": 1}, "UNKNOWN_FIELD"),
        ({"levels": 2}, "UNKNOWN_FIELD"),
        ({"direct": 5}, "WRONG_TYPE"),
        ({"cap": {"rate": "one"}}, "BAD_FORMAT"),
    ):
        got = put(shop, {"direct": DIRECT, **broken})
        assert (got.status, got.json["code"]) == (400, code)
    assert put(shop, '{"direct": {"rate": "0.1"}, "deposit": 1').json["code"] == "UNKNOWN_FIELD"  # it is no JSON
    assert put(shop, '{"direct": {"rate": "0.1"}, "deposit": 1, "deposit": 2}').json["code"] == "POLICY_ENTRY_FEE"


def test_only_the_plan_of_a_body_is_looked_at(shop: Caller) -> None:
    body = {"plan": {"direct": DIRECT}, "order": {**ORDER, "deposit": 5}}
    got = shop("POST", "/v1/plans/simulate", body)
    assert (got.status, got.json["code"], got.json["errors"][0]["path"]) == (400, "UNKNOWN_FIELD", "order.deposit")
    assert shop("POST", "/v1/plans/simulate", [1]).status == 400


@pytest.mark.parametrize("field", ["join_fee", "deposit", "purchase"])
@pytest.mark.parametrize(("language", "words"), [("en", "must be free"), ("zh-CN", "必须免费")])
def test_joining_asks_for_nothing(tables: Any, field: str, language: str, words: str) -> None:
    body = {
        "name": "Lin",
        "email": "lin@example.com",
        "password": "a long tea password",
        "locale": "en",
        "country": "CN",
        "accepted_terms": True,
        field: 9900,
    }

    got = Caller(None)("POST", "/v1/distributors", body, language=language)

    assert (got.status, got.json["code"], got.json["errors"][0]["path"]) == (422, "POLICY_ENTRY_FEE", field)
    assert words in got.json["detail"]
    assert Caller(None)("POST", "/v1/distributors", {**body, "x": 1}).status == 422
