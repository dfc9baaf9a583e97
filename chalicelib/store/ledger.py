"""The books. `post` applies postings: each at most once, many in one transaction.

Items of an account (`account`, `at`):
- `ENTRY#<time>#<posting>#<leg>`: one line of the statement. Put only if absent: it is its own marker, for ever.
- `DAY#<accrual day>#<hold days>`: the hold bucket and the day's statistics: `pending`, `orders`, `sales`, `direct`,
  `indirect`, `reversals`; `matured_at` once it has matured. Accounts that are not a distributor's have `DAY#<day>` with
  `amount` alone; a merchant's also say how much of it came back (`returned`).
- `BALANCE`: `available`, `in_flight`, `paid`, `version`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Literal

from botocore.exceptions import ClientError
from msgspec import Struct, structs

from chalicelib.domain.buckets import Bucket
from chalicelib.domain.postings import Entry, Posting, by_bucket, digest
from chalicelib.observe import logger
from chalicelib.settings import settings
from chalicelib.store import keys
from chalicelib.store.items import to_item
from chalicelib.store.sums import add, balance, total
from chalicelib.store.transactions import MAX_ITEMS, RETRIED, Failed, clear, pauses, transact

_EXPECTED = {None, "ConditionalCheckFailed", *RETRIED}

Day = tuple[str, Bucket]
"""An account and the bucket in it."""


class Outcome(Struct, frozen=True):
    """What became of one posting. `refused` says why; the books are then as they were."""

    key: str
    result: Literal["applied", "already_applied", "refused"]
    reason: str | None = None


class _Planned(Struct, frozen=True):
    """One item of a transaction, and what it stands for: a posting's entry, a day, or neither."""

    write: dict[str, Any]
    posting: str | None = None
    day: Day | None = None


