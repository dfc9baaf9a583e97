"""A payout goes to its rail, at most once whatever happens: claimed first, then sent, and asked about where nobody knows.

Money has left the distributor's balance before anything is sent. A crash between the claim and the answer looks like a lost
answer, and is treated as one (providers' rules: `rails/rail.py`).
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta

from msgspec import structs

from chalicelib.domain.deliveries import Connection
from chalicelib.domain.errors import NotFound, Refused
from chalicelib.domain.payouts import Payout, State
from chalicelib.flows.connections import with_secrets
from chalicelib.flows.follow_payout import follow_payout
from chalicelib.flows.move_payout import move_payout
from chalicelib.flows.payout_rules import payout_rules
from chalicelib.observe import logger
from chalicelib.rails import http
from chalicelib.rails.carry import carried_out
from chalicelib.rails.rail import NAMES, Instruction, Question, Rail, Send, Verdict, rail
from chalicelib.store import payment_names, payouts, sealed

LEASE = timedelta(minutes=5)
"""Longer than an attempt can take: a payout that is still `submitting` then has lost whoever was submitting it."""
_PATIENCE = timedelta(days=3)
_BY = "rail"
_UNPAYABLE = frozenset({"BAD_LENGTH", "BAD_RAIL_ACCOUNT", "NOT_ALLOWED", "RAIL_CURRENCY", "TOO_MANY_DECIMALS"})
"""Why a rail can never pay a payout; any other refusal is the connection's fault, and can be mended."""


def submit_payout(payout_id: str, now: datetime, send: Send = http.send) -> Payout | None:
    """Submits an approved payout, or finds out what became of one that was submitted; the payout as it is then.

    None where there is nothing to do: no such rail over HTTP, no connection for it, or somebody else is at it. Sent again
    is only what was sent before, to the byte, and only as long as the rail takes it for the same payment.
    """
    payout = payouts.existing(payout_id)
    if payout.rail not in NAMES:
        return None
    handler = rail(payout.rail)
    connection = _connection(payout, now)
    if connection is None:
        return None
    if payout.state == "approved":
        claimed = _claimed(payout, handler, connection, now)
        return _sent(claimed, handler, connection, now, send) if claimed else None
    if payout.state == "submitting":
        if now - payout.history[-1].at < LEASE:
            return None
        lost = move_payout(payout, "unknown", at=now, by=_BY, reason="no answer was heard")
        return _resolved(lost, handler, connection, now, send) if lost else None
    if payout.state == "unknown":
        return _resolved(payout, handler, connection, now, send)
    if payout.state in ("submitted", "awaiting_recipient", "manual_review"):
        return follow_payout(payout, _asked(payout, handler, connection, now, send), _BY, now)
    return None


def _connection(payout: Payout, now: datetime) -> Connection | None:
    connection_id = payout.connection_id or payout_rules(now).rails.get(payout.rail)
    try:
        return with_secrets(payout.rail, connection_id) if connection_id else None
    except NotFound:
        logger.error("a payout has no connection", extra={"payout": payout.id, "rail": payout.rail})
        return None


def _claimed(payout: Payout, handler: Rail, connection: Connection, now: datetime) -> Payout | None:
    """The payout with its instruction stored, before anything is sent. One that the rail cannot pay is rejected: its money
    is available again."""
    at = max(now, payout.history[-1].at)
    try:
        if handler.ABOUT.currencies and payout.currency not in handler.ABOUT.currencies:
            raise Refused("RAIL_CURRENCY", rail=payout.rail, currency=payout.currency)
        instruction = handler.submit(_plain(payout), connection, payout.attempts + 1)
    except Refused as error:
        if error.code not in _UNPAYABLE:
            raise
        logger.warning("a payout cannot be submitted", extra={"payout": payout.id, "code": error.code})
        move_payout(payout, "rejected", at=at, by=_BY, reason=error.code)
        return None
    payment_names.name(f"rail:{payout.rail}", instruction.key, payout.id)
    body = sealed.seal(payout.distributor_id, instruction.body)  # it names the payee
    stored = (connection.connection_id, instruction.key, body)
    return move_payout(payout, "submitting", at=at, by=_BY, instructed=stored)


def _sent(payout: Payout, handler: Rail, connection: Connection, now: datetime, send: Send) -> Payout:
    """Sends the stored instruction, and follows the answer.

    A refusal is the end only of a payout that was sent this once. Was it sent before, or by somebody else meanwhile, that
    request may still be carried out when this one was refused (for want of money, say): then nobody knows.
    """
    instruction = handler.submit(_plain(payout), connection, payout.attempts)
    instruction = structs.replace(instruction, body=sealed.opened(payout.distributor_id, payout.sent or ""))
    verdict = _carried(instruction, "submit", payout, handler, connection, now, send)
    refused = verdict.outcome == "failed"
    if payout.state == "submitting" and (refused or verdict.outcome in ("unknown", "not_found")):
        to: State = "failed" if refused else "unknown"
        after = move_payout(payout, to, at=now, by=_BY, reason=verdict.reason, reference=verdict.reference)
        return after or payouts.existing(payout.id)
    if refused:
        return payout
    return follow_payout(payout, verdict, _BY, now)


def _resolved(payout: Payout, handler: Rail, connection: Connection, now: datetime, send: Send) -> Payout:
    """Asks; then sends again what was sent, while that is safe; else hands over to people."""
    verdict = _asked(payout, handler, connection, now, send)
    began = min(step.at for step in payout.history if step.to == "submitting")
    about = handler.ABOUT
    if verdict.outcome == "not_found" and about.lag <= now - began <= _PATIENCE:
        if about.key_lives is None or now - began < about.key_lives:
            return _sent(payout, handler, connection, now, send)
        return _for_people(payout, now, "the rail does not know it, and its key has expired")
    if verdict.outcome in ("unknown", "not_found") and now - began > _PATIENCE:
        return _for_people(payout, now, verdict.reason or "the rail does not say what became of it")
    return follow_payout(payout, verdict, _BY, now)


def _for_people(payout: Payout, now: datetime, reason: str) -> Payout:
    logger.error("a payout needs people", extra={"payout": payout.id, "rail": payout.rail})
    return move_payout(payout, "manual_review", at=now, by=_BY, reason=reason) or payouts.existing(payout.id)


def _asked(payout: Payout, handler: Rail, connection: Connection, now: datetime, send: Send) -> Verdict:
    instruction = handler.query(_plain(payout), connection)
    if instruction is None:
        return Verdict("not_found")
    return _carried(instruction, "query", payout, handler, connection, now, send)


def _carried(
    instruction: Instruction,
    question: Question,
    payout: Payout,
    handler: Rail,
    connection: Connection,
    now: datetime,
    send: Send,
) -> Verdict:
    """What the rail answers. The names that it gives the payment lead its notifications here."""
    verdict = carried_out(handler, instruction, question, _plain(payout), connection, now, send)
    if verdict.reference:
        payment_names.name(f"rail:{payout.rail}", verdict.reference, payout.id)
    return verdict


def _plain(payout: Payout) -> Payout:
    """The payout as a rail needs it, in memory only: whom it pays, and (in base64) what was sent, legible."""
    sent = b64encode(sealed.opened(payout.distributor_id, payout.sent)).decode() if payout.sent else None
    return structs.replace(sealed.readable(payout), sent=sent)
