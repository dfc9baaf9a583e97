"""What staff decides: another distributor for an order, a rank, a suspension. And the statement that says so."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.flows.record_order import record_order
from chalicelib.settings import settings
from chalicelib.store import distributors, orders
from chalicelib.store.dynamo import send
from chalicelib.store.items import from_item
from tests.api.callers import Caller, signed_in, storefront
from tests.flows.shop import NOW, book, open_shop, ordered, paid, person, refunded, said

ATTRIBUTION = "/v1/orders/{order_id}/attribution"
ONE = "/v1/distributors/{distributor_id}"
ENTRIES = "/v1/distributors/{distributor_id}/entries"


@pytest.fixture(autouse=True)
def shop(tables: Any) -> None:
    open_shop()
    distributors.create(person("dan"), {})


@pytest.fixture
def ops() -> Caller:
    return signed_in("p-ops", "staff", "ops")


def give(
    who: Caller, distributor_id: str = "dan", order_id: str = "o-1", reason: str = "wrong link", **more: Any
) -> Any:
    return who("POST", ATTRIBUTION, {"distributor_id": distributor_id, "reason": reason}, order_id=order_id, **more)


def actions() -> list[str]:
    rows = [from_item(item) for item in send("scan", TableName=settings().audit_table)["Items"]]
    return sorted(f"{row['who']} {row['action']}" for row in rows if row["action"] != "plan.save")


def test_staff_gives_an_order_to_another_distributor(ops: Caller) -> None:
    before = record_order(ordered(payments=paid()), NOW)
    got = give(ops, once="k-1")

    assert (got.status, got.json["revision"]) == (200, 2)
    assert got.json["attributed"] == {"because": "staff", "plan": "default@1", "direct": "dan", "indirect": None}
    assert give(ops, once="k-1").json == got.json == give(ops).json
    assert actions() == ["staff:p-ops order.attribute: wrong link"]
    after = orders.get("o-1")
    assert after
    book(before, after)
    explained = ops("GET", "/v1/orders/{order_id}/commissions", order_id="o-1").json
    assert sorted((each["account"], each["amount"]) for each in explained["entries"]) == [
        ("distributor:ann:CNY", -1000),
        ("distributor:ann:CNY", 1000),
        ("distributor:bob:CNY", -300),
        ("distributor:bob:CNY", 300),
        ("distributor:dan:CNY", 1000),
    ]
    moved = [each["because"] for each in explained["entries"] if each["revision"] == 2]
    assert all("staff gave the order to another distributor" in because for because in moved)


def test_others_may_not(ops: Caller) -> None:
    record_order(ordered(payments=paid()), NOW)

    for who in (signed_in("ann", "distributor"), signed_in("p-2", "staff", "support"), storefront("orders:write")):
        assert give(who).status == 403
        assert who("PATCH", ONE, {"status": "suspended"}, distributor_id="dan").status == 403
    assert give(Caller(None)).status == 401
    assert actions() == []


def test_what_cannot_be_is_refused(ops: Caller) -> None:
    assert give(ops).status == 404
    record_order(said(payments=paid()), NOW)
    assert (give(ops).status, give(ops).json["code"]) == (409, "ORDER_NOT_ATTRIBUTED")
    record_order(ordered(payments=paid()), NOW)
    nobody = give(ops, "nobody", language="zh-CN")
    assert (nobody.status, nobody.json["code"]) == (422, "UNKNOWN_DISTRIBUTOR")
    assert nobody.json["errors"][0]["path"] == "distributor_id" and "没有" in nobody.json["detail"]
    assert give(ops, reason="").status == 400


def test_a_rank_counts_from_the_next_order_on(ops: Caller) -> None:
    got = ops("PATCH", ONE, {"rank": "gold"}, distributor_id="ann")

    assert (got.status, got.json["rank"], got.json["status"]) == (200, "gold", "active")
    order = record_order(ordered(payments=paid()), NOW)
    assert order.terms and order.terms.direct and order.terms.direct.rank == "gold"
    assert ops("PATCH", ONE, {"rank": "gold"}, distributor_id="ann").json == got.json
    assert ops("PATCH", ONE, {}, distributor_id="ann").json == got.json
    assert ops("PATCH", ONE, {"rank": None}, distributor_id="ann").json["rank"] is None
    assert "rank" not in row("ann")
    assert actions() == ["staff:p-ops distributor.standing: rank: None", "staff:p-ops distributor.standing: rank: gold"]


def row(distributor_id: str) -> dict[str, Any]:
    key = {"id": {"S": distributor_id}}
    return from_item(send("get_item", TableName=settings().distributors_table, Key=key)["Item"])


def test_who_is_suspended_is_signed_out_and_not_paid_until_let_in_again(ops: Caller) -> None:
    ann = signed_in("ann", "distributor")
    assert ann("GET", ONE, distributor_id="ann").status == 200

    assert ops("PATCH", ONE, {"status": "suspended"}, distributor_id="ann").json["status"] == "suspended"

    assert ann("GET", ONE, distributor_id="ann").status == 401
    order = record_order(ordered(payments=paid()), NOW)
    assert order.terms and order.terms.direct and order.terms.direct.unpaid == "inactive"
    assert ops("PATCH", ONE, {"status": "active", "rank": "gold"}, distributor_id="ann").json["rank"] == "gold"
    later = record_order(ordered("o-2", payments=paid()), NOW)
    assert later.terms and later.terms.direct and later.terms.direct.unpaid is None


def test_a_change_in_between_is_seen(ops: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    write = distributors.set_standing

    def once(*arguments: Any) -> bool:
        monkeypatch.setattr(distributors, "set_standing", write)
        assert ops("PATCH", ONE, {"rank": "silver"}, distributor_id="ann").status == 200
        return write(*arguments)

    monkeypatch.setattr(distributors, "set_standing", once)

    got = ops("PATCH", ONE, {"status": "suspended"}, distributor_id="ann").json
    assert (got["status"], got["rank"], row("ann")["rank"]) == ("suspended", "silver", "silver")


@pytest.mark.parametrize(
    "body", [{"status": "closed"}, {"status": None}, {"rank": ""}, {"rank": 5}, {"sponsor_id": "dan"}, {"fee": 1}]
)
def test_nothing_else_can_be_changed(ops: Caller, body: Any) -> None:
    assert ops("PATCH", ONE, body, distributor_id="ann").status == 400
    assert ops("PATCH", ONE, {"rank": "gold"}, distributor_id="nobody").status == 404


def test_every_line_of_the_statement_says_why_and_one_read_fetches_all_orders(requests_sent: Any) -> None:
    images = []
    for i in range(3):
        first = record_order(ordered(f"o-{i}", payments=paid()), NOW)
        last = record_order(said(f"o-{i}", refunds=refunded(("1", 4_000))), NOW)
        book(first, last)
        images.append(last)
    sent = requests_sent()
    ann = signed_in("ann", "distributor")
    ann("GET", ONE, distributor_id="ann")
    sent.clear()

    items = ann("GET", ENTRIES, query={"limit": ["4"]}, distributor_id="ann").json["items"]

    operations = [operation for operation, _ in sent]
    assert operations == ["GetItem", "Query", "BatchGetItem"]
    assert [each["amount"] for each in items] == [-400, 1000, -400, 1000]
    for each in items:
        start = "takes back 4.00 CNY" if each["amount"] < 0 else "10.00 CNY"
        cause = "because of refund r-1" if each["amount"] < 0 else "because of payment p-1; general rule: 10 %"
        end = "2026-03-16."
        assert each["because"].startswith(f"{start} of direct commission on order {each['order_id']}; {cause}; ")
        assert each["because"].endswith(end)

    chinese = ann("GET", ENTRIES, language="zh-CN", distributor_id="ann").json["items"]
    assert {each["because"][:2] for each in chinese} == {"收回", "订单"}
    bobs = signed_in("bob", "distributor")("GET", ENTRIES, distributor_id="bob").json["items"]
    assert {each["because"].split(";")[0].split(" on ")[0] for each in bobs} == {
        "3.00 CNY of indirect commission",
        "takes back 1.20 CNY of indirect commission",
    }
