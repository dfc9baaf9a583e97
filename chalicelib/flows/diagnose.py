"""Why a delivery was refused, as far as it can be told: for the person who set the connection up, never to let it in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from msgspec import structs

from chalicelib.domain.deliveries import Connection, Request
from chalicelib.domain.errors import Rejected
from chalicelib.webhooks.provider import NAMES, Provider, provider

_MOST = 200_000


def diagnosed(
    handler: Provider, connection: Connection, request: Request, now: datetime, rejected: Rejected
) -> Rejected:
    """The refusal with a more telling cause, where there is one: `OTHER_PROVIDER` where another provider's signature came
    instead of this one's; `BODY_CHANGED` where the signature holds for the same JSON written in another way."""
    own = handler.ABOUT.signature
    if rejected.code in ("NO_SIGNATURE", "UNREADABLE_DELIVERY", "BAD_SIGNATURE") and not (own and request.header(own)):
        for name in NAMES:
            about = provider(name).ABOUT
            signed = request.header(about.signature) if about.signature else about.mark and about.mark in request.body
            if name != connection.provider and signed:
                return Rejected("OTHER_PROVIDER", other=name)
    if rejected.code == "BAD_SIGNATURE" and len(request.body) <= _MOST:
        for body in _rewritten(request.body):
            try:
                if handler.verify(structs.replace(request, body=body), connection, now):
                    return Rejected("BODY_CHANGED")
            except Exception:
                # The request is refused whatever this finds, and what is tried here nobody sent.
                continue
    return rejected


def _rewritten(body: bytes) -> Iterator[bytes]:
    """The same JSON as common libraries write it."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return
    for ascii_only in (False, True):
        for indent, separators in ((None, (",", ":")), (None, (", ", ": ")), (2, (",", ": ")), (4, (",", ": "))):
            text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=separators)
            yield text.encode("utf-8", "surrogatepass")
            yield text.replace("/", "\\/").encode("utf-8", "surrogatepass")
    yield body.rstrip(b"\r\n")
    yield body + b"\n"
