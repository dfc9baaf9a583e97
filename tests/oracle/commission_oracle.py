"""What an order earns, written a second time from CONTRACT.md alone: slow, exact, no import of ours.

Quotes are sentences of CONTRACT.md (C) or DESIGN.md (D). Where the contract leaves two readings, READINGS names the
one taken (the first listed); a difference test may turn a switch to see whether a mismatch is only another reading.
"""
from contextlib import contextmanager
from fractions import Fraction
from math import floor

FIELDS = ("sku", "product_id", "category", "merchant_id")  # most specific first

READINGS = {
    "paid": "gross",             # gross: payments / total. net: (payments - given back) / (total - given back)
    "refund_order": "lines",     # lines: refunds that name lines go first. time: by refunded_at, disputes by at
    "units_left": "stated",      # stated: quantity - quantities refunded. share: quantity x share of amount left
    "negative_margin": "zero",   # zero: a line with cost above amount has base 0. signed: its base is negative
    "refunded_margin": "share",  # share: margin shrinks with the line. money: amount left - whole cost
    "override": "level",         # level: most specific override naming the level. whole: most specific, then general
    "match_many": "all",         # all: every field of a match must agree. any: one is enough
    "ladder_rank": "ladder",     # ladder: a ladder beats the rank. rank: the rank beats the ladder
    "amount_steps": "above",     # above: a step holds from `from` on. unit: from the from-th minor unit on
    "of": "plan",                # plan: rates of override, rank, ladder keep the plan's `of`. sale: are of the sale
    "shipping": "leaves",        # leaves: shipping and tax shrink with their line. stays: all of it, on what remains
    "cap_base": "base",          # base: the cap is a rate of the base. sale: of what is left of the line amounts
    "cap": "rounded",            # rounded: levels and cap are rounded, then cut. exact: cut, then levels rounded
    "cap_limit": "cap",          # cap: the cap cuts before the month's limit. limit: the limit cuts first
    "shares": "scaled",          # scaled: line quotas add up to the level. plain: line quotas are the exact amounts
}


@contextmanager
def reading(**changes):
    """Take other readings inside a `with`."""
    before = dict(READINGS)
    if not all(name in before for name in changes):
        raise KeyError(f"no such reading in {sorted(changes)}")
    READINGS.update(changes)
    try:
        yield
    finally:
        READINGS.update(before)


def taken_back(order):
    """Every refund and dispute that takes money away, as {"at", "id", "lines" or "amount"}.

    A failed refund is none; a dispute that is open or lost takes its amount like a refund without lines
    (from the brief: the contract does not say)."""
    for refund in order.get("refunds") or []:
        if refund.get("state") != "failed":
            yield {"at": refund["refunded_at"], "id": refund["refund_id"],
                   "lines": refund.get("lines"), "amount": refund.get("amount", 0)}
    for dispute in order.get("disputes") or []:
        if dispute["state"] in ("open", "lost"):
            yield {"at": dispute.get("at", ""), "id": dispute["dispute_id"], "lines": None,
                   "amount": dispute["amount"]}


def refund_line_amount(refund_line, line):
    """`amount` of a refunded line; without one, the part of the line its quantity is."""
    if "amount" in refund_line:
        return Fraction(refund_line["amount"])
    return Fraction(line["amount"]) * refund_line["quantity"] / line.get("quantity", 1)


def money_left(order):
    """{line_id: amount left}.

    C: "A refund without `lines` is spread over the lines by what remains of them." Never below zero; exact."""
    lines = {line["line_id"]: line for line in order.get("lines") or []}
    left = {line_id: Fraction(line["amount"]) for line_id, line in lines.items()}
    order_of = {"lines": lambda b: (not b["lines"],), "time": lambda b: (b["at"], b["id"])}
    for back in sorted(taken_back(order), key=order_of[READINGS["refund_order"]]):
        if back["lines"]:
            for named in back["lines"]:
                line_id = named["line_id"]
                if line_id in lines:
                    left[line_id] = max(Fraction(0), left[line_id] - refund_line_amount(named, lines[line_id]))
        elif sum(left.values()) > 0:
            keep = max(Fraction(0), 1 - Fraction(back["amount"]) / sum(left.values()))
            left = {line_id: amount * keep for line_id, amount in left.items()}
    return left


def units_returned(order, line_id):
    """The quantities that refunds state for a line."""
    return sum(named.get("quantity", 0) for back in taken_back(order) for named in back["lines"] or []
               if named["line_id"] == line_id)


