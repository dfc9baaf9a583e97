"""The types that fields of requests are made of. Each one bounds its value; `parse` knows which code a misfit earns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chalicelib.domain import floor
from chalicelib.domain.errors import Fault
from chalicelib.domain.money import DECIMALS, MAX_AMOUNT

# `$` alone lets a final newline pass; the look-ahead does not, and means the same to readers of the OpenAPI document.
_END = r"(?!\n)$"
ID_PATTERN = r"^(?! )[^\u0000-\u001f\u007f-\u009f]*(?<! )" + _END
RATE_PATTERN = r"^(?:0|[1-9][0-9]{0,3})(?:\.[0-9]{1,6})?" + _END
CURRENCY_PATTERN = f"^(?:{'|'.join(sorted(DECIMALS))}){_END}"
URL_PATTERN = r"^https?://[^\s\u0000-\u001f\\]+" + _END
COUNTRY_PATTERN = r"^[A-Z]{2}" + _END
LOCALE_PATTERN = r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}" + _END
TEXT_PATTERN = r"^[^\u0000-\u0008\u000b-\u001f\u007f]*" + _END

Id = Annotated[str, Meta(min_length=1, max_length=128, pattern=ID_PATTERN)]
"""An id of the caller's: any text without control characters and without spaces at its ends."""
Amount = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]
"""Money in minor units, not negative."""
PositiveAmount = Annotated[int, Meta(ge=1, le=MAX_AMOUNT)]
Quantity = Annotated[int, Meta(ge=1, le=10**9)]
Currency = Annotated[str, Meta(pattern=CURRENCY_PATTERN)]
Rate = Annotated[str, Meta(pattern=RATE_PATTERN)]
"""A decimal string, at most 6 decimals; whether more than 1 is allowed is the reader's rule."""
Time = Annotated[datetime, Meta(tz=True)]
"""A moment with its zone. `parse` also refuses years outside 2000–2100, so turning it into UTC cannot overflow."""
Name = Annotated[str, Meta(min_length=1, max_length=120, pattern=TEXT_PATTERN)]
Text = Annotated[str, Meta(max_length=2000, pattern=TEXT_PATTERN)]
Url = Annotated[str, Meta(max_length=2048, pattern=URL_PATTERN)]
Country = Annotated[str, Meta(pattern=COUNTRY_PATTERN)]
Locale = Annotated[str, Meta(max_length=35, pattern=LOCALE_PATTERN)]
Secret = Annotated[str, Meta(min_length=1, max_length=512)]
"""A password or token as it was typed."""

PATTERN_CODES = {
    ID_PATTERN: "BAD_ID",
    RATE_PATTERN: "BAD_RATE",
    CURRENCY_PATTERN: "NO_SUCH_CURRENCY",
    URL_PATTERN: "BAD_URL",
}


Floor = Callable[[Any], list[Fault]]
"""What a body's type says as `FLOOR`: which principles a body (as decoded JSON) that does not fit would break."""


def floor_of_its_plan(body: Any) -> list[Fault]:
    """`FLOOR` of a body that carries a plan in its field `plan`."""
    return floor.of_plan(body.get("plan"), "plan") if isinstance(body, dict) else []


class Body(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a request's body or query is: its fields and no others."""


class Page(Body):
    """How a list is asked for. A list with filters extends it."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Annotated[str, Meta(min_length=1, max_length=2048)] | None = None
