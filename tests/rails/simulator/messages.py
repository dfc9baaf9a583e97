"""A request as a simulated provider sees it, and its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from msgspec.json import Encoder

_ENCODER = Encoder(decimal_format="number")


def as_json(body: Any) -> bytes:
    return body if isinstance(body, bytes) else _ENCODER.encode(body)


@dataclass(frozen=True)
class Request:
    """What the provider sees: `path` without the provider's prefix and without the query; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    target: str
    """The path with its query as it was sent, without the prefix: some providers' signatures cover it."""

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body)))

    def json(self) -> Any:
        """Numbers with a point become Decimals. Raises `ValueError` for a body that is no JSON."""
        return json.loads(self.body, parse_float=Decimal)


@dataclass(frozen=True)
class Reply:
    """`body` is sent as JSON, Decimals as numbers, unless it is bytes already."""

    status: int
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return as_json(self.body)
