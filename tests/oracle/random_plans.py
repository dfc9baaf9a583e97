"""Seeded random plans, as bodies CONTRACT.md accepts."""

# (sku, product_id, category, merchant_id): small pools, so that matches hit and overlap
GOODS = [
    ("TEA-100", "TEA", "tea", "m1"),
    ("TEA-200", "TEA", "tea", "m2"),
    ("CUP-1", "CUP", "ware", "m1"),
    ("POT-1", "POT", "ware", "m2"),
    ("GIFT-1", "GIFT", "gift", "m1"),
]
FIELDS = ("sku", "product_id", "category", "merchant_id")
RANKS = ("gold", "silver")
RATES = (
    "0.1",
    "0.10",
    "0.05",
    "0.03",
    "0.2",
    "0.125",
    "0.015",
    "0.0035",
    "0.0114",
    "0.333333",
    "0.000001",
    "0.5",
    "0.25",
    "0.08",
    "0.12",
    "0.15",
)


def chance(rng, share):
    return rng.random() < share


def random_rate(rng, highest=400000):
    """A decimal string of at most 6 decimals: often a round one, else any number of millionths."""
    if chance(rng, 0.6):
        return rng.choice(RATES)
    return f"0.{rng.randrange(highest + 1):06d}".rstrip("0").rstrip(".") or "0"


def random_rule(rng, per_unit=False):
    if per_unit and chance(rng, 0.45):
        return {"per_unit": rng.choice([0, 0, 1, 3, 50, 99, 250])}
    return {"rate": "0" if chance(rng, 0.08) else random_rate(rng)}


def random_match(rng, several=0.08):
    """One field as a rule; at times two or three fields of the same goods."""
    goods = dict(zip(FIELDS, rng.choice(GOODS), strict=True))
    fields = rng.sample(FIELDS, rng.choice([2, 3]) if chance(rng, several) else 1)
    return {field: goods[field] for field in FIELDS if field in fields}


def random_overrides(rng):
    overrides = []
    for _ in range(rng.choice([1, 1, 2, 3, 5])):
        match = random_match(rng)
        if any(match == other["match"] for other in overrides):
            continue
        levels = rng.choice([("direct",), ("indirect",), ("direct", "indirect"), ("direct", "indirect")])
        overrides.append({"match": match, **{level: random_rule(rng, per_unit=True) for level in levels}})
    return overrides


def random_ladders(rng):
    """At most one ladder for the same match and level."""
    ladders = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        by, level, match = rng.choice(["quantity", "amount"]), rng.choice(["direct", "indirect"]), random_match(rng)
        if any((match, level) == (other["match"], other["level"]) for other in ladders):
            continue
        starts = [1, 2, 3, 4, 5, 8, 10, 15] if by == "quantity" else [1, 2, 25, 100, 999, 1000, 5000, 10000, 30000]
        starts = sorted(rng.sample(starts, rng.choice([1, 2, 3])))
        if chance(rng, 0.5):
            starts[0] = 1
        ladders.append(
            {
                "match": match,
                "level": level,
                "by": by,
                "mode": rng.choice(["whole", "marginal"]),
                "steps": [{"from": start, "rate": random_rate(rng)} for start in starts],
            }
        )
    return ladders


def random_indirect(rng):
    indirect = {"rate": random_rate(rng)}
    if chance(rng, 0.7):
        indirect["of"] = rng.choice(["sale", "direct"])
    return indirect


def random_base(rng):
    base = {"of": rng.choice(["amount", "margin"]), "shipping": chance(rng, 0.4), "tax": chance(rng, 0.4)}
    return {name: value for name, value in base.items() if chance(rng, 0.85)}


def random_ranks(rng):
    levels = [("direct",), ("direct", "indirect"), ("indirect",)]
    return {rank: {level: random_rule(rng) for level in rng.choice(levels)} for rank in RANKS[: rng.choice([1, 2])]}


def random_cap(rng):
    return {"rate": rng.choice(["0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.30", "0.333333", "0.5", "1"])}


def random_limits(rng):
    customer = {"per": "customer", "orders": rng.choice([1, 1, 2, 5])}
    month = {"per": "month", "amount": rng.choice([0, 1, 500, 1000, 5000, 100000])}
    return rng.choice([[customer, month], [customer], [month], [month], []])


def random_attribution(rng):
    return {
        "model": rng.choice(["last_click", "first_click"]),
        "click_days": rng.choice([1, 30]),
        "binding": rng.choice(["first", "last"]),
        "binding_days": rng.choice([None, 90]),
        "protect_days": rng.choice([0, 15]),
    }


PARTS = {
    "indirect": (0.75, random_indirect),
    "base": (0.5, random_base),
    "overrides": (0.5, random_overrides),
    "ladders": (0.4, random_ladders),
    "ranks": (0.4, random_ranks),
    "cap": (0.4, random_cap),
    "limits": (0.3, random_limits),
    "accrue_on": (0.4, lambda rng: rng.choice(["paid", "delivered"])),
    "hold_days": (0.3, lambda rng: rng.choice([0, 7, 15, 30])),
    "rounding": (0.5, lambda rng: rng.choice(["half_up", "floor"])),
    "attribution": (0.2, random_attribution),
    "self_purchase": (0.2, lambda rng: rng.choice(["none", "pays_self"])),
    "inactive_direct": (0.2, lambda rng: rng.choice(["pay_indirect", "stop"])),
    "payout": (0.2, lambda rng: {"minimum": {"CNY": 1000}, "fee_rate": rng.choice(["0", "0.006"])}),
}


def random_plan(rng):
    """A plan body. Only `direct` is always there; every other field is there or not."""
    parts = {name: make(rng) for name, (share, make) in PARTS.items() if chance(rng, share)}
    return {"direct": random_rule(rng), **parts}
