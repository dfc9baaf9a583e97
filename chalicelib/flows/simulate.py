"""What a plan would pay on an order. Pure: nothing is read and nothing is stored."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct, structs

from chalicelib.domain.buckets import HELD
from chalicelib.domain.earnings import Earnings, earnings
from chalicelib.domain.orders import Facts, Order
from chalicelib.domain.plans import Plan, check
from chalicelib.domain.rates import Level
from chalicelib.domain.remaining import check_refunds
from chalicelib.domain.terms import Beneficiary, Terms

_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


class Simulation(Struct, frozen=True):
    """Minor units. Lines add up to the levels. What an open dispute withholds is not in them."""

    order: Order
    earned: Earnings
    direct: int
    indirect: int
    direct_by_line: tuple[int, ...]
    indirect_by_line: tuple[int, ...]


def simulate(
    plan: Plan,
    facts: Facts,
    direct_rank: str | None,
    indirect: bool,
    indirect_rank: str | None,
    direct_this_month: int,
    indirect_this_month: int,
) -> Simulation:
    """The commissions of these facts under this plan. Raises `Refused` for a plan that contradicts itself and for
    refunds that exceed what was sold.

    When does not matter here, only how much: delivery is not waited for, and an order that names no payments counts as paid
    in full. One that names payments counts in the proportion in which they pay it.
    """
    check(plan)
    check_refunds(facts)
    terms = Terms(
        plan_id="simulated",
        version=1,
        plan=structs.replace(plan, accrue_on="paid"),
        time_zone="UTC",
        because="simulated",
        direct=Beneficiary(distributor_id="direct", rank=direct_rank),
        indirect=Beneficiary(distributor_id="indirect", rank=indirect_rank) if indirect else None,
        direct_this_month=direct_this_month,
        indirect_this_month=indirect_this_month,
    )
    order = Order(facts=facts, terms=terms, revision=1, recorded_at=_NEVER)
    earned = earnings(order)
    first, second = (_by_line(earned, level, bool(facts.payments)) for level in ("direct", "indirect"))
    return Simulation(order, earned, sum(first), sum(second), first, second)


def _by_line(earned: Earnings, level: Level, paid: bool) -> tuple[int, ...]:
    side = earned.level(level)
    if not paid:
        return tuple(line.amount for line in side.lines)
    parts = [amounts for bucket, amounts in side.buckets.items() if bucket.day != HELD]
    return tuple(map(sum, zip(*parts, strict=True))) if parts else (0,) * len(side.lines)
