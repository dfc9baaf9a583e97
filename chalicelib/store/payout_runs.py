"""Runs of the daily settlement, and which payouts joined them: in the Settings table, so that both are read consistently.

A run is `collecting` payouts, then `closed`, then `filed`. A payout joins in the transaction that takes it on, and only
while the run's part that it belongs to is not done (`run_progress`): once all are, the run is closed, and its members are
known for good, whoever else is running. A run that would go over a limit is `stopped` until staff lets it go on. Where
there is a limit, what the run takes on is counted here too, in the same transactions, so the limit is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, convert, field

from chalicelib.domain.errors import NotFound
from chalicelib.settings import settings
from chalicelib.store import kinds
from chalicelib.store.dynamo import ConditionFailed, send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.keys import stamp

_KIND = "payout_run"
_DAY = "payout_day"
_LIMITED = "limited#"
_LOOKED_BACK = 31
"""Runs a day; a run that cannot be finished holds up those after it, so the last ones are enough."""


class Run(Struct, frozen=True, kw_only=True):
    """One period's run. `id` is its date, `at` the time of the event that began it; payouts and net amounts (minor units
    by currency) are those in its files, once it is filed; `plan` is the version that says how they are written.

    `limited`: net amounts that it took on in currencies that have a limit of the run; what it took on in all is
    `run_progress.totals`. `milliseconds` of work. `stopped_by` is the limit that stopped it, `run_limit` or `day_limit`;
    once `released`, no limit does again.
    """

    id: str
    at: datetime
    state: Literal["collecting", "stopped", "closed", "filed"]
    payouts: int = 0
    amounts: dict[str, int] = field(default_factory=dict)
    plan: int = 0
    limited: dict[str, int] = field(default_factory=dict)
    milliseconds: int = 0
    stopped_by: str | None = None
    released: bool = False


def _key(run_id: str) -> dict[str, str]:
    return {"kind": _KIND, "id": run_id}


def _run(attributes: dict[str, Any]) -> Run:
    return convert({**attributes, "limited": _limited(attributes)}, Run)


def _limited(attributes: dict[str, Any]) -> dict[str, int]:
    return {name.removeprefix(_LIMITED): amount for name, amount in attributes.items() if name.startswith(_LIMITED)}


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
    items, following = kinds.page(_KIND, limit, cursor, newest_first=True)
    return [_run(item) for item in items], following


def unfinished(run_id: str) -> list[Run]:
    """The runs up to this one that were cut off or have just begun, the oldest first."""
    answer = send(
        "query",
        TableName=settings().settings_table,
        KeyConditionExpression="kind = :kind AND id <= :id",
        ExpressionAttributeValues=to_item({":kind": _KIND, ":id": run_id}),
        ScanIndexForward=False,
        Limit=_LOOKED_BACK,
        ConsistentRead=True,
    )
    runs = [_run(from_item(item)) for item in reversed(answer["Items"])]
    return [run for run in runs if run.state != "filed"]


def within(
    run: Run, day: str, taken: Mapping[str, int], run_limit: Mapping[str, int], day_limit: Mapping[str, int]
) -> list[dict[str, Any]]:
    """The writes that count net amounts (minor units by currency) where they are limited, for the transaction that takes
    them on.

    They fail if a limit would be passed, and once the run is not collecting any more. The day's (an ISO date) counts all
    that the runs which are subject to one took on that day. A run that is released has no limits.
    """
    if run.released:
        return []
    writes = []
    if of_run := {currency: net for currency, net in taken.items() if currency in run_limit}:
        writes.append(_add(_key(run.id), of_run, run_limit, collecting=True))
    if of_day := {currency: net for currency, net in taken.items() if currency in day_limit}:
        writes.append(_add({"kind": _DAY, "id": day}, of_day, day_limit, collecting=False))
    return writes


def _add(key: dict[str, str], nets: Mapping[str, int], limits: Mapping[str, int], collecting: bool) -> dict[str, Any]:
    names = {f"#{currency}": _LIMITED + currency for currency in nets}
    values: dict[str, Any] = {f":{currency}": net for currency, net in nets.items()}
    conditions = []
    for currency, net in nets.items():
        first = f"attribute_not_exists(#{currency}) OR " if net <= limits[currency] else ""
        conditions.append(f"({first}#{currency} <= :room_{currency})" if first else f"#{currency} <= :room_{currency}")
        values[f":room_{currency}"] = limits[currency] - net
    if collecting:
        conditions.append("#state = :collecting")
        names["#state"], values[":collecting"] = "state", "collecting"
    change = {
        "TableName": settings().settings_table,
        "Key": to_item(key),
        "UpdateExpression": "ADD " + ", ".join(f"#{currency} :{currency}" for currency in nets),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": to_item(values),
    }
    return {"Update": change}


def taken_on(day: str) -> dict[str, int]:
    """Net amounts by currency that the runs which are subject to a limit of the day took on that day (ISO date)."""
    key = to_item({"kind": _DAY, "id": day})
    answer = send("get_item", TableName=settings().settings_table, Key=key, ConsistentRead=True)
    return _limited(from_item(answer.get("Item", {})))


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
