"""Repairs of the books: each run's item (Settings), and how far it has come (a file of its own for every saved step).

The item names the file of the newest step. A step is saved file first, under a name that nobody else uses, and then by
one conditional update of the item: of two runs at once only one goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from msgspec import Struct, convert, field, json, structs

from chalicelib.domain.proof import Mismatch
from chalicelib.settings import settings
from chalicelib.store import files, kinds
from chalicelib.store.batch import read, ref
from chalicelib.store.dynamo import ConditionFailed, send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import stamp

_KIND = "repair"
_LEASE = "lease"
MOST_FINDINGS = 1000
Phase = Literal["before", "orders", "payouts", "ledger", "mend", "done"]
Kind = Literal["order", "payout", "account", "total", "tax"]
Outcome = Literal["found", "posted", "restored", "rebuilt", "corrected", "left"]


class Finding(Struct, frozen=True, kw_only=True):
    """A place where the books did not add up: what was `stored` and what it should be, minor units or counts. `subject`: the
    order, payout or item that it is about.

    `posted`: a change of the order was lost, and is in the books now. `restored`: entries that were gone are back.
    `rebuilt`: an item that was gone is back. `corrected`: an item that held something else was set right, because staff
    said so. `left`: nothing was changed; people have to look.
    """

    kind: Kind
    subject: str
    account: str
    what: str
    stored: int
    computed: int
    outcome: Outcome = "found"


class Repair(Struct, frozen=True, kw_only=True):
    """A run. `id` and `at` are the event's time; `correct`: whether items that hold something else are set right, too;
    `in_transit`: orders whose last change had not reached the books yet. `found` counts findings, of which `left` are for
    people, and `posted` changes of orders that were lost."""

    id: str
    at: datetime
    by: str
    correct: bool
    state: Literal["running", "done"]
    phase: Phase
    steps: int
    file: str
    updated_at: datetime
    orders: int = 0
    entries: int = 0
    accounts: int = 0
    in_transit: int = 0
    found: int = 0
    posted: int = 0
    left: int = 0
    totals: int = 0


class Progress(Struct, kw_only=True):
    """How far a run has come: the place in the table where its phase goes on, what it counted, and what it found.

    `before` and `charged` hold what the days of merchants, rails and tax had when the run began, and what the entries and
    payouts that it read since say they must have: `[amount, returned]` by account and item. `entered` holds the amounts of
    merchants' days once more, by all entries that there are, whichever order they are of. `seen` are the days that were
    still there at the end, `busy` those of which nothing can be said tonight.

    Of orders that lack something, `counted` holds what is in `charged`, `lacks` what is lacking by day; `lost` names those
    of which a change may never have been posted, `waiting` the accounts and days of those that are not settled tonight.

    `tax` holds how far running totals are from the payouts. `more`: there was more to find than one run lists; `blind`: some
    of it about orders, or an order cannot be read."""

    phase: Phase = "before"
    after: dict[str, Any] | None = None
    orders: int = 0
    entries: int = 0
    accounts: int = 0
    in_transit: int = 0
    totals: int = 0
    posted: int = 0
    before: dict[str, list[int]] = field(default_factory=dict)
    charged: dict[str, list[int]] = field(default_factory=dict)
    entered: dict[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)
    counted: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    lacks: dict[str, dict[str, int]] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    tax: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    more: bool = False
    blind: bool = False

    def open(self, kind: Kind) -> list[str]:
        """What the findings of this kind are about that nobody has dealt with."""
        found = (each.subject for each in self.findings if each.kind == kind and each.outcome == "found")
        return list(dict.fromkeys(found))

    def settle(self, kind: Kind, subject: str, outcome: Callable[[Finding], Outcome | None]) -> None:
        """Notes what became of the open findings about this; None takes one off the list: it followed from another."""
        kept = []
        for each in self.findings:
            if each.kind == kind and each.subject == subject and each.outcome == "found":
                became = outcome(each)
                kept += [structs.replace(each, outcome=became)] if became else []
            else:
                kept.append(each)
        self.findings = kept

    def note(self, kind: Kind, subject: str, found: Iterable[Mismatch], outcome: Outcome = "found") -> None:
        """Adds to what was found, as long as one run can deal with it; the next one finds the rest."""
        for each in found:
            if len(self.findings) >= MOST_FINDINGS:
                self.more = True
                self.blind |= kind == "order"
                return
            self.findings.append(Finding(kind=kind, subject=subject, outcome=outcome, **structs.asdict(each)))


def _key(repair_id: str) -> dict[str, str]:
    return {"kind": _KIND, "id": repair_id}


def start(at: datetime, by: str, correct: bool, now: datetime) -> Repair:
    """The run of this time: as it is stored, or a new one."""
    repair_id = stamp(at)
    file = f"repairs/{repair_id}/{uuid4().hex}.json"
    item = {
        **_key(repair_id),
        "at": stamp(at),
        "by": by,
        "correct": correct,
        "state": "running",
        "phase": "before",
        "steps": 0,
        "file": file,
        "updated_at": stamp(now),
    }
    known = get(repair_id)
    if known:
        return known
    files.put(file, json.encode(Progress()), "application/json")
    try:
        condition = "attribute_not_exists(id)"
        send("put_item", TableName=settings().settings_table, Item=to_item(item), ConditionExpression=condition)
    except ConditionFailed:
        return get(repair_id) or convert(item, Repair)
    return convert(item, Repair)


def get(repair_id: str) -> Repair | None:
    """The run, read consistently."""
    wanted = ref(settings().settings_table, **_key(repair_id))
    item = read(wanted).get(wanted)
    return convert(item, Repair) if item else None


def page(limit: int, cursor: str | None) -> tuple[list[Repair], str | None]:
    """The runs, the newest first, and where the next page begins."""
    items, following = kinds.page(_KIND, limit, cursor, newest_first=True, consistent=True)
    return [convert(item, Repair) for item in items], following


def progress(repair: Repair) -> Progress:
    """How far it had come when `repair` was read."""
    return json.decode(files.get(repair.file) or b"", type=Progress)


def save(repair: Repair, to: Progress, now: datetime) -> Repair | None:
    """Saves a step after `repair`. None if another run has saved one meanwhile: that one goes on."""
    file = f"repairs/{repair.id}/{uuid4().hex}.json"
    files.put(file, json.encode(to), "application/json")
    counted = ("phase", "orders", "entries", "accounts", "in_transit", "posted", "totals")
    values = {
        **{name: getattr(to, name) for name in counted},
        "state": "done" if to.phase == "done" else "running",
        "steps": repair.steps + 1,
        "file": file,
        "updated_at": stamp(now),
        "found": len(to.findings),
        "left": sum(each.outcome == "left" for each in to.findings),
    }
    try:
        answer = send(
            "update_item",
            TableName=settings().settings_table,
            Key=to_item(_key(repair.id)),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ConditionExpression="#steps = :known",
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues=to_item(
                {**{f":{name}": v for name, v in values.items()}, ":known": repair.steps}
            ),
            ReturnValues="ALL_NEW",
        )
    except ConditionFailed:
        # It is ours after all if the client sent it twice because the first answer was lost.
        stored = get(repair.id)
        return stored if stored and stored.file == file else None
    return convert(from_item(answer["Attributes"]), Repair)


def take(holder: str, now: datetime, seconds: int) -> bool:
    """Takes the right to put into the books what was lost, for so long: repair and redrive must not both work out what
    is missing. False while somebody else has it."""
    values = {":holder": holder, ":now": int(now.timestamp()), ":until": int(now.timestamp()) + seconds}
    try:
        send(
            "update_item",
            TableName=settings().settings_table,
            Key=to_item({"kind": _LEASE, "id": "books"}),
            UpdateExpression="SET #holder = :holder, #until = :until",
            ConditionExpression="attribute_not_exists(#until) OR #until < :now OR #holder = :holder",
            ExpressionAttributeNames={"#holder": "holder", "#until": "until"},
            ExpressionAttributeValues=to_item(values),
        )
    except ConditionFailed:
        return False
    return True


def let_go(holder: str) -> None:
    """Gives the right back, if the holder still has it."""
    try:
        send(
            "update_item",
            TableName=settings().settings_table,
            Key=to_item({"kind": _LEASE, "id": "books"}),
            UpdateExpression="SET #until = :past",
            ConditionExpression="#holder = :holder",
            ExpressionAttributeNames={"#holder": "holder", "#until": "until"},
            ExpressionAttributeValues=to_item({":holder": holder, ":past": 0}),
        )
    except ConditionFailed:
        return
