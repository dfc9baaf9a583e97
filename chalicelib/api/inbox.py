"""The inbox: what providers delivered, what could not be acted on and why, and acting on it again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from chalice import Blueprint
from msgspec import Meta, Struct

from chalicelib.api.callers import any_staff, scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.api.messages import Language, detail
from chalicelib.api.replies import ProblemError
from chalicelib.bodies.fields import TEXT_PATTERN, Body, Id, Page
from chalicelib.domain.deliveries import OPEN, Delivery, State, Trouble
from chalicelib.domain.errors import Fault, Malformed, NotFound
from chalicelib.flows.replay_delivery import dismiss_delivery, replay_delivery
from chalicelib.store import inbox

bp = Blueprint(__name__)


class TroubleView(Struct, frozen=True):
    code: str
    because: str
    errors: list[ProblemError]


class DeliveryView(Struct, frozen=True):
    """A delivery that verified. Its body is kept, and not shown: it holds what the provider knows of the buyer."""

    id: str
    connection_id: str
    provider: str
    delivery_id: str
    topic: str
    state: State
    received_at: datetime
    size: int
    sha256: str
    order_ids: tuple[str, ...]
    attempts: int
    tried_at: datetime | None
    trouble: TroubleView | None


class InboxView(Struct, frozen=True):
    items: list[DeliveryView]
    next: str | None


class InboxQuery(Page):
    state: State | None = None
    connection_id: Id | None = None


def _trouble(trouble: Trouble, language: Language) -> TroubleView:
    params = trouble.params
    if trouble.faults and trouble.faults[0].code == trouble.code:
        params = {**trouble.faults[0].params, **params}
    errors = [ProblemError(f.path, detail(f.code, f.params, language), f.code) for f in trouble.faults]
    return TroubleView(trouble.code, detail(trouble.code, params, language), errors)


def _view(delivery: Delivery, language: Language) -> DeliveryView:
    return DeliveryView(
        id=delivery.id,
        connection_id=delivery.connection_id,
        provider=delivery.provider,
        delivery_id=delivery.delivery_id,
        topic=delivery.topic,
        state=delivery.state,
        received_at=delivery.received_at,
        size=delivery.size,
        sha256=delivery.sha256,
        order_ids=delivery.order_ids,
        attempts=delivery.attempts,
        tried_at=delivery.tried_at,
        trouble=_trouble(delivery.trouble, language) if delivery.trouble else None,
    )


@endpoint(
    bp,
    "GET",
    "/v1/inbox",
    who=any_staff() | scope("connections:read"),
    query=InboxQuery,
    answers=InboxView,
    summary="Deliveries: of a connection, the newest first; or those that are stuck, the oldest first",
)
def get_inbox(call: Call) -> InboxView:
    asked = call.query
    if asked.connection_id:
        found, following = inbox.of_connection(asked.connection_id, asked.limit, asked.cursor)
        found = [each for each in found if asked.state in (None, each.state)]
    else:
        state = asked.state or "stuck"
        if state not in OPEN:
            raise Malformed("CONNECTION_NEEDED", Fault("connection_id", "CONNECTION_NEEDED"))
        found, following = inbox.in_state(state, asked.limit, asked.cursor)
    return InboxView([_view(each, call.language) for each in found], following)


@endpoint(
    bp,
    "GET",
    "/v1/inbox/{inbox_id}",
    who=any_staff() | scope("connections:read"),
    answers=DeliveryView,
    summary="What became of one delivery",
)
def get_delivery(call: Call, inbox_id: str) -> DeliveryView:
    found = inbox.get(inbox_id)
    if found is None:
        raise NotFound("NOT_FOUND")
    return _view(found, call.language)


@endpoint(
    bp,
    "POST",
    "/v1/inbox/{inbox_id}/replay",
    who=staff("owner", "ops") | scope("connections:write"),
    answers=DeliveryView,
    idempotent=False,
    summary="Act on a delivery again, under its connection's settings of now; what was recorded changes nothing",
)
def post_delivery_replay(call: Call, inbox_id: str) -> DeliveryView:
    return _view(replay_delivery(inbox_id, call.caller.name, call.now), call.language)


class DismissBody(Body):
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=TEXT_PATTERN)]


@endpoint(
    bp,
    "POST",
    "/v1/inbox/{inbox_id}/dismiss",
    who=staff("owner", "ops"),
    body=DismissBody,
    answers=DeliveryView,
    summary="Let a stuck delivery rest: it is kept, and not tried again by itself",
)
def post_delivery_dismissal(call: Call, inbox_id: str) -> DeliveryView:
    return _view(dismiss_delivery(inbox_id, call.body.reason, call.caller.name, call.now, call.once_id), call.language)
