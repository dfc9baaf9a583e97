"""A small life of a stage, through its API: enough of everything that an upgrade, a return or a restore could break."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local.signers import fenrun
from local.stack import Stack, client, invoke, scheduled_event
from tests.cloud.shop import PASSWORD, Http, order, until

PLAN = {"direct": {"rate": "0.10"}, "indirect": {"rate": "0.03"}, "hold_days": 15, "payout": {"minimum": {"CNY": 100}}}
ACCOUNT = {"sun": "6222020200112233445", "rae": "6217000010012345678"}
ORDERS = ("at-once", "step-by-step", "open", "delivered", "young")
LIVES_ON = "step-by-step"
"""The order of many revisions, the last of which posted nothing: 60.00 of its 200.00 have been refunded."""


@dataclass(frozen=True)
class Shop:
    """A stage and who acts on it."""

    stack: Stack
    key: Http
    owner: Http
    finance: Http

    def person(self, name: str) -> Http:
        return signed_in(self.stack, f"{name}@people.example", PASSWORD)

    def verified(self) -> Any:
        return self.owner.ok("GET", "/v1/ledger/verify")

    def balance(self, name: str, of: str = "CNY") -> dict[str, int]:
        person = self.person(name)
        distributor_id = self.ids()[name]
        rows = person.ok("GET", f"/v1/distributors/{distributor_id}/balance")["items"]
        found: dict[str, int] = next(row for row in rows if row["currency"] == of)
        return found

    def ids(self) -> dict[str, str]:
        found = self.key.ok("GET", "/v1/orders/at-once/commissions")
        return {"rae": found["direct"]["distributor_id"], "sun": found["indirect"]["distributor_id"]}

    def payouts(self, state: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.finance.ok("GET", f"/v1/payouts?state={state}")["items"]
        return found

    def clock(self, function: str, days: int = 0) -> Any:
        """What the clock does now, or in so many days."""
        at = datetime.now(UTC) + timedelta(days=days)
        return invoke(self.stack, function, scheduled_event(f"{at:%Y-%m-%dT%H:%M:%SZ}"))

    def bank_files(self) -> str:
        """What stands in all files for the bank."""
        s3, bucket = client(self.stack.endpoint, "s3"), self.stack.files_bucket
        found = s3.list_objects_v2(Bucket=bucket, Prefix="payouts/").get("Contents", [])
        return "".join(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode() for each in found)


def signed_in(stack: Stack, login: str, password: str) -> Http:
    token = Http(stack.base_url).ok("POST", "/v1/sessions", {"login": login, "password": password})["access_token"]
    return Http(stack.base_url, token)


def shop_of(stack: Stack, credentials: dict[str, str]) -> Shop:
    """The stage with the people whom `local.bootstrap` added to it."""
    people = {name: credentials[f"{name} login"].split() for name in ("owner", "finance")}
    found = {name: signed_in(stack, *login) for name, login in people.items()}
    return Shop(stack, Http(stack.base_url, credentials["API key"]), **found)


def live(shop: Shop) -> None:
    """Two distributors, five orders of different fates, one paid payout and one on its way."""
    shop.owner.ok("PUT", "/v1/plans/default", PLAN)
    sun = _join(shop, "sun", None)
    rae = _join(shop, "rae", sun["code"])
    bound = {"code": rae["code"], "occurred_at": "2026-02-01T00:00:00Z"}
    shop.key.ok("PUT", "/v1/customers/c-1/binding", bound)
    shop.key.ok("PUT", "/v1/orders/at-once", order(100_00, customer="c-1"))
    _step_by_step(shop)
    shop.key.ok("PUT", "/v1/orders/open", order(50_00, customer="c-1", paid=False))
    _deliver(shop, rae["code"])
    until(lambda: (shop.verified()["in_transit"], shop.balance("rae")["pending"]), (0, 10_00 + 14_00 + 10_00))
    shop.clock("Mature")
    shop.clock("Settle")
    until(lambda: len(shop.payouts("submitted")), 2)
    paid = next(each for each in shop.payouts("submitted") if each["distributor_id"] == sun["id"])
    results = [{"payout_id": paid["id"], "outcome": "paid", "reference": "BANK-1"}]
    shop.finance.ok("POST", "/v1/payouts/results", {"results": results})
    shop.key.ok(
        "PUT", "/v1/orders/young", order(70_00, customer="c-1", placed_at=f"{datetime.now(UTC):%Y-%m-%dT00:00:00Z}")
    )
    until(lambda: (shop.verified()["in_transit"], shop.balance("rae")["pending"]), (0, 7_00))


def goes_on(shop: Shop, before: Any) -> None:
    """What must be true of a stage that has lived, whatever happened to its stack: asserted, and then it lives on."""
    ids = shop.ids()
    assert shop.verified() == before
    rest = {"refund_id": "r2", "refunded_at": "2026-03-20T00:00:00Z", "amount": 140_00}
    shop.key.ok("PUT", f"/v1/orders/{LIVES_ON}", {"customer_id": "c-1", "currency": "CNY", "refunds": [rest]})
    until(lambda: sum(each["amount"] for each in _explained(shop, LIVES_ON)["entries"]), 0)
    explained = _explained(shop, LIVES_ON)
    assert (explained["direct"]["amount"], explained["indirect"]["amount"]) == (0, 0)
    (waiting,) = shop.payouts("submitted")
    assert waiting["distributor_id"] == ids["rae"]
    results = [{"payout_id": waiting["id"], "outcome": "paid", "reference": "BANK-2"}]
    (result,) = shop.finance.ok("POST", "/v1/payouts/results", {"results": results})["items"]
    assert (result["result"], result["state"]) == ("moved", "paid")
    assert shop.balance("rae")["paid"] == waiting["gross"]
    statement = shop.person("rae").ok("GET", f"/v1/distributors/{ids['rae']}/entries?limit=100")["items"]
    held = shop.balance("rae")
    assert sum(each["amount"] for each in statement) == held["pending"] + held["available"]
    after = shop.verified()
    assert (after["imbalance"], after["mismatches"], after["in_transit"]) == ({"CNY": 0}, [], 0)
    assert after["entries"] > before["entries"] and after["orders"] == before["orders"]


def pays_again(shop: Shop) -> None:
    """The sealed account is still readable: a new order is paid out to it."""
    files = shop.bank_files()
    shop.key.ok("PUT", "/v1/orders/again", order(900_00, customer="c-1"))
    until(lambda: shop.verified()["in_transit"], 0)
    shop.clock("Mature", days=1)
    shop.clock("Settle", days=1)
    until(lambda: ACCOUNT["rae"] in shop.bank_files().removeprefix(files), True)


def _explained(shop: Shop, order_id: str) -> Any:
    return shop.key.ok("GET", f"/v1/orders/{order_id}/commissions")


def _join(shop: Shop, name: str, sponsor: str | None) -> Any:
    body = {"name": name.capitalize(), "email": f"{name}@people.example", "password": PASSWORD, "locale": "en"}
    body |= {"country": "CN", "accepted_terms": True, **({"invite_code": sponsor} if sponsor else {})}  # type: ignore
    made = Http(shop.stack.base_url).ok("POST", "/v1/distributors", body)
    method = {"rail": "bank_file", "holder": name.capitalize(), "account": ACCOUNT[name], "bank": "ICBC"}
    shop.person(name).ok("PUT", f"/v1/distributors/{made['id']}/payout-methods/default", method)
    return made


def _step_by_step(shop: Shop) -> None:
    path, facts = f"/v1/orders/{LIVES_ON}", {"customer_id": "c-1", "currency": "CNY"}
    shop.key.ok("PUT", path, order(200_00, customer="c-1", paid=False))
    paid = {"payment_id": "p1", "amount": 200_00, "paid_at": "2026-03-01T05:00:00Z"}
    shop.key.ok("PUT", path, {**facts, "payments": [paid]})
    refund = {"refund_id": "r1", "refunded_at": "2026-03-03T00:00:00Z", "amount": 60_00}
    shop.key.ok("PUT", path, {**facts, "refunds": [refund]})
    shop.key.ok("PUT", path, {**facts, "delivered_at": "2026-03-04T00:00:00Z"})


def _deliver(shop: Shop, code: str) -> None:
    secrets, secret = fenrun.keys()
    shop.owner.ok("PUT", "/v1/connections/storefront", {"provider": "fenrun", "secrets": secrets})
    body = {
        "order_id": "delivered",
        **order(100_00, customer="c-2", attribution={"code": code}),
    }
    headers, sent = fenrun.sign(json.dumps(body).encode(), secret, datetime.now(UTC), delivery_id="msg_1")
    named = {name.replace("-", "_"): value for name, value in headers.items()}
    assert Http(shop.stack.base_url)("POST", "/webhooks/fenrun/storefront", sent, **named).status == 200
