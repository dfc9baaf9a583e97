"""Runs of the daily settlement, and which payouts joined them: in the Settings table, so that both are read consistently.

A run is `collecting` payouts, then `closed`, then `filed`. A payout joins in the transaction that takes it on, and only
while the run is collecting: once it is closed its members are known for good, whoever else is running. A run that would
go over a limit is `stopped` until staff lets it go on. What it took on is counted in the same transactions, so it is exact
at every moment, and so are the limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, convert, field

from chalicelib.domain.errors import NotFound
from chalicelib.settings import settings
from chalicelib.store import cursors
from chalicelib.store.dynamo import ConditionFailed, send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import stamp

_KIND = "payout_run"
_DAY = "payout_day"
_NET = "net#"
_MEMBERS = 100
_LOOKED_BACK = 31
"""Runs a day; a run that cannot be finished holds up those after it, so the last ones are enough."""


class Run(Struct, frozen=True, kw_only=True):
    """One period's run. `id` is its date, `at` the time of the event that began it; payouts and net amounts (minor units
    by currency) are those in its files, once it is filed; `plan` is the version that says how they are written.

    `taken` payouts, of `net` minor units by currency, were made by this run or joined it so far, whatever their rail.
    `stopped_by` is the limit that stopped it, `run_limit` or `day_limit`; once `released`, no limit does again.
    """

    id: str
    at: datetime
    state: Literal["collecting", "stopped", "closed", "filed"]
    payouts: int = 0
    amounts: dict[str, int] = field(default_factory=dict)
    plan: int = 0
    taken: int = 0
    net: dict[str, int] = field(default_factory=dict)
    milliseconds: int = 0
    stopped_by: str | None = None
    released: bool = False


def _key(run_id: str) -> dict[str, str]:
    return {"kind": _KIND, "id": run_id}


def _run(attributes: dict[str, Any]) -> Run:
    return convert({**attributes, "net": _net(attributes)}, Run)


def _net(attributes: dict[str, Any]) -> dict[str, int]:
    return {name.removeprefix(_NET): amount for name, amount in attributes.items() if name.startswith(_NET)}


def start(run_id: str, at: datetime) -> Run:
    """The run of this id: as it is stored, or a new one."""
    item = {**_key(run_id), "at": stamp(at), "state": "collecting"}
    condition = "attribute_not_exists(id)"
    try:
        send("put_item", TableName=settings().settings_table, Item=to_item(item), ConditionExpression=condition)
    except ConditionFailed:
        return get(run_id)
    return _run(item)


def get(run_id: str) -> Run:
    """An existing run, read consistently. Raises `NotFound`."""
    answer = send("get_item", TableName=settings().settings_table, Key=to_item(_key(run_id)), ConsistentRead=True)
    if "Item" not in answer:
        raise NotFound("NOT_FOUND")
    return _run(from_item(answer["Item"]))


def page(limit: int, cursor: str | None) -> tuple[list[Run], str | None]:
    """The runs, the newest first, and where the next page begins."""
    start = cursors.opened(cursor, "id", kind=_KIND)
    answer = send(
        "query",
        TableName=settings().settings_table,
        KeyConditionExpression="kind = :kind",
        ExpressionAttributeValues=to_item({":kind": _KIND}),
        ScanIndexForward=False,
        Limit=limit,
        **({"ExclusiveStartKey": start} if start else {}),
    )
    return [_run(from_item(item)) for item in answer["Items"]], cursors.sealed(answer.get("LastEvaluatedKey"))


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
    runs = [_run(from_item(item)) for item in reversed(answer["Items"])]
    return [run for run in runs if run.state != "filed"]


def still_open(run_id: str) -> dict[str, Any]:
    """A condition for a transaction: it fails once the run is closed or stopped."""
    check = {
        "TableName": settings().settings_table,
        "Key": to_item(_key(run_id)),
        "ConditionExpression": "#state = :collecting",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": to_item({":collecting": "collecting"}),
    }
    return {"ConditionCheck": check}


def taking(
    run: Run, day: str, currency: str, net: int, run_limit: int | None, day_limit: int | None
) -> list[dict[str, Any]]:
    """The writes that count a payout of `net` minor units, for the transaction that takes it on.

    They fail once the run is not collecting any more, and if it would go over a limit; the day's (an ISO date) counts all
    that the runs which are subject to one took on that day.
    """
    state = ("#state = :collecting", {"#state": "state"}, {":collecting": "collecting"})
    writes = [_add(_key(run.id), currency, net, None if run.released else run_limit, state)]
    if day_limit is not None:
        none = ("", dict[str, str](), dict[str, str]())
        writes.append(_add({"kind": _DAY, "id": day}, currency, net, None if run.released else day_limit, none))
    return writes


def _add(
    key: dict[str, str], currency: str, net: int, limit: int | None, also: tuple[str, dict[str, str], dict[str, str]]
) -> dict[str, Any]:
    condition, names, values = also
    numbers = {":net": net, ":one": 1}
    if limit is not None:
        first = "attribute_not_exists(#net) OR " if net <= limit else ""
        condition, numbers[":room"] = " AND ".join(filter(None, (f"({first}#net <= :room)", condition))), limit - net
    change = {
        "TableName": settings().settings_table,
        "Key": to_item(key),
        "UpdateExpression": "ADD #taken :one, #net :net",
        "ExpressionAttributeNames": {"#taken": "taken", "#net": _NET + currency, **names},
        "ExpressionAttributeValues": to_item({**numbers, **values}),
        **({"ConditionExpression": condition} if condition else {}),
    }
    return {"Update": change}


def taken_on(day: str) -> dict[str, int]:
    """Net amounts by currency that the runs which are subject to a day's limit took on that day (ISO date)."""
    key = to_item({"kind": _DAY, "id": day})
    answer = send("get_item", TableName=settings().settings_table, Key=key, ConsistentRead=True)
    return _net(from_item(answer.get("Item", {})))


