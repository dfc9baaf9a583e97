"""What was given up on, sent once more."""

from __future__ import annotations

import time

from chalice import Blueprint

from chalicelib.api.callers import staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.flows.redrive import Redriven, redrive

bp = Blueprint(__name__)
_LONGEST_SECONDS = 15


@endpoint(
    bp,
    "POST",
    "/v1/redrives",
    who=staff("owner", "ops"),
    answers=Redriven,
    idempotent=False,  # what was dealt with is there already
    summary="Post changes of orders, and start runs, that were given up on; again, while `more`",
)
def post_redrive(call: Call) -> Redriven:
    until = time.monotonic() + _LONGEST_SECONDS
    return redrive(call.caller.name, call.now, lambda: time.monotonic() < until)
