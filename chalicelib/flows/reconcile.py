"""A rail's statement against our payouts: every break is listed, and what agrees may be applied."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from chalicelib.domain.buckets import end_of
from chalicelib.domain.errors import Fault, Malformed, NotFound, Refused
from chalicelib.domain.payouts import Payout, key_of
from chalicelib.domain.reconciliation import Finding, Format, Move, Period, reconcile, refused
from chalicelib.flows.report_results import Result, report_results
from chalicelib.observe import count
from chalicelib.rails import statements
from chalicelib.rails.bank_file import RAIL, reference
from chalicelib.rails.rail import NAMES
from chalicelib.rails.statements import XML
from chalicelib.settings import settings
from chalicelib.store import audit, reconciliations
from chalicelib.store.reconciliations import Clearing, Reconciliation

MOST_DAYS = 92
LOOKED_BACK = timedelta(days=62)
"""How long before the period a payout may have been made whose line is in it: an ACH credit comes back within 60 days."""
_AT_ONCE, _APPLYING_SECONDS = 25, 10
_NACHA = 15
"""How much of a payout's reference an ACH entry carries (`rails/nacha.py`)."""


def reconcile_statement(
    rail: str,
    currency: str,
    form: Format,
    first: date,
    last: date,
    contents: str,
    *,
    apply: bool,
    by: str,
    now: datetime,
) -> Reconciliation:
    """Lists the lines of a statement that do not agree with the rail's payouts in a currency, and the payouts of the period
    (days in the program's time zone, both included, at most 92) that it lacks. With `apply`, payouts whose line agrees go
    where it says, as by `report_results`; nothing else moves. A second time the same statement changes nothing.

    Raises `Malformed` (with the line) for contents that are not of the format or a range that is none, `Refused` for a
    format that the rail does not have and for more than one request can compare.
    """
    if last < first or (last - first).days >= MOST_DAYS:
        raise Malformed("BAD_PERIOD", Fault("period.to", "BAD_PERIOD", {"limit": MOST_DAYS}), limit=MOST_DAYS)
    _must_fit(rail, form)
    lines = statements.read(form, contents, currency)
    period = Period(first=first.isoformat(), last=last.isoformat(), time_zone=settings().time_zone)
    made = reconciliations.made_between(
        end_of((first - timedelta(days=1)).isoformat(), period.time_zone) - LOOKED_BACK,
        end_of(period.last, period.time_zone),
    )
    ours = _by_name(payout for payout in made if (payout.rail, payout.currency) == (rail, currency))
    whole, named = statements.whole(form, lines), rail == RAIL
    found = reconcile(ours, lines, currency, period, whole=whole, named=named)
    before = reconciliations.in_clearing(rail, currency)
    cleared, gone = _applied(found.moves, by, now, named) if apply else (0, [])
    left = len(found.moves) - cleared - len(gone)
    result = Reconciliation(
        id=f"rec_{secrets.token_hex(16)}",
        rail=rail,
        currency=currency,
        format=form,
        first=period.first,
        last=period.last,
        apply=apply,
        state="partly" if left else "done",
        matched=found.matched - len(gone),
        cleared=cleared,
        left=left,
        findings=(*found.findings, *gone),
        clearing=Clearing(before=before, after=reconciliations.in_clearing(rail, currency) if cleared else before),
        by=by,
        at=now,
    )
    reconciliations.put(result)
    audit.keep(now, by, "payouts.reconcile", f"reconciliation:{result.id}", after=result)
    count("ReconciliationFindings", len(result.findings))
    return result


def read_reconciliation(reconciliation_id: str) -> Reconciliation:
    """What an earlier one found. Raises `NotFound`."""
    found = reconciliations.get(reconciliation_id)
    if found is None:
        raise NotFound("NOT_FOUND")
    return found


def _must_fit(rail: str, form: Format) -> None:
    if rail != RAIL and rail not in NAMES:
        raise Refused("NO_SUCH_RAIL", Fault("rail", "NO_SUCH_RAIL"))
    if form != "csv" and form != rail and not (rail == RAIL and form in XML):
        fault = Fault("format", "STATEMENT_FORMAT", {"rail": rail, "format": form})
        raise Refused("STATEMENT_FORMAT", fault, rail=rail, format=form)


def _by_name(payouts: Iterable[Payout]) -> dict[str, Payout]:
    """The payouts under whatever a statement may call them."""
    named: dict[str, Payout] = {}
    for payout in payouts:
        names = {payout.id, payout.key, payout.reference}
        if payout.rail == RAIL:
            names |= {reference(payout.id), reference(payout.id)[:_NACHA]}
        names |= {key_of(payout.id, attempt) for attempt in range(1, payout.attempts + 1)}
        named |= {name: payout for name in names if name}
    return named


def _applied(moves: tuple[Move, ...], by: str, now: datetime, named: bool) -> tuple[int, list[Finding]]:
    """How many payouts moved, and those that could not. Stops when time is up. A payout's reference is how it is asked about
    at its rail: another name that a report has for it does not take its place."""
    cleared, gone, until = 0, list[Finding](), time.monotonic() + _APPLYING_SECONDS
    for i in range(0, len(moves), _AT_ONCE):
        if time.monotonic() > until:
            break
        page = moves[i : i + _AT_ONCE]
        results = [
            Result(
                payout_id=move.payout_id,
                outcome=move.outcome,
                reference=move.line.reference if named else None,
                reason=move.line.reason,
            )
            for move in page
        ]
        for move, one in zip(page, report_results(results, by, now, in_statement=True), strict=True):
            if one.result == "refused":
                gone.append(refused(move, one.state))
            else:
                cleared += 1
    return cleared, gone
