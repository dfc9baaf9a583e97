"""Random plans, orders and facts, biased towards the edges."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.orders import (
    Carriers,
    Description,
    Dispute,
    Facts,
    Line,
    Payment,
    Refund,
    RefundLine,
)
from chalicelib.domain.plans import (
    Base,
    Cap,
    IndirectRule,
    Ladder,
    Limit,
    Match,
    Override,
    Plan,
    RankRules,
    Rule,
    Step,
)
from chalicelib.domain.terms import Beneficiary, MerchantPlan, Terms
from tests.domain.builders import START

CURRENCIES = ("CNY", "USD", "JPY", "KWD")
ROUNDINGS = ("half_up", "floor")

moments = st.integers(0, 60 * 24).map(lambda hours: START + timedelta(hours=hours))
small_amounts = st.sampled_from((0, 1, 2, 3, 10, 99, 999, 1000, 3333, 9999, 19998, 29900, 2**53 + 1)) | st.integers(
    0, 10**6
)
rates = st.sampled_from(
    ("0", "0.05", "0.1", "0.10", "0.125", "0.0035", "0.333333", "0.000001", "0.5", "1")
) | st.integers(0, 999_999).map(lambda millionths: f"0.{millionths:06d}")

matches = st.sampled_from(
    (Match(sku="A"), Match(sku="B"), Match(product_id="P"), Match(category="tea"), Match(merchant_id="m1"))
)
per_unit = st.integers(0, 500)
rules = rates.map(lambda rate: Rule(rate=rate)) | per_unit.map(lambda amount: Rule(per_unit=amount))
indirect_rules = st.builds(
    lambda rate, of: IndirectRule(rate=rate, of=of), rates, st.sampled_from((None, "sale", "direct"))
) | per_unit.map(lambda amount: IndirectRule(per_unit=amount))
overrides = st.builds(Override, match=matches, direct=st.none() | rules, indirect=st.none() | indirect_rules)
ladders = st.builds(
    Ladder,
    level=st.sampled_from(("direct", "indirect")),
    by=st.sampled_from(("quantity", "amount")),
    mode=st.sampled_from(("whole", "marginal")),
    match=st.just(Match()) | matches,
    steps=st.lists(st.tuples(st.integers(0, 5000), rates), min_size=1, max_size=3, unique_by=lambda step: step[0]).map(
        lambda steps: tuple(Step(start=start, rate=rate) for start, rate in sorted(steps))
    ),
)
limits = st.builds(lambda orders: Limit(per="customer", orders=orders), st.integers(0, 2)) | st.builds(
    lambda amount: Limit(per="month", amount=amount), st.integers(0, 5000)
)


def plans(with_ladders: bool = True, with_limits: bool = True, **fixed: object) -> st.SearchStrategy[Plan]:
    parts: dict[str, st.SearchStrategy[object]] = {
        "direct": rules,
        "indirect": indirect_rules,
        "base": st.builds(Base, of=st.sampled_from(("amount", "margin")), shipping=st.booleans(), tax=st.booleans()),
        "overrides": st.lists(overrides, max_size=3).map(tuple),
        "ladders": st.lists(ladders, max_size=2).map(tuple) if with_ladders else st.just(()),
        "ranks": st.dictionaries(
            st.sampled_from(("gold", "silver")),
            st.builds(RankRules, direct=st.none() | rules, indirect=st.none() | indirect_rules),
            max_size=2,
        ),
        "cap": rates.map(lambda rate: Cap(rate=rate)) | st.just(Cap(rate="1")),
        "limits": st.lists(limits, max_size=2).map(tuple) if with_limits else st.just(()),
        "accrue_on": st.sampled_from(("paid", "delivered")),
        "hold_days": st.integers(0, 30),
        "rounding": st.sampled_from(ROUNDINGS),
    }
    return st.builds(Plan, **(parts | {name: st.just(value) for name, value in fixed.items()}))


def lines(min_size: int = 1, max_size: int = 4) -> st.SearchStrategy[tuple[Line, ...]]:
    fields = st.tuples(
        small_amounts,
        st.integers(1, 12),
        st.sampled_from((None, "A", "B")),
        st.sampled_from((None, "P")),
        st.sampled_from((None, "tea")),
        st.sampled_from((None, "m1", "m2")),
        st.none() | st.integers(0, 2000),
    )
    return st.lists(fields, min_size=min_size, max_size=max_size).map(
        lambda rows: tuple(
            Line(line_id=str(i), amount=a, quantity=q, sku=sku, product_id=p, category=c, merchant_id=m, cost=cost)
            for i, (a, q, sku, p, c, m, cost) in enumerate(rows)
        )
    )


def beneficiaries(*names: str) -> st.SearchStrategy[Beneficiary]:
    return st.builds(
        Beneficiary,
        distributor_id=st.sampled_from(names),
        rank=st.sampled_from((None, "gold", "silver", "unknown")),
        unpaid=st.sampled_from((None, None, None, "inactive", "self_purchase")),
    )


def own_plans() -> st.SearchStrategy[dict[str, MerchantPlan]]:
    """Plans of merchants' own; m3 sells nothing."""
    return st.dictionaries(
        st.sampled_from(("m1", "m2", "m3")),
        plans().map(lambda plan: MerchantPlan(plan_id="own", version=1, plan=plan)),
        max_size=2,
    )


