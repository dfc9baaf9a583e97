"""Postings go into the books, and what they came to is counted."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.postings import Posting
from chalicelib.observe import count
from chalicelib.store.ledger import Outcome, post


def post_commissions(postings: Sequence[Posting]) -> list[Outcome]:
    """Applies the postings, many orders in one transaction, each at most once. The outcomes, in their order."""
    outcomes = post(postings)
    for posting, outcome in zip(postings, outcomes, strict=True):
        for entry in posting.entries if outcome.result == "applied" else ():
            if entry.kind == "commission":
                count("CommissionAccrued", entry.amount, currency=posting.currency)
            else:
                count("CommissionReversed", -entry.amount, currency=posting.currency)
    return outcomes
