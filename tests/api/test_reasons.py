"""Every reason that the domain gives is a sentence in both languages, with figures that are really there."""

from __future__ import annotations

import ast
import random
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.api.because import sentences, spoken, words
from chalicelib.api.messages import Language
from chalicelib.domain.accounts import distributor
from chalicelib.domain.entry_reasons import entry_reasons
from chalicelib.domain.explanations import Reason, explanations
from chalicelib.domain.orders import Dispute, Facts, Order, Payment, Refund
from chalicelib.domain.terms import Beneficiary
from tests.domain.builders import at, order, terms

DOMAIN = Path(__file__).resolve().parents[2] / "chalicelib" / "domain"
PLACEHOLDER = re.compile(r"{(\w*)}")
LANGUAGES: tuple[Language, Language] = ("en", "zh-CN")
ANN = distributor("ann", "CNY")


@pytest.mark.parametrize("code", sorted(sentences()))
def test_both_languages_say_the_same(code: str) -> None:
    entry = sentences()[code]

    assert set(entry) == {"en", "zh-CN"}
    assert set(PLACEHOLDER.findall(entry["en"])) == set(PLACEHOLDER.findall(entry["zh-CN"]))
    assert re.search("[\u4e00-\u9fff]", entry["zh-CN"]) and not re.search("[\u4e00-\u9fff]", entry["en"])


def test_every_code_that_stands_in_the_code_is_a_sentence() -> None:
    named = set()
    for path in (DOMAIN / "explanations.py", DOMAIN / "entry_reasons.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reason":
                code = node.args[0]
                named |= (
                    {each.value for each in ast.walk(code) if isinstance(each, ast.Constant) and "_" in str(each.value)}
                    if not isinstance(code, ast.JoinedStr | ast.BinOp)
                    else set()
                )

    assert named - {"LEFT_OUT_", "_AND_"} - sentences().keys() == set()
    assert len(named) > 10


# ---------------------------------------------------------------- entries


def entry(amount: int = 1000, level: str = "direct", to: str = "pending", **more: Any) -> dict[str, Any]:
    given = {
        "account": ANN,
        "kind": "reversal" if amount < 0 else "commission",
        "level": level,
        "amount": amount,
        "day": "2026-03-01",
        "hold_days": 15,
        "to": to,
        "order_id": "o-1",
        "revision": 1,
        "happened_at": "2026-03-01T00:00:00.000000Z",
    }
    return given | more


def said(language: Language = "en", order: Order | None = None, **more: Any) -> str:
    return spoken(entry_reasons(entry(**more), order), "CNY", language)


def codes(order: Order | None, **more: Any) -> list[str]:
    return [reason.code for reason in entry_reasons(entry(**more), order)]


def test_an_entry_says_what_it_is_for_and_where_the_money_waits() -> None:
    assert (
        said() == "10.00 CNY of direct commission on order o-1; on hold since 2026-03-01 for 15 days, until 2026-03-16."
    )
    assert (
        said("zh-CN", level="indirect") == "订单 o-1 的间接佣金 10.00 CNY，自 2026-03-01 起冻结 15 天，至 2026-03-16。"
    )
    assert said(to="available") == (
        "10.00 CNY of direct commission on order o-1; available at once, because its hold had ended."
    )
    assert said("zh-CN", to="available") == "订单 o-1 的直接佣金 10.00 CNY，冻结期已满，直接可用。"
    assert said(day="HELD", to="pending") == "10.00 CNY of direct commission on order o-1; held by a dispute."


def test_a_reversal_says_that_it_takes_back_and_from_where() -> None:
    assert said(amount=-700) == (
        "takes back 7.00 CNY of direct commission on order o-1; "
        "taken from what has been on hold since 2026-03-01, until 2026-03-16."
    )
    assert said("zh-CN", amount=-700, to="available", level="indirect") == (
        "收回订单 o-1 的间接佣金 7.00 CNY，从可用余额中扣除。"
    )
    assert said(amount=-700, day="HELD").endswith("taken from what a dispute held.")


def test_a_payout_says_so() -> None:
    payout = {"kind": "payout", "amount": -5000, "payout_id": "po_1", "to": "available"}

    assert spoken(entry_reasons(payout, None), "JPY", "en") == "5000 JPY set aside for payout po_1."
    back = {**payout, "kind": "payout_returned", "amount": 5000}
    assert spoken(entry_reasons(back, None), "KWD", "zh-CN") == "提现 po_1 未成功付出，退回 5.000 KWD。"


def test_an_entry_that_only_counts_says_so() -> None:
    assert said(amount=0) == "the sales of order o-1 are counted; its commission does not change."


@pytest.mark.parametrize(
    ("facts_of", "code"),
    [
        ({"payments": {"p": Payment(amount=5, paid_at=at(3))}}, "CAUSE_PAYMENT"),
        ({"refunds": {"r": Refund(refunded_at=at(3), amount=5)}}, "CAUSE_REFUND"),
        ({"disputes": {"d": Dispute(at=at(3), amount=5, state="open")}}, "CAUSE_DISPUTE_OPEN"),
        ({"disputes": {"d": Dispute(at=at(3), amount=5, state="won")}}, "CAUSE_DISPUTE_WON"),
        ({"disputes": {"d": Dispute(at=at(3), amount=5, state="lost")}}, "CAUSE_DISPUTE_LOST"),
        ({"delivered_at": at(3)}, "CAUSE_DELIVERED"),
        ({"cancelled_at": at(3)}, "CAUSE_CANCELLED"),
    ],
)
def test_what_brought_it_about_is_the_fact_of_its_time(facts_of: dict[str, Any], code: str) -> None:
    of = order(Facts(order_id="o-1", currency="CNY", **facts_of))

    assert code in codes(of, happened_at=at(3).isoformat())
    assert code not in codes(of, happened_at=at(4).isoformat())
    for language in LANGUAGES:
        assert "{" not in said(language, of, happened_at=at(3).isoformat())


def test_every_reason_of_random_orders_can_be_said() -> None:
    import msgspec

    from chalicelib.domain.plans import Plan
    from tests.domain.test_floor import random_facts
    from tests.oracle.random_plans import random_plan

    rng, seen = random.Random(3), set()
    for _ in range(400):
        rules = msgspec.convert(random_plan(rng), Plan)
        who = Beneficiary(
            distributor_id="bob", unpaid=rng.choice([None, "inactive", "self_purchase", "direct_inactive"])
        )
        on = terms(rules, direct=Beneficiary(distributor_id="ann", rank="gold"), indirect=rng.choice([who, None]))
        image = Order(
            facts=random_facts(rng),
            terms=on,
            revision=1,
            recorded_at=datetime(2026, 5, 1, tzinfo=UTC),
            stopped_at=rng.choice([None, at(0)]),
        )
        reasons: list[Reason] = [each for of in explanations(image) for each in of.reasons]
        for reason in reasons:
            seen.add(reason.code)
            for language in LANGUAGES:
                assert "{" not in words(reason, "CNY", language)
    assert len(seen) > 25
