"""Signing in and out."""

from __future__ import annotations

from typing import Literal

import msgspec
from chalice import Blueprint

from chalicelib.api.callers import any_staff, anyone, distributor, merchant
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Body, Secret
from chalicelib.flows import sessions

bp = Blueprint(__name__)


class SignIn(Body):
    """An e-mail address or phone, and its password."""

    login: Secret
    password: Secret


class Refresh(Body):
    """The last refresh token; it works once."""

    refresh_token: Secret


class SessionView(msgspec.Struct, frozen=True):
    """The tokens of a session: the access token goes into the Authorization header, for `expires_in` seconds."""

    access_token: str
    expires_in: int
    refresh_token: str
    kind: Literal["distributor", "staff", "merchant"]
    id: str
    token_type: str = "Bearer"


# Tokens are not kept by the idempotency of other routes: an answer at rest would be a token at rest.
@endpoint(
    bp,
    "POST",
    "/v1/sessions",
    who=anyone,
    body=SignIn,
    answers=SessionView,
    idempotent=False,
    summary="Sign in",
)
def sign_in(call: Call) -> SessionView:
    return _view(sessions.log_in(call.body.login, call.body.password, call.now), call)


@endpoint(
    bp,
    "POST",
    "/v1/sessions/refresh",
    who=anyone,
    body=Refresh,
    answers=SessionView,
    idempotent=False,
    summary="Get the next tokens of a session",
)
def refresh_session(call: Call) -> SessionView:
    return _view(sessions.refresh(call.body.refresh_token, call.now), call)


@endpoint(
    bp,
    "DELETE",
    "/v1/sessions",
    who=distributor() | merchant() | any_staff(),
    status=204,
    summary="Sign out: ends this session and all its tokens",
)
def sign_out(call: Call) -> None:
    if call.caller.session_id:
        sessions.log_out(call.caller.session_id, call.now)


def _view(session: sessions.SignedIn, call: Call) -> SessionView:
    return SessionView(
        access_token=session.access_token,
        expires_in=int(session.expires_at.timestamp()) - int(call.now.timestamp()),
        refresh_token=session.refresh_token,
        kind=session.kind,
        id=session.subject,
    )
