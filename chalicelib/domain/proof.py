"""Does everything add up? Balances from entries, entries from orders and payouts, zero over all accounts.

Nothing is trusted, and nothing may be missing: what is gone is a mismatch also where it held nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from chalicelib.domain import accounts
from chalicelib.domain.books import BALANCE, MONEY, Books, Totals, of_payout, whole_day
from chalicelib.domain.buckets import Bucket, day_of
from chalicelib.domain.orders import Order
from chalicelib.domain.payouts import BACK, Effect, Payout, moved, reserved
from chalicelib.domain.postings import holdings

_LEFT = ("in_flight", "paid")
"""What has left the distributor's account: it stands in the rail's accounts, too."""


class Mismatch(Struct, frozen=True):
    """One place where the books do not add up: what is `stored`, and what it should be by everything else. Of an item that
    held nothing and is gone, `what` ends with `missing`: there is 0 of 1."""

    account: str
    what: str
    stored: int
    computed: int


def balances(books: Books, whole: bool) -> list[Mismatch]:
    """Where an item is not what the entries make of it. `whole`: the merchants' accounts were read too."""
    expected, counted, needed = dict(books.expected), dict(books.counted), set(books.needed)
    if whole:
        for (payer, day), parts in books.charged.items():
            expected[payer, day] = sum(parts.values())
            counted[payer, f"{day} returned"] = sum(max(0, part) for part in parts.values())
            if any(parts.values()):
                needed.add((payer, day))
    kinds = ("distributor:", "merchant:") if whole else ("distributor:",)
    found = [
        each
        for each in _compared(books.stored, expected)
        if each.account.startswith(kinds) and each.what not in ("matured", *_LEFT)
    ]
    off = {(each.account, each.what) for each in found}
    # Where the money of an item is off, its statistics are too.
    found += [
        each
        for each in _compared(books.told, counted)
        if each.account.startswith(kinds) and (each.account, each.what.rpartition(" ")[0]) not in off
    ]
    return found + _missing(needed - books.present, found)


def _compared(stored: Mapping[tuple[str, str], int], computed: Mapping[tuple[str, str], int]) -> list[Mismatch]:
    return [
        Mismatch(*key, stored.get(key, 0), computed.get(key, 0))
        for key in sorted(stored.keys() | computed.keys())
        if stored.get(key, 0) != computed.get(key, 0)
    ]


def _missing(items: Iterable[tuple[str, str]], found: Iterable[Mismatch]) -> list[Mismatch]:
    """The items that are gone, where no figure tells of it."""
    told = {(each.account, BALANCE if each.what in MONEY else each.what.split(" ")[0]) for each in found}
    return [
        Mismatch(account, f"{at} missing", 0, 1)
        for account, at in sorted(items)
        if not {(account, at), (account, whole_day(at))} & told
    ]


def payouts(books: Books, paid_out: Iterable[Payout], whole: bool = False) -> list[Mismatch]:
    """Where what has left an account, and its entries, are not what the payouts say. `whole`: these are all payouts, and the
    accounts of rails and tax were read too."""
    left: Totals = defaultdict(int)
    moves: Totals = defaultdict(int)
    system: Totals = defaultdict(int)
    needed = set[tuple[str, str]]()
    for payout in paid_out:
        account = accounts.distributor(payout.distributor_id, payout.currency)
        needed.add((account, BALANCE))
        moves[account, of_payout(payout.id, "payout")] -= payout.gross
        if payout.state in BACK:
            moves[account, of_payout(payout.id, "payout_returned")] += payout.gross
        else:
            left[account, "paid" if payout.state == "paid" else "in_flight"] += payout.gross
        for (rail, at), amount in system_days(payout, books.time_zone).items() if whole else ():
            system[rail, whole_day(at)] += amount
            if (rail, whole_day(at)) not in books.present:  # where days had no shards
                needed.add((rail, at))
    found = _compared({key: amount for key, amount in books.stored.items() if key[1] in _LEFT}, left)
    found += _compared(books.moved, moves)
    if whole:
        theirs = ("distributor:", "merchant:")
        stored = {key: amount for key, amount in books.stored.items() if not key[0].startswith(theirs)}
        found += _compared(stored, system)
    return found + _missing(needed - books.present - books.needed, found)


