"""Runs of the daily settlement, and which payouts joined them: in the Settings table, so that both are read consistently.

A run is `collecting` payouts, then `closed`, then `filed`. A payout joins in the transaction that takes it on, and only
while the run is collecting: once it is closed its members are known for good, whoever else is running.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, convert, field

from chalicelib.settings import settings
from chalicelib.store.dynamo import ConditionFailed, send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import stamp

_KIND = "payout_run"
_LOOKED_BACK = 31
"""Runs a day; a run that cannot be finished holds up those after it, so the last ones are enough."""


class Run(Struct, frozen=True, kw_only=True):
    """One period's run. `id` is its date, `at` the time of the event that began it; payouts and net amounts (minor units
    by currency) are those in its files, once it is filed; `plan` is the version that says how they are written."""

    id: str
    at: datetime
    state: Literal["collecting", "closed", "filed"]
    payouts: int = 0
    amounts: dict[str, int] = field(default_factory=dict)
    plan: int = 0


def _key(run_id: str) -> dict[str, str]:
    return {"kind": _KIND, "id": run_id}


def start(run_id: str, at: datetime) -> Run:
    """The run of this id: as it is stored, or a new one."""
    item = {**_key(run_id), "at": stamp(at), "state": "collecting"}
    condition = "attribute_not_exists(id)"
    try:
        send("put_item", TableName=settings().settings_table, Item=to_item(item), ConditionExpression=condition)
    except ConditionFailed:
        return get(run_id)
    return convert(item, Run)


def get(run_id: str) -> Run:
    """An existing run, read consistently."""
    answer = send("get_item", TableName=settings().settings_table, Key=to_item(_key(run_id)), ConsistentRead=True)
    return convert(from_item(answer["Item"]), Run)


def unfinished_before(run_id: str) -> list[Run]:
    """Earlier runs that were cut off, the oldest first."""
    answer = send(
        "query",
        TableName=settings().settings_table,
        KeyConditionExpression="kind = :kind AND id < :id",
        ExpressionAttributeValues=to_item({":kind": _KIND, ":id": run_id}),
        ScanIndexForward=False,
        Limit=_LOOKED_BACK,
        ConsistentRead=True,
    )
    runs = [convert(from_item(item), Run) for item in reversed(answer["Items"])]
    return [run for run in runs if run.state != "filed"]


def joining(run_id: str, payout_id: str) -> list[dict[str, Any]]:
    """The writes by which a payout joins a run, for the transaction of its step: they fail once the run is closed."""
    table = settings().settings_table
    open_still = {
        "TableName": table,
        "Key": to_item(_key(run_id)),
        "ConditionExpression": "#state = :collecting",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": to_item({":collecting": "collecting"}),
    }
    member = {"kind": f"{_KIND}#{run_id}", "id": payout_id}
    return [{"ConditionCheck": open_still}, {"Put": {"TableName": table, "Item": to_item(member)}}]


def members(run_id: str) -> list[str]:
    """The ids of the payouts that joined, in their order. Complete once the run is closed."""
    ids: list[str] = []
    more: dict[str, Any] = {}
    while True:
        answer = send(
            "query",
            TableName=settings().settings_table,
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues=to_item({":kind": f"{_KIND}#{run_id}"}),
            ConsistentRead=True,
            **more,
        )
        ids += [from_item(item)["id"] for item in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            return ids
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def close(run_id: str) -> Run:
    """Lets nothing join any more. The run as it is then: another invocation may have brought it further."""
    return _advance(run_id, "collecting", {"state": "closed"})


def file(run_id: str, payouts: int, amounts: dict[str, int]) -> Run:
    """Notes that the files are written and every payout in them is submitted."""
    return _advance(run_id, "closed", {"state": "filed", "payouts": payouts, "amounts": amounts})


def pin_plan(run_id: str, version: int) -> Run:
    """Notes by which version of the plan (0: none) a run's files are written: the version that was noted first."""
    answer = send(
        "update_item",
        TableName=settings().settings_table,
        Key=to_item(_key(run_id)),
        UpdateExpression="SET #plan = if_not_exists(#plan, :version)",
        ExpressionAttributeNames={"#plan": "plan"},
        ExpressionAttributeValues=to_item({":version": version}),
        ReturnValues="ALL_NEW",
    )
    return convert(from_item(answer["Attributes"]), Run)


def _advance(run_id: str, was: str, to: dict[str, Any]) -> Run:
    with suppress(ConditionFailed):  # somebody else was faster, and did what we would have done
        send(
            "update_item",
            TableName=settings().settings_table,
            Key=to_item(_key(run_id)),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in to),
            ConditionExpression="#state = :was",
            ExpressionAttributeNames={f"#{name}": name for name in to},
            ExpressionAttributeValues=to_item({**{f":{name}": value for name, value in to.items()}, ":was": was}),
        )
    return get(run_id)
