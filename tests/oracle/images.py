"""The bodies of plans and orders as Fenrun's own types, and what Fenrun makes of them."""

from datetime import UTC, datetime

from msgspec import convert

from chalicelib.domain.buckets import HELD
from chalicelib.domain.orders import Facts, Order
from chalicelib.domain.plans import Plan, check
from chalicelib.domain.terms import Beneficiary, Terms

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def plan_of(body):
    plan = convert(body, Plan)
    check(plan)
    return plan


def _keyed(items, name):
    return {item[name]: {key: value for key, value in item.items() if key != name} for item in items or []}


def facts_of(body):
    """An order's body, or a part of one, as facts."""
    described = {name: body[name] for name in ("lines", "shipping", "tax", "updated_at") if name in body}
    once = ("currency", "customer_id", "placed_at", "delivered_at", "cancelled_at")
    facts = {
        "order_id": "o-1",
        **{name: body[name] for name in once if name in body},
        "description": described if "lines" in body else None,
        "payments": _keyed(body.get("payments"), "payment_id"),
        "refunds": _keyed(body.get("refunds"), "refund_id"),
        "disputes": _keyed(body.get("disputes"), "dispute_id"),
    }
    return convert(facts, Facts)


def terms_of(plan, call):
    """The terms of an order of ann, who was brought in by bob, as the further arguments of `expected` describe them."""
    earned = call["earned_this_month"] or {}
    return Terms(
        plan_id="p",
        version=1,
        plan=plan_of(plan),
        time_zone="Asia/Shanghai",
        direct=Beneficiary(distributor_id="ann", rank=call["direct_rank"]),
        indirect=Beneficiary(distributor_id="bob", rank=call["indirect_rank"]) if call["has_indirect"] else None,
        customer_order_number=call["customer_order_number"],
        direct_this_month=earned.get("direct", 0),
        indirect_this_month=earned.get("indirect", 0),
    )


def image_of(facts, terms, revision=1):
    return Order(facts=facts, terms=terms, revision=revision, recorded_at=NOW)


def accrued(level, lines, held=True):
    """What one level has accrued by line, with or without what an open dispute withholds."""
    counted = [parts for bucket, parts in level.buckets.items() if held or bucket.day != HELD]
    return [sum(parts[i] for parts in counted) for i in range(lines)]


def settled(body):
    """The same order with its open disputes won."""
    disputes = [
        dispute | {"state": "won"} if dispute["state"] == "open" else dispute for dispute in body.get("disputes") or []
    ]
    return body | {"disputes": disputes}
