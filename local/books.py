"""The books as the API shows them, held against what the shop's own list of orders says."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from local.arrivals import Report, disorder
from local.expectation import estimated, expected, pending
from local.http import Wrong
from local.play import Play
from local.printed import money, table
from local.shop import MEMBERS

CURRENCIES = ("CNY", "USD", "JPY")
BUCKETS = ("estimated", "pending", "available", "in_flight", "paid")
OUT = ("in_flight", "paid")
ROADS = {
    "api": "API",
    "fenrun": "Standard Webhooks",
    "shopify": "Shopify",
    "wechatpay": "WeChat Pay",
    "stripe": "Stripe",
}


@dataclass
class Seen:
    """What the API shows: commission by member, currency and level; balances by member and currency; payouts; the proof."""

    levels: dict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    balances: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    payouts: list[dict[str, Any]] = field(default_factory=list)
    proof: dict[str, Any] = field(default_factory=dict)

    def total(self, currency: str, bucket: str) -> int:
        return sum(each[bucket] for (_, its), each in self.balances.items() if its == currency)

    def level(self, currency: str, level: str) -> int:
        return sum(amount for (_, its, at), amount in self.levels.items() if (its, at) == (currency, level))


def look(play: Play) -> Seen:
    """Reads balances, statements and payouts of every distributor, and the proof."""
    seen = Seen(proof=play.drained())
    for key, distributor_id in play.ids.items():
        person = f"/v1/distributors/{distributor_id}"
        for balance in play.shop.get(f"{person}/balance")["items"]:
            currency = balance["currency"]
            seen.balances[key, currency] = {bucket: balance[bucket] for bucket in BUCKETS}
            for entry in play.shop.everything(f"{person}/entries?currency={currency}"):
                if "level" in entry:
                    seen.levels[key, currency, entry["level"]] += entry["amount"]
        seen.payouts += play.shop.everything(f"/v1/payouts?distributor_id={distributor_id}")
    return seen


def check(play: Play, seen: Seen) -> None:
    """Raises `Wrong` at the first figure that differs from the shop's own."""
    proof, books = seen.proof, expected(play.orders)
    if any(proof["imbalance"].values()) or proof["mismatches"]:
        raise Wrong(f"the books do not add up: imbalance {proof['imbalance']}, {proof['mismatches'][:3]}")
    if proof["orders"] != len(play.orders):
        raise Wrong(f"the books know {proof['orders']} orders, the shop {len(play.orders)}")
    for place in sorted(books.keys() | seen.levels.keys()):
        key, currency, level = place
        should, shown = sum(books.get(place, {}).values()), seen.levels.get(place, 0)
        _same(f"{level} commission of {key}", currency, shown, should)
    for (key, currency), balance in seen.balances.items():
        mine = [books[place] for place in list(books) if place[:2] == (key, currency)]
        held = sum(pending(days, play.now) for days in mine)
        free = sum(sum(days.values()) for days in mine) - held
        _same(f"estimated of {key}", currency, balance["estimated"], estimated(play.orders, key, currency))
        _same(f"pending of {key}", currency, balance["pending"], held)
        _same(f"what {key} has or was paid", currency, sum(balance[b] for b in ("available", *OUT)), free)
        for bucket in OUT:
            _same(f"{bucket} of {key}", currency, balance[bucket], _in_payouts(play, seen, key, currency, bucket))
    for level in ("direct", "indirect"):
        for order in play.orders:
            if order.cancelled_at and (shown := _commission(play, order.id, level)):
                _same(f"{level} commission of the cancelled order {order.id}", order.currency, shown, 0)
    _payouts_were_played(seen)


def _same(what: str, currency: str, shown: int, should: int) -> None:
    if shown != should:
        raise Wrong(f"{what} is {money(shown, currency)} {currency}, and should be {money(should, currency)}")


def _commission(play: Play, order_id: str, level: str) -> int:
    found = play.shop.get(f"/v1/orders/{order_id}/commissions")[level]
    return found["amount"] if found else 0


def _in_payouts(play: Play, seen: Seen, key: str, currency: str, bucket: str) -> int:
    states = {"paid"} if bucket == "paid" else {"requested", "approved", "submitting", "submitted", "unknown"}
    return sum(
        payout["gross"]
        for payout in seen.payouts
        if (payout["distributor_id"], payout["currency"]) == (play.ids[key], currency) and payout["state"] in states
    )


def _payouts_were_played(seen: Seen) -> None:
    states = {payout["state"] for payout in seen.payouts}
    if missing := {"paid", "failed", "returned", "submitted"} - states:
        raise Wrong(f"no payout is {' or '.join(sorted(missing))}")
    if not any(payout["state"] == "paid" and payout["history"][0]["to"] == "requested" for payout in seen.payouts):
        raise Wrong("the payout that was requested by hand was not paid")


def tables(play: Play, seen: Seen) -> str:
    """The books by currency, by distributor, the payouts by state, and the proof."""
    heads = ("", "orders", "direct", "indirect", *(bucket.replace("_", " ") for bucket in BUCKETS))
    by_currency = [
        (
            currency,
            str(sum(order.currency == currency for order in play.orders)),
            *(money(seen.level(currency, level), currency) for level in ("direct", "indirect")),
            *(money(seen.total(currency, bucket), currency) for bucket in BUCKETS),
        )
        for currency in CURRENCIES
    ]
    names = {member.key: (member.name, member.sponsor) for member in MEMBERS}
    by_member = []
    for (key, currency), balance in seen.balances.items():
        name, sponsor = names[key]
        amounts = [seen.levels.get((key, currency, level), 0) for level in ("direct", "indirect")]
        amounts += [balance[bucket] for bucket in BUCKETS[1:]]
        who = f"{name}" + (f" (recruit of {names[sponsor][0]})" if sponsor else "")
        by_member.append((who, currency, *(money(amount, currency) for amount in amounts)))
    member_heads = ("", "", "direct", "indirect", *(bucket.replace("_", " ") for bucket in BUCKETS[1:]))
    states = sorted({(payout["state"], payout["currency"]) for payout in seen.payouts})
    by_state = [
        (state, currency, str(len(mine)), money(sum(each["gross"] for each in mine), currency))
        for state, currency in states
        for mine in [[p for p in seen.payouts if (p["state"], p["currency"]) == (state, currency)]]
    ]
    proof = seen.proof
    return "\n".join(
        [
            table("The books, by currency", heads, by_currency),
            table("By distributor", member_heads, by_member, left=2),
            table("Payouts", ("", "", "count", "gross"), by_state, left=2),
            "GET /v1/ledger/verify",
            f"  accounts {proof['accounts']}, entries {proof['entries']}, orders {proof['orders']}, "
            f"in transit {proof['in_transit']}, imbalance {proof['imbalance']}, mismatches {proof['mismatches']}",
            "",
        ]
    )


def told(play: Play) -> str:
    """By which roads the messages came, and in what disorder."""
    by_road: dict[str, list[Report]] = defaultdict(list)
    for report in play.reports:
        by_road[report.message.road.partition("-")[0]].append(report)
    rows = [
        (name, str(len({each.order_id for each in mine})), str(len(mine)), str(sum(each.again for each in mine)))
        for road, name in ROADS.items()
        for mine in [by_road[road]]
    ]
    return "\n".join(
        [
            table("Messages, by road", ("", "orders", "messages", "again"), rows),
            "  the commission and balances above are what the shop's own list of orders comes to",
            f"  {disorder(play.reports)}",
            f"  {play.forged} forged deliveries were refused and changed nothing; none of the others is left in the inbox",
            "",
        ]
    )
