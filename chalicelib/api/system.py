"""What the API says about itself."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec
from chalice import Blueprint, Response

from chalicelib.api import openapi
from chalicelib.api.callers import anyone
from chalicelib.api.endpoint import ENDPOINTS, Call, endpoint
from chalicelib.api.replies import reply

bp = Blueprint(__name__)


class Health(msgspec.Struct, frozen=True):
    """The API answers."""

    status: Literal["ok"]


@endpoint(bp, "GET", "/healthz", who=anyone, answers=Health, summary="Whether the API answers; reads no data")
def health(call: Call) -> Health:
    return Health("ok")


@cache
def _document() -> bytes:
    return msgspec.json.encode(openapi.document(ENDPOINTS))


@endpoint(bp, "GET", "/openapi.json", who=anyone, answers=dict, summary="This API as OpenAPI 3.1")
def describe(call: Call) -> Response:
    return reply(msgspec.Raw(_document()), headers={"Cache-Control": "public, max-age=300"})
