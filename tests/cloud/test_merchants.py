"""Merchants and credit on the deployed package: the streams post what the API, the order and the daily run decide."""

from __future__ import annotations

from typing import Any

from local import cloud
from local.stack import Stack
from tests.cloud.shop import PASSWORD, Http, Person, until

PERIOD = "currency=CNY&from=2026-03-01&to=2026-03-31"


def bound(key: Http, recruit: Person, customer: str) -> None:
    body = {"code": recruit.code, "occurred_at": "2026-02-01T00:00:00Z"}
    assert key.ok("PUT", f"/v1/customers/{customer}/binding", body)["outcome"] == "bound"


def net(who: Http, merchant: str) -> int:
    total: int = who.ok("GET", f"/v1/merchants/{merchant}/statement?{PERIOD}")["items"][0]["total"]["net"]
    return total


def entries(person: Person) -> int:
    return sum(each["amount"] for each in person.http.ok("GET", f"/v1/distributors/{person.id}/entries")["items"])


def test_two_merchants_and_a_refund_of_one_of_their_lines_add_up_to_zero(
    stack: Stack, key: Http, staff: Http, sponsor: Person, recruit: Person, fresh: str
) -> None:
    bound(key, recruit, fresh)
    tea, cup, path = f"{fresh}-tea", f"{fresh}-cup", f"/v1/orders/{fresh}"
    body = {
        "customer_id": fresh,
        "currency": "CNY",
        "placed_at": "2026-03-01T04:00:00Z",
        "lines": [
            {"line_id": "1", "amount": 10_000, "merchant_id": tea},
            {"line_id": "2", "amount": 20_000, "merchant_id": cup},
        ],
        "payments": [{"payment_id": "p1", "amount": 30_000, "paid_at": "2026-03-01T04:00:00Z"}],
    }
    key.ok("PUT", path, body)
    until(lambda: (net(staff, tea), net(staff, cup)), (1_300, 2_600))

    refund = {"refund_id": "r1", "refunded_at": "2026-03-05T00:00:00Z", "lines": [{"line_id": "1", "amount": 4_000}]}
    key.ok("PUT", path, {"customer_id": fresh, "currency": "CNY", "refunds": [refund]})

    until(lambda: (net(staff, tea), net(staff, cup)), (780, 2_600))
    until(lambda: (entries(recruit), entries(sponsor)), (2_600, 780))
    assert entries(recruit) + entries(sponsor) - net(staff, tea) - net(staff, cup) == 0

    user = {"name": "Mei", "email": f"{fresh}@m1.example", "password": PASSWORD}
    staff.ok("PUT", f"/v1/merchants/{tea}", {"name": "Tea House"})
    staff.ok("POST", f"/v1/merchants/{tea}/users", user)
    token = Http(stack.base_url).ok("POST", "/v1/sessions", {"login": user["email"], "password": PASSWORD})
    mei = Http(stack.base_url, token["access_token"])
    assert net(mei, tea) == 780
    assert [line["line_id"] for line in mei.ok("GET", f"/v1/merchants/{tea}/orders/{fresh}")["lines"]] == ["1"]
    assert mei("GET", f"/v1/merchants/{cup}/statement?{PERIOD}").status == 404
    assert mei("GET", path).status == 403


def test_an_overdue_customer_s_orders_stop_and_post_when_the_debt_is_paid(
    stack: Stack, key: Http, staff: Http, recruit: Person, fresh: str
) -> None:
    bound(key, recruit, fresh)
    terms = {"credit_limit": 50_000, "net_days": 20, "currency": "CNY"}
    staff.ok("PUT", f"/v1/customers/{fresh}/terms", terms)

    def put(order: str, **more: Any) -> Any:
        return key.ok("PUT", f"/v1/orders/{fresh}-{order}", {"customer_id": fresh, "currency": "CNY", **more})

    def paid(day: str) -> Any:
        return [{"payment_id": "p1", "amount": 10_000, "paid_at": f"{day}T04:00:00Z"}]

    for order, day in (("a", "2026-09-01"), ("b", "2026-11-21")):
        put(order, placed_at=f"{day}T04:00:00Z", lines=[{"line_id": "1", "amount": 10_000}])
    # A request judges by today; the run by the time of its event.
    cloud.invoke(stack, "Overdue", cloud.scheduled_event("2026-11-22T01:00:00Z"))
    assert {key.ok("GET", f"/v1/orders/{fresh}-{order}")["stopped_at"] for order in "ab"} == {"2026-09-21T16:00:00Z"}
    report = staff.ok("GET", f"/v1/customers/{fresh}/ageing")
    assert (report["outstanding"]["CNY"]["total"], report["overdue_since"]) == (20_000, "2026-09-21")

    put("b", payments=paid("2026-11-21"))
    assert recruit.balance() == {"estimated": 2_000, "pending": 0, "available": 0}
    explained = key.ok("GET", f"/v1/orders/{fresh}-b/commissions")
    assert "overdue" in explained["lines"][0]["because"]

    put("a", payments=paid("2026-11-22"))
    until(recruit.balance, {"estimated": 0, "pending": 2_000, "available": 0})
    assert staff.ok("GET", f"/v1/customers/{fresh}/ageing")["orders"] == []
    proof = staff.ok("GET", f"/v1/ledger/verify?distributor_id={recruit.id}")
    assert proof["mismatches"] == []
