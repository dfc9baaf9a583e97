"""What counts of the payments and refunds of an order, where some sources only say how much it is by now.

Such a running statement is a fact like any other, and kept as it was said, so that facts can be joined; here statements
become amounts that add up. Whatever sums payments or refunds asks here. What names no `source` is of one source, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from itertools import accumulate

from msgspec import structs

from chalicelib.domain.orders import Facts, Payment, Refund


def payments(facts: Facts) -> dict[str, Payment]:
    """What was collected, by the id of what tells of it: amounts in minor units that add up, none of them running.

    Payments by themselves count as they are; of the running totals of a source, each counts with what it exceeds those
    payments of the same source and the next smaller total by. A total had been reached once it or a larger one was stated:
    so it is dated with the earliest time at which either was.
    """
    counted = {key: each for key, each in facts.payments.items() if not each.running}
    totals: dict[str | None, list[tuple[int, str]]] = defaultdict(list)
    for key, each in facts.payments.items():
        if each.running:
            totals[each.source].append((each.amount, key))
    for source, stated in totals.items():
        falling = sorted(stated, reverse=True)
        dates = list(accumulate((facts.payments[key].paid_at for _, key in falling), min))
        reached = sum(each.amount for each in facts.payments.values() if each.source == source and not each.running)
        for (amount, key), paid_at in zip(reversed(falling), reversed(dates), strict=True):
            if amount > reached:
                counted[key] = Payment(amount=amount - reached, paid_at=paid_at, source=source)
                reached = amount
    return counted


def refunds(facts: Facts) -> dict[str, Refund]:
    """What was given back, by the id of what tells of it: amounts in minor units that add up, none running or failed.

    Refunds by themselves count unless they failed; of a source's largest running total, what it exceeds them by counts as
    one amount without lines, dated as it was stated. Failed ones come off it, too: a total includes a refund that failed
    afterwards, or the refund that took its place.
    """
    succeeded = {key: each for key, each in facts.refunds.items() if each.state != "failed"}
    counted = {key: each for key, each in succeeded.items() if not each.running}
    totals = sorted((each.amount or 0, key) for key, each in succeeded.items() if each.running)
    largest = {succeeded[key].source: (total, key) for total, key in totals}
    for source, (total, key) in largest.items():
        single = sum(_comes_to(each) for each in facts.refunds.values() if each.source == source and not each.running)
        if total > single:
            counted[key] = structs.replace(succeeded[key], lines=(), amount=total - single, running=False)
    return counted


def disputed(facts: Facts, states: Collection[str]) -> int:
    """What disputes in these states come to, in minor units. A lost one that was settled by refunds, which are told of by
    themselves, counts with what it exceeds them by: those of its payment since it was opened."""
    total = 0
    for dispute in facts.disputes.values():
        if dispute.state not in states:
            continue
        opened_at, refunded = dispute.opened_at, 0
        if dispute.state == "lost" and dispute.source and opened_at:
            of_it = [each for each in refunds(facts).values() if each.source == dispute.source]
            refunded = sum(_comes_to(each) for each in of_it if each.refunded_at >= opened_at)
        total += max(0, dispute.amount - refunded)
    return total


def _comes_to(refund: Refund) -> int:
    return sum(part.amount for part in refund.lines) if refund.lines else refund.amount or 0
