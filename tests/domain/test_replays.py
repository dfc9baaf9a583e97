"""One order under the terms that it has and under a draft, and how many add up."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import convert, json, structs

from chalicelib.domain.orders import Order
from chalicelib.domain.plans import Limit, Match, Override, Plan, Rule
from chalicelib.domain.replays import (
    WORST_LINES,
    Comparison,
    LineChange,
    Sums,
    compare,
    drafted,
    governed,
    placed,
    worst,
)
from chalicelib.domain.terms import Beneficiary, MerchantPlan
from tests.domain.builders import at, facts, line, order, paid, plan, terms
from tests.domain.test_floor import random_facts
from tests.oracle.random_plans import random_plan

FIRST, LAST, ZONE = "2026-03-01", "2026-04-01", "Asia/Shanghai"
DRAFT = plan("0.2", "0.01")


def compared(*images: Order, plan_id: str = "default", draft: Plan = DRAFT) -> Comparison:
    result = Comparison()
    for each in images:
        compare(result, each, plan_id, draft, FIRST, LAST, ZONE)
    return result


def test_both_levels_by_currency_day_and_distributor() -> None:
    found = compared(order(paid(line(10_000))))

    whole = Sums(
        orders=1,
        direct_then=1000,
        direct_draft=2000,
        indirect_then=300,
        indirect_draft=100,
        accrued_then=1300,
        accrued_draft=2100,
    )
    assert found.totals == {"CNY": whole}
    assert found.days == {"2026-03-01#CNY": whole}
    assert found.distributors == {
        "ann#CNY": Sums(orders=1, direct_then=1000, direct_draft=2000, accrued_then=1000, accrued_draft=2000),
        "bob#CNY": Sums(orders=1, indirect_then=300, indirect_draft=100, accrued_then=300, accrued_draft=100),
    }
    assert whole.difference == 800
    (change,) = found.worst
    assert (change.line_id, change.difference, change.indirect_draft) == ("1", 800, 100)


def test_what_has_not_been_collected_is_compared_as_to_come() -> None:
    (total,) = compared(order(facts(line(10_000)))).totals.values()

    assert (total.direct_then, total.direct_draft, total.accrued_then, total.accrued_draft) == (1000, 2000, 0, 0)


def test_beneficiaries_and_counters_stay_as_they_were_frozen() -> None:
    unpaid = terms(direct=Beneficiary(distributor_id="ann", unpaid="self_purchase"))
    (total,) = compared(order(paid(line(10_000)), unpaid)).totals.values()
    assert (total.direct_then, total.direct_draft) == (0, 0)

    limited = plan("0.2", limits=(Limit(per="month", amount=1500),))
    (total,) = compared(order(paid(line(10_000)), terms(direct_this_month=1400)), draft=limited).totals.values()
    assert (total.direct_then, total.direct_draft) == (1000, 100)


def test_nobody_at_a_level_is_no_row() -> None:
    found = compared(order(paid(line(10_000)), terms(indirect=None)))

    assert list(found.distributors) == ["ann#CNY"]


def test_only_lines_that_change_are_listed() -> None:
    same = plan("0.1", "0.03", overrides=(Override(match=Match(sku="X"), direct=Rule(rate="0.1")),))
    two = plan("0.1", "0.03", overrides=(Override(match=Match(sku="X"), direct=Rule(rate="0.5")),))
    image = order(paid(line(10_000), line(10_000, "2", sku="X")))

    assert compared(image, draft=same).worst == []
    assert [each.line_id for each in compared(image, draft=two).worst] == ["2"]


@pytest.mark.parametrize(
    ("day", "counts"),
    [("2026-02-28T15:59:59", 0), ("2026-02-28T16:00:00", 1), ("2026-03-31T15:59:59", 1), ("2026-03-31T16:00:00", 0)],
)
def test_the_range_is_days_of_the_programs_zone(day: str, counts: int) -> None:
    image = order(structs.replace(paid(line(10_000)), placed_at=datetime.fromisoformat(day).replace(tzinfo=UTC)))

    found = compared(image)
    assert (found.seen, len(found.days)) == (1, counts)


def test_what_does_not_say_when_counts_when_it_was_recorded() -> None:
    image = order(structs.replace(facts(line(1)), placed_at=None))
    assert placed(image) == image.recorded_at
    assert placed(order(structs.replace(facts(line(1)), placed_at=at(5)))) == at(5)


def test_a_plan_governs_its_own_orders_and_a_merchants_plan_its_lines() -> None:
    image = order(paid(line(1), line(1, "2", merchant_id="m1")))

    assert governed(image, "default") and governed(image, "merchant:m1")
    assert not governed(image, "other") and not governed(image, "merchant:m2")
    bare = structs.replace(image, terms=None)
    assert not governed(bare, "default") and not governed(bare, "merchant:m1")
    assert compared(bare, structs.replace(image, terms=terms(plan_id="x"))).totals == {}


def test_a_draft_of_one_plan_leaves_the_others() -> None:
    own = {"m1": MerchantPlan(plan_id="merchant:m1", version=2, plan=plan("0.3"))}
    image = order(paid(line(1000), line(1000, "2", merchant_id="m1")), terms(merchant_plans=own))
    assert image.terms

    operators = drafted(image.terms, image, "default", DRAFT)
    assert operators.merchant_plans == own and operators.plan.direct == DRAFT.direct
    merchants = drafted(image.terms, image, "merchant:m1", DRAFT)
    assert (merchants.plan, merchants.merchant_plans["m1"].plan.direct) == (image.terms.plan, DRAFT.direct)
    assert merchants.merchant_plans["m1"].version == 0
    assert {each.line_id for each in compared(image).worst} == {"1"}
    assert {each.line_id for each in compared(image, plan_id="merchant:m1").worst} == {"2"}


def change(order_id: str, difference: int) -> LineChange:
    return LineChange(
        order_id=order_id,
        line_id="1",
        currency="CNY",
        day=FIRST,
        direct_then=max(0, -difference),
        direct_draft=max(0, difference),
        indirect_then=0,
        indirect_draft=0,
    )


def test_the_worst_lines_do_not_depend_on_the_order_of_reading() -> None:
    lines = [change(f"o-{i:03}", (-1) ** i * (i // 3)) for i in range(200)]
    mixed = random.Random(1).sample(lines, len(lines))

    whole = worst(lines)
    assert whole == worst(mixed) and len(whole) == WORST_LINES
    assert [each.order_id for each in whole[:3]] == ["o-198", "o-199", "o-195"]
    step_by_step: list[LineChange] = []
    for each in mixed:
        step_by_step = worst([*step_by_step, each])
    assert step_by_step == whole


def test_parts_add_up_and_survive_being_saved() -> None:
    rng = random.Random(5)
    images = []
    for i in range(150):
        given: dict[str, Any] = {
            "order_id": f"o-{i}",
            "placed_at": at(rng.randrange(40)),
            "currency": rng.choice(["CNY", "USD"]),
        }
        on = terms(convert(random_plan(rng), Plan), direct=Beneficiary(distributor_id=rng.choice(["ann", "cas"])))
        images.append(order(structs.replace(random_facts(rng), **given), on))

    whole = compared(*images)
    saved = Comparison()
    for each in random.Random(6).sample(images, len(images)):
        compare(saved, each, "default", DRAFT, FIRST, LAST, ZONE)
        saved = json.decode(json.encode(saved), type=Comparison)

    assert saved == whole
    for currency, total in whole.totals.items():
        for name in Sums.__struct_fields__[1:]:
            for rows in (whole.days, whole.distributors):
                parts = [getattr(sums, name) for key, sums in rows.items() if key.endswith(f"#{currency}")]
                assert sum(parts) == getattr(total, name)
