"""Merchants and terms of credit through the API: who may do what, and what a merchant's people never see."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

import app
from chalicelib.api.endpoint import ENDPOINTS
from chalicelib.domain.errors import NotAuthenticated
from chalicelib.flows import api_keys, staff, tokens
from chalicelib.flows.record_order import record_order
from chalicelib.store import transient
from tests.api.conftest import Http, Reply
from tests.containers import SECRET
from tests.flows.shop import at, book, described, line, open_shop, ordered, paid, refunded

pytestmark = pytest.mark.usefixtures("tables")
PASSWORD = "correct horse battery"
ONE, USERS = "/v1/merchants/{merchant_id}", "/v1/merchants/{merchant_id}/users"
STATEMENT, ORDER = "/v1/merchants/{merchant_id}/statement", "/v1/merchants/{merchant_id}/orders/{order_id}"
TERMS, AGEING = "/v1/customers/{customer_id}/terms", "/v1/customers/{customer_id}/ageing"
CREDIT = {"credit_limit": 5_000, "net_days": 30, "currency": "CNY"}


class Caller:
    def __init__(self, credential: str | None) -> None:
        self.headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        self._http = Http(app.app)

    def __call__(self, method: str, route: str, body: Any = None, query: Any = None, **path: str) -> Reply:
        return self._http(method, route, body, path=path or None, query=query, headers=self.headers)


def signed_in(email: str) -> Reply:
    return Http(app.app)("POST", "/v1/sessions", {"login": email, "password": PASSWORD})


def session(email: str) -> Caller:
    return Caller(signed_in(email).json["access_token"])


@pytest.fixture
def owner() -> Caller:
    staff.add_person("Lin", "lin@example.com", PASSWORD, ["owner"])
    return session("lin@example.com")


@pytest.fixture
def ops() -> Caller:
    staff.add_person("Ops", "ops@example.com", PASSWORD, ["ops"])
    return session("ops@example.com")


@pytest.fixture
def merchant(owner: Caller) -> Caller:
    """Somebody of m1, whose tea is sold beside the cups of m2."""
    open_shop()
    lines = (line(10_000, "tea", merchant_id="m1"), line(20_000, "cup", merchant_id="m2"))
    more: Any = {"payments": paid(30_000), "refunds": refunded(("cup", 5_000), ("tea", 1_000))}
    book(record_order(ordered(description=described(*lines), **more), at(1)))
    for merchant_id in ("m1", "m2"):
        assert owner("PUT", ONE, {"name": "Tea House"}, merchant_id=merchant_id).status == 200
    body = {"name": "Mei", "email": "Mei@m1.example", "password": PASSWORD}
    added = owner("POST", USERS, body, merchant_id="m1")
    assert (added.status, added.json["merchant_id"], added.json["name"]) == (201, "m1", "Mei")
    assert "mei@" not in added.text.lower()
    return session("mei@m1.example")


def test_a_merchant_is_put_and_read(owner: Caller) -> None:
    put = owner("PUT", ONE, {"name": "Tea", "paid_by": "operator"}, merchant_id="m1")

    assert (put.status, put.json) == (200, {"merchant_id": "m1", "name": "Tea", "paid_by": "operator"})
    assert owner("GET", ONE, merchant_id="m1").json == put.json
    assert owner("GET", ONE, merchant_id="m2").status == 404
    assert owner("PUT", ONE, {"name": "Tea", "paid_by": "nobody"}, merchant_id="m1").json["code"] == "NOT_ALLOWED"
    assert owner("PUT", ONE, {"name": "x"}, merchant_id="operator").json["code"] == "MERCHANT_RESERVED"


def test_who_may_register_merchants_and_their_people(ops: Caller, merchant: Caller) -> None:
    user = {"name": "A", "email": "a@example.com", "password": PASSWORD}
    writes = Caller(api_keys.create_api_key("shop", ["plans:write"], datetime.now(UTC)))
    reads = Caller(api_keys.create_api_key("shop", ["plans:read", "orders:read"], datetime.now(UTC)))

    assert [who("PUT", ONE, {"name": "B"}, merchant_id="m3").status for who in (ops, writes, reads, merchant)] == [
        200,
        200,
        403,
        403,
    ]
    assert [who("POST", USERS, user, merchant_id="m1").status for who in (ops, writes, merchant)] == [403, 403, 403]
    assert Caller(None)("POST", USERS, user, merchant_id="m1").status == 401


@pytest.mark.parametrize(
    ("merchant_id", "change", "status", "code"),
    [
        ("m9", {}, 404, "NOT_FOUND"),
        ("m1", {"email": "lin@example.com"}, 409, "EMAIL_TAKEN"),
        ("m1", {"email": "nobody"}, 400, "BAD_EMAIL"),
        ("m1", {"password": "12345678"}, 422, "PASSWORD_TOO_COMMON"),
    ],
)
def test_people_who_cannot_be_added(
    merchant: Caller, owner: Caller, merchant_id: str, change: dict[str, str], status: int, code: str
) -> None:
    body = {"name": "A", "email": "a@example.com", "password": PASSWORD, **change}

    got = owner("POST", USERS, body, merchant_id=merchant_id)

    assert (got.status, got.json["code"]) == (status, code)


def test_their_people_sign_in_stay_in_and_out(merchant: Caller) -> None:
    first = signed_in("MEI@m1.example").json
    assert (first["kind"], first["id"][:7]) == ("merchant", "person-")
    again = Http(app.app)("POST", "/v1/sessions/refresh", {"refresh_token": first["refresh_token"]})
    who = Caller(again.json["access_token"])

    assert (again.json["kind"], again.json["id"]) == ("merchant", first["id"])
    assert who("GET", STATEMENT, query={"currency": ["CNY"]}, merchant_id="m1").status == 200
    assert who("DELETE", "/v1/sessions").status == 204
    assert Http(app.app)("POST", "/v1/sessions/refresh", {"refresh_token": again.json["refresh_token"]}).status == 401


def test_a_merchant_reads_their_own_statement_only(merchant: Caller, owner: Caller) -> None:
    period = {"currency": ["CNY"], "from": ["2026-03-01"], "to": ["2026-03-31"]}

    mine = merchant("GET", STATEMENT, query=period, merchant_id="m1")

    day = {"day": "2026-03-01", "borne": 1_170, "returned": 0, "net": 1_170}
    statement = {
        "merchant_id": "m1",
        "currency": "CNY",
        "days": [day],
        "total": {name: day[name] for name in ("borne", "returned", "net")},
        "held": 0,
    }
    assert mine.json == {"items": [statement], "next": None}
    of_all = {name: value for name, value in period.items() if name != "currency"}
    assert owner("GET", STATEMENT, query=of_all, merchant_id="m2").json["items"][0]["total"]["net"] == 1_950
    assert merchant("GET", STATEMENT, query=period, merchant_id="m2").status == 404
    assert merchant("GET", STATEMENT, query={"currency": ["CNY"]}, merchant_id="m1").json["items"][0]["days"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"currency": ["XXX"]}, "NO_SUCH_CURRENCY"),
        ({"currency": ["CNY"], "from": ["yesterday"]}, "BAD_TIME"),
        ({"currency": ["CNY"], "from": ["2026-03-02"], "to": ["2026-03-01"]}, "BAD_PERIOD"),
        ({"currency": ["CNY"], "from": ["2024-01-01"], "to": ["2026-03-01"]}, "BAD_PERIOD"),
        ({"currency": ["CNY"], "to": ["0001-01-01"]}, "BAD_TIME"),
    ],
)
def test_a_period_that_is_none_is_refused(owner: Caller, query: Any, code: str) -> None:
    got = owner("GET", STATEMENT, query=query, merchant_id="m1")

    assert (got.status, got.json["code"]) == (400, code)


def test_a_merchant_reads_their_part_of_an_order(merchant: Caller, owner: Caller) -> None:
    got = merchant("GET", ORDER, merchant_id="m1", order_id="o-1")

    assert got.status == 200
    assert [(each["line_id"], each["base"], each["direct"], each["indirect"]) for each in got.json["lines"]] == [
        ("tea", 9_000, 900, 270)
    ]
    assert got.json["refunds"][0]["lines"] == [{"line_id": "tea", "amount": 1_000}]
    for secret in ("c-1", "ann", "bob", "cup", "m2", "p-1", "ANN"):
        assert not re.search(rf'"{secret}"', got.text)
    assert merchant("GET", ORDER, merchant_id="m2", order_id="o-1").status == 404
    assert merchant("GET", ORDER, merchant_id="m1", order_id="o-2").status == 404
    assert owner("GET", ORDER, merchant_id="m3", order_id="o-1").status == 404


def test_a_merchant_s_people_may_do_nothing_else(tables: Any) -> None:
    """Every route there is, with the ids in its path that would be theirs if anything were."""
    now = datetime.now(UTC)
    started = int(now.timestamp())
    transient.start_session(transient.Session("s-1", "person-1", "merchant", "login", "hash", started, started + 3600))
    mei = Caller(tokens.issue_access(SECRET, "person-1", "merchant", (), "s-1", now, "m1")[0])
    statuses = {}
    for entry in sorted(ENDPOINTS, key=lambda entry: entry.method == "DELETE"):  # signing out comes last
        path = {name: "m1" for name in re.findall(r"{(\w+)}", entry.path)}
        if not entry.who.public:
            got = mei(entry.method, entry.path, {} if entry.body else None, **path)
            statuses[entry.method, entry.path] = got.status

    assert statuses.pop(("GET", STATEMENT)) == 200
    assert statuses.pop(("GET", ORDER)) == 404
    assert statuses.pop(("DELETE", "/v1/sessions")) == 204
    assert set(statuses.values()) == {403}


def test_terms_of_credit_are_agreed_and_read(owner: Caller, ops: Caller) -> None:
    staff.add_person("Sup", "sup@example.com", PASSWORD, ["support"])
    support = session("sup@example.com")

    assert owner("GET", TERMS, customer_id="c-1").status == 404
    put = ops("PUT", TERMS, CREDIT, customer_id="c-1")

    assert (put.status, put.json) == (200, {"customer_id": "c-1", **CREDIT})
    assert owner("GET", TERMS, customer_id="c-1").json == put.json
    assert support("PUT", TERMS, CREDIT, customer_id="c-1").status == 403
    assert support("GET", AGEING, customer_id="c-1").status == 403
    assert owner("PUT", TERMS, {**CREDIT, "net_days": -1}, customer_id="c-1").json["code"] == "OUT_OF_RANGE"
    key = Caller(api_keys.create_api_key("shop", ["customers:write"], datetime.now(UTC)))
    assert key("PUT", TERMS, {**CREDIT, "net_days": 10}, customer_id="c-1").json["net_days"] == 10
    assert key("GET", TERMS, customer_id="c-1").status == 403


def test_the_ageing_report_says_who_owes_what(owner: Caller) -> None:
    open_shop()
    owner("PUT", TERMS, CREDIT, customer_id="c-1")
    record_order(ordered(), at(1))

    got = owner("GET", AGEING, customer_id="c-1").json

    assert got["terms"] == CREDIT
    assert (got["over_limit"], got["overdue_since"]) == (True, "2026-03-31")
    assert got["outstanding"]["CNY"]["total"] == 10_000
    assert [(row["order_id"], row["due"], row["outstanding"]) for row in got["orders"]] == [
        ("o-1", "2026-03-31", 10_000)
    ]
    assert owner("GET", AGEING, customer_id="c-2").status == 404


@pytest.mark.parametrize(
    ("kind", "merchant_id", "good"),
    [("merchant", "m1", True), ("merchant", None, False), ("distributor", "m1", False), ("staff", "m1", False)],
)
def test_a_token_names_a_merchant_if_and_only_if_it_is_for_one(kind: Any, merchant_id: str | None, good: bool) -> None:
    now = datetime.now(UTC)
    token, _ = tokens.issue_access(SECRET, "p-1", kind, (), "s-1", now, merchant_id)

    if good:
        assert tokens.read_access(SECRET, token, now).merchant_id == merchant_id
    else:
        with pytest.raises(NotAuthenticated):
            tokens.read_access(SECRET, token, now)
