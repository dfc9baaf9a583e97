"""What is said about the shop's orders, as it arrives: in pieces, late, out of order, and some of it twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from local.messages import Message, export, own_messages
from local.sales import Order
from local.shop import SEED
from local.shopify_orders import shopify_messages
from local.wallets import wallet_messages

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@dataclass(frozen=True)
class Report:
    """One message about an order, and when it arrives: `again` if it did before. The `delivery_id` stays the same then."""

    at: datetime
    order_id: str
    message: Message
    delivery_id: str
    again: bool = False


def arrivals(orders: list[Order], codes: dict[str, str], clicks: dict[str, str], now: datetime) -> list[Report]:
    """Every message up to `now` in the order of arrival. `codes` by member, `clicks` by customer."""
    random, reports = Random(SEED + 2), []
    for order in orders:
        messages = _messages(order, codes, clicks)
        for i, message in enumerate(messages):
            at = message.at + _delay(random, order.number, message.what)
            report = Report(min(at, now), order.id, message, f"{message.road}-{order.id}-{i + 1}")
            reports.append(report)
            if random.random() < 0.2:  # the sender got no answer, and tries again
                later = at + random.choice((SECOND, DAY, 20 * DAY))
                reports.append(replace(report, at=min(later, now), again=True))
        if order.number % 10 == 4:  # a nightly run says everything again
            at = min(messages[-1].at + 2 * DAY, now)
            for message in _said_again(order, messages):
                reports.append(Report(at, order.id, message, f"{message.road}-{order.id}-night"))
    random.shuffle(reports)  # what arrives at the same instant arrives in any order
    return sorted(reports, key=lambda report: report.at)


def _messages(order: Order, codes: dict[str, str], clicks: dict[str, str]) -> list[Message]:
    wire = {"code": ("code", codes), "click": ("click_id", clicks)}
    carried = {}
    for name, value in order.carries.items():
        named, known = wire.get(name, (name, {}))
        carried[named] = known.get(value, value)
    if order.channel == "shopify":
        return shopify_messages(order, carried)
    if order.channel == "wallet":
        with_payment = order.number % 3 != 0  # the shop does not say who sent the buyer; the payment does
        own = own_messages(order, {} if with_payment else carried, "api", money=False)
        return own + wallet_messages(order, carried if with_payment else {})
    return own_messages(order, carried, order.channel)


def _said_again(order: Order, messages: list[Message]) -> list[Message]:
    """Whatever the shop says itself, as one; of the others the last, in a delivery of its own."""
    own = [message for message in messages if message.road in ("api", "fenrun")]
    others = [message for message in messages if message.road not in ("api", "fenrun")]
    return ([export(order, own)] if own else []) + others[-1:]


def _delay(random: Random, number: int, what: str) -> timedelta:
    """Most messages take seconds. Some orders are described days after their payment; some payments are notified after
    their refund."""
    if what == "placed" and number % 12 == 7:
        return random.uniform(0.2, 3) * DAY
    if what == "paid" and number % 9 == 2:
        return random.uniform(1, 12) * DAY
    return random.uniform(0.5, 40) * SECOND


def disorder(reports: Sequence[Report]) -> str:
    """In what disorder the messages came."""
    said: dict[str, list[Report]] = {}
    for report in reports:
        said.setdefault(report.order_id, []).append(report)
    again = sum(report.again for report in reports)
    unlined = sum(_before("payments", "lines", each) for each in said.values())
    unpaid = sum(_before("refunds", "payments", each) for each in said.values())
    return (
        f"{len(reports)} messages about {len(said)} orders; {again} came twice, "
        f"{unlined} payments before their order's lines, {unpaid} refunds before their payment"
    )


def _before(first: str, second: str, reports: list[Report]) -> bool:
    for report in reports:
        if second in report.message.tells:
            return False
        if first in report.message.tells:
            return True
    return False
