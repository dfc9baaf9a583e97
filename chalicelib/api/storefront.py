"""The script that shops put on their pages."""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

from chalice import Blueprint, Response

from chalicelib.api.callers import anyone
from chalicelib.api.endpoint import Call, endpoint

bp = Blueprint(__name__)

_SOURCE = Path(__file__).with_name("dist.js")
_SPACES_AROUND_A_SIGN = re.compile(r" ?([^\w$ ]) ?")


@cache
def script() -> str:
    """dist.js as it is sent: without comments, indentation and spaces around signs."""
    lines = (line.strip() for line in _SOURCE.read_text(encoding="utf-8").splitlines())
    return "\n".join(_SPACES_AROUND_A_SIGN.sub(r"\1", line) for line in lines if line and not line.startswith("//"))


@cache
def _etag() -> str:
    return f'"{sha256(script().encode()).hexdigest()[:32]}"'


# Shops' systems append versions of their own to the address: any query will do.
@endpoint(bp, "GET", "/dist.js", who=anyone, raw=True, summary="The script of the storefront")
def get_script(call: Call) -> Response:
    headers = {
        "Cache-Control": "public, max-age=3600, stale-while-revalidate=86400",
        "ETag": _etag(),
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if _etag() in (call.headers.get("if-none-match") or ""):
        return Response("", status_code=304, headers=headers)
    return Response(script(), headers=headers | {"Content-Type": "text/javascript; charset=utf-8"})
