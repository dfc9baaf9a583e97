"""What was given up on is sent once more, after its cause is mended. What was dealt with changes nothing a second time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal

from msgspec import Struct, field

from chalicelib.domain.errors import Busy, Conflict, FenrunError
from chalicelib.domain.repairs import covered, lack
from chalicelib.flows.post_change import posting_of, said, trace_of
from chalicelib.flows.post_commissions import post_commissions
from chalicelib.observe import logger
from chalicelib.store import audit, dead_letters, orders, repairs
from chalicelib.store import proof as reads

_LEASE_SECONDS = 120
_MOST_FAILURES = 100


class Failure(Struct, frozen=True):
    """What stays where it is: an object of the bucket, or a message; the order whose change it is; and why."""

    where: str
    order_id: str | None
    reason: str


class Redriven(Struct):
    """`posted` changes of orders were not in the books, `known` ones were; `runs` of functions were started again, and
    `parts` of settlements handed back. `failed` stays; `more`: time was up."""

    posted: int = 0
    known: int = 0
    runs: int = 0
    parts: int = 0
    failed: list[Failure] = field(default_factory=list)
    more: bool = False


def redrive(by: str, now: datetime, goes_on: Callable[[], bool]) -> Redriven:
    """Sends what was kept once more, until it is through or `goes_on` says to stop.

    A change of an order is posted as the stream would have posted it, from the images that it carries: each revision has
    entries of its own, so one that was left out is a gap that no later one fills. It is passed over where the order's
    entries add up to what it earns by now: then the nightly repair was faster. Raises `Conflict` (`REPAIR_RUNNING`) while
    that is at work.
    """
    holder = f"redrive {by} {now.isoformat()}"
    if not repairs.take(holder, datetime.now(UTC), _LEASE_SECONDS):
        raise Conflict("REPAIR_RUNNING")
    found = Redriven()
    try:
        _changes(found, by, now, goes_on, holder)
    finally:
        repairs.let_go(holder)
    _messages(found, by, now, goes_on)
    return found


def _changes(found: Redriven, by: str, now: datetime, goes_on: Callable[[], bool], holder: str) -> None:
    for key in dead_letters.discarded():
        # Longer than one object takes, and whoever waits for it does not wait for long.
        if not goes_on() or not repairs.take(holder, datetime.now(UTC), _LEASE_SECONDS):
            found.more = True
            return
        records = dead_letters.changes(key)
        if records is None:
            _failed(found, key, None, "it holds no changes that can be read")
            continue
        outcomes = [_change(found, key, record) for record in records]
        if all(outcomes):
            audit.keep(now, by, "records.redrive", key)
            dead_letters.put_away(key)


def _change(found: Redriven, key: str, record: dict[str, Any]) -> bool:
    order_id = record["order_id"]
    try:
        outcome, reason = _posted(order_id, record["change"])
    except Exception as error:
        # Whatever is wrong with one change must not stop the others: this is the edge.
        logger.exception("a change cannot be posted", extra={"order": order_id, "object": key})
        _failed(found, key, order_id, error.code if isinstance(error, FenrunError) else type(error).__name__)
        return False
    if outcome == "refused":
        logger.error("a posting is refused", extra={"order": order_id, "object": key, "reason": reason})
        _failed(found, key, order_id, reason or outcome)
        return False
    found.posted += outcome == "posted"
    found.known += outcome == "known"
    return True


def _posted(order_id: str, change: dict[str, Any]) -> tuple[Literal["posted", "known", "refused"], str | None]:
    image = orders.get(order_id)
    entries = reads.entries_of([image])[order_id] if image else []
    if image and image.written and lack(image, entries) is None:
        return "known", None
    posting = posting_of(change)
    # Also one that came half way: the repair posts what is lacking as one sum, and that must not be posted twice.
    if posting is None or int(posting.key.rpartition("@")[2]) in covered(entries):
        return "known", None
    [outcome] = post_commissions([posting])
    if outcome.result == "applied":
        logger.info("posted", extra={"postings": [said(posting, trace_of(change))]})
    return {"applied": "posted", "already_applied": "known", "refused": "refused"}[outcome.result], outcome.reason  # type: ignore[return-value]


def _messages(found: Redriven, by: str, now: datetime, goes_on: Callable[[], bool]) -> None:
    for message in chain(dead_letters.failed_runs(), dead_letters.failed_parts()):
        if not goes_on():
            found.more = True
            return
        try:
            sent_to = dead_letters.send_again(message)
        except Busy:
            logger.warning("a message cannot be sent again", extra={"message_id": message.id}, exc_info=True)
            _failed(found, message.id, None, "BUSY")
            continue
        if sent_to is None:
            _failed(found, message.id, None, "it names no function")
            continue
        audit.keep(now, by, "message.redrive", f"{sent_to} {message.id}", after=message.body)
        dead_letters.done(message)
        found.runs += message.is_run
        found.parts += not message.is_run


def _failed(found: Redriven, where: str, order_id: str | None, reason: str) -> None:
    if len(found.failed) < _MOST_FAILURES:
        found.failed.append(Failure(where, order_id, reason))
