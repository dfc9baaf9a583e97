"""Our payouts against the lines of a rail's statement: what agrees, and every line that does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct, structs

from chalicelib.domain.buckets import day_of
from chalicelib.domain.payouts import INSTRUCTED, NEXT, Payout, State

Outcome = Literal["paid", "failed", "returned"]
Kind = Literal["missing", "extra", "different", "duplicate", "late"]
_ORDER: tuple[Outcome, ...] = ("paid", "failed", "returned")

Format = Literal["csv", "camt.053", "camt.054", "pain.002", "stripe", "paypal", "wise", "alipay", "wechatpay"]


class Line(Struct, frozen=True, kw_only=True):
    """One line of a statement. `names`: what it may call our payout; `outcome` None: nothing is decided yet; `amount` in
    minor units, not negative (None: not said); `day` as ISO text; `reference` the bank's own name for the transfer.
    `doubtful`: money that came in and need not have to do with payouts; it counts only if it names one of ours."""

    number: int
    names: tuple[str, ...]
    currency: str
    outcome: Outcome | None
    amount: int | None = None
    day: str | None = None
    reference: str | None = None
    reason: str | None = None
    doubtful: bool = False


class Finding(Struct, frozen=True, kw_only=True):
    """A line, or a payout, that does not agree. `missing`: a payout of the period that no line names. `extra`: a line of no
    payout of ours. `different`: `about` says in what, amounts in minor units. `duplicate`: says again what the line
    `expected` said. `late`: the payout was instructed on the day `expected`, outside of the line's period."""

    kind: Kind
    about: Literal["amount", "currency", "state", "reference", "line", "day"]
    payout_id: str | None = None
    reference: str | None = None
    expected: int | str | None = None
    found: int | str | None = None
    line: int | None = None


class Move(Struct, frozen=True, kw_only=True):
    """Where a line that agrees takes its payout."""

    payout_id: str
    outcome: Outcome
    line: Line


class Reconciled(Struct, frozen=True, kw_only=True):
    """`matched` lines agree, late ones included; `moves` are what they decide that was not known yet."""

    matched: int
    findings: tuple[Finding, ...]
    moves: tuple[Move, ...]


class Period(Struct, frozen=True, kw_only=True):
    """The days (ISO, in `time_zone`) from `first` to `last`, both included."""

    first: str
    last: str
    time_zone: str


def reconcile(
    ours: Mapping[str, Payout], lines: Iterable[Line], currency: str, period: Period, *, whole: bool, named: bool
) -> Reconciled:
    """What the lines say about the payouts of one rail and currency, each of which is in `ours` under all its names.

    `whole`: the statement is to have a line for every payout that was instructed in its period. `named`: its references
    are the ones that payouts are known by, so another one is another transfer. A line decides something only where all of
    it agrees with the payout, and where that step is possible: what contradicts is a finding and never a move.
    """
    # A payment before what came of it, whichever the statement lists first.
    ordered = sorted(lines, key=lambda line: (_ORDER.index(line.outcome) if line.outcome else -1, line.number))
    heard: dict[tuple[str, Outcome], Line] = {}
    states: dict[str, State] = {}
    seen, matched = set[str](), 0
    findings: list[Finding] = []
    moves: list[Move] = []
    for line in ordered:
        payout = next((ours[name] for name in line.names if name in ours), None)
        if payout is None:
            if not line.doubtful and line.currency == currency:
                findings.append(_finding("extra", "amount", line, None, None, line.amount))
            continue
        seen.add(payout.id)
        if line.outcome is None:
            continue
        before = heard.setdefault((payout.id, line.outcome), line)
        if before is not line:
            findings.append(_finding("duplicate", "line", line, payout, before.number, line.number))
            continue
        state = states.get(payout.id, payout.state)
        wrong = list(_differences(payout, state, line, named))
        findings += wrong
        findings += _late(payout, line, period)
        if wrong:
            continue
        matched += 1
        if not _known(payout, line.outcome):
            moves.append(Move(payout_id=payout.id, outcome=line.outcome, line=line))
            states[payout.id] = line.outcome
    if whole:
        unique = {payout.id: payout for payout in ours.values()}
        findings += [_missing(each) for _, each in sorted(unique.items()) if _due(each, period) and each.id not in seen]
    findings.sort(key=lambda each: (each.line or 0, each.payout_id or ""))
    return Reconciled(matched=matched, findings=tuple(findings), moves=tuple(moves))


def refused(move: Move, state: str | None) -> Finding:
    """A move that was not possible any more: the payout has gone elsewhere meanwhile."""
    found = _finding("different", "state", move.line, None, state, move.outcome)
    return structs.replace(found, payout_id=move.payout_id)


def _finding(
    kind: Kind, about: object, line: Line, payout: Payout | None, expected: int | str | None, found: int | str | None
) -> Finding:
    return Finding(
        kind=kind,
        about=about,  # type: ignore[arg-type]
        payout_id=payout.id if payout else None,
        reference=line.reference or next(iter(line.names), None),
        expected=expected,
        found=found,
        line=line.number,
    )


def _known(payout: Payout, outcome: Outcome) -> bool:
    return any(step.to == outcome for step in payout.history)


def _differences(payout: Payout, state: State, line: Line, named: bool) -> Iterator[Finding]:
    if line.currency != payout.currency:
        yield _finding("different", "currency", line, payout, payout.currency, line.currency)
    elif line.amount is not None and line.amount != payout.net:
        yield _finding("different", "amount", line, payout, payout.net, line.amount)
    if line.outcome is None:
        return
    before = next((step for step in payout.history if step.to == line.outcome), None)
    if before is None:
        if state not in INSTRUCTED or line.outcome not in NEXT[state]:
            yield _finding("different", "state", line, payout, state, line.outcome)
    elif named and line.reference and line.reference != before.reference:
        # Paid under two names would be two transfers.
        yield _finding("different", "reference", line, payout, before.reference, line.reference)


def _instructed(payout: Payout, period: Period) -> str | None:
    began = next((step.at for step in payout.history if step.to == "submitting"), None)
    return day_of(began, period.time_zone) if began else None


def _late(payout: Payout, line: Line, period: Period) -> list[Finding]:
    """What comes back does so when it does: only payments are late."""
    day = _instructed(payout, period)
    if line.outcome != "paid" or day is None or (day >= period.first and (line.day or day) <= period.last):
        return []
    return [_finding("late", "day", line, payout, day, line.day)]


def _due(payout: Payout, period: Period) -> bool:
    """Whether a whole statement of the period has to name it: instructed in it, and not known never to have been paid."""
    day = _instructed(payout, period)
    if day is None or not period.first <= day <= period.last:
        return False
    return payout.state in INSTRUCTED or _known(payout, "paid")


def _missing(payout: Payout) -> Finding:
    return Finding(kind="missing", about="amount", payout_id=payout.id, reference=payout.reference, expected=payout.net)
