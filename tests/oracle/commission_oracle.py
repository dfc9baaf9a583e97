"""What an order earns, written a second time from CONTRACT.md alone: slow, exact, no import of ours.

Quotes are sentences of CONTRACT.md (C), DESIGN.md (D) or docs/decisions/0003-collected.md (N). Where the contract leaves
several readings, the one taken is said where it is taken.
"""

from fractions import Fraction
from math import floor

FIELDS = ("sku", "product_id", "category", "merchant_id")  # most specific first
NOTHING, WHOLE = Fraction(0), Fraction(1)


def taken_back(order):
    """Every refund and dispute that takes money away, as {"lines" or "amount"}.

    A failed refund is none; a dispute that is open or lost takes its amount like a refund without lines (an open one as
    long as it is open: its part is on hold)."""
    for refund in order.get("refunds") or []:
        if refund.get("state") != "failed":
            yield {"lines": refund.get("lines"), "amount": refund.get("amount", 0)}
    for dispute in order.get("disputes") or []:
        if dispute["state"] in ("open", "lost"):
            yield {"lines": None, "amount": dispute["amount"]}


def lines_of(order):
    return {line["line_id"]: line for line in order.get("lines") or []}


def after_named(order):
    """{line_id: [money left, units left]} after the refunds that name lines; never below zero.

    N: "Refunds of lines come off their lines first; amounts that name no line are spread over what is left then." """
    left = {line_id: [line["amount"], line.get("quantity", 1)] for line_id, line in lines_of(order).items()}
    for back in taken_back(order):
        for named in back["lines"] or []:
            if named["line_id"] in left:
                rest = left[named["line_id"]]
                rest[0] = max(0, rest[0] - named["amount"])
                rest[1] = max(0, rest[1] - named.get("quantity", 0))
    return left


def loose(order):
    """What is given back without naming a line."""
    return sum(back["amount"] for back in taken_back(order) if not back["lines"])


def remaining(order):
    """Per line what is left: {"money", "share" of the line, "units"}.

    C: "After any refund the level is computed again on what remains". The share is by amount; a line of amount zero has
    none to go by, so there it is by quantity. C: "A refund without `lines` is spread over the lines by what remains of
    them"; N: "refunds that add up to the order leave nothing of any line, priced or free": so it shrinks free lines
    in the proportion in which it shrinks the priced ones."""
    named, spread = after_named(order), loose(order)
    total = sum(money for money, _ in named.values())
    kept = NOTHING if spread >= total and spread else 1 - Fraction(spread, total) if total else WHOLE
    left = []
    for line_id, line in lines_of(order).items():
        (money, units), amount, quantity = named[line_id], line["amount"], line.get("quantity", 1)
        share = kept * (Fraction(money, amount) if amount else Fraction(units, quantity) if quantity else NOTHING)
        left.append({"money": money * kept, "share": share, "units": units if share else 0})
    return left


def bases(plan, order, left):
    """The base of every line, as far as it is left.

    C: "base: of: amount | margin (amount - cost)": a cost not given is none, a loss is a base of zero. C: "Shipping and
    tax, when in the base, belong to the lines in proportion to their amounts"; they leave with the line."""
    terms, lines = plan.get("base") or {}, order.get("lines") or []
    extra = sum(order.get(name) or 0 for name in ("shipping", "tax") if terms.get(name))
    total = sum(line["amount"] for line in lines)
    result = []
    for line, rest in zip(lines, left, strict=True):
        whole = Fraction(line["amount"])
        if terms.get("of") == "margin":
            whole = max(NOTHING, whole - (line.get("cost") or 0))
        if total:
            whole += Fraction(extra * line["amount"], total)
        result.append(whole * rest["share"])
    return result


def matches(match, line):
    """C: "match on any of sku, product_id, category, merchant_id": all the fields a match names must agree."""
    return all(line.get(field) == value for field, value in match.items())


def most_specific(candidates):
    """C: "the most specific wins: sku > product_id > category > merchant_id". The first of equals; None of none."""
    return max(candidates, key=lambda c: [field in c["match"] for field in FIELDS], default=None)


def ladder_rate(ladder, order, left):
    """The rate a ladder gives to every line it matches.

    C: "A ladder's steps apply below their `from` as nothing (rate 0)", "`by` counting those lines of the order
    together": all the lines it matches, also those an override takes. whole: the step reached holds for everything.
    marginal: each step holds for its own part, and all lines share the blended rate."""
    lines = order["lines"]
    counted = [rest for line, rest in zip(lines, left, strict=True) if matches(ladder["match"], line)]
    by_quantity = ladder["by"] == "quantity"
    total = sum(rest["units"] if by_quantity else rest["money"] for rest in counted)
    steps = sorted((step["from"], Fraction(step["rate"])) for step in ladder["steps"])
    if ladder["mode"] == "whole":
        return max(((start, rate) for start, rate in steps if total >= start), default=(0, NOTHING))[1]
    if not total:
        return NOTHING
    # Unit number `from` is the first of a step by quantity, so the step begins one unit before it is complete.
    starts = [max(0, start - by_quantity) for start, _ in steps]
    ends = [*starts[1:], None]
    earned = sum(
        rate * max(0, (total if end is None else min(total, end)) - start)
        for (_, rate), start, end in zip(steps, starts, ends, strict=True)
    )
    return earned / Fraction(total)


