"""What the shop's systems say about its orders, as it arrives: in pieces, late, out of order, and some of it twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from local.sales import Order
from local.shop import SEED

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@dataclass(frozen=True)
class Report:
    """One message about an order, and when it arrives."""

    at: datetime
    order_id: str
    body: dict[str, Any]


def written(at: datetime) -> str:
    """RFC 3339, UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def arrivals(orders: list[Order], codes: dict[str, str], clicks: dict[str, str], now: datetime) -> list[Report]:
    """Every message up to `now` in the order of arrival. `codes` by member, `clicks` by customer."""
    random, reports = Random(SEED + 2), []
    for number, order in enumerate(orders):
        messages = _messages(order, codes, clicks)
        for what, happened, facts in messages:
            body = {"customer_id": order.customer.id, "currency": order.currency, **facts}
            at = happened + _delay(random, number, what)
            reports.append(Report(min(at, now), order.id, body))
            if random.random() < 0.2:  # the sender got no answer, and tries again
                reports.append(Report(min(at + random.choice((SECOND, DAY, 20 * DAY)), now), order.id, body))
        if number % 10 == 4:  # a nightly export says everything again
            whole: dict[str, Any] = {"customer_id": order.customer.id, "currency": order.currency}
            for what, _, facts in messages:
                if what in whole:
                    continue
                for name, value in facts.items():
                    whole[name] = [*whole.get(name, []), *value] if name in ("payments", "refunds") else value
            reports.append(Report(min(messages[-1][1] + 2 * DAY, now), order.id, whole))
    random.shuffle(reports)  # what arrives at the same instant arrives in any order
    return sorted(reports, key=lambda report: report.at)


def _delay(random: Random, number: int, what: str) -> timedelta:
    """Most messages take seconds. Some orders are described days after their payment; some payments are notified after
    their refund."""
    if what == "placed" and number % 12 == 7:
        return random.uniform(0.2, 3) * DAY
    if what == "paid" and number % 9 == 2:
        return random.uniform(1, 12) * DAY
    return random.uniform(0.5, 40) * SECOND


def _messages(
    order: Order, codes: dict[str, str], clicks: dict[str, str]
) -> list[tuple[str, datetime, dict[str, Any]]]:
    carried = {}
    for name, value in order.carries.items():
        wire = {"code": ("code", codes), "click": ("click_id", clicks)}.get(name)
        carried.update({wire[0]: wire[1][value]} if wire else {name: value})
    placed = {
        "placed_at": written(order.placed_at),
        "updated_at": written(order.placed_at),
        "lines": order.lines,
        "shipping": order.shipping,
        **({"attribution": carried} if carried else {}),
    }
    found: list[tuple[str, datetime, dict[str, Any]]] = [("placed", order.placed_at, placed)]
    for i, (amount, at) in enumerate(order.payments):
        payment = {"payment_id": f"{order.id}-p{i + 1}", "amount": amount, "paid_at": written(at)}
        found.append(("paid", at, {"payments": [payment]}))
    if order.delivered_at:
        found.append(("delivered", order.delivered_at, {"delivered_at": written(order.delivered_at)}))
    if order.cancelled_at:
        found.append(("cancelled", order.cancelled_at, {"cancelled_at": written(order.cancelled_at)}))
    for i, refund in enumerate(order.refunds):
        at = refund["refunded_at"]
        sent = {**refund, "refund_id": f"{order.id}-r{i + 1}", "refunded_at": written(at)}
        found.append(("refunded", at, {"refunds": [sent]}))
    return found


def told(reports: list[Report]) -> str:
    """In what disorder the messages came."""
    said: dict[str, list[Report]] = {}
    for report in reports:
        said.setdefault(report.order_id, []).append(report)
    bodies = [[report.body for report in each] for each in said.values()]
    again = sum(body in each[:i] for each in bodies for i, body in enumerate(each))
    unlined = sum(_before("payments", "lines", each) for each in said.values())
    unpaid = sum(_before("refunds", "payments", each) for each in said.values())
    return (
        f"{len(reports)} messages about {len(said)} orders; {again} came twice, "
        f"{unlined} payments before their order's lines, {unpaid} refunds before their payment"
    )


def _before(first: str, second: str, reports: list[Report]) -> bool:
    for report in reports:
        if second in report.body:
            return False
        if first in report.body:
            return True
    return False
