"""A line of a statement as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from chalicelib.api.because import spoken
from chalicelib.api.messages import Language
from chalicelib.domain.accounts import currency_of
from chalicelib.domain.explanations import Reason


class EntryView(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`amount` in minor units, positive for the distributor. `at`: when it was booked; `happened_at`: when the fact
    behind it happened. `day`, `hold_days`: the hold it went to, or `to` is `available` if that had ended. `because`:
    all of it in one sentence."""

    at: str
    kind: str
    amount: int
    currency: str
    account: str
    level: str | None = None
    order_id: str | None = None
    revision: int | None = None
    payout_id: str | None = None
    day: str | None = None
    hold_days: int | None = None
    to: str | None = None
    happened_at: str | None = None
    because: str


def entry_view(entry: dict[str, Any], reasons: Iterable[Reason], language: Language) -> EntryView:
    """The entry (plain attributes) without what is only the books' own, and why it is there."""
    shown = {name: entry[name] for name in EntryView.__struct_fields__ if name in entry and name != "at"}
    currency = currency_of(entry["account"])
    return EntryView(
        at=entry["at"].split("#")[1], currency=currency, because=spoken(reasons, currency, language), **shown
    )
