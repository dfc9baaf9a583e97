"""Connections are made and taken away; providers deliver, and deliver again; the inbox is swept and looked after."""

from __future__ import annotations

import json
from datetime import timedelta
from random import Random
from typing import Any

from chalicelib.domain.deliveries import ConnectionSettings, Request
from chalicelib.flows.connections import put_connection
from chalicelib.flows.receive_delivery import receive_delivery
from chalicelib.schedules.inbox import inbox
from chalicelib.store.inbox import delivery_key
from local.signers import fenrun, stripe
from tests.faults.kinds import Crash
from tests.faults.matrix import Scenario
from tests.faults.production import ask, post, scheduled
from tests.faults.scenarios.callers import staff
from tests.faults.scenarios.orders import opened
from tests.faults.state import Item
from tests.faults.world import World
from tests.flows.deliveries import order
from tests.webhooks.samples_cards import charge_refunded, session

_KEY = b"0123456789abcdef0123456789abcdef"
_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
_CARDS = "whsec_0123456789abcdef"
_SOON = timedelta(minutes=20)


def connected(world: World) -> str:
    """A shop whose storefront and card payments are connected; and somebody of the staff."""
    opened(world)
    put_connection("shop-1", "fenrun", {"signing_secret": (_SECRET,)}, ConnectionSettings(), "staff:1", world.now)
    put_connection("cards", "stripe", {"signing_secret": (_CARDS,)}, ConnectionSettings(), "staff:1", world.now)
    return staff(world)


def storefront_says(world: World, body: Any, key: bytes = _KEY) -> None:
    headers, content = fenrun.sign(json.dumps(body).encode(), key, world.now)
    _posted(world, "fenrun", "shop-1", headers, content)


def cards_say(world: World, event: dict[str, Any], connection_id: str = "cards", key: str = _CARDS) -> None:
    headers, content = stripe.sign(json.dumps(event).encode(), key, world.now)
    _posted(world, "stripe", connection_id, headers, content)


def _posted(world: World, provider: str, connection_id: str, headers: dict[str, str], content: bytes) -> None:
    ask(
        world,
        None,
        "POST",
        "/webhooks/{provider_name}/{connection_id}",
        content.decode(),
        once=False,
        headers=headers,
        provider_name=provider,
        connection_id=connection_id,
    )


def swept(world: World, _: Any = None) -> None:
    """The sweep goes over what is left, and the stream function hears of what came of it."""
    world.later(_SOON)
    scheduled(world, inbox)
    post(world)


def _large(world: World, _: Any) -> None:
    storefront_says(world, order(lines=[{"line_id": "1", "amount": 10_000, "sku": "TEA"}, *_lines()]))


def _lines() -> list[dict[str, Any]]:
    """So many that the bucket keeps the body."""
    drawn = Random(1)
    return [
        {"line_id": str(n), "amount": 1, "sku": drawn.randbytes(60).hex(), "product_id": drawn.randbytes(60).hex()}
        for n in range(2, 700)
    ]


def _waiting(world: World) -> None:
    """A refund whose payment no order has named yet."""
    connected(world)
    cards_say(world, charge_refunded(3000))


def _stuck(world: World) -> tuple[str, str]:
    """A delivery that nobody could act on, because no plan's order says whose the refund is."""
    token = connected(world)
    storefront_says(world, order(lines=[{"line_id": "1", "amount": 10_000}], refunds=[_TOO_MUCH]))
    return token, delivery_key("shop-1", "msg_1")


_TOO_MUCH = {
    "refund_id": "r-1",
    "refunded_at": "2026-03-03T00:00:00Z",
    "lines": [{"line_id": "1", "quantity": 1, "amount": 99_999}],
}


def _kept_only(world: World) -> None:
    """Two deliveries that were kept some minutes ago, and whose functions then died."""
    connected(world)
    before = world.now - timedelta(minutes=3)
    world.meet = lambda operation: "crash before" if operation.name == "BatchGetItem" else None
    for i, order_id in enumerate(("o-1", "o-2")):
        headers, content = fenrun.sign(json.dumps(order(order_id)).encode(), _KEY, before, delivery_id=f"msg_{i}")
        try:
            receive_delivery("fenrun", "shop-1", Request(headers, content), before)
        except Crash:
            world.restarted()
    world.meet = lambda _: None


def _connect(world: World, token: str, **more: Any) -> None:
    body = {"provider": "fenrun", "secrets": {"signing_secret": [_SECRET]}, **more}
    ask(world, token, "PUT", "/v1/connections/{connection_id}", body, connection_id="shop-1")


def _disconnect(world: World, token: str) -> None:
    ask(world, token, "DELETE", "/v1/connections/{connection_id}", once=False, connection_id="shop-1")


def as_connected(place: str, item: Item) -> Item | None:
    """A connection without the number of its changes: a change that was cut off counts, too."""
    return {**item, "revision": None} if item.get("kind") == "connection" else item


def as_gone(place: str, item: Item) -> Item | None:
    """What is left, whatever was said."""
    return None if place == "answer" else item


def as_known(place: str, item: Item) -> Item | None:
    """A delivery without how often and when it was tried, and without records of tries."""
    if place == "answer" or item.get("action") == "inbox.replay":
        return None
    if "delivery" not in item:
        return item
    known = json.loads(item["delivery"])
    return {**item, "delivery": {name: known[name] for name in known if name not in ("attempts", "tried_at")}}


_CHANGES = "a change that was cut off counts among a connection's changes"
_TRIES = "how often something was tried is what differs"

SCENARIOS = (
    Scenario("connections: made", staff, _connect, view=as_connected, because=_CHANGES),
    Scenario(
        "connections: a secret is rotated",
        connected,
        lambda world, token: _connect(
            world, token, secrets={"signing_secret": [_SECRET, "whsec_" + "A" * 43 + "="]}, settings={"account": "a"}
        ),
        view=as_connected,
        because=_CHANGES,
    ),
    Scenario(
        "connections: taken away",
        connected,
        _disconnect,
        view=as_gone,
        because="whoever takes away what is gone is told that it is gone",
    ),
    Scenario("delivery: an order", connected, lambda world, _: storefront_says(world, order()), swept),
    Scenario("delivery: a large one", connected, _large, swept, as_known, _TRIES),
    Scenario("delivery: of somebody else", connected, lambda world, _: storefront_says(world, order(), b"x" * 32)),
    Scenario(
        "delivery: a refund that waits for its order",
        connected,
        lambda world, _: cards_say(world, charge_refunded(3000)),
        swept,
        as_known,
        _TRIES,
    ),
    Scenario(
        "delivery: the order that a refund waited for",
        _waiting,
        lambda world, _: cards_say(world, session() | {"id": "evt_2"}),
        swept,
        as_known,
        _TRIES,
    ),
    Scenario("inbox: swept", _kept_only, lambda world, _: scheduled(world, inbox), swept, as_known, _TRIES),
    Scenario(
        "inbox: a stuck delivery is tried again",
        _stuck,
        lambda world, made: ask(world, made[0], "POST", "/v1/inbox/{inbox_id}/replay", once=False, inbox_id=made[1]),
        view=as_known,
        because=_TRIES,
    ),
    Scenario(
        "inbox: a stuck delivery is let rest",
        _stuck,
        lambda world, made: ask(
            world, made[0], "POST", "/v1/inbox/{inbox_id}/dismiss", {"reason": "a test"}, inbox_id=made[1]
        ),
    ),
)
