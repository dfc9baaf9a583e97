"""A small client of the public API: JSON in and out, connections kept open, safe to share between threads."""

from __future__ import annotations

import json
import time
from typing import Any

import urllib3

ATTEMPTS = 4
_AGAIN = frozenset({429, 502, 503, 504})


class Refusal(Exception):
    """The API answered with a problem; `code` is its machine-readable name."""

    def __init__(self, request: str, status: int, code: str, detail: str) -> None:
        super().__init__(f"{request} answered {status} {code}: {detail}")
        self.status, self.code = status, code


class Wrong(Exception):
    """The demo saw something that must not be; the message says what."""


class Api:
    """Calls the API at `base_url`, as whoever `credential` (an API key or an access token) names, or as nobody."""

    def __init__(self, base_url: str, credential: str | None = None, pool: urllib3.PoolManager | None = None) -> None:
        self._base_url, self._credential = base_url, credential
        self._pool = pool or urllib3.PoolManager(
            maxsize=16, retries=False, timeout=urllib3.Timeout(connect=5, read=120)
        )

    def acting_as(self, credential: str | None) -> Api:
        """The same API as somebody else, on the same connections."""
        return Api(self._base_url, credential, self._pool)

    def signed_in(self, login: str, password: str) -> Api:
        """The same API as the person who signs in."""
        session = self.acting_as(None).post("/v1/sessions", {"login": login, "password": password})
        return self.acting_as(session["access_token"])

    def get(self, path: str) -> Any:
        return self._json("GET", path, None)

    def post(self, path: str, body: Any = None) -> Any:
        return self._json("POST", path, body)

    def put(self, path: str, body: Any = None) -> Any:
        return self._json("PUT", path, body)

    def everything(self, path: str) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit=100{cursor}")
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = f"&cursor={page['next']}"

    def redirected_to(self, path: str) -> str:
        """Where a link leads."""
        answer = self._send("GET", path, None)
        if answer.status != 302:
            raise self._refusal(f"GET {path}", answer)
        return answer.headers["Location"]

    def deliver(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Posts these very bytes; the status and the body of the answer, whatever they are."""
        answer = self._send_bytes("POST", path, body, headers)
        return answer.status, answer.data

    def _json(self, method: str, path: str, body: Any) -> Any:
        answer = self._send(method, path, body)
        if answer.status >= 300:
            raise self._refusal(f"{method} {path}", answer)
        return json.loads(answer.data) if answer.data else None

    def _send(self, method: str, path: str, body: Any) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "Accept-Language": "en"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._credential:
            headers["Authorization"] = f"Bearer {self._credential}"
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        return self._send_bytes(method, path, data, headers)

    def _send_bytes(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        for attempt in range(1, ATTEMPTS + 1):
            answer = self._pool.request(method, self._base_url + path, body=body, headers=headers, redirect=False)
            if answer.status not in _AGAIN or attempt == ATTEMPTS:
                return answer
            time.sleep(0.2 * 2**attempt)
        raise AssertionError("the last attempt returns")

    def _refusal(self, request: str, answer: urllib3.BaseHTTPResponse) -> Refusal:
        try:
            problem = json.loads(answer.data)
        except ValueError:
            problem = {}
        return Refusal(request, answer.status, problem.get("code", ""), problem.get("detail", answer.data[:200]))
