"""People join, sign in and out, change; customers are bound; keys are made."""

from __future__ import annotations

from typing import Any

from argon2 import PasswordHasher

from chalicelib.domain.people import Distributor
from chalicelib.flows.api_keys import create_api_key, revoke_api_key
from chalicelib.flows.record_click import record_click
from chalicelib.flows.sign_up import sign_up
from chalicelib.store import access
from chalicelib.store.merchants import Merchant
from chalicelib.store.merchants import put as put_merchant
from tests.faults.matrix import Item, Scenario
from tests.faults.production import ask, run
from tests.faults.scenarios.callers import session, staff
from tests.faults.scenarios.orders import opened
from tests.faults.world import World

_PASSWORD = "a good passphrase"
_ANN = {
    "name": "Ann Lee",
    "email": "ann@example.com",
    "phone": "+8613800138000",
    "password": _PASSWORD,
    "locale": "en",
    "country": "CN",
    "accepted_terms": True,
    "invite_code": "BOB",
}


def _joined(world: World) -> Distributor:
    opened(world)
    known = {name: value for name, value in _ANN.items() if name != "accepted_terms"}
    return sign_up(now=world.now, **known)  # type: ignore[arg-type]


def _old_hash(world: World) -> None:
    """Somebody whose password was hashed with parameters of before."""
    ann = _joined(world)
    access.set_distributor_password_hash(ann.id, PasswordHasher(time_cost=2, memory_cost=64).hash(_PASSWORD))


def _signed_in(world: World) -> str:
    _joined(world)
    said = ask(world, None, "POST", "/v1/sessions", _SIGN_IN, once=False)
    return str(said.json["refresh_token"])


_SIGN_IN = {"login": "ann@example.com", "password": _PASSWORD}


def _sign_in(world: World, _: Any) -> None:
    ask(world, None, "POST", "/v1/sessions", _SIGN_IN, once=False)


def _refresh(world: World, refresh_token: str) -> None:
    """Whoever is not let go on signs in again."""
    said = ask(world, None, "POST", "/v1/sessions/refresh", {"refresh_token": refresh_token}, once=False)
    if said.status == 401:
        world.answers.pop()
        _sign_in(world, None)


def without_answer(place: str, item: Item) -> Item | None:
    """What is left, whatever was said."""
    return None if place == "answer" else item


def _without_sessions(place: str, item: Item) -> Item | None:
    return None if item.get("id", "").startswith("session#") else item


def _without_lost_clicks(place: str, item: Item) -> Item | None:
    return None if item.get("id", "").startswith("click#") else item


def _clicked(world: World) -> tuple[str, str]:
    key = opened(world)
    return key, record_click("ANN", "https://shop.example/", None, world.now).click_id


def _bind(world: World, key: str, **by: str) -> None:
    body = {"occurred_at": "2026-11-20T00:00:00Z", **by}
    ask(world, key, "PUT", "/v1/customers/{customer_id}/binding", body, customer_id="c-1")


def _staff_at_shop(world: World) -> str:
    opened(world)
    return staff(world)


def _merchant(world: World) -> str:
    put_merchant(Merchant(merchant_id="m1", name="Tea House"))
    return _staff_at_shop(world)


def _a_key(world: World) -> str:
    return create_api_key("shop", ["orders:write"], world.now)


SCENARIOS = (
    Scenario(
        "people: somebody signs up",
        opened,
        lambda world, _: ask(world, None, "POST", "/v1/distributors", _ANN),
    ),
    Scenario(
        "people: somebody signs in",
        _old_hash,
        _sign_in,
        view=_without_sessions,
        because="a session whose tokens were lost on the way is nobody's, and ends by itself",
    ),
    Scenario(
        "people: a session goes on",
        _signed_in,
        _refresh,
        view=_without_sessions,
        because="a session whose next token was lost on the way has to end: it may have been stolen",
    ),
    Scenario(
        "people: somebody signs out",
        lambda world: session(world, "ann", "distributor"),
        lambda world, token: ask(world, token, "DELETE", "/v1/sessions", once=False),
        view=without_answer,
        because="whoever is signed out already is told that nobody is signed in",
    ),
    Scenario(
        "people: somebody is suspended and gets a rank",
        _staff_at_shop,
        lambda world, token: ask(
            world,
            token,
            "PATCH",
            "/v1/distributors/{distributor_id}",
            {"status": "suspended", "rank": "gold"},
            distributor_id="ann",
        ),
    ),
    Scenario(
        "people: what their tax depends on",
        _staff_at_shop,
        lambda world, token: ask(
            world,
            token,
            "PUT",
            "/v1/distributors/{distributor_id}/tax",
            {"tin_on_file": True, "first_month": "2026-01"},
            distributor_id="ann",
        ),
    ),
    Scenario(
        "people: a coupon of their own",
        _staff_at_shop,
        lambda world, token: ask(
            world,
            token,
            "PUT",
            "/v1/distributors/{distributor_id}/coupons/{coupon}",
            distributor_id="ann",
            coupon="TEA10",
        ),
    ),
    Scenario(
        "people: a customer who is a distributor",
        _staff_at_shop,
        lambda world, token: ask(
            world,
            token,
            "PUT",
            "/v1/distributors/{distributor_id}/customers/{customer_id}",
            distributor_id="ann",
            customer_id="c-1",
        ),
    ),
    Scenario("customers: bound by a code", opened, lambda world, key: _bind(world, key, code="ANN")),
    Scenario("customers: bound by a click", _clicked, lambda world, made: _bind(world, made[0], click_id=made[1])),
    Scenario(
        "customers: a visit",
        opened,
        lambda world, _: ask(
            world, None, "POST", "/v1/clicks", {"code": "ANN", "url": "https://shop.example/"}, once=False
        ),
        view=_without_lost_clicks,
        because="a click whose id was lost on the way is in nobody's order, and is forgotten",
    ),
    Scenario(
        "customers: terms of credit",
        _staff_at_shop,
        lambda world, token: ask(
            world,
            token,
            "PUT",
            "/v1/customers/{customer_id}/terms",
            {"credit_limit": 10_000, "net_days": 30},
            customer_id="c-1",
        ),
    ),
    Scenario(
        "merchants: registered",
        _staff_at_shop,
        lambda world, token: ask(
            world,
            token,
            "PUT",
            "/v1/merchants/{merchant_id}",
            {"name": "Tea House", "paid_by": "operator"},
            merchant_id="m1",
        ),
    ),
    Scenario(
        "merchants: somebody of theirs",
        _merchant,
        lambda world, token: ask(
            world,
            token,
            "POST",
            "/v1/merchants/{merchant_id}/users",
            {"name": "Mei", "email": "mei@example.com", "password": _PASSWORD},
            merchant_id="m1",
        ),
    ),
    Scenario("keys: one ends", _a_key, lambda world, key: run(world, lambda: revoke_api_key(key, world.now))),
)
