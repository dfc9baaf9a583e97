"""Terms of credit of customers who buy on account, and what they owe by age."""

from __future__ import annotations

from typing import Annotated

from chalice import Blueprint
from msgspec import Meta, Struct

from chalicelib.api.callers import scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Amount, Body, Currency
from chalicelib.domain.credit import CreditTerms
from chalicelib.flows.credit_terms import Ageing, read_ageing, read_credit_terms, set_credit_terms

bp = Blueprint(__name__)
_MAY_AGREE = scope("customers:write") | staff("owner", "ops", "finance_maker", "finance_checker")
_MAY_READ = scope("customers:read") | staff("owner", "ops", "finance_maker", "finance_checker", "auditor")


class TermsBody(Body):
    """`net_days`: until when an order is due, counted from the day on which it was placed. Without a currency, the limit
    holds for each currency by itself."""

    credit_limit: Amount
    net_days: Annotated[int, Meta(ge=0, le=366)]
    currency: Currency | None = None


class TermsView(Struct, frozen=True):
    customer_id: str
    credit_limit: int
    net_days: int
    currency: str | None


def _view(customer_id: str, terms: CreditTerms) -> TermsView:
    return TermsView(customer_id, terms.credit_limit, terms.net_days, terms.currency)


@endpoint(
    bp,
    "PUT",
    "/v1/customers/{customer_id}/terms",
    who=_MAY_AGREE,
    body=TermsBody,
    answers=TermsView,
    summary="Agree on terms of credit: orders from now on are on account",
)
def put_terms(call: Call, customer_id: str) -> TermsView:
    body = call.body
    terms = CreditTerms(credit_limit=body.credit_limit, net_days=body.net_days, currency=body.currency)
    return _view(customer_id, set_credit_terms(customer_id, terms, call.caller.name, call.now))


@endpoint(
    bp,
    "GET",
    "/v1/customers/{customer_id}/terms",
    who=_MAY_READ,
    answers=TermsView,
    summary="Read a customer's terms of credit",
)
def get_terms(call: Call, customer_id: str) -> TermsView:
    return _view(customer_id, read_credit_terms(customer_id))


@endpoint(
    bp,
    "GET",
    "/v1/customers/{customer_id}/ageing",
    who=_MAY_READ,
    answers=Ageing,
    summary="What a customer owes, by days past due",
)
def get_ageing(call: Call, customer_id: str) -> Ageing:
    return read_ageing(customer_id, call.now)
