"""Which distributor an order is attributed to, decided once, as of `placed_at`, and frozen as the order's terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from msgspec import Struct, structs

from chalicelib.domain.orders import Facts
from chalicelib.domain.plans import AttributionRules, Plan, kept_to
from chalicelib.domain.rates import Level, match_of
from chalicelib.domain.running import payments
from chalicelib.domain.terms import Beneficiary, MerchantPlan, Terms


class Click(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A visit through a distributor's link at `at` (UTC)."""

    click_id: str
    at: datetime
    distributor_id: str
    sponsor_id: str | None = None


class Person(Struct, frozen=True, kw_only=True):
    """What attribution asks of a distributor."""

    distributor_id: str
    sponsor_id: str | None
    active: bool
    rank: str | None = None


class Source(Struct, frozen=True, kw_only=True):
    """Whom the order goes to, and what decided it: coupon, code, binding, click, or staff."""

    distributor_id: str
    sponsor_id: str | None
    because: Literal["coupon", "code", "binding", "click"]


def ready(facts: Facts) -> bool:
    """Whether the order can be attributed: its customer and its lines are known. A payment alone decides nothing."""
    return facts.customer_id is not None and facts.description is not None


def as_of(facts: Facts, now: datetime) -> datetime:
    """The instant that decides binding, clicks and plan: when the order was placed, or the best that is known of it."""
    described = facts.description.updated_at if facts.description else None
    paid = min((payment.paid_at for payment in payments(facts).values()), default=None)
    return facts.placed_at or described or paid or now


def chosen_click(rules: AttributionRules, clicks: Sequence[Click], at: datetime) -> Click | None:
    """The last (or first, as the plan says) click within the window before the order; None without one."""
    window = timedelta(days=rules.click_days)
    inside = sorted((c for c in clicks if c.at <= at < c.at + window), key=lambda c: (c.at, c.click_id))
    if not inside:
        return None
    return inside[-1] if rules.model == "last_click" else inside[0]


def _beneficiary(person: Person, plan: Plan, own: str | None, contacts_of: frozenset[str]) -> Beneficiary:
    """`own`: the distributor whose own customer id this is; `contacts_of`: whose e-mail or phone the order carries."""
    unpaid = None
    if not person.active:
        unpaid = "inactive"
    elif plan.self_purchase == "none" and (person.distributor_id == own or person.distributor_id in contacts_of):
        unpaid = "self_purchase"
    return Beneficiary(distributor_id=person.distributor_id, rank=person.rank, unpaid=unpaid)


def _pair(
    direct: Person, indirect: Person | None, plan: Plan, own: str | None, contacts_of: frozenset[str]
) -> tuple[Beneficiary, Beneficiary | None]:
    """The two beneficiaries at most, and why either is not paid."""
    first = _beneficiary(direct, plan, own, contacts_of)
    second = _beneficiary(indirect, plan, own, contacts_of) if indirect else None
    if second and first.unpaid == "inactive" and plan.inactive_direct == "stop" and not second.unpaid:
        second = structs.replace(second, unpaid="direct_inactive")
    return first, second


def terms(
    *,
    plan_id: str,
    version: int,
    plan: Plan,
    time_zone: str,
    facts: Facts,
    because: str,
    direct: Person | None,
    indirect: Person | None,
    own: str | None = None,
    contacts_of: frozenset[str] = frozenset(),
    customer_order_number: int = 1,
    this_month: Mapping[Level, int] = MappingProxyType({}),
    merchant_plans: Mapping[str, MerchantPlan] = MappingProxyType({}),
    operator_pays: tuple[str, ...] = (),
    net_days: int | None = None,
) -> Terms:
    """The terms of an order: its plan (and the merchants' own) kept to its lines, and the two beneficiaries at most.

    The customer is never paid for their own order unless the plan says `pays_self`. Where the direct distributor is
    inactive, the plan says whether the indirect one is still paid.
    """
    first, second = _pair(direct, indirect, plan, own, contacts_of) if direct else (None, None)
    return Terms(
        plan_id=plan_id,
        version=version,
        plan=narrowed(plan, facts, first, second),
        time_zone=time_zone,
        because=because,
        direct=first,
        indirect=second,
        customer_order_number=customer_order_number,
        direct_this_month=this_month.get("direct", 0),
        indirect_this_month=this_month.get("indirect", 0),
        merchant_plans={
            merchant_id: structs.replace(own, plan=narrowed(own.plan, facts, first, second))
            for merchant_id, own in merchant_plans.items()
        },
        operator_pays=operator_pays,
        net_days=net_days,
    )


def reassigned(
    frozen: Terms, plan: Plan, facts: Facts, direct: Person, indirect: Person | None, own: str | None
) -> Terms:
    """The same terms for other beneficiaries, by decision of staff. `plan`: the whole version that the terms rest on;
    `frozen` has the merchants' plans whole, too.

    The plans, the day count and what limits had counted stay as they were frozen, and who was found to be the customer is
    so still: the contacts that told are not kept.
    """
    was = (frozen.direct, frozen.indirect)
    buyers = frozenset(each.distributor_id for each in was if each and each.unpaid == "self_purchase")
    first, second = _pair(direct, indirect, plan, own, buyers)
    kept = narrowed(plan, facts, first, second)
    own_plans = {
        merchant_id: structs.replace(each, plan=narrowed(each.plan, facts, first, second))
        for merchant_id, each in frozen.merchant_plans.items()
    }
    return structs.replace(frozen, plan=kept, because="staff", direct=first, indirect=second, merchant_plans=own_plans)


def now_bought_by(frozen: Terms, buyers: frozenset[str]) -> Terms:
    """The same terms, now that these distributors are known to be the customer: as if it had been known at once."""

    def told(who: Beneficiary | None) -> Beneficiary | None:
        if who is None or who.distributor_id not in buyers or who.unpaid == "inactive":
            return who
        return structs.replace(who, unpaid="self_purchase")

    if frozen.plan.self_purchase != "none":
        return frozen
    return structs.replace(frozen, direct=told(frozen.direct), indirect=told(frozen.indirect))


def narrowed(plan: Plan, facts: Facts, direct: Beneficiary | None, indirect: Beneficiary | None) -> Plan:
    """The plan kept to what can touch this order: see `kept_to`."""
    ranks = frozenset(b.rank for b in (direct, indirect) if b and b.rank)
    return kept_to(plan, tuple(match_of(line) for line in facts.lines), ranks)
