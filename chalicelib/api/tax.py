"""Tax: what a payee's tax depends on, and the statement of a year."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from chalice import Blueprint, Response
from msgspec import Meta, Struct

from chalicelib.api.callers import distributor_self, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Body
from chalicelib.domain.errors import Fault, Malformed
from chalicelib.domain.tax import Standing
from chalicelib.flows.read_balance import existing
from chalicelib.flows.set_tax_standing import set_tax_standing
from chalicelib.flows.tax_statement import TaxStatement, tax_statement
from chalicelib.flows.tax_statement_files import csv_file, pdf_file

bp = Blueprint(__name__)
_MAY_SAY = staff("finance_maker", "finance_checker", "owner")
_MAY_READ = distributor_self("distributor_id") | staff("finance_maker", "finance_checker", "auditor", "owner")


class StandingBody(Body):
    """`tin_on_file`: the US taxpayer number is known to the payer; the number itself has no place here. `first_month`: since
    when they have worked without a gap, for the cumulative method; null to go by the payouts."""

    tin_on_file: bool
    first_month: Annotated[str, Meta(pattern=r"^20[0-9]{2}-(?:0[1-9]|1[0-2])(?!\n)$")] | None = None


class StandingView(Struct, frozen=True):
    distributor_id: str
    tin_on_file: bool
    first_month: str | None


class StatementFormat(Body):
    format: Literal["json", "csv", "pdf"] = "json"


@endpoint(
    bp,
    "PUT",
    "/v1/distributors/{distributor_id}/tax",
    who=_MAY_SAY,
    body=StandingBody,
    answers=StandingView,
    summary="Say what a payee's tax depends on; payouts from now on go by it",
)
def put_tax_standing(call: Call, distributor_id: str) -> StandingView:
    standing = Standing(tin_on_file=call.body.tin_on_file, first_month=call.body.first_month)
    set_tax_standing(distributor_id, standing, call.caller.name, call.now)
    return StandingView(distributor_id, standing.tin_on_file, standing.first_month)


@endpoint(
    bp,
    "GET",
    "/v1/distributors/{distributor_id}/tax",
    who=_MAY_READ,
    answers=StandingView,
    summary="Read what a payee's tax depends on",
)
def get_tax_standing(call: Call, distributor_id: str) -> StandingView:
    standing = existing(distributor_id).tax_standing()
    return StandingView(distributor_id, standing.tin_on_file, standing.first_month)


@endpoint(
    bp,
    "GET",
    "/v1/distributors/{distributor_id}/tax-statements/{year}",
    who=_MAY_READ,
    query=StatementFormat,
    answers=TaxStatement,
    summary="The payouts made in a year and the tax withheld: as JSON, CSV or PDF",
)
def get_tax_statement(call: Call, distributor_id: str, year: str) -> TaxStatement | Response:
    if not re.fullmatch("20[0-9]{2}", year):
        raise Malformed("BAD_FORMAT", Fault("year", "BAD_FORMAT"))
    statement = tax_statement(distributor_id, int(year))
    if call.query.format == "json":
        return statement
    if call.query.format == "csv":
        return _file(csv_file(statement), "text/csv; charset=utf-8", f"tax-{year}.csv")
    return _file(pdf_file(statement), "application/pdf", f"tax-{year}.pdf")


def _file(content: str, kind: str, name: str) -> Response:
    return Response(content, headers={"Content-Type": kind, "Content-Disposition": f'attachment; filename="{name}"'})
