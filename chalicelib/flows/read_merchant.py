"""What a merchant sees: what commission they bore day by day, and an order as far as it is theirs."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Literal

from msgspec import Struct

from chalicelib.domain.accounts import OPERATOR, of_merchant
from chalicelib.domain.buckets import HELD
from chalicelib.domain.earnings import LevelEarning, earnings
from chalicelib.domain.errors import Fault, Malformed, NotFound
from chalicelib.domain.orders import Line, Order, Refund
from chalicelib.settings import settings
from chalicelib.store import distributors, keys, orders, statement
from chalicelib.store.batch import read, ref

MOST_DAYS = 366


class Sums(Struct, frozen=True, kw_only=True):
    """Minor units: the commission `borne`, what of it was `returned`, and `net`, the difference."""

    borne: int
    returned: int
    net: int


class Day(Sums, frozen=True, kw_only=True):
    """`day`: on which the commission accrued. What comes back later stands on the same day."""

    day: str


class MerchantStatement(Struct, frozen=True, kw_only=True):
    """`held`: what open disputes withhold at present, whatever their day; it is not in the days."""

    merchant_id: str
    currency: str
    days: list[Day]
    total: Sums
    held: int


class MerchantLine(Struct, frozen=True, kw_only=True):
    """A line and its commission, in minor units: accrued so far at both levels, and `estimated` to come; who bears it."""

    line: Line
    base: int
    direct: int
    indirect: int
    estimated: int
    paid_by: Literal["merchant", "operator"]


class MerchantOrder(Struct, frozen=True, kw_only=True):
    """`refunds`: as far as they name the merchant's lines; one that names none shows in the lines' `base`."""

    order: Order
    lines: list[MerchantLine]
    refunds: dict[str, Refund]


def merchant_statements(merchant_id: str, currency: str | None, first: date, last: date) -> list[MerchantStatement]:
    """The merchant's accounts from one day to another, both included: in one currency, or in every one that is in use.
    Raises `Malformed` for more than a year."""
    if last < first or (last - first).days >= MOST_DAYS:
        raise Malformed("BAD_PERIOD", Fault("to", "BAD_PERIOD", {"limit": MOST_DAYS}), limit=MOST_DAYS)
    currencies = [currency] if currency else distributors.currencies_in_use()
    return [_statement(merchant_id, each, first, last) for each in currencies]


def _statement(merchant_id: str, currency: str, first: date, last: date) -> MerchantStatement:
    """One currency. The account is spread over 8 shards: nine requests one after another, some 5 ms each. A day is under
    0.2 KB in each shard that has it, so a month costs 16 read units at most and a year some 150."""
    amounts: dict[str, int] = defaultdict(int)
    returned: dict[str, int] = defaultdict(int)
    shards = of_merchant(merchant_id, currency)
    for shard in shards:
        for item in statement.between(shard, keys.total_day(first.isoformat()), keys.total_day(last.isoformat())):
            day = item["at"].removeprefix(keys.total_day(""))
            amounts[day] += item.get("amount", 0)
            returned[day] += item.get("returned", 0)
    disputed = read(*(ref(settings().ledger_table, account=shard, at=keys.total_day(HELD)) for shard in shards))
    days = [
        Day(day=day, borne=returned[day] - amounts[day], returned=returned[day], net=-amounts[day])
        for day in sorted(amounts)
    ]
    return MerchantStatement(
        merchant_id=merchant_id,
        currency=currency,
        days=days,
        total=Sums(
            borne=sum(day.borne for day in days),
            returned=sum(day.returned for day in days),
            net=sum(day.net for day in days),
        ),
        held=-sum(item.get("amount", 0) for item in disputed.values()),
    )


def merchant_order(merchant_id: str, order_id: str) -> MerchantOrder:
    """The merchant's part of an order. Raises `NotFound` where none of its lines is theirs."""
    order = orders.get(order_id)
    mine = (
        {line.line_id for line in order.facts.lines if (line.merchant_id or OPERATOR) == merchant_id} if order else ()
    )
    if order is None or not mine:
        raise NotFound("NOT_FOUND")
    by_operator = merchant_id == OPERATOR or (order.terms is not None and merchant_id in order.terms.operator_pays)
    earned = earnings(order)
    parts = list(zip(_parts(earned.direct, order), _parts(earned.indirect, order), strict=True))
    bases = {each.line_id: each.base for each in earned.direct.lines}
    lines = [
        MerchantLine(
            line=line,
            base=bases.get(line.line_id, line.amount),
            direct=direct[0],
            indirect=indirect[0],
            estimated=direct[1] + indirect[1],
            paid_by="operator" if by_operator else "merchant",
        )
        for line, (direct, indirect) in zip(order.facts.lines, parts, strict=True)
        if line.line_id in mine
    ]
    return MerchantOrder(order=order, lines=lines, refunds=_refunds(order, mine))


def _parts(side: LevelEarning, order: Order) -> list[tuple[int, int]]:
    """By line: what has accrued, and what is to come. Nothing without a beneficiary."""
    if side.beneficiary is None:
        return [(0, 0)] * len(order.facts.lines)
    accrued = [sum(parts) for parts in zip(*side.buckets.values(), strict=True)] or [0] * len(side.lines)
    return [(has, line.amount - has) for has, line in zip(accrued, side.lines, strict=True)]


def _refunds(order: Order, mine: set[str] | tuple[()]) -> dict[str, Refund]:
    found = {}
    for refund_id, refund in order.facts.refunds.items():
        lines = tuple(part for part in refund.lines if part.line_id in mine)
        if lines:
            found[refund_id] = Refund(refunded_at=refund.refunded_at, lines=lines, state=refund.state)
    return found
