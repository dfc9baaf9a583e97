"""Orders come in, are posted, stop and go on, and mature."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalicelib.domain.credit import CreditTerms
from chalicelib.domain.plans import Limit
from chalicelib.flows.credit_terms import set_credit_terms
from chalicelib.flows.record_order import record_order
from chalicelib.schedules.mature import mature
from chalicelib.schedules.overdue import overdue
from chalicelib.settings import settings
from chalicelib.streams.commissions import commissions
from tests.faults.matrix import Scenario
from tests.faults.production import ask, changes, deliver, post, scheduled
from tests.faults.scenarios.callers import staff, storefront
from tests.faults.world import World
from tests.flows import shop
from tests.flows.deliveries import order
from tests.flows.shop import at, described, line, ordered, paid, refunded, said

_REFUND = {
    "refunds": [
        {
            "refund_id": "r-1",
            "refunded_at": "2026-03-05T00:00:00Z",
            "lines": [{"line_id": "1", "quantity": 1, "amount": 10_000}],
        }
    ]
}


def opened(world: World, **rules: Any) -> str:
    shop.open_shop(**rules)
    return storefront(world)


def put(world: World, key: str, **facts: Any) -> None:
    body = {"customer_id": "c-1", "currency": "CNY", **facts}
    ask(world, key, "PUT", "/v1/orders/{order_id}", body, order_id="o-1")


def _new(world: World, key: str) -> None:
    put(world, key, **{name: value for name, value in order().items() if name != "order_id"})


def _known(world: World, **rules: Any) -> str:
    key = opened(world, **rules)
    shop.book(record_order(ordered(code=None), at(1)))
    return key


def _sold(world: World) -> str:
    key = opened(world)
    shop.book(record_order(ordered(payments=paid()), at(1)))
    return key


def _limited(world: World) -> str:
    limits = [Limit(per="month", amount=600), Limit(per="customer", orders=2)]
    return opened(world, limits=tuple(limits))


def _on_account(world: World, limit: int = 1_000_000) -> str:
    key = opened(world)
    set_credit_terms("c-1", CreditTerms(credit_limit=limit, net_days=30, currency="CNY"), "staff:f", at(-1))
    return key


def _owing(world: World) -> str:
    """Twelve orders on account of one customer, half paid; all were due long ago, and nobody has looked since."""
    key = _on_account(world)
    for i in range(1, 13):
        record_order(ordered(f"o-{i}", payments=paid(5000, f"p-{i}")), at(1))
    return key


def _stopped(world: World) -> str:
    """Three orders that stopped because the first of them is overdue."""
    key = _on_account(world)
    record_order(ordered("o-1", payments=paid(5000)), at(1))
    for i in (2, 3):
        record_order(ordered(f"o-{i}", placed_at=world.now - timedelta(days=3), payments=paid(5000, f"p-{i}")), at(1))
    scheduled(world, overdue)
    post(world)
    return key


def _a_batch(world: World) -> list[dict[str, Any]]:
    """Forty orders of three distributors, two of which change twice: more than one transaction."""
    opened(world)
    for i in range(40):
        record_order(ordered(f"o-{i}", 1000 + i, code=("ANN", "BOB", "CAS")[i % 3], payments=paid(1000 + i)), at(1))
    for i in (1, 2):
        record_order(said(f"o-{i}", refunds=refunded(("1", 500))), at(2))
    return changes(settings().orders_table)


def _booked(world: World) -> list[dict[str, Any]]:
    """Orders whose hold has ended, and one that is not due yet."""
    opened(world)
    for i, code in enumerate(("ANN", "BOB", "CAS", "ANN")):
        shop.book(record_order(ordered(f"o-{i}", code=code, payments=paid()), at(1)))
    placed = world.now - timedelta(hours=1)
    late = ordered("o-late", placed_at=placed, description=described(line(7000), days=200))
    shop.book(record_order(late, placed), record_order(said("o-late", payments=paid(7000, days=265)), placed))
    return changes(settings().orders_table)


def _refund_after_maturity(world: World) -> list[dict[str, Any]]:
    """A change of an order whose commission is available already."""
    _sold(world)
    scheduled(world, mature)
    before = len(changes(settings().orders_table))
    record_order(said(refunds=refunded(("1", 2500))), at(30))
    return changes(settings().orders_table)[before:]


def _streamed(world: World, records: list[dict[str, Any]]) -> None:
    deliver(world, commissions, {"Records": records})


def _daily(world: World, _: Any) -> None:
    """What was left undone, the daily run does."""
    scheduled(world, overdue)
    post(world)


SCENARIOS = (
    Scenario("order: recorded", opened, _new, lambda world, _: post(world)),
    Scenario(
        "order: paid in a second request, and attributed late",
        _known,
        lambda world, key: put(
            world,
            key,
            attribution={"code": "ANN"},
            payments=[{"payment_id": "p-1", "amount": 10_000, "paid_at": "2026-03-02T00:00:00Z"}],
        ),
        lambda world, _: post(world),
    ),
    Scenario("order: refunded", _sold, lambda world, key: put(world, key, **_REFUND), lambda world, _: post(world)),
    Scenario("order: under limits of month and customer", _limited, _new, lambda world, _: post(world)),
    Scenario("order: on account", _on_account, _new, lambda world, _: post(world)),
    Scenario(
        "order: a batch of two, one refused",
        opened,
        lambda world, key: ask(
            world,
            key,
            "POST",
            "/v1/orders/batch",
            {"orders": [order("o-1"), order("o-2", lines=[{"line_id": "1", "amount": -1}]), order("o-3")]},
        ),
        lambda world, _: post(world),
    ),
    Scenario(
        "order: given to somebody else",
        lambda world: (_sold(world), staff(world)),
        lambda world, made: ask(
            world,
            made[1],
            "POST",
            "/v1/orders/{order_id}/attribution",
            {"distributor_id": "cas", "reason": "their customer"},
            order_id="o-1",
        ),
        lambda world, _: post(world),
    ),
    Scenario(
        "credit: the last overdue order is paid, and the others go on",
        _stopped,
        lambda world, key: put(
            world, key, payments=[{"payment_id": "p-9", "amount": 5000, "paid_at": "2026-11-20T00:00:00Z"}]
        ),
        _daily,
    ),
    Scenario(
        "credit: a customer is overdue",
        _owing,
        lambda world, _: scheduled(world, overdue),
        lambda world, _: post(world),
    ),
    Scenario("stream: forty orders", _a_batch, _streamed),
    Scenario("stream: a refund after maturity", _refund_after_maturity, _streamed),
    Scenario("mature: what is due", _booked, lambda world, _: scheduled(world, mature)),
)
