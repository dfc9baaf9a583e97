"""Replays: what was asked (Settings), and how far it has come (a file of its own for every step that was saved).

The item names the file of the newest step. A step is saved file first, under a name that nobody else uses, and then by
one conditional update of the item: of two runs of the same job only one goes on, and what it finds is of one piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from msgspec import DecodeError, Struct, ValidationError, convert, field, json

from chalicelib.domain.orders import Order
from chalicelib.domain.plans import Plan
from chalicelib.domain.replays import Comparison
from chalicelib.settings import settings
from chalicelib.store import files, orders
from chalicelib.store.batch import read, ref
from chalicelib.store.dynamo import ConditionFailed, send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import stamp
from chalicelib.store.transactions import transact

SEGMENTS = 16
_KIND = "replay"
_JSON = "application/json"
State = Literal["running", "done", "failed"]


class Replay(Struct, frozen=True, kw_only=True):
    """A comparison of a draft with the orders placed on the days from `first` to before `last`. `steps` counts what was
    saved; `segments` of the table are read, of `SEGMENTS`."""

    id: str
    plan_id: str
    first: str
    last: str
    state: State
    steps: int
    file: str
    updated_at: datetime
    seen: int = 0
    segments: int = 0


class Progress(Struct, frozen=True, kw_only=True):
    """What a step came to: the place in the table where the next one begins, and everything added up."""

    segment: int = 0
    after: dict[str, Any] | None = None
    comparison: Comparison = field(default_factory=Comparison)


def _key(replay_id: str) -> dict[str, str]:
    return {"kind": _KIND, "id": replay_id}


def _folder(replay_id: str) -> str:
    return f"replays/{replay_id}"


def create(replay_id: str, plan_id: str, draft: Plan, first: str, last: str, at: datetime, audit: Any) -> Replay:
    """Stores a new replay, or gives the one of this id. The draft is a file: it may be larger than an item."""
    known = get(replay_id)
    if known:
        return known
    file = f"{_folder(replay_id)}/{uuid4().hex}.json"
    files.put(f"{_folder(replay_id)}/draft.json", json.encode(draft), _JSON)
    files.put(file, json.encode(Progress()), _JSON)
    item = {
        **_key(replay_id),
        "plan_id": plan_id,
        "first": first,
        "last": last,
        "state": "running",
        "steps": 0,
        "file": file,
        "updated_at": stamp(at),
        "segments": 0,
        "seen": 0,
    }
    put = {
        "TableName": settings().settings_table,
        "Item": to_item(item),
        "ConditionExpression": "attribute_not_exists(id)",
    }
    transact([{"Put": put}, audit])
    return get(replay_id) or convert(item, Replay)


def get(replay_id: str) -> Replay | None:
    """The replay, read consistently."""
    wanted = ref(settings().settings_table, **_key(replay_id))
    item = read(wanted).get(wanted)
    return convert(item, Replay) if item else None


def draft(replay: Replay) -> Plan:
    return json.decode(files.get(f"{_folder(replay.id)}/draft.json") or b"", type=Plan)


def progress(replay: Replay) -> Progress:
    """How far it had come when `replay` was read."""
    return json.decode(files.get(replay.file) or b"", type=Progress)


def save(replay: Replay, to: Progress, state: State, at: datetime) -> Replay | None:
    """Saves a step after `replay`. None if another run has saved one meanwhile: that one goes on."""
    file = f"{_folder(replay.id)}/{uuid4().hex}.json"
    files.put(file, json.encode(to), _JSON)
    changed = {"file": file, "segments": to.segment, "seen": to.comparison.seen}
    return _change(replay, {**changed, "state": state, "steps": replay.steps + 1}, at)


def fail(replay: Replay, at: datetime) -> None:
    """Notes that the job broke; a run after it goes on where the last step was saved."""
    _change(replay, {"state": "failed"}, at)


def _change(replay: Replay, to: dict[str, Any], at: datetime) -> Replay | None:
    values = {**to, "updated_at": stamp(at)}
    try:
        answer = send(
            "update_item",
            TableName=settings().settings_table,
            Key=to_item(_key(replay.id)),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ConditionExpression="#known = :known",
            ExpressionAttributeNames={"#known": "steps"} | {f"#{name}": name for name in values},
            ExpressionAttributeValues=to_item({f":{name}": value for name, value in values.items()})
            | to_item({":known": replay.steps}),
            ReturnValues="ALL_NEW",
        )
    except ConditionFailed:
        # It is ours after all if the client sent it twice because the first answer was lost.
        stored = get(replay.id)
        return stored if stored and stored.file == to.get("file") else None
    return convert(from_item(answer["Attributes"]), Replay)


def orders_page(segment: int, after: dict[str, Any] | None) -> tuple[Iterator[Order | None], dict[str, Any] | None]:
    """A page of a segment of all orders (None for one that cannot be read), and where the next page begins. A scan: no
    request waits for it."""
    answer = send(
        "scan",
        TableName=settings().orders_table,
        Segment=segment,
        TotalSegments=SEGMENTS,
        ProjectionExpression="image",
        **({"ExclusiveStartKey": after} if after else {}),
    )
    return map(_order, answer["Items"]), answer.get("LastEvaluatedKey")


def _order(item: dict[str, Any]) -> Order | None:
    try:
        return orders.from_attributes(from_item(item))
    except (DecodeError, ValidationError, KeyError):
        return None
