"""An instruction and what must follow it; what the rails' modules share in reading answers and secrets."""

from __future__ import annotations

import re
from datetime import datetime

from msgspec import structs

from chalicelib.domain.deliveries import Connection
from chalicelib.domain.errors import Refused
from chalicelib.domain.payouts import Payout
from chalicelib.rails.rail import Instruction, Question, Rail, Send, Verdict

_MOST_STEPS = 5
_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,80}")


def carried_out(
    rail: Rail,
    instruction: Instruction,
    question: Question,
    payout: Payout,
    connection: Connection,
    now: datetime,
    send: Send,
) -> Verdict:
    """Sends the instruction, and what the rail's `next`, if it has one, says must follow its answer; each once.

    What the last answer means, with the reference that any answer gave. Raises what `authorised` raises: then the step that
    it was for has not been sent.
    """
    base_url, reference = connection.settings.base_url or rail.ABOUT.base_url, None
    following = getattr(rail, "next", None)
    for _ in range(_MOST_STEPS):
        answer = send(base_url, rail.authorised(instruction, connection, now, send))
        verdict = rail.classify(answer, question, payout, connection)
        reference = verdict.reference or reference
        further = following(answer, payout, connection) if answer and following else None
        if further is None:
            break
        instruction = further
    return structs.replace(verdict, reference=reference)


def secret(connection: Connection, name: str) -> str:
    """The newest value of a secret: requests to a rail are made with that one alone. Raises `Refused`."""
    values = connection.held(name)
    if not values:
        raise Refused("MISSING_SECRET", provider=connection.provider)
    return values[0]


def code(text: object) -> str | None:
    """A rail's own code as a reason that may be kept and shown; None for what is no code: it might be anything."""
    return text if isinstance(text, str) and _CODE.fullmatch(text) else None