def put_entry(posting: Posting, entry: Entry, to: str) -> dict[str, Any]:
    """The write of an entry and of nothing else, if it is not there. `to`: `pending` or `available`."""
    item = {
        "account": entry.account,
        "at": keys.entry(posting.at, f"{entry.order_id}@{entry.revision}", entry.leg),
        "kind": entry.kind,
        "level": entry.level,
        "amount": entry.amount,
        "day": entry.bucket.day,
        "hold_days": entry.bucket.hold_days,
        "to": to,
        "order_id": entry.order_id,
        "revision": entry.revision,
        "happened_at": keys.stamp(entry.happened_at),
        "merchants": entry.merchants,
        "orders": entry.orders or None,
        "sales": entry.sales or None,
        "covers": entry.covers or None,
        "digest": digest(entry),
    }
    return {
        "Put": {
            "TableName": settings().ledger_table,
            "Item": to_item(item),
            "ConditionExpression": "attribute_not_exists(account)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _plan(postings: Iterable[Posting], matured: set[Day]) -> list[_Planned]:
    """The transaction for these postings: every entry, and one update for each DAY, BALANCE and merchant's day."""
    planned: list[_Planned] = []
    days: dict[Day, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    available: dict[str, int] = defaultdict(int)
    charged: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for posting in postings:
        for entry in posting.entries:
            late = (entry.account, entry.bucket) in matured
            planned.append(_Planned(put_entry(posting, entry, "available" if late else "pending"), posting.key))
            counted = Bucket(posting.happened_on, entry.bucket.hold_days) if late else entry.bucket
            day = days[entry.account, counted]
            day[entry.level] += entry.amount
            day["reversals"] += max(0, -entry.amount)
            day["orders"] += entry.orders
            day["sales"] += entry.sales
            if late:
                available[entry.account] += entry.amount
            else:
                day["pending"] += entry.amount
                day["holds"] |= int(entry.amount != 0)
        for charge in posting.charges:
            net_and_returned = charged[charge.account, charge.bucket.day]
            net_and_returned[0] += charge.amount
            net_and_returned[1] += max(0, charge.amount)
    for (account, bucket), sums in days.items():
        holds = sums.pop("holds", 0)
        if holds or any(sums.values()):
            planned.append(_Planned(_day(account, bucket, sums, bool(holds)), day=(account, bucket)))
    planned += [_Planned(balance(account, {"available": amount})) for account, amount in available.items()]
    planned += [_Planned(total(account, day, *both)) for (account, day), both in charged.items() if any(both)]
    return planned


def _day(account: str, bucket: Bucket, sums: dict[str, int], holds: bool) -> dict[str, Any]:
    due = keys.due_day(account, bucket)
    once = {"due_shard": keys.shard(account), "due": due} if holds and due else {}
    condition = "attribute_not_exists(matured_at)" if holds else None
    return add(account, keys.day(bucket), sums, once=once, condition=condition)


def _once(postings: Sequence[Posting], outcomes: dict[str, Outcome]) -> list[Posting]:
    """Each posting once: a batch may hold the same change twice. Another body under the same key is refused."""
    first: dict[str, Posting] = {}
    for posting in postings:
        if first.setdefault(posting.key, posting) != posting:
            outcomes[posting.key] = _alarm(posting.key)
    return [posting for key, posting in first.items() if key not in outcomes]


def _alarm(key: str) -> Outcome:
    logger.error("ledger: the same key with another body", extra={"posting": key, "alarm": "SAME_KEY_OTHER_BODY"})
    return Outcome(key, "refused", "SAME_KEY_OTHER_BODY")


def post(postings: Sequence[Posting]) -> list[Outcome]:
    """Applies the postings and says for each, in their order, what became of it.

    `already_applied`: its entries were there, with the same content. `refused`: the same key with other content (an
    alarm), or an item that DynamoDB cannot take; the other postings are not affected. Raises `Busy` when contention
    outlasts the function's time: what was committed by then is found again when the postings are sent once more.

    A posting too large for one transaction goes bucket by bucket: each sums to zero and has entries of its own, so the
    books are in step all the time, and what is missing after a crash is added when it comes again.
    """
    outcomes: dict[str, Outcome] = {}
    parts = {posting.key: _parts(posting) for posting in _once(postings, outcomes)}
    matured: set[Day] = set()
    group: list[Posting] = []
    entries, shared = 0, set[tuple[str, str]]()
    # Neighbours share accounts, so that more of their days are one item. Sponsors first: they have more in common.
    by_account = sorted(chain(*parts.values()), key=lambda part: [entry.account for entry in reversed(part.entries)])
    for posting in by_account:
        touched = _shared(posting)
        if group and entries + len(posting.entries) + len(shared | touched) > MAX_ITEMS:
            _commit(group, matured, outcomes)
            group, entries, shared = [], 0, set()
        group.append(posting)
        entries += len(posting.entries)
        shared |= touched
    _commit(group, matured, outcomes)
    outcomes |= {key: _whole(key, [outcomes[part.key] for part in cut]) for key, cut in parts.items()}
    return [outcomes[posting.key] for posting in postings]


def _shared(posting: Posting) -> set[tuple[str, str]]:
    """The items beside its entries, by key: what postings of one transaction have in common of these is one item."""
    days = {(entry.account, keys.day(entry.bucket)) for entry in posting.entries}
    return days | {(charge.account, keys.total_day(charge.bucket.day)) for charge in posting.charges}


def _parts(posting: Posting) -> list[Posting]:
    """The posting, or its buckets if it may have more items than a transaction takes. Their entries are the same."""
    if 3 * len(posting.entries) + len(posting.charges) <= MAX_ITEMS:
        return [posting]
    buckets = ((part, part.entries[0].bucket) for part in by_bucket(posting))
    return [structs.replace(part, key=f"{part.key}#{bucket.day}#{bucket.hold_days}") for part, bucket in buckets]


def _whole(key: str, parts: Sequence[Outcome]) -> Outcome:
    """What became of a posting: refused if any part is, else applied if any part is."""
    results = {part.result: part for part in parts}
    one = results.get("refused") or results.get("applied") or results["already_applied"]
    return Outcome(key, one.result, one.reason)


def _commit(group: list[Posting], matured: set[Day], outcomes: dict[str, Outcome]) -> None:
    waits = pauses()
    while group:
        planned = _plan(group, matured)
        if len(planned) > MAX_ITEMS and len(group) > 1:
            _commit(group[: len(group) // 2], matured, outcomes)
            group = group[len(group) // 2 :]
            continue
        try:
            failed = transact([each.write for each in planned])
        except ClientError as error:
            if clear(error) != "ValidationException":
                raise
            failed = [Failed("ValidationException", {})] * len(planned)
        if failed is None:
            outcomes.update({posting.key: Outcome(posting.key, "applied") for posting in group})
            return
        impossible = next((each.code for each in failed if each.code not in _EXPECTED), None)
        if impossible and len(group) == 1:
            outcomes[group[0].key] = Outcome(group[0].key, "refused", impossible)
            return
        if impossible:
            for posting in group:
                _commit([posting], matured, outcomes)
            return
        before = len(group), len(matured)
        group = _without_settled(group, planned, failed, matured, outcomes)
        if (len(group), len(matured)) == before:
            next(waits)


def _without_settled(
    group: list[Posting],
    planned: list[_Planned],
    failed: list[Failed],
    matured: set[Day],
    outcomes: dict[str, Outcome],
) -> list[Posting]:
    """What is to be sent again: without the postings that are there already or cannot be; days found matured are noted."""
    stored: dict[str, list[Failed]] = defaultdict(list)
    for each, failure in zip(planned, failed, strict=True):
        if each.posting is not None:
            stored[each.posting].append(failure)
        elif each.day and failure.code == "ConditionalCheckFailed":
            matured.add(each.day)
    for posting in group:
        if any(failure.code in RETRIED for failure in stored[posting.key]):
            continue  # in conflict with another writer: what is stored is not known yet
        found = [failure.code == "ConditionalCheckFailed" for failure in stored[posting.key]]
        same = [
            failure.item.get("digest", {}).get("S") == digest(entry)
            for failure, entry in zip(stored[posting.key], posting.entries, strict=True)
        ]
        if all(found) and all(same):
            outcomes[posting.key] = Outcome(posting.key, "already_applied")
        elif any(found):
            outcomes[posting.key] = _alarm(posting.key)
    return [posting for posting in group if posting.key not in outcomes]
