"""Payouts: asked for by distributors, decided by staff, answered by the bank."""

from __future__ import annotations

from typing import Annotated, Literal

from chalice import Blueprint
from msgspec import Meta, Struct

from chalicelib.api.callers import any_staff, distributor, scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.api.messages import detail
from chalicelib.api.payout_views import PayoutList, PayoutView, payout_view
from chalicelib.bodies.fields import TEXT_PATTERN, Body, Currency, Id, Page, PositiveAmount
from chalicelib.domain.errors import Fault, Malformed
from chalicelib.domain.payouts import UNFINISHED, Payout, State
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.report_results import Result, report_results
from chalicelib.flows.request_payout import request_payout
from chalicelib.flows.retry_payout import retry_payout
from chalicelib.store import payouts

bp = Blueprint(__name__)
_SEEN_BY = distributor() | scope("payouts:read") | any_staff()
_CHECKER = staff("finance_checker", "owner")
_FINANCE = staff("finance_maker", "finance_checker", "owner")
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=TEXT_PATTERN)]
Reference = Annotated[str, Meta(min_length=1, max_length=140, pattern=TEXT_PATTERN)]
MOST_RESULTS = 500


class PayoutRequest(Body):
    """Without an amount, all that is available."""

    currency: Currency
    method_id: Id
    amount: PositiveAmount | None = None


class PayoutQuery(Page):
    """Staff without `distributor_id` see what is unfinished."""

    state: State | None = None
    distributor_id: Id | None = None


class Rejection(Body):
    reason: Reason


class BankResult(Body):
    """What the bank says about one payout; `reference` is its own name for the transfer."""

    payout_id: Id
    outcome: Literal["paid", "failed", "returned"]
    reference: Reference | None = None
    reason: Reason | None = None


class BankResults(Body):
    results: Annotated[list[BankResult], Meta(min_length=1, max_length=MOST_RESULTS)]


class ResultView(Struct, frozen=True, kw_only=True):
    """`moved`: the payout went there now. `already`: that was known. `refused`: `code` and `message` say why."""

    payout_id: str
    result: Literal["moved", "already", "refused"]
    state: State | None
    code: str | None
    message: str | None


class ResultsView(Struct, frozen=True):
    items: list[ResultView]


def _view(payout: Payout, call: Call) -> PayoutView:
    return payout_view(payout, to_staff=call.caller.kind != "distributor")


@endpoint(
    bp,
    "POST",
    "/v1/payouts",
    who=distributor(),
    body=PayoutRequest,
    answers=PayoutView,
    status=201,
    summary="Ask for a payout of what is available",
)
def post_payout(call: Call) -> PayoutView:
    asked = call.body
    payout = request_payout(
        call.caller.id, asked.currency, asked.amount, asked.method_id, call.caller.name, call.now, call.once_id
    )
    return _view(payout, call)


@endpoint(
    bp,
    "GET",
    "/v1/payouts",
    who=_SEEN_BY,
    query=PayoutQuery,
    answers=PayoutList,
    summary="A distributor's payouts, the newest first; or those that are unfinished",
)
def get_payouts(call: Call) -> PayoutList:
    query = call.query
    whose = query.distributor_id
    if call.caller.kind == "distributor":
        call.caller.must_own(whose or call.caller.id)
        whose = call.caller.id
    if whose is None:
        if query.state is not None and query.state not in UNFINISHED:
            raise Malformed("DISTRIBUTOR_NEEDED", Fault("distributor_id", "DISTRIBUTOR_NEEDED"))
        found, following = payouts.unfinished(query.state, query.limit, query.cursor)
    else:
        found, following = payouts.of_distributor(whose, query.limit, query.cursor)
    wanted = [payout for payout in found if query.state in (None, payout.state)]
    return PayoutList([_view(payout, call) for payout in wanted], following)


@endpoint(bp, "GET", "/v1/payouts/{payout_id}", who=_SEEN_BY, answers=PayoutView, summary="Read a payout")
def get_payout(call: Call, payout_id: str) -> PayoutView:
    payout = payouts.existing(payout_id)
    call.caller.must_own(payout.distributor_id)
    return _view(payout, call)


@endpoint(
    bp,
    "POST",
    "/v1/payouts/{payout_id}/approve",
    who=_CHECKER,
    answers=PayoutView,
    summary="Approve a payout that somebody else requested",
)
def approve_payout(call: Call, payout_id: str) -> PayoutView:
    return _view(decide_payout(payout_id, "approved", call.caller.name, call.now, once=call.once_id), call)


@endpoint(
    bp,
    "POST",
    "/v1/payouts/{payout_id}/reject",
    who=_FINANCE,
    body=Rejection,
    answers=PayoutView,
    summary="Reject a payout that is not with the bank yet; the money goes back",
)
def reject_payout(call: Call, payout_id: str) -> PayoutView:
    return _view(decide_payout(payout_id, "rejected", call.caller.name, call.now, call.body.reason, call.once_id), call)


@endpoint(
    bp,
    "POST",
    "/v1/payouts/{payout_id}/retry",
    who=_FINANCE,
    answers=PayoutView,
    summary="Submit a payout to its rail now, or ask what became of it; nothing is paid twice",
)
def retry(call: Call, payout_id: str) -> PayoutView:
    return _view(retry_payout(payout_id, call.caller.name, call.now), call)


@endpoint(
    bp,
    "POST",
    "/v1/payouts/results",
    who=_FINANCE,
    body=BankResults,
    answers=ResultsView,
    summary="Report the bank's answers: each one counts once, whatever the others are",
)
def post_results(call: Call) -> ResultsView:
    results = [
        Result(payout_id=each.payout_id, outcome=each.outcome, reference=each.reference, reason=each.reason)
        for each in call.body.results
    ]
    return ResultsView(
        [
            ResultView(
                payout_id=one.payout_id,
                result=one.result,
                state=one.state,
                code=one.reason,
                message=detail(one.reason, {"state": one.state or ""}, call.language) if one.reason else None,
            )
            for one in report_results(results, call.caller.name, call.now)
        ]
    )