def member(run_id: str, payout_id: str) -> dict[str, Any]:
    """The write by which a payout becomes a member."""
    return {
        "Put": {"TableName": settings().settings_table, "Item": to_item({"kind": f"{_KIND}#{run_id}", "id": payout_id})}
    }


def members(run_id: str, after: str = "") -> Iterator[list[str]]:
    """The ids of the payouts that joined, in their order, those after `after`, page by page. Complete once the run is
    closed."""
    while True:
        answer = send(
            "query",
            TableName=settings().settings_table,
            KeyConditionExpression="kind = :kind AND id > :after",
            # No payout's id begins with a blank; a key may not be empty.
            ExpressionAttributeValues=to_item({":kind": f"{_KIND}#{run_id}", ":after": after or " "}),
            Limit=_MEMBERS,
            ConsistentRead=True,
        )
        if ids := [from_item(item)["id"] for item in answer["Items"]]:
            yield ids
        if "LastEvaluatedKey" not in answer:
            return
        after = from_item(answer["LastEvaluatedKey"])["id"]


def close(run_id: str) -> Run:
    """Lets nothing join any more. The run as it is then: another invocation may have brought it further."""
    return _advance(run_id, "collecting", {"state": "closed"})


def file(run_id: str, payouts: int, amounts: dict[str, int]) -> Run:
    """Notes that the files are written and every payout in them is submitted."""
    return _advance(run_id, "closed", {"state": "filed", "payouts": payouts, "amounts": amounts})


def stop(run_id: str, limit: str) -> Run:
    """Stops a collecting run: nothing is made by it or joins it until it is released."""
    return _advance(run_id, "collecting", {"state": "stopped", "stopped_by": limit})


def releasing(run_id: str) -> dict[str, Any]:
    """The write by which a stopped run may go on, and over its limits, for the transaction that says who did it."""
    change = {
        "TableName": settings().settings_table,
        "Key": to_item(_key(run_id)),
        "UpdateExpression": "SET #state = :collecting, #released = :yes",
        "ConditionExpression": "#state = :stopped",
        "ExpressionAttributeNames": {"#state": "state", "#released": "released"},
        "ExpressionAttributeValues": to_item({":collecting": "collecting", ":stopped": "stopped", ":yes": True}),
    }
    return {"Update": change}


def worked(run_id: str, milliseconds: int) -> None:
    """Adds to the time that invocations spent on the run."""
    send(
        "update_item",
        TableName=settings().settings_table,
        Key=to_item(_key(run_id)),
        UpdateExpression="ADD milliseconds :more",
        ExpressionAttributeValues=to_item({":more": milliseconds}),
    )


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
    return _run(from_item(answer["Attributes"]))


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
