"""The proof of the books."""

from __future__ import annotations

from datetime import UTC

from chalice import Blueprint

from chalicelib.api.callers import scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Body, Id, Time
from chalicelib.flows.verify import Proof, verify

bp = Blueprint(__name__)


class VerifyQuery(Body):
    distributor_id: Id | None = None
    as_of: Time | None = None


@endpoint(
    bp,
    "GET",
    "/v1/ledger/verify",
    who=scope("ledger:read") | staff("owner", "auditor", "finance_maker", "finance_checker"),
    query=VerifyQuery,
    answers=Proof,
    summary="Recompute the books and name every mismatch",
)
def get_verify(call: Call) -> Proof:
    as_of = call.query.as_of.astimezone(UTC) if call.query.as_of else None
    return verify(call.now, call.query.distributor_id, as_of)