def remaining(order):
    """Per line what is left: {"money", "share" of the line, "units"}.

    C: "After any refund the level is computed again on what remains". The share is by amount; a line of amount zero
    has no amount to go by, so there it is by quantity."""
    money = money_left(order)
    left = []
    for line in order.get("lines") or []:
        quantity, amount = line.get("quantity", 1), money[line["line_id"]]
        kept = max(0, quantity - units_returned(order, line["line_id"]))
        share = amount / line["amount"] if line["amount"] else Fraction(kept, quantity) if quantity else Fraction(0)
        units = quantity * share if READINGS["units_left"] == "share" else kept if share else 0
        left.append({"money": amount, "share": share, "units": Fraction(units)})
    return left


def bases(plan, order, left):
    """The base of every line, as far as it is left.

    C: "base: of: amount | margin (amount - cost)", a cost not given is none. C: "Shipping and tax, when in the base,
    belong to the lines in proportion to their amounts", and leave with the line they belong to."""
    terms, lines = plan.get("base") or {}, order.get("lines") or []
    extra = sum(order.get(name) or 0 for name in ("shipping", "tax") if terms.get(name))
    total = sum(line["amount"] for line in lines)
    still = sum(rest["money"] for rest in left)
    result = []
    for line, rest in zip(lines, left):
        base = rest["money"]
        if terms.get("of") == "margin":
            cost = line.get("cost") or 0
            base = (line["amount"] - cost) * rest["share"]
            if READINGS["refunded_margin"] == "money":
                base = rest["money"] - cost if rest["share"] else Fraction(0)
            if READINGS["negative_margin"] == "zero":
                base = max(Fraction(0), base)
        if READINGS["shipping"] == "stays":
            base += extra * rest["money"] / still if still else 0
        elif total:
            base += Fraction(extra * line["amount"], total) * rest["share"]
        result.append(Fraction(base))
    return result


def matches(match, line):
    """C: "match on any of sku, product_id, category, merchant_id": all the fields a match names must agree."""
    how = any if READINGS["match_many"] == "any" and match else all
    return how(line.get(field) == value for field, value in match.items())


def most_specific(candidates):
    """C: "the most specific wins: sku > product_id > category > merchant_id". The first of equals; None of none."""
    return max(candidates, key=lambda c: [field in c["match"] for field in FIELDS], default=None)


def ladder_rate(ladder, order, left):
    """The rate a ladder gives to every line it matches.

    C: "A ladder's steps apply below their `from` as nothing (rate 0)", "`by` counting those lines of the order
    together": all the lines it matches, also those an override takes. whole: the step reached holds for everything.
    marginal: each step holds for its own part, and all lines share the blended rate."""
    counted = [rest for line, rest in zip(order["lines"], left) if matches(ladder["match"], line)]
    by_quantity = ladder["by"] == "quantity"
    total = sum(rest["units"] if by_quantity else rest["money"] for rest in counted)
    steps = sorted((step["from"], Fraction(step["rate"])) for step in ladder["steps"])
    if ladder["mode"] == "whole":
        return max(((start, rate) for start, rate in steps if total >= start), default=(0, Fraction(0)))[1]
    if not total:
        return Fraction(0)
    # the unit number `from` is the first one of a step by quantity, so the step begins one unit before it is complete
    before = 1 if by_quantity or READINGS["amount_steps"] == "unit" else 0
    starts = [max(0, start - before) for start, _ in steps]
    ends = starts[1:] + [None]
    earned = sum(rate * max(0, (total if end is None else min(total, end)) - start)
                 for (_, rate), start, end in zip(steps, starts, ends))
    return earned / total


def rule_for(plan, level, rank, line, order, left):
    """The one rule, {"rate"} or {"per_unit"}, for a line at a level: override, else ladder, else rank, else general.

    C: "An explicit zero is zero", so an override is taken because it is there, never because it is not zero.
    C: "a ladder replaces the general rate for the lines it matches". C: "Defaults: `indirect` rate 0 of sale"."""
    overrides = [o for o in plan.get("overrides") or [] if matches(o["match"], line)]
    if READINGS["override"] == "level":
        overrides = [o for o in overrides if o.get(level) is not None]
    override = most_specific(overrides)
    if override and override.get(level) is not None:
        return override[level]
    ladder = most_specific([x for x in plan.get("ladders") or [] if x["level"] == level and matches(x["match"], line)])
    ranked = ((plan.get("ranks") or {}).get(rank) or {}).get(level)
    if ranked is not None and (ladder is None or READINGS["ladder_rank"] == "rank"):
        return ranked
    if ladder is not None:
        return {"rate": ladder_rate(ladder, order, left)}
    return plan.get(level) or {"rate": "0"}


def exact_line(rule, line, rest, base):
    """C: "`per_unit` pays per unit sold, in proportion to what is left of the line after refunds"; a rate pays on the
    base."""
    rate, per_unit = Fraction(rule.get("rate") or 0), rule.get("per_unit") or 0
    return rate * base + per_unit * line.get("quantity", 1) * rest["share"]


