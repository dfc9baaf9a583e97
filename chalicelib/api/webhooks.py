"""Providers' notifications: each provider hears what it wants to hear, and nothing about what became of the order."""

from __future__ import annotations

from chalice import Blueprint, Response

from chalicelib.api.callers import anyone
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.api.replies import SAFE
from chalicelib.domain.deliveries import Request
from chalicelib.domain.errors import Rejected, TooLarge
from chalicelib.flows.receive_delivery import receive_delivery
from chalicelib.webhooks.provider import Answer, provider

bp = Blueprint(__name__)
MAX_DELIVERY = 10_000_000


@endpoint(
    bp,
    "POST",
    "/webhooks/{provider_name}/{connection_id}",
    who=anyone,
    raw=True,
    idempotent=False,
    summary="Take a provider's signed notification: its signature says who is calling",
)
def post_delivery(call: Call, provider_name: str, connection_id: str) -> Response:
    about = provider(provider_name).ABOUT
    if len(call.raw) > MAX_DELIVERY:
        raise TooLarge("BODY_TOO_LARGE", limit=MAX_DELIVERY)
    request = Request({name.lower(): value for name, value in call.headers.items()}, call.raw)
    try:
        receive_delivery(provider_name, connection_id, request, call.now)
    except Rejected:
        if about.refused is None:
            raise
        return _said(about.refused)
    return _said(about.accepted)


def _said(answer: Answer) -> Response:
    kind = {"Content-Type": answer.content_type} if answer.body else {}
    return Response(answer.body, status_code=answer.status, headers={**kind, **SAFE})
