"""A posting is a set of entries with one key that sum to zero: the difference between two images of one order.

Nothing is edited: a refund, a correction or another distributor is a further posting. So the sum of all postings of an
order is what its last image earns, whatever happened in between and in whatever order it arrived.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Literal

from msgspec import Struct, json, structs

from chalicelib.domain import accounts
from chalicelib.domain.buckets import Bucket, day_of
from chalicelib.domain.earnings import Earnings, earnings
from chalicelib.domain.orders import Facts, Order
from chalicelib.domain.rates import Level

LEVELS: tuple[Level, Level] = ("direct", "indirect")


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a distributor's statement: commission earned (positive) or taken back (negative).

    `merchants` says who bears it: amounts by merchant id that add up to `amount`. `happened_at` is when the fact behind
    it happened by the source's clock; `at` (in the posting) when it was recorded. `orders` and `sales` are what the
    entry adds to the day's statistics of a direct beneficiary: orders, and net sales in minor units. `covers` are other
    revisions that were lost, and whose difference is in this entry.
    """

    account: str
    leg: str
    kind: Literal["commission", "reversal"]
    level: Level
    amount: int
    bucket: Bucket
    order_id: str
    revision: int
    happened_at: datetime
    merchants: dict[str, int]
    orders: int = 0
    sales: int = 0
    covers: tuple[int, ...] = ()


class Charge(Struct, frozen=True, kw_only=True):
    """What a merchant's account bears of a posting: negative when commission is earned."""

    account: str
    bucket: Bucket
    amount: int


class Posting(Struct, frozen=True, kw_only=True):
    """`key` is `<order>@<revision>`; entries and charges of one posting sum to zero and are applied together or not."""

    key: str
    at: datetime
    currency: str
    happened_on: str
    entries: tuple[Entry, ...]
    charges: tuple[Charge, ...]


def digest(entry: Entry) -> str:
    """A short fingerprint of the entry's content: the same key with another one is an alarm."""
    return sha256(json.encode(entry, order="sorted")).hexdigest()[:16]


def _times(facts: Facts) -> dict[str, datetime]:
    times: dict[str, datetime | None] = {
        "placed": facts.placed_at,
        "delivered": facts.delivered_at,
        "cancelled": facts.cancelled_at,
        "described": facts.description.updated_at if facts.description else None,
    }
    times |= {f"payment {key}": payment.paid_at for key, payment in facts.payments.items()}
    times |= {f"refund {key} {refund.state}": refund.refunded_at for key, refund in facts.refunds.items()}
    times |= {f"dispute {key} {dispute.state}": dispute.at for key, dispute in facts.disputes.items()}
    return {name: at for name, at in times.items() if at}


def happened_at(old: Order | None, new: Order) -> datetime:
    """When, by the source's clock, the newest fact happened that the new image has and the old one had not."""
    known = _times(old.facts) if old else {}
    fresh = [at for name, at in _times(new.facts).items() if known.get(name) != at]
    return min(max(fresh), new.recorded_at) if fresh else new.recorded_at


def _merchants(order: Order) -> list[str]:
    """Who pays for each line: its merchant, unless the operator sells it or has taken it on."""
    by_operator = order.terms.operator_pays if order.terms else ()
    payers = [line.merchant_id or accounts.OPERATOR for line in order.facts.lines]
    return [accounts.OPERATOR if payer in by_operator else payer for payer in payers]


def _amounts(order: Order | None, earned: Earnings | None, level: Level) -> dict[tuple[str, Bucket], dict[str, int]]:
    """(distributor, bucket) -> merchant -> amount, of one level of one image."""
    if order is None or earned is None:
        return {}
    side = earned.level(level)
    if side.beneficiary is None:
        return {}
    payers, result = _merchants(order), {}
    for bucket, parts in side.buckets.items():
        by_merchant: dict[str, int] = defaultdict(int)
        for payer, part in zip(payers, parts, strict=True):
            by_merchant[payer] += part
        result[side.beneficiary.distributor_id, bucket] = dict(by_merchant)
    return result


def _counted(order: Order | None, earned: Earnings | None) -> dict[tuple[str, Bucket], tuple[int, int]]:
    """(distributor, bucket) -> orders and net sales, as the day's statistics count them: for a direct beneficiary who is
    paid; the order on its first day, as long as anything of it is sold."""
    if earned is None or earned.direct.beneficiary is None or earned.direct.beneficiary.unpaid:
        return {}
    if not any(earned.sales.values()):
        return {}
    first, distributor_id = min(earned.sales), earned.direct.beneficiary.distributor_id
    return {(distributor_id, bucket): (int(bucket == first), sold) for bucket, sold in earned.sales.items()}


