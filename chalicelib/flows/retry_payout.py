"""Staff ask a payout's rail again, without waiting for the next round."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.errors import Conflict
from chalicelib.domain.payouts import BACK, Payout
from chalicelib.flows.submit_payout import submit_payout
from chalicelib.store import audit, payouts


def retry_payout(payout_id: str, by: str, now: datetime) -> Payout:
    """Submits an approved payout, or finds out what became of one that was submitted; the payout as it is then.

    Nothing is sent twice that could be paid twice. Of a payout that failed or came back the money is available again, and
    goes into the next payout: `Conflict`, as for one that is paid or waits for approval. Raises `NotFound`.
    """
    payout = payouts.existing(payout_id)
    if payout.state in BACK or payout.state in ("paid", "requested"):
        raise Conflict("PAYOUT_STATE", state=payout.state, to="submitting")
    audit.keep(now, by, "payout.retry", f"payout:{payout_id}")
    return submit_payout(payout_id, now) or payouts.existing(payout_id)
