"""Reconciliation: a rail's statement against our payouts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from chalice import Blueprint
from msgspec import Meta, Struct, field

from chalicelib.api.callers import staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Body, Currency
from chalicelib.domain.reconciliation import Finding, Format
from chalicelib.flows.reconcile import read_reconciliation, reconcile_statement
from chalicelib.store.reconciliations import Clearing, Reconciliation

bp = Blueprint(__name__)
_FINANCE = staff("finance_maker", "finance_checker", "owner")
_READERS = staff("finance_maker", "finance_checker", "owner", "auditor")


class Days(Body):
    """Days in the program's time zone, both included; at most 92."""

    first: date = field(name="from")
    last: date = field(name="to")


class Statement(Body):
    """`contents`: the file's text; the whole request has at most 1,000,000 bytes. Without `apply`, nothing changes."""

    rail: Annotated[str, Meta(min_length=1, max_length=32)]
    currency: Currency
    format: Format
    period: Days
    contents: Annotated[str, Meta(min_length=1)]
    apply: bool = False


class ReconciliationView(Struct, frozen=True, kw_only=True):
    """`matched`: lines that agree with a payout. `cleared`: payouts that they moved; `left`: payouts that they would move,
    if it were applied, or the same statement were sent again where time was up. `clearing`: minor units on their way."""

    id: str
    rail: str
    currency: str
    format: str
    from_: str = field(name="from")
    to: str
    applied: bool
    state: Literal["done", "partly"]
    matched: int
    cleared: int
    left: int
    findings: list[Finding]
    clearing: Clearing
    by: str
    at: datetime


def _view(found: Reconciliation) -> ReconciliationView:
    same = ("id", "rail", "currency", "format", "state", "matched", "cleared", "left", "clearing", "by", "at")
    return ReconciliationView(
        **{name: getattr(found, name) for name in same},
        from_=found.first,
        to=found.last,
        applied=found.apply,
        findings=list(found.findings),
    )


@endpoint(
    bp,
    "POST",
    "/v1/reconciliations",
    who=_FINANCE,
    body=Statement,
    answers=ReconciliationView,
    status=201,
    idempotent=False,  # the same statement again changes nothing, or goes on where time was up
    summary="Compare a rail's statement with our payouts, and apply what agrees",
)
def post_reconciliation(call: Call) -> ReconciliationView:
    body = call.body
    return _view(
        reconcile_statement(
            body.rail,
            body.currency,
            body.format,
            body.period.first,
            body.period.last,
            body.contents,
            apply=body.apply,
            by=call.caller.name,
            now=call.now,
        )
    )


@endpoint(
    bp,
    "GET",
    "/v1/reconciliations/{reconciliation_id}",
    who=_READERS,
    answers=ReconciliationView,
    summary="Read what a reconciliation found",
)
def get_reconciliation(call: Call, reconciliation_id: str) -> ReconciliationView:
    return _view(read_reconciliation(reconciliation_id))
