"""What is left of an order after refunds and disputes, and how much of it has been collected. Exact throughout."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from fractions import Fraction

from msgspec import Struct

from chalicelib.domain import running
from chalicelib.domain.errors import Fault, Refused
from chalicelib.domain.orders import Facts, Line

NOTHING = Fraction(0)
WHOLE = Fraction(1)


class Left(Struct, frozen=True):
    """What remains of one line: its `share` (0 to 1) by amount, and its whole `units`."""

    line: Line
    share: Fraction
    units: int

    @property
    def amount(self) -> Fraction:
        return self.line.amount * self.share


def _after_refunded_lines(facts: Facts) -> list[tuple[Line, int, int]]:
    amounts = {line.line_id: line.amount for line in facts.lines}
    units = {line.line_id: line.quantity for line in facts.lines}
    for refund in running.refunds(facts).values():
        for part in refund.lines:
            if part.line_id in amounts:
                amounts[part.line_id] = max(0, amounts[part.line_id] - part.amount)
                units[part.line_id] = max(0, units[part.line_id] - part.quantity)
    return [(line, amounts[line.line_id], units[line.line_id]) for line in facts.lines]


def _unspecific(facts: Facts, disputes: Collection[str]) -> int:
    """Refunds that name no lines, and disputes in these states, in minor units."""
    refunded = sum(refund.amount or 0 for refund in running.refunds(facts).values() if not refund.lines)
    return refunded + running.disputed(facts, disputes)


def left(facts: Facts, disputes: Collection[str]) -> tuple[Left, ...]:
    """The lines after refunds and after disputes in these states.

    Refunds of lines come off their line first; then what names no line is spread over the lines in proportion to what
    is left of them. So the order in which refunds arrive makes no difference, and refunds that add up to the order leave
    nothing of any line. A line without a price remains as long as units of it do.
    """
    parts = _after_refunded_lines(facts)
    whole = sum(amount for _, amount, _ in parts)
    spread = _unspecific(facts, disputes)
    if whole:
        kept = Fraction(max(0, whole - spread), whole)
    else:
        kept = NOTHING if spread else WHOLE
    result = []
    for line, amount, units in parts:
        if line.amount:
            share = Fraction(amount, line.amount) * kept
        else:
            share = Fraction(units, line.quantity) * kept if line.quantity else NOTHING
        result.append(Left(line, share, units if share else 0))
    return tuple(result)


def _given_back(facts: Facts, disputes: Collection[str]) -> int:
    lines = sum(line.amount - amount for line, amount, _ in _after_refunded_lines(facts))
    return lines + _unspecific(facts, disputes)


def outstanding(facts: Facts) -> int:
    """What the buyer still has to pay, in minor units: what remains of the order and was not collected. Nothing, of one that
    is cancelled or wholly given back."""
    if facts.cancelled_at:
        return 0
    back = _given_back(facts, ("lost",))
    kept = max(0, sum(payment.amount for payment in running.payments(facts).values()) - back)
    return max(0, facts.due - back - kept)


def collected(
    facts: Facts, disputes: Collection[str], stopped_at: datetime | None = None
) -> tuple[tuple[datetime, Fraction], ...]:
    """When which proportion of the order had been paid: (time, proportion from 0 to 1), rising, one step a payment.

    Commission follows the money collected: the proportion is what was paid and not given back, of what is due after
    what was given back. So a deposit that is refunded earns nothing, and a fully paid order stays fully paid
    whatever is refunded of it. Disputes in the given states count as given back. Payments from `stopped_at` on do not
    count. An order with nothing due was never paid for.
    """
    known, due = facts.description, facts.due
    if not known or not due:
        return ()
    back = _given_back(facts, disputes)
    remaining = due - back
    steps, paid, reached = [], 0, NOTHING
    for _, payment in sorted(running.payments(facts).items(), key=lambda item: (item[1].paid_at, item[0])):
        if stopped_at and payment.paid_at >= stopped_at:
            break
        paid += payment.amount
        share = min(WHOLE, max(NOTHING, Fraction(paid - back, remaining))) if remaining > 0 else NOTHING
        if share > reached:
            steps.append((payment.paid_at, share))
            reached = share
    return tuple(steps)


def check_refunds(facts: Facts) -> None:
    """Raises `Refused` where the refunds of an order with known lines give back more than was sold.

    A refund may be reported before the lines are: then there is nothing to hold it against yet.
    """
    if not facts.description:
        return
    faults, kept = [], {line.line_id: line.amount for line in facts.lines}
    units = {line.line_id: line.quantity for line in facts.lines}
    unspecific = 0
    for refund_id, refund in sorted(running.refunds(facts).items()):
        unspecific += refund.amount or 0 if not refund.lines else 0
        for i, part in enumerate(refund.lines):
            path = f"refunds[{refund_id}].lines[{i}]"
            if part.line_id not in kept:
                faults.append(Fault(f"{path}.line_id", "REFUND_UNKNOWN_LINE", {"line_id": part.line_id}))
                continue
            kept[part.line_id] -= part.amount
            units[part.line_id] -= part.quantity
            if kept[part.line_id] < 0:
                faults.append(Fault(f"{path}.amount", "REFUND_EXCEEDS_LINE", {"line_id": part.line_id}))
            if units[part.line_id] < 0:
                faults.append(Fault(f"{path}.quantity", "REFUND_EXCEEDS_LINE", {"line_id": part.line_id}))
    known = facts.description
    if unspecific > sum(max(0, amount) for amount in kept.values()) + known.shipping + known.tax:
        faults.append(Fault("refunds", "REFUND_EXCEEDS_ORDER"))
    if faults:
        raise Refused("REFUND_EXCEEDS_ORDER" if faults[-1].path == "refunds" else faults[0].code, *faults)
