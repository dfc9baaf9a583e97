"""One order on the whole road: sign-up, binding, order, stream, hold, matured; on the deployed package, through HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local import cloud
from local.stack import Stack
from tests.cloud.shop import Http, Person, order, until

ZERO = {"estimated": 0, "pending": 0, "available": 0}


def held(pending: int = 0, available: int = 0, estimated: int = 0) -> dict[str, int]:
    return {"estimated": estimated, "pending": pending, "available": available}


def mature(stack: Stack, at: str = "2030-01-01T00:00:00Z") -> int:
    days: int = cloud.invoke(stack, "Mature", cloud.scheduled_event(at))["days"]
    return days


def verified(staff: Http) -> tuple[dict[str, int], list[Any]]:
    proof = staff.ok("GET", "/v1/ledger/verify")
    return proof["imbalance"], proof["mismatches"]


def test_an_order_moves_estimated_then_pending_then_available_and_a_refund_ends_at_zero(
    stack: Stack, key: Http, staff: Http, sponsor: Person, recruit: Person, fresh: str
) -> None:
    bound = key.ok(
        "PUT", f"/v1/customers/{fresh}/binding", {"code": recruit.code, "occurred_at": "2026-02-01T00:00:00Z"}
    )
    assert (bound["outcome"], bound["distributor_id"]) == ("bound", recruit.id)
    path = f"/v1/orders/{fresh}"

    stored = key.ok("PUT", path, order(20_000, customer=fresh, paid=False))
    assert stored["attributed"]["because"] == "binding"
    assert (recruit.balance(), sponsor.balance()) == (held(estimated=2000), held(estimated=600))

    key.ok("PUT", path, order(20_000, customer=fresh))
    until(recruit.balance, held(pending=2000))
    until(sponsor.balance, held(pending=600))
    explained = key.ok("GET", f"{path}/commissions")
    assert explained["direct"]["state"] == "pending"
    assert [entry["amount"] for entry in explained["entries"]] == [2000, 600]

    mature(stack)
    assert (recruit.balance(), sponsor.balance()) == (held(available=2000), held(available=600))
    assert key.ok("GET", f"{path}/commissions")["direct"]["state"] == "available"

    refund = {"refund_id": "r1", "refunded_at": "2026-03-20T00:00:00Z", "lines": [{"line_id": "1", "amount": 20_000}]}
    key.ok("PUT", path, {"customer_id": fresh, "currency": "CNY", "refunds": [refund]})
    until(recruit.balance, ZERO)
    until(sponsor.balance, ZERO)
    statement = recruit.http.ok("GET", f"/v1/distributors/{recruit.id}/entries")["items"]
    assert sorted(entry["amount"] for entry in statement) == [-2000, 2000]
    assert verified(staff) == ({"CNY": 0}, [])


def test_the_same_order_five_times_at_once_is_posted_once(key: Http, recruit: Person, fresh: str) -> None:
    body = order(10_000, customer=fresh, attribution={"code": recruit.code})

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: key("PUT", f"/v1/orders/{fresh}", body), range(5)))

    assert [each.status for each in answers] == [200] * 5
    assert {each.json["revision"] for each in answers} == {1}
    until(recruit.balance, held(pending=1000))
    assert len(recruit.http.ok("GET", f"/v1/distributors/{recruit.id}/entries")["items"]) == 1


def test_sixteen_writers_on_one_distributors_balance_end_with_exact_sums(
    stack: Stack, key: Http, staff: Http, sponsor: Person, recruit: Person, fresh: str
) -> None:
    """Old orders, so that days mature while others are posted to them."""

    def put(i: int) -> int:
        path, customer = f"/v1/orders/{fresh}-{i}", f"{fresh}-{i}"
        body = order(1_000 + i, customer=customer, attribution={"code": recruit.code})
        status = key("PUT", path, body).status
        if i % 4 == 0:
            refund = {"refund_id": "r", "refunded_at": "2026-03-02T00:00:00Z", "amount": 500}
            status = max(status, key("PUT", path, body | {"refunds": [refund]}).status)
        return status

    with ThreadPoolExecutor(16) as pool:
        puts = [pool.submit(put, i) for i in range(32)]
        matures = [pool.submit(mature, stack) for _ in range(3)]
        assert {each.result() for each in puts} == {200}
        for each in matures:
            each.result()

    explained = [key.ok("GET", f"/v1/orders/{fresh}-{i}/commissions") for i in range(32)]
    direct = sum(each["direct"]["accrued"] for each in explained)
    indirect = sum(each["indirect"]["accrued"] for each in explained)
    until(lambda: sum(recruit.balance().values()), direct)
    until(lambda: sum(sponsor.balance().values()), indirect)
    mature(stack)
    assert (recruit.balance(), sponsor.balance()) == (held(available=direct), held(available=indirect))
    assert verified(staff) == ({"CNY": 0}, [])


def test_a_batch_answers_for_each_order(key: Http, recruit: Person, fresh: str) -> None:
    good = order(10_000, customer=fresh, attribution={"code": recruit.code}) | {"order_id": fresh}
    refunds = [{"refund_id": "r", "refunded_at": "2026-03-02T00:00:00Z", "amount": 10_001}]
    bad = order(10_000, customer=fresh, refunds=refunds) | {"order_id": f"{fresh}-bad"}

    unread = {**good, "order_id": f"{fresh}-x", "currency": "QQQ"}
    *items, last = key.ok("POST", "/v1/orders/batch", {"orders": [good, bad, unread]})["items"]
    assert (last["order_id"], last["status"], last["problem"]["code"]) == (f"{fresh}-x", 400, "NO_SUCH_CURRENCY")

    assert [each["status"] for each in items] == [200, 422]
    assert key("GET", f"/v1/orders/{fresh}-bad").status == 404
    until(recruit.balance, held(pending=1000))


def test_a_sponsor_sees_the_team_of_the_month(
    stack: Stack, key: Http, sponsor: Person, recruit: Person, fresh: str
) -> None:
    team = sponsor.http.ok("GET", f"/v1/distributors/{sponsor.id}/team")["items"]

    assert [(each["distributor_id"], each["name"]) for each in team] == [(recruit.id, "R**")]


@pytest.mark.parametrize("part", ["", "/balance", "/entries", "/orders", "/team"])
def test_to_a_distributor_another_one_does_not_exist(sponsor: Person, recruit: Person, part: str) -> None:
    assert recruit.http("GET", f"/v1/distributors/{recruit.id}{part}").status == 200

    answer = recruit.http("GET", f"/v1/distributors/{sponsor.id}{part}")

    assert (answer.status, answer.json["code"]) == (404, "NOT_FOUND")


def test_nobody_and_a_distributor_may_not_write_orders(stack: Stack, recruit: Person, fresh: str) -> None:
    body = order(10_000, customer=fresh)

    assert Http(stack.base_url)("PUT", f"/v1/orders/{fresh}", body).status == 401
    assert recruit.http("PUT", f"/v1/orders/{fresh}", body).status == 403
    assert Http(stack.base_url, "fk_wrong")("PUT", f"/v1/orders/{fresh}", body).status == 401


def test_an_idempotency_key_gives_the_first_answer_again(key: Http, recruit: Person, fresh: str) -> None:
    path, body = f"/v1/orders/{fresh}", order(10_000, customer=fresh)
    first = key("PUT", path, body, Idempotency_Key=fresh)

    assert key("PUT", path, body, Idempotency_Key=fresh).json == first.json
    assert key("PUT", path, order(9_000, customer=fresh), Idempotency_Key=fresh).status == 409
