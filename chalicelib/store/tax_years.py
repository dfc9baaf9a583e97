"""Running totals of what payees were paid and what was withheld: what the tax of the next payout depends on.

One item in the Payouts table for a payee, currency and calendar year (id `tax#<distributor>#<currency>#<year>`), with
`gross_<month>` and `tax_<month>` in minor units and a `version`. It stands in no index. A payout is added in the
transaction that makes it, if nobody changed the totals since its tax was computed, and taken out in the one that puts its
money back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.domain.payouts import Payout
from chalicelib.domain.tax import Year
from chalicelib.settings import settings
from chalicelib.store.batch import Ref, read, ref
from chalicelib.store.items import to_item

PREFIX = "tax#"


def _id(distributor_id: str, currency: str, year: int) -> str:
    return f"{PREFIX}{distributor_id}#{currency}#{year:04d}"


def years(distributor_id: str, currency: str, year: int) -> tuple[Year, Year]:
    """The totals of a year and of the year before, read consistently."""
    whose = distributor_id, currency
    return years_of([whose], year)[whose]


def years_of(payees: Iterable[tuple[str, str]], year: int) -> dict[tuple[str, str], tuple[Year, Year]]:
    """The same for many (distributor, currency)."""

    def at(whose: tuple[str, str], each: int) -> Ref:
        return ref(settings().payouts_table, id=_id(*whose, each))

    wanted = list(payees)
    found = read(*(at(whose, each) for whose in wanted for each in (year, year - 1)))
    return {
        whose: (_year(found.get(at(whose, year), {})), _year(found.get(at(whose, year - 1), {}))) for whose in wanted
    }


def _year(item: dict[str, Any]) -> Year:
    return Year(version=item.get("version", 0), gross=_by_month(item, "gross_"), tax=_by_month(item, "tax_"))


def _by_month(item: dict[str, Any], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): amount for name, amount in item.items() if name.startswith(prefix)}


def added(payout: Payout, seen: Year) -> list[dict[str, Any]]:
    """The write, for the payout's transaction, that adds it to its month if the totals still are those that were `seen`."""
    return [_change(payout, 1, "version = :seen" if seen.version else "attribute_not_exists(version)", seen.version)]


def taken_out(payout: Payout) -> list[dict[str, Any]]:
    """The write, for the transaction that puts its money back, that takes a payout out of its month; none if its tax
    depended on no totals. The payout's state lets it happen once."""
    return [_change(payout, -1)] if payout.tax_month else []


def _change(payout: Payout, sign: int, condition: str | None = None, seen: int = 0) -> dict[str, Any]:
    year, _, month = (payout.tax_month or "").partition("-")
    names = {"#gross": f"gross_{month}", "#tax": f"tax_{month}"}
    values = {":gross": sign * payout.gross, ":tax": sign * payout.tax, ":one": 1, ":seen": seen or None}
    update = {
        "TableName": settings().payouts_table,
        "Key": to_item({"id": _id(payout.distributor_id, payout.currency, int(year))}),
        "UpdateExpression": "ADD #gross :gross, #tax :tax, version :one",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": to_item(values),
        **({"ConditionExpression": condition} if condition else {}),
    }
    return {"Update": update}
