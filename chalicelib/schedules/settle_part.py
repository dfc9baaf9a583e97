"""What a settlement handed over: a part of a run each."""

from __future__ import annotations

import time
from typing import Any

from chalice import Blueprint
from msgspec import json

from chalicelib.flows.settle import RESERVE_SECONDS, Task, carry_out
from chalicelib.observe import logger, observed
from chalicelib.store import payout_runs, settlements
from chalicelib.store.transactions import deadline

bp = Blueprint(__name__)
_RESERVE_SECONDS = 5


@bp.on_sqs_message(queue="settlements", batch_size=1, name="settle_part", maximum_concurrency=16)
@observed
def settle_part(event: Any) -> None:
    """Works on one part of a run until it is done or the function's time is short, and hands over what is left of it, or
    what follows from it.

    A message that comes twice finds its work done. Raises `Busy` if the books are: SQS delivers the message again, some
    times, and then keeps it among the dead letters.
    """
    ends = float("inf")
    if hasattr(event.context, "get_remaining_time_in_millis"):
        ends = time.monotonic() + event.context.get_remaining_time_in_millis() / 1000
        deadline.set(ends - _RESERVE_SECONDS)
    for record in event.to_dict()["Records"]:
        began, task = time.monotonic(), json.decode(record["body"], type=Task)
        following = carry_out(task, lambda: time.monotonic() < ends - RESERVE_SECONDS)
        settlements.hand_over(following)
        payout_runs.worked(task.run, int((time.monotonic() - began) * 1000))
        logger.info("settlement part", extra={"run": task.run, "part": task.part, "handed_over": len(following)})
