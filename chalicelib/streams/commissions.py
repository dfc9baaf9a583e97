"""Orders changed: the difference between the old and the new image is posted. The stream delivers at least once."""

from __future__ import annotations

import time
from typing import Any

from chalice import Blueprint

from chalicelib.domain.postings import Posting
from chalicelib.flows.post_change import posting_of, said, trace_of
from chalicelib.flows.post_commissions import post_commissions
from chalicelib.observe import count, logger, observed
from chalicelib.store.transactions import deadline

bp = Blueprint(__name__)
_RESERVE_SECONDS = 2
"""Kept back of the function's time, to report what failed."""


@bp.on_dynamodb_record(
    stream_arn={"Fn::GetAtt": ["OrdersTable", "StreamArn"]},
    name="commissions",
    batch_size=100,
    starting_position="TRIM_HORIZON",
)
@observed
def commissions(event: Any) -> dict[str, list[dict[str, str]]]:
    """Posts a batch of changes. Returns the records that failed, for Lambda to deliver again from the first of them.

    A record that cannot be read fails alone; the ones after it for the same order wait for it. One that the books refuse
    fails alone too. What was posted already is found again when it is delivered again, so nothing else is held up.
    """
    if hasattr(event.context, "get_remaining_time_in_millis"):
        left = event.context.get_remaining_time_in_millis() / 1000
        deadline.set(time.monotonic() + left - _RESERVE_SECONDS)
    failed: list[str] = []
    waiting: set[str] = set()
    postings: list[tuple[str, Posting]] = []
    traces: dict[str, str] = {}
    for record in event.to_dict()["Records"]:
        number = record["dynamodb"]["SequenceNumber"]
        order_id = record["dynamodb"]["Keys"]["id"]["S"]
        if "OldImage" not in record["dynamodb"] and "restored" in record["dynamodb"].get("NewImage", {}):
            continue  # a backup brought it, and its entries with it
        if order_id in waiting:
            failed.append(number)
            continue
        try:
            posting = posting_of(record["dynamodb"])
        except Exception:
            # Whatever is wrong with one record must not stop the others: this is the edge.
            logger.exception("a change cannot be posted", extra={"order": order_id, "sequence_number": number})
            failed.append(number)
            waiting.add(order_id)
            continue
        count("Orders", int("OldImage" not in record["dynamodb"]))
        if posting:
            postings.append((number, posting))
            traces[posting.key] = trace_of(record["dynamodb"])
    outcomes = post_commissions([posting for _, posting in postings])
    posted = []
    for (number, posting), outcome in zip(postings, outcomes, strict=True):
        if outcome.result != "refused":
            posted.append(said(posting, traces[posting.key]))
            continue
        about = {"posting": posting.key, "reason": outcome.reason} | said(posting, traces[posting.key])
        logger.error("a posting is refused", extra=about)
        failed.append(number)
    count("RecordsFailed", len(failed))
    if posted:
        logger.info("posted", extra={"postings": posted})
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
