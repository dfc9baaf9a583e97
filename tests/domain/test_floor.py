"""The floor that no plan can lower: what is refused and by which principle, and that what is accepted keeps to it."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from chalicelib.domain.errors import Refused
from chalicelib.domain.floor import of_plan, of_sign_up
from chalicelib.domain.orders import Description, Facts, Line, Order, Payment, Refund, RefundLine
from chalicelib.domain.plans import Plan, check
from chalicelib.domain.postings import difference
from chalicelib.domain.terms import Beneficiary, Terms
from tests.domain.builders import at
from tests.oracle.random_plans import random_plan

DIRECT = {"rate": "0.1"}

YUNJI = {
    "direct": {"rate": "0.15"},
    "indirect": {"rate": "0.05"},
    "entry_fee": {"CNY": 39800},
    "ranks": {
        "manager": {"direct": {"rate": "0.2"}, "min_recruits": 160},
        "service_manager": {"direct": {"rate": "0.25"}, "headCount": 1000},
    },
    "recruit_bonus": {"per_unit": 6000},
    "team_bonus": {"rate": "0.15"},
}
"""云集 2017: 398 yuan to open a shop, pay for every recruit, posts by the number of recruits."""
HUASHENG = {
    "direct": {"rate": "0.5"},
    "indirect": {"rate": "0.1"},
    "ranks": {"super": {"direct": {"rate": "0.8"}, "upgrade_fee": 9900}},
    "levels": [{"level": n, "rate": "0.01"} for n in range(1, 52)],
}
"""花生日记 2019: a 99-yuan upgrade, and pay through 51 levels."""


def codes(plan: Any) -> dict[str, str]:
    return {fault.path: fault.code for fault in of_plan(plan)}


@pytest.mark.parametrize(
    ("broken", "path", "code"),
    [
        ({"third": DIRECT}, "third", "POLICY_DEPTH_EXCEEDED"),
        ({"level3": DIRECT}, "level3", "POLICY_DEPTH_EXCEEDED"),
        ({"l3": DIRECT}, "l3", "POLICY_DEPTH_EXCEEDED"),
        ({"Level-4": DIRECT}, "Level-4", "POLICY_DEPTH_EXCEEDED"),
        ({"indirect_3": DIRECT}, "indirect_3", "POLICY_DEPTH_EXCEEDED"),
        ({"thirdLevel": DIRECT}, "thirdLevel", "POLICY_DEPTH_EXCEEDED"),
        ({"levels": 3}, "levels", "POLICY_DEPTH_EXCEEDED"),
        ({"depth": 51}, "depth", "POLICY_DEPTH_EXCEEDED"),
        ({"levels": [DIRECT] * 3}, "levels", "POLICY_DEPTH_EXCEEDED"),
        ({"ladders": [{"level": "third"}]}, "ladders[0].level", "POLICY_DEPTH_EXCEEDED"),
        ({"overrides": [{"match": {"sku": "X"}, "third": DIRECT}]}, "overrides[0].third", "POLICY_DEPTH_EXCEEDED"),
        ({"recruiting": DIRECT}, "recruiting", "POLICY_RECRUIT_REWARD"),
        ({"signup_bonus": 100}, "signup_bonus", "POLICY_RECRUIT_REWARD"),
        ({"head_count": 1}, "head_count", "POLICY_RECRUIT_REWARD"),
        ({"inviteBonus": 1}, "inviteBonus", "POLICY_RECRUIT_REWARD"),
        ({"direct": {"rate": "0.1", "per_head": 5}}, "direct.per_head", "POLICY_RECRUIT_REWARD"),
        ({"ladders": [{"by": "recruits"}]}, "ladders[0].by", "POLICY_RECRUIT_REWARD"),
        ({"accrue_on": "sign_up"}, "accrue_on", "POLICY_RECRUIT_REWARD"),
        ({"entry_fee": 100}, "entry_fee", "POLICY_ENTRY_FEE"),
        ({"deposit": 100}, "deposit", "POLICY_ENTRY_FEE"),
        ({"join_fee": 100}, "join_fee", "POLICY_ENTRY_FEE"),
        ({"purchase_to_join": "TEA"}, "purchase_to_join", "POLICY_ENTRY_FEE"),
        ({"membershipFee": 1}, "membershipFee", "POLICY_ENTRY_FEE"),
        ({"ranks": {"vip": {"fee": 9900}}}, "ranks.vip.fee", "POLICY_ENTRY_FEE"),
        ({"ranks": {"gold": {"min_recruits": 5}}}, "ranks.gold.min_recruits", "POLICY_RANK_BY_RECRUITS"),
        ({"ranks": {"gold": {"by": "recruits"}}}, "ranks.gold.by", "POLICY_RANK_BY_RECRUITS"),
        ({"rank_by": "recruits"}, "rank_by", "POLICY_RANK_BY_RECRUITS"),
        ({"ranks": {"gold": {"own_spend": 5}}}, "ranks.gold.own_spend", "POLICY_RANK_BY_SPEND"),
        ({"ranks": {"gold": {"purchases": 5}}}, "ranks.gold.purchases", "POLICY_RANK_BY_SPEND"),
        ({"rank_metric": "own_spend"}, "rank_metric", "POLICY_RANK_BY_SPEND"),
        ({"team_bonus": DIRECT}, "team_bonus", "POLICY_TEAM_BONUS_DISABLED"),
        ({"ranks": {"gold": {"team_sales": 5}}}, "ranks.gold.team_sales", "POLICY_TEAM_BONUS_DISABLED"),
        ({"cap": {"rate": "1.5"}}, "cap.rate", "POLICY_CAP_EXCEEDED"),
        ({"direct": {"rate": "2"}}, "direct.rate", "POLICY_CAP_EXCEEDED"),
        ({"ladders": [{"steps": [{"from": 1, "rate": "1.01"}]}]}, "ladders[0].steps[0].rate", "POLICY_CAP_EXCEEDED"),
    ],
)
def test_what_would_go_below_it_is_named_by_its_principle(broken: Any, path: str, code: str) -> None:
    assert codes({"direct": DIRECT, **broken}) == {path: code}


@pytest.mark.parametrize(
    "harmless",
    [
        {},
        {"levels": 2},
        {"depth": True},
        {"surprise": 1},
        {"ranks": {"third": {"direct": DIRECT}, "recruiter": {}}},
        {"overrides": [{"match": {"sku": "team", "deposit": "x"}}]},
        {"payout": {"fee": 1, "fee_rate": "2"}},
        {"cap": {"rate": "one"}},
        {"indirect": {"rate": "0.1", "of": "sale"}},
        {"ladders": [{"level": "indirect", "by": "quantity"}]},
        {"limits": [{"per": "month", "amount": 5}]},
        {"cap": {"rate": "1"}},
    ],
)
def test_nothing_else_is(harmless: Any) -> None:
    assert codes({"direct": DIRECT, **harmless}) == {}
    assert of_plan([harmless, None, 5]) == of_plan(None) == []


def test_two_plans_that_were_fined_are_refused() -> None:
    for plan in (YUNJI, HUASHENG):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(json.dumps(plan), type=Plan)
    assert codes(YUNJI) == {
        "entry_fee": "POLICY_ENTRY_FEE",
        "ranks.manager.min_recruits": "POLICY_RANK_BY_RECRUITS",
        "ranks.service_manager.headCount": "POLICY_RANK_BY_RECRUITS",
        "recruit_bonus": "POLICY_RECRUIT_REWARD",
        "team_bonus": "POLICY_TEAM_BONUS_DISABLED",
    }
    assert codes(HUASHENG) == {"ranks.super.upgrade_fee": "POLICY_ENTRY_FEE", "levels": "POLICY_DEPTH_EXCEEDED"}


@pytest.mark.parametrize("field", ["fee", "join_fee", "deposit", "purchase", "order_to_join", "payment", "paidUpgrade"])
def test_joining_costs_nothing(field: str) -> None:
    body = {"name": "Lin", "password": "x", "invite_code": "AB", "accepted_terms": True, "locale": "en"}

    assert of_sign_up(body) == of_sign_up([]) == []
    assert [(f.path, f.code) for f in of_sign_up({**body, field: 1})] == [(field, "POLICY_ENTRY_FEE")]


# ---------------------------------------------------------------- ten thousand plans

BELOW = {
    "third": DIRECT,
    "level3": DIRECT,
    "levels": 3,
    "tiers": [DIRECT] * 3,
    "recruit_bonus": 100,
    "signup": DIRECT,
    "deposit": 9900,
    "upgrade_fee": 9900,
    "team_bonus": DIRECT,
    "rank_by": "recruits",
}
PLACES = ["", "direct", "indirect", "base", "cap", "overrides", "ladders", "ranks"]


def spoiled(rng: random.Random, plan: dict[str, Any]) -> None:
    """Puts a rule below the floor somewhere into the plan."""
    place = rng.choice([each for each in PLACES if not each or plan.get(each)])
    inner: Any = plan[place] if place else plan
    if place == "ranks":
        inner = rng.choice(list(inner.values()))
    elif isinstance(inner, list):
        inner = rng.choice(inner)
    name = rng.choice(list(BELOW))
    inner[name] = BELOW[name]


def random_facts(rng: random.Random) -> Facts:
    lines = tuple(
        Line(
            line_id=str(i),
            amount=rng.choice([0, 1, 25, 99, 1000, 9999, rng.randrange(30_000)]),
            quantity=rng.choice([1, 2, 12]),
            sku=rng.choice(["TEA-100", "TEA-200", None]),
            product_id=rng.choice(["TEA", None]),
            category=rng.choice(["tea", "ware"]),
            merchant_id=rng.choice(["m1", "m2", None]),
            cost=rng.choice([None, 0, 10, 5000]),
        )
        for i in range(rng.choice([1, 2, 4]))
    )
    known = Description(lines=lines, shipping=rng.choice([0, 500]), tax=rng.choice([0, 33]))
    back = [RefundLine(line_id="0", amount=lines[0].amount // 2)] if rng.random() < 0.4 else []
    refunds = {"r": Refund(refunded_at=at(1), lines=tuple(back))} if back and back[0].amount else {}
    payments = {"p": Payment(amount=_due(known), paid_at=at(0))}
    return Facts(
        order_id="o-1", currency="CNY", customer_id="c-1", description=known, refunds=refunds, payments=payments
    )


def _due(known: Description) -> int:
    return sum(line.amount for line in known.lines) + known.shipping + known.tax


def most(plan: dict[str, Any], facts: Facts) -> int:
    """What both levels may come to at most, from the plan's own JSON: the cap's rate of what is left of the base."""
    base = {"of": "amount", "shipping": False, "tax": False} | plan.get("base", {})
    known = facts.description
    assert known
    total = sum(line.amount for line in known.lines)
    refunded = {part.line_id: part.amount for refund in facts.refunds.values() for part in refund.lines}
    left = Fraction(0)
    for line in known.lines:
        of = max(0, line.amount - (line.cost or 0)) if base["of"] == "margin" else line.amount
        extra = sum(getattr(known, name) for name in ("shipping", "tax") if base[name])
        whole = of + (Fraction(line.amount * extra, total) if total else 0)
        share = 1 - Fraction(refunded.get(line.line_id, 0), line.amount) if line.amount else 1
        left += whole * share
    cap = Fraction(plan.get("cap", {}).get("rate", "1")) * left
    return int(cap) if plan.get("rounding") == "floor" else int(cap + Fraction(1, 2))


def test_no_accepted_plan_pays_a_third_party_or_more_than_its_cap() -> None:
    rng, accepted, refused, paying = random.Random(7), 0, 0, 0
    for _ in range(10_000):
        body = random_plan(rng)
        bad = rng.random() < 0.2
        if bad:
            spoiled(rng, body)
        try:
            plan = msgspec.json.decode(json.dumps(body), type=Plan)
            check(plan)
        except (msgspec.ValidationError, Refused):
            assert bad == bool(of_plan(body)), body
            refused += bad
            continue
        assert not bad, body
        accepted += 1
        facts = random_facts(rng)
        ranks = rng.choice([None, "gold"]), rng.choice([None, "gold"])
        terms = Terms(
            plan_id="default",
            version=1,
            plan=plan,
            time_zone="UTC",
            direct=Beneficiary(distributor_id="ann", rank=ranks[0]),
            indirect=Beneficiary(distributor_id="bob", rank=ranks[1]),
        )
        posting = difference(None, Order(facts=facts, terms=terms, revision=1, recorded_at=at(60)))
        if posting is None:
            continue
        assert {entry.account for entry in posting.entries} <= {"distributor:ann:CNY", "distributor:bob:CNY"}
        earned = sum(entry.amount for entry in posting.entries)
        assert 0 <= earned <= most(body, facts), (body, facts)
        assert earned == -sum(charge.amount for charge in posting.charges)
        paying += earned > 0
    assert refused > 1500 and accepted > 7500 and paying > 4000
