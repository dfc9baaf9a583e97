"""Payouts, and what each of their steps does to the books: always in one transaction.

An item holds what `domain.payouts.Payout` says (method and history as JSON), and while it is unfinished its place in the
sparse index `unfinished`: `open_shard`, and `open_at` = `<state>#<created_at>#<id>`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from zlib import crc32

from msgspec import convert, json, structs

from chalicelib.domain import accounts
from chalicelib.domain.earnings import day_of
from chalicelib.domain.errors import Busy
from chalicelib.domain.payouts import BACK, UNFINISHED, Effect, Payout, moved, reserved, stepped
from chalicelib.observe import logger
from chalicelib.settings import settings
from chalicelib.store import keys, ledger
from chalicelib.store.batch import Ref, read, ref
from chalicelib.store.items import to_item
from chalicelib.store.transactions import Failed, transact

OPEN_SHARDS = tuple("01234567")
_MOST = 100


def payout_ref(payout_id: str) -> Ref:
    return ref(settings().payouts_table, id=payout_id)


def from_attributes(item: dict[str, Any]) -> Payout:
    """The payout in an item (plain attributes)."""
    return convert({**item, "method": json.decode(item["method"]), "history": json.decode(item["history"])}, Payout)


def get(payout_id: str) -> Payout | None:
    return get_many([payout_id]).get(payout_id)


def get_many(payout_ids: Sequence[str]) -> dict[str, Payout]:
    """The payouts of these ids that exist, read consistently."""
    found = {}
    for i in range(0, len(payout_ids), _MOST):
        items = read(*map(payout_ref, payout_ids[i : i + _MOST]))
        found.update({item["id"]: from_attributes(item) for item in items.values()})
    return found


def create(payout: Payout) -> Literal["created", "exists", "not_enough"]:
    """Stores a new payout and takes its gross amount from what is available: both, or neither.

    `exists`: there is a payout of this id, whatever it holds. `not_enough`: less is available than the gross amount.
    """
    effect, account = reserved(payout.amounts), accounts.distributor(payout.distributor_id, payout.currency)
    # BALANCE stays in the `due` index even if nothing is available any more. Taking it out would have to be undone by
    # whoever adds money at that moment, and a mistake there is an account that is never paid; leaving it costs the daily
    # run one read for each account that was ever paid out.
    taken = ledger.balance(
        account,
        {"available": effect.available, "in_flight": effect.in_flight},
        condition="#available >= :gross",
        values={"gross": payout.gross},
    )
    new = {
        "TableName": settings().payouts_table,
        "Item": to_item(_item(payout)),
        "ConditionExpression": "attribute_not_exists(id)",
    }
    entry = _entry(payout, "requested", "payout", -payout.gross, payout.created_at)
    failed = transact([taken, {"Put": new}, entry, *_totals(payout, effect, payout.created_at)])
    if failed is None:
        return "created"
    _must_be_conditions(failed)
    return "exists" if failed[1].code else "not_enough"


def move(
    payout: Payout,
    to: Any,
    *,
    at: datetime,
    by: str,
    reason: str | None = None,
    reference: str | None = None,
    joins: tuple[str, str] | None = None,
    also: Sequence[dict[str, Any]] = (),
) -> Payout | None:
    """Takes the payout one step on, with its money and with `also`: all or nothing. The payout as it is then.

    None if it is not in the state any more that `payout` was read in, or a condition of `also` failed. `joins` names the
    run and the file that it joins. Raises `Conflict` for a step that the states do not know.
    """
    effect = moved(payout.state, to, payout.amounts)
    new = stepped(payout, to, at=at, by=by, reason=reason, reference=reference)
    if joins:
        new = structs.replace(new, run_id=joins[0], file=joins[1])
    writes = [_update(payout, new)]
    change = {name: getattr(effect, name) for name in ("available", "in_flight", "paid")}
    if any(change.values()):
        writes.append(ledger.balance(accounts.distributor(payout.distributor_id, payout.currency), change))
    if to in BACK:
        writes.append(_entry(payout, "returned", "payout_returned", payout.gross, at))
    failed = transact([*writes, *_totals(payout, effect, at), *also])
    if failed is None:
        return new
    _must_be_conditions(failed)
    return None


def _must_be_conditions(failed: list[Failed]) -> None:
    codes = {each.code for each in failed} - {None, "ConditionalCheckFailed"}
    if codes:
        logger.error("payouts: a transaction is impossible", extra={"codes": sorted(map(str, codes))})
        raise Busy("BUSY")


def _item(payout: Payout) -> dict[str, Any]:
    return {
        **structs.asdict(payout),
        "method": json.encode(payout.method).decode(),
        "history": json.encode(payout.history).decode(),
        "created_at": keys.stamp(payout.created_at),
        **_open(payout),
    }


def _open(payout: Payout) -> dict[str, str]:
    if payout.state not in UNFINISHED:
        return {}
    return {
        "open_shard": OPEN_SHARDS[crc32(payout.id.encode()) % len(OPEN_SHARDS)],
        "open_at": f"{payout.state}#{keys.stamp(payout.created_at)}#{payout.id}",
    }


def _update(old: Payout, new: Payout) -> dict[str, Any]:
    before, after = _item(old), _item(new)
    sets = {name: value for name, value in after.items() if value != before.get(name)}
    gone = [name for name in before if name not in after]
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
    if gone:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in gone)
    update = {
        "TableName": settings().payouts_table,
        "Key": to_item({"id": old.id}),
        "UpdateExpression": expression,
        # No state is entered twice: whoever finds the state that he read finds everything as he read it.
        "ConditionExpression": "#state = :was",
        "ExpressionAttributeNames": {f"#{name}": name for name in (*sets, *gone)},
        "ExpressionAttributeValues": to_item({**{f":{name}": v for name, v in sets.items()}, ":was": old.state}),
    }
    return {"Update": update}


def _entry(payout: Payout, leg: str, kind: str, amount: int, at: datetime) -> dict[str, Any]:
    item = {
        "account": accounts.distributor(payout.distributor_id, payout.currency),
        "at": keys.entry(at, payout.id, leg),
        "kind": kind,
        "amount": amount,
        "day": day_of(at, settings().time_zone),
        "to": "available",
        "payout_id": payout.id,
        "happened_at": keys.stamp(at),
    }
    condition = "attribute_not_exists(account)"
    return {"Put": {"TableName": settings().ledger_table, "Item": to_item(item), "ConditionExpression": condition}}


def _totals(payout: Payout, effect: Effect, at: datetime) -> list[dict[str, Any]]:
    day, currency = day_of(at, settings().time_zone), payout.currency
    added = {
        accounts.clearing(payout.rail, currency): effect.clearing,
        accounts.bank(payout.rail, currency): effect.bank,
        accounts.fees(payout.rail, currency): effect.fees,
        accounts.tax(payout.country, currency): effect.tax,
    }
    return [ledger.total(account, day, amount) for account, amount in added.items() if amount]
