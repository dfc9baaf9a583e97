"""Signed deliveries through the API Gateway of the local cloud: the bytes that were signed are the bytes that arrive."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from local.signers import fenrun
from tests.cloud.shop import Answer, Http, Person


class Shop:
    """A storefront that signs its deliveries, and what the operator sees of it."""

    def __init__(self, key: Http, name: str) -> None:
        self.key, self.id = key, name
        secrets, self.secret = fenrun.keys()
        self.given = secrets
        self.answer = key("PUT", f"/v1/connections/{name}", {"provider": "fenrun", "secrets": secrets})

    def sends(self, body: bytes, delivery_id: str = "msg_1", content_type: str = "application/json") -> Answer:
        headers, sent = fenrun.sign(body, self.secret, datetime.now(UTC), delivery_id=delivery_id)
        return Http(self.key.base)(
            "POST", f"/webhooks/fenrun/{self.id}", sent, **{**_named(headers), "Content_Type": content_type}
        )

    def check(self) -> Any:
        return self.key.ok("GET", f"/v1/connections/{self.id}/check")

    def deliveries(self) -> list[Any]:
        found: list[Any] = self.key.ok("GET", f"/v1/inbox?connection_id={self.id}")["items"]
        return found


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in headers.items() if name != "content-type"}


@pytest.fixture
def shop(key: Http, fresh: str) -> Shop:
    return Shop(key, f"shop-{fresh}")


def order(order_id: str, code: str, **more: Any) -> bytes:
    body = {
        "order_id": order_id,
        "customer_id": f"c-{order_id}",
        "currency": "CNY",
        "placed_at": "2026-03-01T04:00:00Z",
        "lines": [{"line_id": "1", "amount": 10_000}],
        "attribution": {"code": code},
        "payments": [{"payment_id": "p-1", "amount": 10_000, "paid_at": "2026-03-01T04:00:00Z"}],
        **more,
    }
    return json.dumps(body, ensure_ascii=False).encode()


def test_a_connection_is_made_and_its_secret_never_read_back(shop: Shop) -> None:
    assert shop.answer.status == 200, shop.answer.text
    assert shop.answer.json["path"] == f"/webhooks/fenrun/{shop.id}"
    assert shop.answer.json["secrets"] == {"signing_secret": 1}
    read = shop.key("GET", f"/v1/connections/{shop.id}")
    assert shop.given["signing_secret"][0] not in shop.answer.text + read.text
    assert shop.check()["state"] == "silent"
    assert shop.id in [each["id"] for each in shop.key.ok("GET", "/v1/connections?limit=100")["items"]]


def test_a_delivery_becomes_an_order_with_its_commission(shop: Shop, recruit: Person, fresh: str) -> None:
    answer = shop.sends(order(f"o-{fresh}", recruit.code))

    assert (answer.status, answer.text) == (200, "")
    commissions = shop.key.ok("GET", f"/v1/orders/o-{fresh}/commissions")
    assert (commissions["direct"]["amount"], commissions["indirect"]["amount"]) == (1000, 300)
    (kept,) = shop.deliveries()
    assert (kept["state"], kept["order_ids"]) == ("done", [f"o-{fresh}"])
    assert shop.check()["state"] == "ok"


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/octet-stream", "text/plain", "image/png"]
)
def test_the_bytes_arrive_as_they_were_signed(shop: Shop, recruit: Person, fresh: str, content_type: str) -> None:
    product = "龙井·50g ☕ \\u00e9 café \u2028"
    body = order(f"o-{fresh}", recruit.code, lines=[{"line_id": "1", "amount": 100, "product_id": product.strip()}])

    assert shop.sends(body + b"\r\n \t", content_type=content_type).status == 200
    assert [each["state"] for each in shop.deliveries()] == ["done"]


def test_what_is_no_order_is_kept_stuck_and_replayable(shop: Shop, fresh: str) -> None:
    assert shop.sends(b"\xff\xfe\x00 not even text").status in (200, 401)  # a gateway passes text on, or these bytes
    assert shop.sends(b'{"order_id": "o"}', "msg_2").status == 200

    stuck = next(each for each in shop.deliveries() if each["delivery_id"] == "msg_2")
    assert (stuck["state"], stuck["trouble"]["code"]) == ("stuck", "MISSING_FIELD")
    again = shop.key("POST", f"/v1/inbox/{stuck['id']}/replay")
    assert (again.status, again.json["state"], again.json["attempts"]) == (200, "stuck", 2)
    assert shop.check()["stuck"]


def test_nearly_ten_megabytes_arrive_and_are_kept(shop: Shop) -> None:
    body = json.dumps({"note": "龙" * 3_000_000}, ensure_ascii=False).encode()
    assert 9_000_000 < len(body) < 10_000_000

    assert shop.sends(body).status == 200
    (kept,) = shop.deliveries()
    assert (kept["size"], kept["state"], kept["trouble"]["code"]) == (len(body), "stuck", "BODY_TOO_LARGE")
    assert shop.key("POST", f"/v1/inbox/{kept['id']}/replay").status == 200


def test_a_wrong_secret_is_refused_and_the_check_says_so(shop: Shop, recruit: Person, fresh: str) -> None:
    shop.secret = b"w" * 32

    answer = shop.sends(order(f"o-{fresh}", recruit.code))

    assert (answer.status, answer.type) == (401, "application/problem+json")
    check = shop.check()
    assert (check["state"], check["refused"][0]["code"]) == ("refused", "BAD_SIGNATURE")
    assert "secret" in check["refused"][0]["because"]
    assert shop.deliveries() == []


def test_a_rewritten_body_and_another_providers_delivery_are_told_apart(shop: Shop, fresh: str) -> None:
    headers, body = fenrun.sign(order(f"o-{fresh}", "X"), shop.secret, datetime.now(UTC))
    nobody, path = Http(shop.key.base), f"/webhooks/fenrun/{shop.id}"

    rewritten = json.dumps(json.loads(body), separators=(",", ":")).encode()
    assert nobody("POST", path, rewritten, **_named(headers)).status == 401
    assert nobody("POST", path, body, Stripe_Signature="t=1,v1=00").status == 401
    codes = {each["code"]: each["because"] for each in shop.check()["refused"]}
    assert codes.keys() == {"BODY_CHANGED", "OTHER_PROVIDER"}
    assert "stripe" in codes["OTHER_PROVIDER"]


def test_many_who_rotate_a_secret_at_once_leave_one_in_force(shop: Shop, recruit: Person, fresh: str) -> None:
    given = [fenrun.keys() for _ in range(8)]

    def rotate(secrets: dict[str, list[str]]) -> int:
        return shop.key("PUT", f"/v1/connections/{shop.id}", {"provider": "fenrun", "secrets": secrets}).status

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(rotate, [secrets for secrets, _ in given]))

    assert set(statuses) <= {200, 409} and 200 in statuses
    tried = [(shop.secret, 0)] + [(secret, i) for i, (_, secret) in enumerate(given)]
    accepted = 0
    for secret, i in tried:
        shop.secret = secret
        accepted += shop.sends(order(f"o-{fresh}-{i}", recruit.code), f"msg_{secret.hex()[:8]}").status == 200
    assert accepted == 1
    assert rotate(fenrun.keys()[0]) == 200


def test_who_may_not_look(shop: Shop, recruit: Person) -> None:
    for caller, status in ((Http(shop.key.base), 401), (recruit.http, 403)):
        for method, path in (
            ("GET", "/v1/connections"),
            ("GET", f"/v1/connections/{shop.id}"),
            ("GET", f"/v1/connections/{shop.id}/check"),
            ("DELETE", f"/v1/connections/{shop.id}"),
            ("GET", "/v1/inbox"),
            ("POST", "/v1/inbox/none/replay"),
        ):
            assert caller(method, path).status == status, (method, path)


def test_a_deleted_connection_takes_nothing_more(shop: Shop, recruit: Person, fresh: str) -> None:
    assert shop.key("DELETE", f"/v1/connections/{shop.id}").status == 204

    answer = shop.sends(order(f"o-{fresh}", recruit.code))
    assert (answer.status, answer.json["code"]) == (404, "NO_SUCH_CONNECTION")
    for path in (f"/webhooks/fenrun/{shop.id}", "/webhooks/magento/x", f"/webhooks/fenrun/{quote('ü')}"):
        assert Http(shop.key.base)("POST", path, base64.b64encode(b"x")).status == 404