def all_terms(of: st.SearchStrategy[Plan] | None = None, merchants: bool = False) -> st.SearchStrategy[Terms]:
    """`merchants`: some have plans of their own, and for some the operator pays."""
    own = {
        "merchant_plans": own_plans(),
        "operator_pays": st.sampled_from(((), (), ("m1",), ("m1", "m2"))),
    }
    return st.builds(
        Terms,
        **(own if merchants else {}),
        plan_id=st.just("default"),
        version=st.integers(1, 3),
        plan=plans() if of is None else of,
        time_zone=st.sampled_from(("Asia/Shanghai", "UTC", "America/New_York")),
        direct=st.none() | beneficiaries("ann", "cid"),
        indirect=st.none() | beneficiaries("bob", "dee"),
        customer_order_number=st.integers(1, 3),
        direct_this_month=st.integers(0, 6000),
        indirect_this_month=st.integers(0, 6000),
    )


payments = st.builds(Payment, amount=small_amounts, paid_at=moments)
disputes = st.builds(
    Dispute,
    amount=st.integers(0, 40_000),
    at=moments,
    state=st.sampled_from(("open", "won", "lost")),
    source=st.none() | st.just("pi"),
    opened_at=st.none() | moments,
)
refund_lines = st.builds(
    RefundLine, line_id=st.sampled_from("0123"), amount=st.integers(0, 5000), quantity=st.integers(0, 3)
)
refund_states = st.sampled_from(("succeeded", "succeeded", "failed"))
refunds = st.builds(
    Refund, refunded_at=moments, lines=st.lists(refund_lines, min_size=1, max_size=3).map(tuple), state=refund_states
) | st.builds(Refund, refunded_at=moments, amount=st.integers(0, 20_000), state=refund_states)
sources = st.sampled_from((None, "s1", "s2"))
sourced_payments = st.builds(Payment, amount=small_amounts, paid_at=moments, source=sources)
sourced_refunds = st.tuples(refunds, sources).map(lambda both: structs.replace(both[0], source=both[1]))
totals = st.integers(0, 4).map(lambda n: n * 2500)
named = st.sampled_from(("s1", "s2"))
paid_totals = st.builds(Payment, amount=totals, paid_at=moments, source=named, running=st.just(True))
refunded_totals = st.builds(Refund, amount=totals, refunded_at=moments, source=named, running=st.just(True))
descriptions = st.builds(
    Description,
    lines=lines(),
    shipping=st.integers(0, 2000),
    tax=st.integers(0, 2000),
    updated_at=st.none() | moments,
)
carriers = st.builds(
    Carriers,
    coupon=st.sampled_from((None, "TEA10", "TEA20")),
    code=st.sampled_from((None, "AB12", "CD34")),
    click_id=st.sampled_from((None, "k1", "k2")),
)


def _keyed(prefix: str, values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.sampled_from([f"{prefix}{i}" for i in range(3)]), values, min_size=1, max_size=1)


def _stated(totals: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """A running total under its own id, and sometimes under one that contradicts it."""
    ids = st.sampled_from((None, None, None, "p0", "r0"))
    return st.tuples(totals, ids).map(lambda both: {both[1] or f"{both[0].source}={both[0].amount}": both[0]})  # type: ignore[attr-defined]


def single_facts(currency: str = "CNY") -> st.SearchStrategy[Facts]:
    """One thing said about order o-1; two of them may contradict each other."""

    def known(**parts: st.SearchStrategy[object]) -> st.SearchStrategy[Facts]:
        return st.builds(Facts, order_id=st.just("o-1"), currency=st.just(currency), **parts)

    return st.one_of(
        known(description=descriptions, customer_id=st.just("c-1")),
        known(payments=_keyed("p", payments | sourced_payments)),
        known(payments=_stated(paid_totals)),
        known(refunds=_keyed("r", refunds | sourced_refunds)),
        known(refunds=_stated(refunded_totals)),
        known(disputes=_keyed("d", disputes)),
        known(attribution=carriers),
        known(placed_at=moments),
        known(delivered_at=moments),
        known(cancelled_at=moments),
    )
