"""Why a line earns what it earns: every step from the price to the cent, as codes with figures. Words are the API's."""

from __future__ import annotations

from fractions import Fraction

from msgspec import Struct

from chalicelib.domain.buckets import HELD, Bucket, matures_on
from chalicelib.domain.earnings import View, views
from chalicelib.domain.levels import beyond_customer_limit
from chalicelib.domain.orders import Order
from chalicelib.domain.rates import Level
from chalicelib.domain.remaining import NOTHING, WHOLE
from chalicelib.domain.terms import Beneficiary, Terms


class Reason(Struct, frozen=True):
    """One step: a code, and its figures. Amounts are in minor units, exact ones as decimal text."""

    code: str
    params: dict[str, str | int]


class LineReasons(Struct, frozen=True):
    line_id: str
    level: Level
    amount: int
    reasons: tuple[Reason, ...]


def decimal(value: Fraction, digits: int = 6) -> str:
    """An exact value as decimal text, cut (never rounded up) after some digits; without idle zeros."""
    scaled = abs(value.numerator) * 10**digits // value.denominator
    whole, part = divmod(scaled, 10**digits)
    text = f"{whole}.{part:0{digits}d}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 and scaled else text


def _base(view: View, i: int) -> list[Reason]:
    """What the rates are of, and what was left out of it."""
    base, line = view.exact.bases[i], view.lines[i].line
    plan = view.plan.base
    steps = [Reason("AMOUNT", {"amount": line.amount, "quantity": line.quantity})]
    if plan.of == "margin":
        steps.append(Reason("COST" if line.cost is not None else "COST_UNKNOWN", {"cost": line.cost or 0}))
    if base.shipping or base.tax:
        steps.append(Reason("EXTRAS", {"shipping": decimal(base.shipping, 2), "tax": decimal(base.tax, 2)}))
    left_out = [name for name, counted in (("shipping", plan.shipping), ("tax", plan.tax)) if not counted]
    if left_out:
        steps.append(Reason("LEFT_OUT_" + "_AND_".join(name.upper() for name in left_out), {}))
    if view.lines[i].share != WHOLE:
        steps.append(Reason("REFUNDED", {"left": decimal(100 * view.lines[i].share, 4)}))
    steps.append(Reason("BASE", {"base": decimal(base.left)}))
    return steps


def _rule(view: View, level: Level, i: int) -> Reason:
    """The rule that won."""
    chosen = view.exact.rules[level][i]
    figures: dict[str, str | int] = {"detail": chosen.detail}
    if chosen.per_unit is not None:
        return Reason(f"RULE_{chosen.source.upper()}_UNIT", figures | {"unit": chosen.per_unit})
    figures["percent"] = decimal(100 * (chosen.rate or NOTHING))
    return Reason(f"RULE_{chosen.source.upper()}_{'OF_DIRECT' if chosen.of_direct else 'RATE'}", figures)


def _unpaid(terms: Terms, view: View, beneficiary: Beneficiary | None) -> Reason | None:
    """Why nobody is paid at this level, if so."""
    if beneficiary is None:
        return Reason("NOBODY", {})
    if beneficiary.unpaid:
        return Reason("UNPAID_" + beneficiary.unpaid.upper(), {})
    if beyond_customer_limit(view.plan, terms):
        return Reason("BEYOND_CUSTOMER_LIMIT", {"number": terms.customer_order_number})
    return None


def _cuts(terms: Terms, view: View, level: Level) -> list[Reason]:
    """What the cap and the month took from the level, once all is collected."""
    end, steps = view.reached(terms, WHOLE), []
    if end.capped[level] != end.rounded[level]:
        cut = end.rounded[level] - end.capped[level]
        steps.append(Reason("CAP", {"cut": cut, "percent": decimal(100 * Fraction(view.plan.cap.rate))}))
    if end.amounts[level] != end.capped[level]:
        steps.append(Reason("MONTH_LIMIT", {"cut": end.capped[level] - end.amounts[level]}))
    return steps


def _accrual(order: Order, view: View) -> list[Reason]:
    """How much has been collected, and when its hold ends."""
    if order.facts.cancelled_at:
        return [Reason("CANCELLED", {})]
    steps = [] if view.share == WHOLE else [Reason("COLLECTED", {"percent": decimal(100 * view.share, 4)})]
    if view.plan.accrue_on == "delivered" and not order.facts.delivered_at:
        steps.append(Reason("WAITS_FOR_DELIVERY", {}))
    if order.stopped_at:
        steps.append(Reason("CUSTOMER_OVERDUE", {}))
    if any(dispute.state == "open" for dispute in order.facts.disputes.values()):
        steps.append(Reason("DISPUTED", {}))
    return steps + [hold(bucket) for bucket in dict.fromkeys(bucket for bucket, _ in view.accruals)]


def hold(bucket: Bucket) -> Reason:
    """When a bucket's hold ends."""
    if bucket.day == HELD:
        return Reason("HELD", {})
    return Reason("HOLD", {"day": bucket.day, "days": bucket.hold_days, "matures_on": matures_on(bucket)})


def explanations(order: Order, *, when: bool = True) -> tuple[LineReasons, ...]:
    """For each line and level: the base and what was left out of it, the rule and why, the cuts of cap and limits, the
    share of the rounding, and (`when`) what has been collected and until when it is held. Empty for an order without
    terms."""
    terms = order.terms
    if terms is None:
        return ()
    found: dict[tuple[int, Level], LineReasons] = {}
    levels: tuple[tuple[Level, Beneficiary | None], ...] = (("direct", terms.direct), ("indirect", terms.indirect))
    for view in views(order, terms, ("lost",)):
        shares = view.reached(terms, NOTHING if order.facts.cancelled_at else WHOLE).by_line
        for level, beneficiary in levels:
            unpaid, cuts = _unpaid(terms, view, beneficiary), _cuts(terms, view, level)
            for i, place in enumerate(view.places):
                steps = _base(view, i)
                if unpaid:
                    steps.append(unpaid)
                else:
                    exact = view.exact.amounts[level][i]
                    steps += [_rule(view, level, i), Reason("EXACT", {"exact": decimal(exact)}), *cuts]
                    steps.append(Reason("ROUNDED", {"amount": shares[level][i]}))
                    steps += _accrual(order, view) if when else []
                found[place, level] = LineReasons(view.lines[i].line.line_id, level, shares[level][i], tuple(steps))
    return tuple(found[place, level] for place in range(len(order.facts.lines)) for level, _ in levels)
