"""Distributors, and the claims that make a code, an e-mail and a phone number belong to one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct, convert, json, structs

from chalicelib.domain.errors import Conflict
from chalicelib.domain.payout_methods import MethodChange
from chalicelib.domain.people import Distributor
from chalicelib.domain.tax import Standing
from chalicelib.settings import settings
from chalicelib.store import batch, cursors
from chalicelib.store.batch import read, ref
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item, to_item
from chalicelib.store.transactions import transact

_TAKEN = "ConditionalCheckFailed"
_IN_USE = {"kind": "program", "id": "currencies"}
_CHANGES_KEPT = 50

ClaimKind = Literal["code", "coupon", "email", "phone"]


class Recruit(Struct, frozen=True):
    """A recruit as their sponsor sees them."""

    id: str
    name: str
    code: str
    status: str
    joined_at: str
    currencies: frozenset[str]


def claim_id(kind: ClaimKind, value: str) -> str:
    """The key of the item that makes the value unique; `value` is a code, or the blind index of a contact."""
    return f"claim#{kind}#{value}"


def create(distributor: Distributor, contacts: dict[ClaimKind, str]) -> None:
    """Stores a new distributor together with their claims: all or nothing.

    `contacts` are blind indexes of the e-mail and phone. Raises `Conflict` with `CODE_TAKEN`, `EMAIL_TAKEN` or
    `PHONE_TAKEN` for what belongs to somebody else already.
    """
    claims: list[tuple[ClaimKind, str]] = [("code", distributor.code), *contacts.items()]
    item = structs.asdict(distributor)
    item["currencies"] = item["currencies"] or None
    item["payout_methods"] = None
    writes = [_put(item)]
    for kind, value in claims:
        writes.append(
            _put({"id": claim_id(kind, value), "owner": distributor.id, "sponsor_id": distributor.sponsor_id})
        )
    failed = transact(writes)
    if failed is None:
        return
    taken = [kind for (kind, _), failure in zip(claims, failed[1:], strict=True) if failure.code == _TAKEN]
    raise Conflict(f"{taken[0].upper()}_TAKEN" if taken else "BUSY")


def _put(item: Mapping[str, object]) -> dict[str, Any]:
    return {
        "Put": {
            "TableName": settings().distributors_table,
            "Item": to_item(item),
            "ConditionExpression": "attribute_not_exists(id)",
        }
    }


def from_attributes(item: dict[str, Any]) -> Distributor:
    """A distributor from the plain attributes of their item."""
    return convert({**item, "payout_methods": json.decode(item.get("payout_methods", "{}"))}, Distributor)


def get(distributor_id: str) -> Distributor | None:
    """The distributor, read consistently; None if there is none of this id."""
    if "#" in distributor_id:
        return None
    found = _item(distributor_id, consistent=True)
    return from_attributes(found) if found else None


def _item(item_id: str, consistent: bool) -> dict[str, Any] | None:
    key = to_item({"id": item_id})
    answer = send("get_item", TableName=settings().distributors_table, Key=key, ConsistentRead=consistent)
    return from_item(answer["Item"]) if "Item" in answer else None


def owner_of(kind: ClaimKind, value: str) -> str | None:
    """The id of the distributor to whom this code or contact belongs."""
    found = _item(claim_id(kind, value), consistent=False)
    return str(found["owner"]) if found else None


def find_by_claim(kind: Literal["email", "phone"], blind: str) -> Distributor | None:
    """The distributor with this contact (its blind index)."""
    owner = owner_of(kind, blind)
    return get(owner) if owner else None


def recruits(sponsor_id: str, limit: int, cursor: str | None) -> tuple[list[Recruit], str | None]:
    """The direct recruits, the newest first, and where the next page begins."""
    start = cursors.opened(cursor, "id", "joined_at", sponsor_id=sponsor_id)
    answer = send(
        "query",
        TableName=settings().distributors_table,
        IndexName="by_sponsor",
        KeyConditionExpression="sponsor_id = :sponsor",
        ExpressionAttributeValues=to_item({":sponsor": sponsor_id}),
        ScanIndexForward=False,
        Limit=limit,
        **({"ExclusiveStartKey": start} if start else {}),
    )
    found = [convert({"currencies": (), **from_item(item)}, Recruit) for item in answer["Items"]]
    return found, cursors.sealed(answer.get("LastEvaluatedKey"))


def get_many(distributor_ids: Iterable[str]) -> dict[str, Distributor]:
    """The distributors of these ids (at most 100) that exist, read consistently."""
    found = read(*(batch.distributor(each) for each in set(distributor_ids) if "#" not in each))
    return {item["id"]: from_attributes(item) for item in found.values()}


def set_payout_methods(
    distributor: Distributor,
    methods: dict[str, dict[str, Any]],
    also: Sequence[dict[str, Any]] = (),
    change: MethodChange | None = None,
) -> bool:
    """Puts these methods in place of those that `distributor` was read with, notes the `change` among the latest ones, and
    writes `also` in the same transaction.

    False if the methods have changed since: read again and repeat.
    """
    item = read(batch.distributor(distributor.id)).get(batch.distributor(distributor.id), {})
    stored = item.get("payout_methods")
    if not item or from_attributes(item).payout_methods != distributor.payout_methods:
        return False
    sets, values = "payout_methods = :new", {":new": json.encode(methods).decode(), ":stored": stored}
    if change:
        # Guarded by the same condition: no two states of sealed methods are the same text.
        sets += ", method_changes = :changes"
        values[":changes"] = json.encode([change, *_changes(item)][:_CHANGES_KEPT]).decode()
    update = {
        "TableName": settings().distributors_table,
        "Key": to_item({"id": distributor.id}),
        "UpdateExpression": f"SET {sets}",
        "ConditionExpression": "payout_methods = :stored" if stored else "attribute_not_exists(payout_methods)",
        "ExpressionAttributeValues": to_item(values),
    }
    return transact([{"Update": update}, *also]) is None


def method_changes(distributor_id: str) -> list[MethodChange] | None:
    """When payout methods were set, the latest first, as many as are kept; None if there is no such distributor."""
    wanted = batch.distributor(distributor_id)
    item = read(wanted).get(wanted) if "#" not in distributor_id else None
    return None if item is None else _changes(item)


def _changes(item: dict[str, Any]) -> list[MethodChange]:
    return json.decode(item.get("method_changes", "[]"), type=list[MethodChange])


def set_standing(old: Distributor, new: Distributor, also: Sequence[dict[str, Any]] = ()) -> bool:
    """Stores rank and status of `new` over those that `old` was read with, and `also` in the same transaction.

    False if they have changed since: read again and repeat.
    """
    sets, kept = ["#status = :status"], ["#status = :was"]
    sets += ["#rank = :rank"] if new.rank else []
    kept += ["#rank = :had" if old.rank else "attribute_not_exists(#rank)"]
    update = {
        "TableName": settings().distributors_table,
        "Key": to_item({"id": old.id}),
        "UpdateExpression": "SET " + ", ".join(sets) + ("" if new.rank else " REMOVE #rank"),
        "ConditionExpression": " AND ".join(kept),
        "ExpressionAttributeNames": {"#status": "status", "#rank": "rank"},
        "ExpressionAttributeValues": to_item(
            {":status": new.status, ":rank": new.rank, ":was": old.status, ":had": old.rank}
        ),
    }
    return transact([{"Update": update}, *also]) is None


def set_tax_standing(old: Distributor, new: Standing, also: Sequence[dict[str, Any]] = ()) -> bool:
    """Stores what their tax depends on over what `old` was read with, and `also` in the same transaction.

    False if it has changed since: read again and repeat.
    """
    # Whoever signed up before there was such an attribute has none.
    kept = ["tin_on_file = :had" if old.tin_on_file else "(tin_on_file = :had OR attribute_not_exists(tin_on_file))"]
    kept.append("first_month = :was" if old.first_month else "attribute_not_exists(first_month)")
    sets = "SET tin_on_file = :tin" + (", first_month = :month" if new.first_month else " REMOVE first_month")
    values = {":had": old.tin_on_file, ":was": old.first_month, ":tin": new.tin_on_file, ":month": new.first_month}
    update = {
        "TableName": settings().distributors_table,
        "Key": to_item({"id": old.id}),
        "UpdateExpression": sets,
        "ConditionExpression": " AND ".join(["attribute_exists(id)", *kept]),
        "ExpressionAttributeValues": to_item(values),
    }
    return transact([{"Update": update}, *also]) is None


def opens_currencies(distributor_ids: Collection[str], currency: str) -> list[dict[str, Any]]:
    """Updates, for a transaction, that note a first account in this currency on each of the distributors, and the currency
    as one in use."""
    if not distributor_ids:
        return []
    notes = [
        {
            "TableName": settings().distributors_table,
            "Key": to_item({"id": distributor_id}),
            "ConditionExpression": "attribute_exists(id)",
        }
        for distributor_id in distributor_ids
    ]
    notes.append({"TableName": settings().settings_table, "Key": to_item(_IN_USE)})
    adds = {
        "UpdateExpression": "ADD currencies :currency",
        "ExpressionAttributeValues": to_item({":currency": frozenset({currency})}),
    }
    return [{"Update": {**note, **adds}} for note in notes]


def currencies_in_use() -> list[str]:
    """The currencies in which any distributor has an account."""
    wanted = ref(settings().settings_table, **_IN_USE)
    return sorted(read(wanted).get(wanted, {}).get("currencies", ()))


def by_code(code: str) -> Distributor | None:
    """The distributor whose code or coupon this is (normalised)."""
    owner = owner_of("code", code) or owner_of("coupon", code)
    return get(owner) if owner else None


def claim_coupon(distributor: Distributor, coupon: str) -> None:
    """Makes a coupon code the distributor's. Raises `Conflict` (`COUPON_TAKEN`) if it is somebody else's."""
    item = {"id": claim_id("coupon", coupon), "owner": distributor.id, "sponsor_id": distributor.sponsor_id}
    if owner_of("coupon", coupon) == distributor.id:
        return
    if transact([_put(item)]) is not None:
        raise Conflict("COUPON_TAKEN")
