"""How far a replay has come, and what it found."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct, structs

from chalicelib.domain.errors import NotFound
from chalicelib.domain.replays import Comparison
from chalicelib.store import replays
from chalicelib.store.replays import Replay

_SILENT = timedelta(hours=1)
"""Longer than the function may run and be tried again: a job that has not saved a step since is not running any more."""


class Found(Struct, frozen=True):
    """A replay, and everything added up so far."""

    replay: Replay
    comparison: Comparison


def read_replay(replay_id: str, now: datetime) -> Found:
    """The replay and what it has found by its newest step. Raises `NotFound`."""
    known = replays.get(replay_id)
    if known is None:
        raise NotFound("NOT_FOUND")
    if known.state == "running" and known.updated_at < now - _SILENT:
        known = structs.replace(known, state="failed")
    return Found(known, replays.progress(known).comparison)
