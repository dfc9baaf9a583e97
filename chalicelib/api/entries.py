"""A line of a statement as JSON."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class EntryView(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`amount` in minor units, positive for the distributor. `at`: when it was booked; `happened_at`: when the fact
    behind it happened. `day`, `hold_days`: the hold it went to, or `to` is `available` if that had ended."""

    at: str
    kind: str
    amount: int
    account: str
    level: str | None = None
    order_id: str | None = None
    revision: int | None = None
    payout_id: str | None = None
    day: str | None = None
    hold_days: int | None = None
    to: str | None = None
    happened_at: str | None = None


def entry_view(entry: dict[str, Any]) -> EntryView:
    """The entry (plain attributes) without what is only the books' own."""
    shown = {name: entry[name] for name in EntryView.__struct_fields__ if name in entry and name != "at"}
    return EntryView(at=entry["at"].split("#")[1], **shown)
