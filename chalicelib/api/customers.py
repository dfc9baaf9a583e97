"""Bindings and clicks: who brought the customer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from chalice import Blueprint, Response
from msgspec import Meta, Struct

from chalicelib.api.callers import any_staff, anyone, scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Body, Time, Url
from chalicelib.bodies.orders import Carrier
from chalicelib.domain.bindings import Binding
from chalicelib.domain.errors import Fault, Malformed
from chalicelib.flows.bind_customer import bind_customer, read_binding
from chalicelib.flows.record_click import landing_page, record_click

bp = Blueprint(__name__)


class BindingBody(Body):
    """Either a code or a click. `occurred_at`: when the customer presented it, by the storefront's clock."""

    occurred_at: Time
    code: Carrier | None = None
    click_id: Carrier | None = None


class BindingView(Struct, frozen=True, kw_only=True):
    customer_id: str
    distributor_id: str | None
    bound_at: datetime | None
    expires_at: datetime | None
    protected_until: datetime | None
    outcome: str
    reason: str


def _view(customer_id: str, binding: Binding | None, outcome: str, reason: str) -> BindingView:
    return BindingView(
        customer_id=customer_id,
        distributor_id=binding.distributor_id if binding else None,
        bound_at=binding.bound_at if binding else None,
        expires_at=binding.expires_at if binding else None,
        protected_until=binding.protected_until if binding else None,
        outcome=outcome,
        reason=reason,
    )


@endpoint(
    bp,
    "PUT",
    "/v1/customers/{customer_id}/binding",
    who=scope("customers:write") | staff("owner", "ops"),
    body=BindingBody,
    answers=BindingView,
    summary="Claim a customer for a distributor by code or click",
)
def put_binding(call: Call, customer_id: str) -> BindingView:
    body = call.body
    if (body.code is None) == (body.click_id is None):
        raise Malformed("CODE_OR_CLICK", Fault("code", "CODE_OR_CLICK"))
    at = min(body.occurred_at.astimezone(UTC), call.now)
    bound = bind_customer(customer_id, body.code, body.click_id, at)
    return _view(customer_id, bound.binding, bound.outcome, bound.reason)


@endpoint(
    bp,
    "GET",
    "/v1/customers/{customer_id}/binding",
    who=scope("customers:read") | any_staff(),
    answers=BindingView,
    summary="Read the binding in force",
)
def get_binding(call: Call, customer_id: str) -> BindingView:
    return _view(customer_id, read_binding(customer_id, call.now), "bound", "IN_FORCE")


class ClickBody(Body):
    code: Carrier
    url: Url
    referrer: Annotated[str, Meta(max_length=2048)] | None = None


class ClickView(Struct, frozen=True):
    click_id: str
    expires_at: datetime


@endpoint(
    bp,
    "POST",
    "/v1/clicks",
    who=anyone,
    body=ClickBody,
    answers=ClickView,
    status=201,
    idempotent=False,
    cors=True,
    summary="Record a visit through a distributor's link",
)
def post_click(call: Call) -> ClickView:
    recorded = record_click(call.body.code, call.body.url, call.body.referrer, call.now)
    return ClickView(recorded.click_id, recorded.expires_at)


class RedirectQuery(Body):
    to: Url | None = None


@endpoint(
    bp,
    "GET",
    "/r/{code}",
    who=anyone,
    query=RedirectQuery,
    status=302,
    summary="Record a visit and go on to the shop",
)
def get_redirect(call: Call, code: str) -> Response:
    page = landing_page(call.query.to)
    recorded = record_click(code, page, call.headers.get("referer"), call.now)
    joint = "&" if urlsplit(page).query else "?"
    base, _, anchor = page.partition("#")
    told = urlencode({"ref": code, "click_id": recorded.click_id})
    location = f"{base}{joint}{told}" + (f"#{anchor}" if anchor else "")
    return Response("", status_code=302, headers={"Location": location, "Cache-Control": "no-store"})
