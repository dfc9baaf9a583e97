"""Staff says what a payee's tax depends on."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.tax import Standing
from chalicelib.flows.read_balance import existing
from chalicelib.store import audit, distributors
from chalicelib.store.transactions import pauses


def set_tax_standing(distributor_id: str, standing: Standing, by: str, now: datetime) -> None:
    """Puts this in place of what was said before; audited. Payouts that are made keep their tax. Raises `NotFound`."""
    waits = pauses()
    while True:
        known = existing(distributor_id)
        before = known.tax_standing()
        record = audit.record(now, by, "distributor.tax", f"distributor:{distributor_id}", before, standing)
        if before == standing or distributors.set_tax_standing(known, standing, [record]):
            return
        next(waits)
