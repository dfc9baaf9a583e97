"""Payouts: read, listed, made, and moved on. A step and its money are one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import convert, json, structs

from chalicelib.domain import accounts
from chalicelib.domain.errors import Busy, NotFound
from chalicelib.domain.payouts import BACK, UNFINISHED, Payout, State, moved, reserved, stepped
from chalicelib.observe import logger
from chalicelib.settings import settings
from chalicelib.store import cursors, keys, open_index, sums, tax_years
from chalicelib.store import payout_items as items
from chalicelib.store.batch import Ref, read, ref
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.transactions import MAX_ITEMS, RETRIED, Failed, pauses, transact

_MOST = 100
_CONDITION = "ConditionalCheckFailed"


def payout_ref(payout_id: str) -> Ref:
    return ref(settings().payouts_table, id=payout_id)


def from_attributes(item: dict[str, Any]) -> Payout:
    """The payout in an item (plain attributes)."""
    return convert({**item, "method": json.decode(item["method"]), "history": json.decode(item["history"])}, Payout)


def get(payout_id: str) -> Payout | None:
    return get_many([payout_id]).get(payout_id)


def existing(payout_id: str) -> Payout:
    """The payout. Raises `NotFound`."""
    found = get(payout_id)
    if found is None:
        raise NotFound("NOT_FOUND")
    return found


def get_many(payout_ids: Sequence[str]) -> dict[str, Payout]:
    """The payouts of these ids that exist, read consistently."""
    found, ids = {}, [each for each in payout_ids if not each.startswith(tax_years.PREFIX)]
    for i in range(0, len(ids), _MOST):
        page = read(*map(payout_ref, ids[i : i + _MOST]))
        found.update({item["id"]: from_attributes(item) for item in page.values()})
    return found


def of_distributor(distributor_id: str, limit: int, cursor: str | None) -> tuple[list[Payout], str | None]:
    """The payouts of a distributor, the newest first, and where the next page begins."""
    start = cursors.opened(cursor, "id", "created_at", distributor_id=distributor_id)
    answer = send(
        "query",
        TableName=settings().payouts_table,
        IndexName="by_distributor",
        KeyConditionExpression="distributor_id = :distributor",
        ExpressionAttributeValues=to_item({":distributor": distributor_id}),
        ScanIndexForward=False,
        Limit=limit,
        **({"ExclusiveStartKey": start} if start else {}),
    )
    ids = [from_item(key)["id"] for key in answer["Items"]]
    found = get_many(ids)
    return [found[each] for each in ids if each in found], cursors.sealed(answer.get("LastEvaluatedKey"))


def made_between(distributor_id: str, start: datetime, end: datetime) -> list[Payout]:
    """A distributor's payouts that were made from `start` on and before `end`, the oldest first. One that was made a moment
    ago may be missing."""
    ids: list[str] = []
    more: dict[str, Any] = {}
    while True:
        # No instant falls between the last microsecond and `end`: BETWEEN includes both of its ends.
        answer = send(
            "query",
            TableName=settings().payouts_table,
            IndexName="by_distributor",
            KeyConditionExpression="distributor_id = :distributor AND created_at BETWEEN :start AND :last",
            ExpressionAttributeValues=to_item(
                {
                    ":distributor": distributor_id,
                    ":start": keys.stamp(start),
                    ":last": keys.stamp(end - timedelta(microseconds=1)),
                }
            ),
            **more,
        )
        ids += [from_item(key)["id"] for key in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            found = get_many(ids)
            return [found[each] for each in ids if each in found]
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def unfinished(
    state: State | None,
    limit: int,
    cursor: str | None,
    shards: Sequence[str] = (*items.OPEN_SHARDS, *items.RAIL_SHARDS),
) -> tuple[list[Payout], str | None]:
    """The payouts in this state, or in any unfinished one, the oldest of a state first, and where the next page begins.

    One that has just changed may be missing, or make the page shorter; none stands under a state that it has left.
    """
    ids, following = open_index.page(settings().payouts_table, "unfinished", shards, state, limit, cursor)
    found, states = get_many(ids), {state} if state else UNFINISHED
    return [found[each] for each in ids if each in found and found[each].state in states], following


def create(
    payout: Payout, also: Sequence[dict[str, Any]] = ()
) -> Literal["created", "exists", "not_enough", "changed"]:
    """Stores a new payout, takes its gross amount from what is available, and does `also`: all or nothing.

    `exists`: there is a payout of this id, whatever it holds. `not_enough`: less is available than the gross amount.
    `changed`: a condition of `also` failed.
    """
    waits = pauses()
    while True:
        writes = [*_making(payout), *items.totals([(payout, reserved(payout.amounts))], payout.created_at)]
        failed = transact([*writes, *also])
        if failed is None:
            return "created"
        _must_be_possible(failed)
        if failed[1].code == _CONDITION:
            return "exists"
        if failed[0].code == _CONDITION and failed[1].code is None:
            return "not_enough"
        if any(each.code == _CONDITION for each in failed[len(writes) :]):
            return "changed"
        next(waits)


def _making(payout: Payout) -> list[dict[str, Any]]:
    effect, account = reserved(payout.amounts), accounts.distributor(payout.distributor_id, payout.currency)
    # BALANCE stays in the `due` index even if nothing is available any more. Taking it out would have to be undone by
    # whoever adds money at that moment, and a mistake there is an account that is never paid; leaving it costs the daily
    # run one read for each account that was ever paid out.
    taken = sums.balance(
        account,
        {"available": effect.available, "in_flight": effect.in_flight},
        condition="#available >= :gross",
        values={"gross": payout.gross},
    )
    return [taken, items.put(payout), items.entry(payout, "requested", "payout", -payout.gross, payout.created_at)]


def create_many(
    payouts: Sequence[Payout],
    own: Callable[[Payout], list[dict[str, Any]]],
    also: Callable[[Sequence[Payout]], list[dict[str, Any]]],
) -> frozenset[str]:
    """Stores new payouts, each with its money and what `own` gives for it, and what `also` gives for all of them, in as few
    transactions as they fit in. The ids of those that it made; `create` says of each of the others why it cannot be."""
    left, waits = list(payouts), pauses()
    while left:
        mine = [[*_making(payout), *own(payout)] for payout in left]
        effects = [(payout, reserved(payout.amounts)) for payout in left]
        shared = [*items.totals(effects, left[0].created_at), *also(left)]
        writes = [write for each in mine for write in each]
        if len(writes) + len(shared) > MAX_ITEMS and len(left) > 1:
            half = len(left) // 2
            return create_many(left[:half], own, also) | create_many(left[half:], own, also)
        failed = transact([*writes, *shared])
        if failed is None:
            break
        _must_be_possible(failed)
        if any(each.code == _CONDITION for each in failed[len(writes) :]):
            return frozenset()
        owners = [payout for payout, each in zip(left, mine, strict=True) for _ in each]
        refused = {of.id for of, each in zip(owners, failed, strict=False) if each.code == _CONDITION}
        left = [payout for payout in left if payout.id not in refused]
        if not refused:
            next(waits)
    return frozenset(payout.id for payout in left)


def submit_many(payouts: Sequence[Payout], at: datetime, by: str) -> None:
    """Takes payouts that are `submitting` to `submitted`: all in one transaction, or each that still is by itself."""
    steps = [
        (payout, stepped(payout, "submitted", at=max(at, payout.history[-1].at), by=by))
        for payout in payouts
        if payout.state == "submitting"
    ]
    if not steps or transact([items.update(*step) for step in steps]) is None:
        return
    for payout, new in steps:
        move(payout, "submitted", at=new.history[-1].at, by=by)


def move(
    payout: Payout,
    to: State,
    *,
    at: datetime,
    by: str,
    reason: str | None = None,
    reference: str | None = None,
    joins: tuple[str, str] | None = None,
    instructed: tuple[str, str, str] | None = None,
    also: Sequence[dict[str, Any]] = (),
) -> Payout | None:
    """Takes the payout one step on, with its money and with `also`: all or nothing. The payout as it is then.

    None if it is not in the state any more that `payout` was read in, or a condition of `also` failed. `joins` names the
    run and the file that it joins; `instructed` the connection, the key and the body that it is submitted with. Raises
    `Conflict` for a step that the states do not know.
    """
    effect = moved(payout.state, to, payout.amounts)
    new = stepped(payout, to, at=at, by=by, reason=reason, reference=reference)
    if joins:
        new = structs.replace(new, run_id=joins[0], file=joins[1])
    if instructed:
        new = structs.replace(new, connection_id=instructed[0], key=instructed[1], sent=instructed[2])
    writes = [items.update(payout, new)]
    change = {name: getattr(effect, name) for name in ("available", "in_flight", "paid")}
    if any(change.values()):
        writes.append(sums.balance(accounts.distributor(payout.distributor_id, payout.currency), change))
    if to in BACK:
        writes.append(items.entry(payout, "returned", "payout_returned", payout.gross, at))
        writes += tax_years.taken_out(payout)
    failed = transact([*writes, *items.totals([(payout, effect)], at), *also])
    if failed is None:
        return new
    _must_be_possible(failed)
    return None


def _must_be_possible(failed: list[Failed]) -> None:
    codes = {each.code for each in failed} - {None, _CONDITION, *RETRIED}
    if codes:
        logger.error("payouts: a transaction is impossible", extra={"codes": sorted(map(str, codes))})
        raise Busy("BUSY")
