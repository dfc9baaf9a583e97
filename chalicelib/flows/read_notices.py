"""What a distributor should know about the way to their money: methods that were set, payouts that came back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from chalicelib.domain.errors import NotFound
from chalicelib.domain.payouts import BACK
from chalicelib.store import distributors, payouts

_LOOKED_AT = 100
Told = Literal["payout_method_changed", "payout_rejected", "payout_failed", "payout_returned"]
_TOLD: dict[str, Told] = {
    "rejected": "payout_rejected",
    "failed": "payout_failed",
    "returned": "payout_returned",
}


class Notice(Struct, frozen=True, kw_only=True):
    """Something that happened, and by whom. `usable_from`: when a method that was set may be paid to, if not at once."""

    at: datetime
    what: Told
    by: str
    method_id: str
    payout_id: str | None = None
    reason: str | None = None
    usable_from: datetime | None = None


def read_notices(distributor_id: str) -> list[Notice]:
    """The notices, the newest first: of the last times that a method was set, and of the last payouts (a hundred) those
    whose money came back. They are read from what happened, so there is one for each, always. Raises `NotFound`."""
    changes = distributors.method_changes(distributor_id)
    if changes is None:
        raise NotFound("NOT_FOUND")
    found = [
        Notice(
            at=change.at,
            what="payout_method_changed",
            by=change.by,
            method_id=change.method_id,
            usable_from=change.usable_from,
        )
        for change in changes
    ]
    page, _ = payouts.of_distributor(distributor_id, _LOOKED_AT, None)
    for payout in page:
        found += [
            Notice(
                at=step.at,
                what=_TOLD[step.to],
                by=step.by,
                method_id=payout.method["id"],
                payout_id=payout.id,
                reason=step.reason,
            )
            for step in payout.history
            if step.to in BACK
        ]
    return sorted(found, key=lambda notice: notice.at, reverse=True)
