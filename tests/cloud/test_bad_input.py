"""What the issue calls bad input: each a 4xx problem that names the path, and nothing is changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cloud.shop import Answer, Http, Person, order

REFUND = {"refund_id": "r1", "refunded_at": "2026-03-02T00:00:00Z"}

PAYMENT = {"payment_id": "p", "paid_at": "2026-03-01T00:00:00Z"}


def problem(answer: Answer) -> tuple[int, set[str]]:
    assert answer.type.startswith("application/problem+json")
    body = answer.json
    assert body["status"] == answer.status
    assert body["code"] and body["title"] and body["detail"]
    return answer.status, {each["path"] for each in body["errors"]}


def changed(**values: Any) -> Any:
    return order(10_000, customer="c-bad") | values


def a_line(**values: Any) -> Any:
    return changed(lines=[{"line_id": "1", "amount": 10_000} | values])


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        (b'{"customer_id": "c-bad", ', 400, ""),
        (b"\xff\xfe", 400, ""),
        (changed(colour="red"), 400, "colour"),
        (a_line(colour="red"), 400, "lines[0].colour"),
        (a_line(amount=-1), 400, "lines[0].amount"),
        (a_line(amount=99.5), 400, "lines[0].amount"),
        (a_line(amount="100"), 400, "lines[0].amount"),
        (changed(currency="XQZ"), 400, "currency"),
        (changed(currency=None), 400, "currency"),
        (
            changed(payments=[{"payment_id": "p", "amount": -5, "paid_at": "2026-03-01T00:00:00Z"}]),
            400,
            "payments[0].amount",
        ),
        (changed(refunds=[REFUND | {"amount": 10_001}]), 422, "refunds"),
        (
            changed(refunds=[REFUND | {"lines": [{"line_id": "1", "amount": 10_001}]}]),
            422,
            "refunds[r1].lines[0].amount",
        ),
    ],
)
def test_a_bad_order_is_a_problem_that_names_the_path(key: Http, fresh: str, body: Any, status: int, path: str) -> None:
    answer = key("PUT", f"/v1/orders/{fresh}", body)

    assert problem(answer)[0] == status, answer.text
    assert path in (problem(answer)[1] or {""}), answer.text
    assert key("GET", f"/v1/orders/{fresh}").status == 404


def test_bad_facts_leave_a_known_order_as_it_was(key: Http, fresh: str) -> None:
    first = key.ok("PUT", f"/v1/orders/{fresh}", changed())

    assert key("PUT", f"/v1/orders/{fresh}", changed(refunds=[REFUND | {"amount": 20_000}])).status == 422
    assert key("PUT", f"/v1/orders/{fresh}", changed(currency="USD")).status == 409
    assert key.ok("GET", f"/v1/orders/{fresh}") == first


def test_ten_megabytes_are_too_much(key: Http, fresh: str) -> None:
    body = json.dumps(a_line(sku="x" * 10_000_000)).encode()

    answer = key("PUT", f"/v1/orders/{fresh}", body)

    assert problem(answer)[0] == 413
    assert key("GET", f"/v1/orders/{fresh}").status == 404


def test_nobody_is_bound_to_an_unknown_code(key: Http, fresh: str) -> None:
    answer = key("PUT", f"/v1/customers/{fresh}/binding", {"code": "NOBODY99", "occurred_at": "2026-03-01T00:00:00Z"})

    assert problem(answer) == (422, {"code"})
    assert key("GET", f"/v1/customers/{fresh}/binding").status == 404


def test_a_foreign_cursor_is_a_problem(key: Http, sponsor: Person, recruit: Person) -> None:
    answer = sponsor.http("GET", f"/v1/distributors/{sponsor.id}/team?cursor=e30")

    assert problem(answer) == (400, {"cursor"})


@pytest.mark.parametrize(("language", "letter"), [("zh-CN,zh;q=0.9", True), ("en", False)])
def test_problems_speak_the_callers_language(key: Http, fresh: str, language: str, letter: bool) -> None:
    answer = key("PUT", f"/v1/orders/{fresh}", changed(currency="XQZ"), Accept_Language=language)

    assert any("\u4e00" <= each <= "\u9fff" for each in answer.json["title"] + answer.json["detail"]) == letter