def system_days(payout: Payout, time_zone: str) -> Totals:
    """What a payout's steps added to the items of the rail's and tax accounts, by account and item; zero where a later step
    took it back on the same day."""
    shard = accounts.shard(accounts.distributor(payout.distributor_id, payout.currency))
    added: Totals = {}
    for step in payout.history:
        effect = reserved(payout.amounts) if step.start is None else moved(step.start, step.to, payout.amounts)
        day = day_of(payout.created_at if step.start is None else step.at, time_zone)
        for account, amount in _parts(payout, effect):
            key = account, f"DAY#{day}#{shard}"
            added[key] = added.get(key, 0) + amount
    return added


def _parts(payout: Payout, effect: Effect) -> list[tuple[str, int]]:
    rail, currency = payout.rail, payout.currency
    parts = [
        (accounts.clearing(rail, currency), effect.clearing),
        (accounts.bank(rail, currency), effect.bank),
        (accounts.fees(rail, currency), effect.fees),
        (accounts.tax(payout.country, currency), effect.tax),
    ]
    return [(account, amount) for account, amount in parts if amount]


def tax_years(stored: Mapping[tuple[str, str], int], paid_out: Iterable[Payout]) -> list[Mismatch]:
    """Where the running totals that tax depends on are not what the payouts add up to. `stored`: by item and attribute
    (`store/tax_years.py`)."""
    computed: Totals = defaultdict(int)
    for payout in paid_out:
        for key, amount in in_tax_year(payout).items():
            computed[key] += amount
    return _compared(stored, computed)


def in_tax_year(payout: Payout) -> Totals:
    """What a payout adds to its payee's running totals, by item and attribute; nothing once its money is back."""
    if payout.tax_month is None or payout.state in BACK:
        return {}
    year, _, month = payout.tax_month.partition("-")
    item = f"tax#{payout.distributor_id}#{payout.currency}#{year}"
    return {(item, f"gross_{month}"): payout.gross, (item, f"tax_{month}"): payout.tax}


def in_transit(books: Books, order: Order, since: datetime) -> bool:
    """Whether the order's newest posting was recorded after `since` and has not reached the books yet."""
    last = order.written[-1] if order.written else None
    return last is not None and last.at >= since and (order.facts.order_id, last.revision) not in books.postings


def order(books: Books, image: Order, only: str | None = None) -> list[Mismatch]:
    """Where the entries of an order are not what its image earns; of one account `only`, or of all."""
    order_id, currency = image.facts.order_id, image.facts.currency
    computed: dict[tuple[str, Bucket], Counter[str]] = defaultdict(Counter)
    for (_, distributor_id, bucket), share in holdings(image).items():
        sums = computed[accounts.distributor(distributor_id, currency), bucket]
        sums.update({"": sum(share.merchants.values()), " orders": share.orders, " sales": share.sales})
        sums.update({f" of {merchant_id}": part for merchant_id, part in share.merchants.items()})
    booked = books.earned.get(order_id, {})
    found = []
    for account, bucket in sorted(computed.keys() | booked.keys()):
        has, should = booked.get((account, bucket), Counter()), computed.get((account, bucket), Counter())
        off = [name for name in sorted(has.keys() | should.keys()) if has[name] != should[name]]
        if off and only in (None, account):
            # Where the amount is off, so is who bears it, and what it was counted for.
            names = [""] if off[0] == "" else off
            found += [Mismatch(account, f"order {order_id} {bucket.day}{n}", has[n], should[n]) for n in names]
    return found


def imbalance(books: Books) -> dict[str, int]:
    """The sum over all accounts by currency: zero, always."""
    sums: dict[str, int] = defaultdict(int)
    for (account, what), amount in books.stored.items():
        if what in _LEFT:
            continue
        # What has matured stands in `available` too: it is still in its DAY item as the day's history.
        sums[accounts.currency_of(account)] += -amount if what == "matured" else amount
    return dict(sorted(sums.items()))
