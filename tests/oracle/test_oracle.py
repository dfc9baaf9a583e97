"""Random plans and orders: `earnings(order)` and the oracle agree to the cent, per level and per line."""

from os import environ
from random import Random

import pytest

from chalicelib.domain.earnings import earnings
from tests.oracle.commission_oracle import expected
from tests.oracle.images import accrued, facts_of, image_of, settled, terms_of
from tests.oracle.random_orders import random_call, random_order
from tests.oracle.random_plans import random_plan

HISTORIES = int(environ.get("ORACLE_HISTORIES", 20_000))
CHUNK = 1_000


def by_line(of, level):
    return [line[level] for line in of["lines"]]


def agreed(seed):
    """Compares one history; the number of amounts compared. As a failure it names the seed and shows the bodies."""
    rng = Random(seed)
    plan, order, call = random_plan(rng), random_order(rng), random_call(rng)
    lines, free = len(order["lines"]), settled(order)
    earned = earnings(image_of(facts_of(order), terms_of(plan, call)))
    now, undisputed = expected(plan, order, **call), expected(plan, free, **call)
    whole = expected(plan, free, **call, as_if_collected=True)

    figures = 0
    for level in ("direct", "indirect"):
        side = earned.level(level)
        has = {
            "accrued, without what is held": accrued(side, lines, held=False),
            "accrued": accrued(side, lines),
            "potential": [line.amount for line in side.lines],
        }
        for (what, parts), should in zip(has.items(), (now, undisputed, whole), strict=True):
            assert (parts, sum(parts)) == (by_line(should, level), should[level]), (
                seed,
                level,
                what,
                plan,
                order,
                call,
            )
            figures += lines + 1
        assert (side.accrued, side.potential) == (undisputed[level], whole[level]), (seed, level)
    if "cancelled_at" not in order:
        assert earned.capped == whole["capped"], (seed, plan, order, call)
    return figures


@pytest.mark.parametrize("start", range(0, HISTORIES, CHUNK))
def test_earnings_are_what_the_oracle_expects(start, record_property):
    seeds = range(start, min(HISTORIES, start + CHUNK))

    figures = sum(agreed(seed) for seed in seeds)

    record_property("oracle histories compared with the oracle", len(seeds))
    record_property("oracle amounts compared with the oracle", figures)


def test_histories_reach_every_rule():
    """Random plans and orders are worth little where they never meet what they should try."""
    met = set()
    for seed in range(500):
        rng = Random(seed)
        plan, order = random_plan(rng), random_order(rng)
        met |= set(plan) | {f"order {name}" for name in order if order[name]}
        met |= {f"dispute {dispute['state']}" for dispute in order.get("disputes") or []}
        met |= {"refund by " + ("line" if "lines" in refund else "amount") for refund in order.get("refunds") or []}
        met |= {f"{ladder['by']} {ladder['mode']}" for ladder in plan.get("ladders") or []}

    assert met >= {"overrides", "ladders", "ranks", "cap", "limits", "base", "indirect", "accrue_on", "rounding"}
    assert met >= {"order cancelled_at", "order delivered_at", "order shipping", "order tax", "order payments"}
    assert met >= {"dispute open", "dispute won", "dispute lost", "refund by line", "refund by amount"}
    assert met >= {"quantity whole", "quantity marginal", "amount whole", "amount marginal"}