def collected(plan, order):
    """The part of the order that counts: 0 to 1.

    C: "An order counts as paid in the proportion in which it is paid": payments out of lines, shipping and tax.
    C: "accrue_on: paid|delivered"; delivered has to be paid too. Nothing due and nothing paid is nothing collected."""
    if plan.get("accrue_on") == "delivered" and not order.get("delivered_at"):
        return Fraction(0)
    lines = {line["line_id"]: line for line in order.get("lines") or []}
    due = sum(line["amount"] for line in lines.values()) + (order.get("shipping") or 0) + (order.get("tax") or 0)
    paid = sum(payment["amount"] for payment in order.get("payments") or [])
    if READINGS["paid"] == "net":
        for back in taken_back(order):
            gone = sum(refund_line_amount(named, lines[named["line_id"]]) for named in back["lines"]
                       if named["line_id"] in lines) if back["lines"] else back["amount"]
            due, paid = due - gone, paid - gone
    return min(Fraction(1), max(Fraction(0), Fraction(paid) / due)) if due > 0 else Fraction(0)


def rounded(plan, exact):
    """C: "rounded once (half up unless the plan says floor)"."""
    return max(0, floor(exact) if plan.get("rounding") == "floor" else floor(exact + Fraction(1, 2)))


def shared(level, exacts):
    """C: "lines share it by largest remainder, so lines always add up to the level". Ties: the earlier line first."""
    total = sum(exacts)
    if not level or total <= 0:
        return [0 for _ in exacts]
    plain = READINGS["shares"] == "plain" and 0 <= level - sum(map(floor, exacts)) <= len(exacts)
    quotas = exacts if plain else [exact * level / total for exact in exacts]
    result = [floor(quota) for quota in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda i: (result[i] - quotas[i], i))
    for i in by_remainder[:level - sum(result)]:
        result[i] += 1
    return result


def expected(plan, order, direct_rank=None, indirect_rank=None, has_indirect=True, earned_this_month=None,
             customer_order_number=1, as_if_collected=False):
    """{"direct", "indirect", "capped", "lines": [{"line_id", "direct", "indirect"}]} for exactly these facts.

    C: "indirect does not depend on direct being non-zero, unless it is of: direct"; then it is of the exact direct of
    the line, before rounding, cap and limits. C: "If both levels together exceed the cap, the order earns the cap:
    `indirect` is cut first, then `direct`"; the cap is a rate of the base. A cancelled order earns nothing, nor does
    an order beyond {"per": "customer", "orders"}. {"per": "month", "amount"} holds for each beneficiary by itself."""
    lines, left = order.get("lines") or [], remaining(order)
    base = bases(plan, order, left)
    general_of = (plan.get("indirect") or {}).get("of", "sale")
    directs, indirects = [], []
    for line, rest, line_base in zip(lines, left, base):
        direct_rule = rule_for(plan, "direct", direct_rank, line, order, left)
        directs.append(exact_line(direct_rule, line, rest, line_base))
        rule = rule_for(plan, "indirect", indirect_rank, line, order, left)
        of = rule.get("of", general_of if READINGS["of"] == "plan" else "sale")
        of = directs[-1] if of == "direct" else line_base
        indirects.append(exact_line(rule, line, rest, of) if has_indirect else Fraction(0))

    limits = plan.get("limits") or []
    counts = Fraction(1) if as_if_collected else collected(plan, order)
    if order.get("cancelled_at") or any(limit["per"] == "customer" and customer_order_number > limit["orders"]
                                        for limit in limits):
        counts = Fraction(0)
    directs, indirects = [x * counts for x in directs], [x * counts for x in indirects]
    cap = Fraction((plan.get("cap") or {}).get("rate", "1")) * counts
    cap *= sum(rest["money"] for rest in left) if READINGS["cap_base"] == "sale" else sum(base)

    def limited(level, amount):
        earned = (earned_this_month or {}).get(level, 0)
        return min([amount] + [max(0, limit["amount"] - earned) for limit in limits if limit["per"] == "month"])

    amounts = [sum(directs, Fraction(0)), sum(indirects, Fraction(0))]
    if READINGS["cap"] == "rounded":
        amounts, cap = [rounded(plan, amount) for amount in amounts], rounded(plan, cap)
    direct, indirect = amounts
    if READINGS["cap_limit"] == "limit":
        direct, indirect = limited("direct", direct), limited("indirect", indirect)
    capped = direct + indirect > cap
    if capped:
        direct = min(direct, cap)
        indirect = cap - direct
    direct, indirect = rounded(plan, limited("direct", direct)), rounded(plan, limited("indirect", indirect))
    by_line = zip(lines, shared(direct, directs), shared(indirect, indirects))
    return {"direct": direct, "indirect": indirect, "capped": capped,
            "lines": [{"line_id": line["line_id"], "direct": d, "indirect": i} for line, d, i in by_line]}