def rule_for(plan, level, rank, line, order, left):
    """The one rule, {"rate"} or {"per_unit"}, for a line at a level: override, else ladder, else rank, else general.

    C: "An explicit zero is zero", so an override is taken because it names the level, never because it is not zero.
    C: "a ladder replaces the general rate for the lines it matches". C: "Defaults: `indirect` rate 0 of sale"."""
    overrides = [o for o in plan.get("overrides") or [] if matches(o["match"], line) and o.get(level) is not None]
    if overrides:
        return most_specific(overrides)[level]
    ladders = [x for x in plan.get("ladders") or [] if x["level"] == level and matches(x["match"], line)]
    if ladders:
        return {"rate": ladder_rate(most_specific(ladders), order, left)}
    ranked = ((plan.get("ranks") or {}).get(rank) or {}).get(level)
    return ranked if ranked is not None else plan.get(level) or {"rate": "0"}


def exact_line(rule, line, rest, base):
    """C: "`per_unit` pays per unit sold, in proportion to what is left of the line after refunds"; a rate pays on the
    base."""
    rate, per_unit = Fraction(rule.get("rate") or 0), rule.get("per_unit") or 0
    return rate * base + per_unit * line.get("quantity", 1) * rest["share"]


def collected(plan, order):
    """The part of the order that counts: 0 to 1.

    N: "collected = (paid - given back) / (due - given back), between 0 and 1"; due is lines, shipping and tax.
    C: "accrue_on: paid|delivered"; delivered has to be paid too. Nothing due and nothing paid is nothing collected."""
    if plan.get("accrue_on") == "delivered" and not order.get("delivered_at"):
        return NOTHING
    sold = sum(line["amount"] for line in order.get("lines") or [])
    given_back = sold - sum(money for money, _ in after_named(order).values()) + loose(order)
    due = sold + (order.get("shipping") or 0) + (order.get("tax") or 0) - given_back
    paid = sum(payment["amount"] for payment in order.get("payments") or []) - given_back
    return min(WHOLE, max(NOTHING, Fraction(paid, due))) if due > 0 else NOTHING


def rounded(plan, exact):
    """C: "rounded once (half up unless the plan says floor)"."""
    return floor(exact) if plan.get("rounding") == "floor" else floor(exact + Fraction(1, 2))


def shared(level, exacts):
    """C: "lines share it by largest remainder, so lines always add up to the level". Ties: the earlier line first."""
    total = sum(exacts)
    if not level or not total:
        return [0 for _ in exacts]
    quotas = [exact * level / total for exact in exacts]
    result = [floor(quota) for quota in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda i: (result[i] - quotas[i], i))
    for i in by_remainder[: level - sum(result)]:
        result[i] += 1
    return result


def exact_levels(plan, order, ranks, left, base):
    """The exact amounts of all lines at both levels.

    C: "indirect does not depend on direct being non-zero, unless it is of: direct"; then it is of the exact direct of
    the line, before rounding, cap and limits. Rates of override, rank and ladder keep the plan's `of` unless they name
    their own."""
    general_of = (plan.get("indirect") or {}).get("of", "sale")
    directs, indirects = [], []
    for line, rest, line_base in zip(order.get("lines") or [], left, base, strict=True):
        rule = rule_for(plan, "direct", ranks[0], line, order, left)
        directs.append(exact_line(rule, line, rest, line_base))
        rule = rule_for(plan, "indirect", ranks[1], line, order, left)
        of = directs[-1] if rule.get("of", general_of) == "direct" else line_base
        indirects.append(exact_line(rule, line, rest, of))
    return directs, indirects


def expected(
    plan,
    order,
    direct_rank=None,
    indirect_rank=None,
    has_direct=True,
    has_indirect=True,
    earned_this_month=None,
    customer_order_number=1,
    as_if_collected=False,
):
    """{"direct", "indirect", "capped", "lines": [{"line_id", "direct", "indirect"}]} for exactly these facts.

    C: "If both levels together exceed the cap, the order earns the cap: `indirect` is cut first, then `direct`"; the cap
    is a rate of the base, rounded as the levels are. A level that pays nobody earns nothing; a cancelled order earns
    nothing, nor does an order beyond {"per": "customer", "orders"}. {"per": "month", "amount"} holds for each beneficiary by
    itself, after the cap."""
    left, limits = remaining(order), plan.get("limits") or []
    base = bases(plan, order, left)
    directs, indirects = exact_levels(plan, order, (direct_rank, indirect_rank), left, base)
    counts = WHOLE if as_if_collected else collected(plan, order)
    late = any(limit["per"] == "customer" and customer_order_number > limit["orders"] for limit in limits)
    if order.get("cancelled_at") or late:
        counts = NOTHING

    def limited(level, amount):
        earned = (earned_this_month or {}).get(level, 0)
        return min([amount] + [max(0, limit["amount"] - earned) for limit in limits if limit["per"] == "month"])

    cap = rounded(plan, Fraction((plan.get("cap") or {}).get("rate", "1")) * counts * sum(base))
    direct = rounded(plan, sum(directs) * counts) if has_direct else 0
    indirect = rounded(plan, sum(indirects) * counts) if has_indirect else 0
    capped = direct + indirect > cap
    if capped:
        direct = min(direct, cap)
        indirect = cap - direct
    direct, indirect = limited("direct", direct), limited("indirect", indirect)
    parts = zip(lines_of(order), shared(direct, directs), shared(indirect, indirects), strict=True)
    return {
        "direct": direct,
        "indirect": indirect,
        "capped": capped,
        "lines": [{"line_id": line_id, "direct": d, "indirect": i} for line_id, d, i in parts],
    }