class Share(Struct, frozen=True):
    """What one level of an order holds in one bucket: amounts by merchant id, and what it adds to the statistics."""

    merchants: dict[str, int]
    orders: int = 0
    sales: int = 0


Holder = tuple[Level, str, Bucket]
"""A level, the distributor who is paid at it, and where the money waits."""


def holdings(order: Order) -> dict[Holder, Share]:
    """All that an image earns: what the entries of all its postings add up to."""
    earned = earnings(order)
    found: dict[Holder, Share] = {}
    for level in LEVELS:
        amounts, counted = _amounts(order, earned, level), _counted(order, earned) if level == "direct" else {}
        for distributor_id, bucket in amounts.keys() | counted.keys():
            by_merchant = {m: n for m, n in amounts.get((distributor_id, bucket), {}).items() if n}
            share = Share(by_merchant, *counted.get((distributor_id, bucket), (0, 0)))
            if share != Share({}):
                found[level, distributor_id, bucket] = share
    return found


def by_bucket(posting: Posting) -> list[Posting]:
    """The posting bucket by bucket: each of them sums to zero."""
    return [
        structs.replace(
            posting,
            entries=tuple(entry for entry in posting.entries if entry.bucket == bucket),
            charges=tuple(charge for charge in posting.charges if charge.bucket == bucket),
        )
        for bucket in sorted({entry.bucket for entry in posting.entries})
    ]


def leg(level: Level, bucket: Bucket) -> str:
    """What tells the entries of one posting apart."""
    return f"{level}.{bucket.day}.{bucket.hold_days}"


def times(order: Order) -> list[datetime]:
    """When the facts of an order happened, by their sources' clocks, as far as they say."""
    return list(_times(order.facts).values())


def charges(entries: Iterable[Entry]) -> tuple[Charge, ...]:
    """What the merchants' accounts bear of these entries of one order."""
    charged: dict[tuple[str, Bucket], int] = defaultdict(int)
    for entry in entries:
        for payer, part in entry.merchants.items():
            currency = accounts.currency_of(entry.account)
            charged[accounts.merchant(payer, currency, entry.order_id), entry.bucket] -= part
    return tuple(Charge(account=a, bucket=b, amount=n) for (a, b), n in sorted(charged.items()) if n)


def difference(old: Order | None, new: Order, earned: Earnings | None = None) -> Posting | None:
    """The posting that takes the books from what the old image earned to what the new one earns; None if that is the same.

    Entries carry the time and revision of the new image: the same two images always give the same posting. `earned` is what
    the new one earns, where that is known already.
    """
    before, after = earnings(old) if old else None, earned or earnings(new)
    currency, order_id = new.facts.currency, new.facts.order_id
    happened = happened_at(old, new)
    entries: list[Entry] = []
    charged: dict[tuple[str, Bucket], int] = defaultdict(int)
    counted_before, counted_after = _counted(old, before), _counted(new, after)
    for level in LEVELS:
        was, now = _amounts(old, before, level), _amounts(new, after, level)
        statistics = counted_before.keys() | counted_after.keys() if level == "direct" else set()
        for key in sorted(was.keys() | now.keys() | statistics):
            distributor_id, bucket = key
            had, has = was.get(key, {}), now.get(key, {})
            by_merchant = {m: has.get(m, 0) - had.get(m, 0) for m in sorted(had.keys() | has.keys())}
            by_merchant = {m: amount for m, amount in by_merchant.items() if amount}
            amount = sum(by_merchant.values())
            orders, sales = 0, 0
            if level == "direct":
                then, since = counted_before.get(key, (0, 0)), counted_after.get(key, (0, 0))
                orders, sales = since[0] - then[0], since[1] - then[1]
            if not by_merchant and not orders and not sales:
                continue
            entries.append(
                Entry(
                    account=accounts.distributor(distributor_id, currency),
                    leg=leg(level, bucket),
                    kind="reversal" if (amount, sales) < (0, 0) else "commission",
                    level=level,
                    amount=amount,
                    bucket=bucket,
                    order_id=order_id,
                    revision=new.revision,
                    happened_at=happened,
                    merchants=by_merchant,
                    orders=orders,
                    sales=sales,
                )
            )
            for payer, part in by_merchant.items():
                charged[accounts.merchant(payer, currency, order_id), bucket] -= part
    if new.terms is None or not entries:
        return None
    return Posting(
        key=f"{order_id}@{new.revision}",
        at=new.recorded_at,
        currency=currency,
        happened_on=day_of(happened, new.terms.time_zone),
        entries=tuple(entries),
        charges=tuple(Charge(account=a, bucket=b, amount=n) for (a, b), n in sorted(charged.items()) if n),
    )
