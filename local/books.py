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
from local.shop import CURRENCIES, MEMBERS, RAILS

BUCKETS = ("estimated", "pending", "available", "in_flight", "paid")
OUT = ("in_flight", "paid")
UNFINISHED = frozenset(
    ("requested", "approved", "submitting", "unknown", "submitted", "awaiting_recipient", "manual_review")
)
PLAYED = {
    *{(rail, "paid") for rail in ("bank_file", *RAILS)},
    ("bank_file", "failed"),
    ("bank_file", "returned"),
    ("bank_file", "submitted"),
    ("stripe", "failed"),
    ("wise", "returned"),
    ("wechatpay", "awaiting_recipient"),
}
"""Rails, and the states in which payouts are left there."""
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
    _providers_agree(play, seen)


def _same(what: str, currency: str, shown: int, should: int) -> None:
    if shown != should:
        raise Wrong(f"{what} is {money(shown, currency)} {currency}, and should be {money(should, currency)}")


def _commission(play: Play, order_id: str, level: str) -> int:
    found = play.shop.get(f"/v1/orders/{order_id}/commissions")[level]
    return found["amount"] if found else 0


def _in_payouts(play: Play, seen: Seen, key: str, currency: str, bucket: str) -> int:
    states = {"paid"} if bucket == "paid" else UNFINISHED
    return sum(
        payout["gross"]
        for payout in seen.payouts
        if (payout["distributor_id"], payout["currency"]) == (play.ids[key], currency) and payout["state"] in states
    )


def _payouts_were_played(seen: Seen) -> None:
    ways = {(payout["rail"], payout["state"]) for payout in seen.payouts}
    if missing := PLAYED - ways:
        raise Wrong(f"no payout is {', '.join(f'{state} by {rail}' for rail, state in sorted(missing))}")
    if not any(payout["state"] == "paid" and payout["history"][0]["to"] == "requested" for payout in seen.payouts):
        raise Wrong("the payout that was requested by hand was not paid")
    if not any(step["to"] == "unknown" for payout in seen.payouts for step in payout["history"]):
        raise Wrong("no answer of a rail was lost")
    for back in seen.payouts:
        if back["rail"] in RAILS and back["state"] in ("failed", "returned") and not _paid_again(back, seen):
            raise Wrong(f"the money of {back['id']} came back, and was not paid again")


def _paid_again(back: dict[str, Any], seen: Seen) -> bool:
    """Whether a later payout has this money in it."""
    return any(
        later["state"] == "paid"
        and (later["distributor_id"], later["currency"]) == (back["distributor_id"], back["currency"])
        and later["created_at"] > back["created_at"]
        and later["gross"] >= back["gross"]
        for later in seen.payouts
    )


def _providers_agree(play: Play, seen: Seen) -> None:
    """What has left the shop's account at each provider is what the books say was paid there."""
    for rail in RAILS:
        for currency in CURRENCIES:
            paid = [
                p["net"] for p in seen.payouts if (p["rail"], p["currency"], p["state"]) == (rail, currency, "paid")
            ]
            _same(f"paid by {rail}", currency, sum(paid), play.paydays.providers.provider(rail).books.paid(currency))


def tables(play: Play, seen: Seen) -> str:
    """The books by currency, by distributor, the payouts by rail and state, and the proof."""
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
    ways = sorted({(p["rail"], p["state"], p["currency"]) for p in seen.payouts})
    by_rail = [
        (*way, str(len(mine)), money(sum(each["gross"] for each in mine), way[2]))
        for way in ways
        for mine in [[p for p in seen.payouts if (p["rail"], p["state"], p["currency"]) == way]]
    ]
    proof = seen.proof
    return "\n".join(
        [
            table("The books, by currency", heads, by_currency),
            table("By distributor", member_heads, by_member, left=2),
            table("Payouts, by rail", ("", "", "", "count", "gross"), by_rail, left=3),
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
            "  each provider that pays out has sent what the books say it paid, to the cent; what came back was paid again",
            "",
        ]
    )
