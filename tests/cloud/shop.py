"""The deployed app as a storefront sees it: HTTP, JSON and nothing else."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Answer:
    status: int
    type: str
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Http:
    """One caller: an API key, a token, or nobody."""

    def __init__(self, base: str, credential: str | None = None) -> None:
        self.base = base
        self.credential = credential

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + quote(path, safe="/?=&%@"), data=sent, method=method)
        if sent is not None:
            request.add_header("Content-Type", "application/json")
        if self.credential:
            request.add_header("Authorization", f"Bearer {self.credential}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers.get("Content-Type", ""), answer.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers.get("Content-Type", ""), error.read().decode())

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = self(method, path, body)
        assert answer.status in (200, 201), (answer.status, answer.text)
        return answer.json


@dataclass(frozen=True)
class Person:
    """A distributor who has signed up and in."""

    id: str
    code: str
    http: Http

    def balance(self, currency: str = "CNY") -> dict[str, int]:
        rows = {row["currency"]: row for row in self.http.ok("GET", f"/v1/distributors/{self.id}/balance")["items"]}
        return {name: rows.get(currency, {}).get(name, 0) for name in ("estimated", "pending", "available")}


def join(base: str, name: str, invite_code: str | None = None) -> Person:
    email = f"{name}-{uuid4().hex[:8]}@people.example"
    body = {"name": name, "email": email, "password": PASSWORD, "locale": "en", "country": "DE", "accepted_terms": True}
    made = Http(base).ok("POST", "/v1/distributors", body | ({"invite_code": invite_code} if invite_code else {}))
    token = Http(base).ok("POST", "/v1/sessions", {"login": email, "password": PASSWORD})["access_token"]
    return Person(made["id"], made["code"], Http(base, token))


def order(
    amount: int, *, customer: str, paid: bool = True, placed_at: str = "2026-03-01T04:00:00Z", **more: Any
) -> Any:
    payments = [{"payment_id": "p1", "amount": amount, "paid_at": placed_at}] if paid else []
    lines = [{"line_id": "1", "quantity": 1, "amount": amount, "merchant_id": "m1"}]
    body = {"customer_id": customer, "currency": "CNY", "placed_at": placed_at, "lines": lines, "payments": payments}
    return body | more


def until(what: Callable[[], Any], wanted: Any, seconds: float = 20) -> None:
    """Polls until the stream has run; fails with what was seen last."""
    give_up = time.monotonic() + seconds
    while (seen := what()) != wanted:
        assert time.monotonic() < give_up, f"{seen} is not {wanted} after {seconds} s"
        time.sleep(0.1)
