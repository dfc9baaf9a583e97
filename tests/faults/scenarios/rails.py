"""Payouts through a rail that is called over HTTP: submitted once, whatever happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec import json

from chalicelib.domain.deliveries import ConnectionSettings
from chalicelib.domain.payout_methods import PayoutMethod
from chalicelib.domain.payouts import key_of
from chalicelib.flows.connections import put_connection
from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.report_results import Result, report_results
from chalicelib.schedules.submit import submit
from chalicelib.store import payouts, sealed
from chalicelib.store.keys import BALANCE
from tests.faults.matrix import Scenario
from tests.faults.production import ask, scheduled
from tests.faults.rails import BASE
from tests.faults.scenarios.callers import staff
from tests.faults.scenarios.deliveries import cards_say, swept
from tests.faults.state import Item
from tests.faults.world import World
from tests.flows.money_out import asked, earned, joined, plan

_BY_AND_BY = timedelta(minutes=6)
_GROSS = 5000


def _approved(world: World, *accounts: str) -> str:
    """A payout to each account at Stripe; staff."""
    plan(fee_rate="0.01", rails={"stripe": "stripe"})
    secrets = world.providers.simulator.provider("stripe").secrets
    put_connection("stripe", "stripe", secrets, ConnectionSettings(base_url=f"{BASE}/stripe"), "staff:1", world.now)
    for i, account in enumerate(accounts or ("acct_1", "acct_2"), 1):
        name = str(i)
        method = PayoutMethod(rail="stripe", holder="Zhang San", account=account)
        earned(joined(f"d_{name}", {"card": sealed.sealed_method(f"d_{name}", method)}), _GROSS, "USD")
        decide_payout(asked(f"d_{name}", currency="USD", once=name * 32).id, "approved", "staff:checker", world.now)
    return staff(world)


def _rounds(world: World, _: Any = None) -> None:
    """The next rounds."""
    for _round in range(3):
        world.later(_BY_AND_BY)
        scheduled(world, submit)


def _paid(world: World) -> str:
    token = _approved(world)
    scheduled(world, submit)
    return token


def _came_back(world: World, _: Any) -> None:
    """Stripe says that the transfer to the first of them was reversed."""
    transfer = {
        "id": "tr_1",
        "object": "transfer",
        "amount": 4950,
        "amount_reversed": 4950,
        "currency": "usd",
        "destination": "acct_1",
        "transfer_group": key_of(f"po_{'1' * 32}", 1),
        "reversed": True,
    }
    event = {"id": "evt_1", "object": "event", "type": "transfer.reversed", "created": int(world.now.timestamp())}
    stripe = world.providers.simulator.provider("stripe")
    cards_say(world, event | {"livemode": True, "data": {"object": transfer}}, "stripe", stripe._webhook_key)


def as_it_ended(place: str, item: Item) -> Item:
    """A payout without what was heard of it on the way: a lost answer is part of its history."""
    if "history" not in item:
        return item
    steps = [step for step in json.decode(item["history"]) if step["to"] in ("requested", "approved", *_LAST)]
    kept = [{name: step.get(name) for name in ("to", "reference")} for step in steps]
    return {**item, "history": kept}


_LAST = ("rejected", "paid", "failed", "returned", "manual_review")
_BECAUSE = "that an answer was lost on the way stays in a payout's history"


def _days(world: World, token: str) -> None:
    """Some days later, when patience has ended; and where people have to look, they look."""
    world.later(timedelta(days=4))
    scheduled(world, submit)
    payout_id = f"po_{'1' * 32}"
    if payouts.existing(payout_id).state == "manual_review":
        report_results([Result(payout_id=payout_id, outcome="failed")], "staff:1", world.now)


def without_tries(place: str, item: Item) -> Item | None:
    """The same, without what staff tried and heard."""
    tried = item.get("action") == "payout.retry" or str(item.get("id", "")).startswith("answer#")
    return None if place == "answer" or tried else as_it_ended(place, item)


def the_money(place: str, item: Item) -> Item | None:
    """Where the money is."""
    if item.get("at") == BALANCE:
        return {name: item.get(name) for name in ("account", "available", "in_flight", "paid")}
    return {"id": item["id"], "state": item["state"]} if "history" in item else item if place == "transfer" else None


SCENARIOS = (
    Scenario(
        "rails: payouts are submitted",
        _approved,
        lambda world, _: scheduled(world, submit),
        _rounds,
        as_it_ended,
        _BECAUSE,
    ),
    Scenario(
        "rails: staff ask again",
        _approved,
        lambda world, token: ask(
            world, token, "POST", "/v1/payouts/{payout_id}/retry", same=None, payout_id=f"po_{'1' * 32}"
        ),
        _rounds,
        without_tries,
        f"{_BECAUSE}; what was tried twice is on record twice, and staff are told how it is then",
    ),
    Scenario(
        "rails: a payout is refused",
        lambda world: _approved(world, "no account"),
        lambda world, _: scheduled(world, submit),
        _days,
        the_money,
        "where an answer was lost, a refusal is no proof, and people decide some days later",
    ),
    Scenario("rails: money comes back", _paid, _came_back, swept, as_it_ended, _BECAUSE),
)
