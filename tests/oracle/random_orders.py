"""Seeded random orders, as bodies CONTRACT.md accepts. The one field beyond it: refunds[].state "failed"."""

from datetime import UTC, datetime, timedelta

from tests.oracle.random_plans import FIELDS, GOODS, chance

START = datetime(2025, 2, 1, tzinfo=UTC)
AMOUNTS = (0, 1, 2, 5, 25, 50, 99, 999, 1000, 1999, 2500, 5000, 9990, 10000, 11000, 19998, 29900, 99999)


def time(rng, earliest, days=20):
    """An RFC 3339 UTC time up to `days` after `earliest`, and itself as a datetime."""
    moment = earliest + timedelta(seconds=rng.randrange(1, days * 86400))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment


def random_lines(rng):
    lines = []
    for number in range(rng.choice([1, 1, 2, 2, 3, 4, 5])):
        goods = dict(zip(FIELDS, rng.choice(GOODS), strict=True))
        line = {"line_id": str(number + 1), **{field: goods[field] for field in FIELDS if chance(rng, 0.85)}}
        line["quantity"] = rng.choice([1, 1, 1, 2, 3, 5, 10, 12])
        line["amount"] = rng.choice(AMOUNTS) if chance(rng, 0.7) else rng.randrange(1, 40000)
        if chance(rng, 0.6):
            line["cost"] = rng.choice([0, line["amount"] // 2, line["amount"] * 2 // 5, line["amount"] + 7])
        lines.append(line)
    return lines


def random_payments(rng, due, placed):
    """In full, in instalments (all or some of them paid), too little, too much or nothing."""
    kind = rng.choice(["full"] * 6 + ["instalments", "instalments", "partial", "none", "over"])
    if due == 0 or kind == "none":
        return []
    amounts = [due]
    if kind == "over":
        amounts = [due + rng.choice([1, 100, due])]
    elif kind == "partial":
        amounts = [rng.choice([1, (due + 1) // 2, (due + 2) // 3, max(1, due - 1)])]
    elif kind == "instalments" and due >= 3:
        first, second = sorted(rng.sample(range(1, due), 2))
        amounts = [first, second - first, due - second][: rng.choice([1, 2, 3, 3])]
    return [
        {"payment_id": f"p{i + 1}", "amount": amount, "paid_at": time(rng, placed)[0]}
        for i, amount in enumerate(amounts)
    ]


def part_of(rng, amount):
    """Some of a positive amount: often all of it, a half, a third or one minor unit."""
    return max(1, rng.choice([amount, amount // 2, amount // 3, 1, rng.randrange(1, amount + 1)]))


def refund_lines(rng, lines, money, units):
    """Lines of one refund; takes them from `money` and `units`. With all the money go all the units, if stated."""
    chosen = [line for line in lines if money[line["line_id"]] > 0]
    named = []
    for line in rng.sample(chosen, rng.randrange(1, len(chosen) + 1)):
        line_id = line["line_id"]
        entry = {"line_id": line_id, "amount": part_of(rng, money[line_id])}
        if chance(rng, 0.7) and units[line_id] > 0:
            everything = entry["amount"] == money[line_id]
            entry["quantity"] = units[line_id] if everything else rng.randrange(1, units[line_id] + 1)
        money[line_id] -= entry["amount"]
        units[line_id] -= entry.get("quantity", 0)
        named.append(entry)
    return named


def random_back(rng, lines, extra, placed):
    """Refunds and disputes; those that count never exceed what remains, of a line or (together) of the order.

    Refunds by line come first, mostly in time too; in a quarter of the orders the times are mixed, so that a line's
    refund may be later than one by amount. A last refund may give back all there is, shipping and tax included."""
    money = {line["line_id"]: line["amount"] for line in lines}
    units = {line["line_id"]: line["quantity"] for line in lines}
    refunds, disputes, loose, moment, mixed = [], [], 0, placed, chance(rng, 0.25)
    for number in range(rng.choice([0, 0, 1, 1, 2, 3, 4])):
        refunded_at, moment = time(rng, placed if mixed else moment, 10)
        refund = {"refund_id": f"r{number + 1}", "refunded_at": refunded_at}
        failed = chance(rng, 0.15)
        rest = sum(money.values()) - loose
        if rest <= 0:
            break
        if failed and chance(rng, 0.5):
            refund.update(state="failed", lines=refund_lines(rng, lines, dict(money), dict(units)))
        elif failed:
            refund.update(state="failed", amount=rest)
        elif loose == 0 and chance(rng, 0.6):
            refund["lines"] = refund_lines(rng, lines, money, units)
        else:
            everything = chance(rng, 0.1)
            refund["amount"] = rest + extra if everything else part_of(rng, rest)
            loose += min(rest, refund["amount"])
        refunds.append(refund)
    rest = sum(money.values()) - loose
    if rest > 0 and chance(rng, 0.2):
        disputes.append(
            {
                "dispute_id": "d1",
                "amount": part_of(rng, rest),
                "state": rng.choice(["open", "won", "lost"]),
                "at": time(rng, moment)[0],
            }
        )
    rng.shuffle(refunds)
    return refunds, disputes


def random_order(rng):
    """An order body: any of its facts may be missing."""
    placed_at, placed = time(rng, START, 60)
    order = {"customer_id": f"c-{rng.randrange(1, 50)}", "currency": rng.choice(["CNY", "CNY", "USD", "JPY"])}
    if chance(rng, 0.9):
        order["placed_at"] = placed_at
    if chance(rng, 0.7):
        order["updated_at"] = time(rng, placed)[0]
    order["lines"] = lines = random_lines(rng)
    for name in ("shipping", "tax"):
        if chance(rng, 0.5):
            order[name] = rng.choice([0, 1, 500, 1000, 1234])
    extra = order.get("shipping", 0) + order.get("tax", 0)
    facts = {"payments": random_payments(rng, sum(line["amount"] for line in lines) + extra, placed)}
    facts["refunds"], facts["disputes"] = random_back(rng, lines, extra, placed)
    for name, items in facts.items():
        if items or chance(rng, 0.3):
            order[name] = items
    if chance(rng, 0.7):
        order["delivered_at"] = time(rng, placed)[0]
    if chance(rng, 0.06):
        order["cancelled_at"] = time(rng, placed)[0]
    return order


def random_call(rng):
    """The further arguments of `commission_oracle.expected`."""
    return {
        "direct_rank": rng.choice([None, "gold", "silver", "bronze"]),
        "indirect_rank": rng.choice([None, "gold", "silver"]),
        "has_indirect": chance(rng, 0.85),
        "earned_this_month": rng.choice([None, {"direct": 0, "indirect": 0}, {"direct": 400, "indirect": 9}]),
        "customer_order_number": rng.choice([1, 1, 1, 1, 2, 3]),
    }
