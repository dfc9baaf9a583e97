"""Whether a connection works: what was heard of it, and what waits in the inbox."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Literal

from msgspec import Struct

from chalicelib.domain.deliveries import Trouble
from chalicelib.store import hearings, inbox

_LOOKED_AT = 100


class Check(Struct, frozen=True):
    """`refused`: why deliveries did not verify, and when the last of each kind came, the newest first; `other`: the provider
    whose they looked like. `stuck`: what could not be acted on, and how often, of the connection's hundred newest deliveries
    and the hundred oldest that are stuck at any connection."""

    state: Literal["ok", "refused", "stuck", "silent"]
    verified_at: datetime | None
    refused: tuple[tuple[str, datetime], ...]
    stuck: tuple[tuple[Trouble, int], ...]
    other: str | None


def check_connection(connection_id: str) -> Check:
    """What is known of a connection's deliveries."""
    heard = hearings.of(connection_id)
    newest, _ = inbox.of_connection(connection_id, _LOOKED_AT)
    oldest, _ = inbox.in_state("stuck", _LOOKED_AT)
    seen = {each.id: each for each in (*oldest, *newest) if each.connection_id == connection_id}
    troubles = [each.trouble for each in seen.values() if each.state == "stuck" and each.trouble]
    kinds = {_kind(each): each for each in troubles}
    stuck = tuple((kinds[kind], number) for kind, number in Counter(map(_kind, troubles)).most_common())
    refused = tuple(heard.refused.items())
    last = refused[0][1] if refused else None
    state: Literal["ok", "refused", "stuck", "silent"]
    if last and (heard.verified_at is None or last > heard.verified_at):
        state = "refused"
    elif stuck:
        state = "stuck"
    else:
        state = "ok" if heard.verified_at else "silent"
    return Check(state, heard.verified_at, refused, stuck, heard.other)


def _kind(trouble: Trouble) -> tuple[str, str | None]:
    return trouble.code, trouble.faults[0].path if trouble.faults else None
