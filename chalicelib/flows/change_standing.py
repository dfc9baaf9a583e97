"""Staff gives a distributor a rank, suspends them, or lets them in again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import structs

from chalicelib.domain.people import Distributor
from chalicelib.flows import sessions
from chalicelib.flows.read_balance import existing
from chalicelib.store import audit, distributors
from chalicelib.store.transactions import pauses


def change_standing(distributor_id: str, given: Mapping[str, str | None], by: str, now: datetime) -> Distributor:
    """Changes what is given of `rank` and `status`; audited. Whoever is suspended is signed out everywhere, and orders from
    then on do not pay them; the money on their account stays theirs. Raises `NotFound`."""
    waits = pauses()
    while True:
        known = existing(distributor_id)
        wanted = structs.replace(known, **given)
        if wanted != known:
            said = [f"{name}: {getattr(wanted, name)}" for name in sorted(given)]
            record = audit.record(
                now,
                by,
                f"distributor.standing: {', '.join(said)}",
                f"distributor:{distributor_id}",
                [known.status, known.rank],
                [wanted.status, wanted.rank],
            )
            if not distributors.set_standing(known, wanted, [record]):
                next(waits)
                continue
        if wanted.status == "suspended":
            sessions.end_all("distributor", distributor_id, now)  # again, in case the run before did not come so far
        return wanted
