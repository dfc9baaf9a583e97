"""A stand-in for the providers that pay out: a real HTTP server that moves simulated money as they do.

`Simulator().url + "/stripe"` is the base URL of a connection to simulated Stripe, and so on for each of `NAMES`. Module
`tests.rails.simulator.<name>` has a class `Simulated`, a `Provider`. Time is the simulator's own and stands still until
`advance`; what a provider does later (`later`) happens then, in order. Notifications wait in `webhooks` until `deliver`.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from threading import RLock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.rails.simulator.books import Books
from tests.rails.simulator.faults import Asked, Fault, Faults
from tests.rails.simulator.messages import Reply, Request, as_json

__all__ = ["NAMES", "START", "Deliver", "Provider", "Reply", "Request", "Simulator", "Webhook", "as_json"]
NAMES = ("alipay", "paypal", "stripe", "wechatpay", "wise")
START = datetime(2026, 11, 22, 2, tzinfo=UTC)
Deliver = Callable[[str, dict[str, str], bytes], object]
"""Takes a notification: the provider's name, the headers, the body."""


@dataclass(frozen=True)
class Webhook:
    """A notification, signed when it is delivered."""

    due: datetime
    rail: str
    body: bytes


class Provider:
    """What every simulated provider has. Its methods are called one at a time, under the simulator's lock.

    A subclass gives `asked`, `carry_out`, `refusal`, and where it has them `sign` and `saved`.
    """

    name: str

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.books = Books()

    def asked(self, request: Request) -> Asked:
        """Which sort of request it is, for the faults."""
        raise NotImplementedError

    def carry_out(self, request: Request, fault: Fault | None) -> Reply:
        """Does what is asked and answers. Of the faults it heeds those that concern a payment's fate, as it can."""
        raise NotImplementedError

    def refusal(self, status: int) -> Reply:
        """The provider's own body for 429, 500, 503."""
        raise NotImplementedError

    def sign(self, body: bytes) -> dict[str, str]:
        """The headers of a notification with this body, sent now."""
        return {"content-type": "application/json"}

    def saved(self, request: Request, reply: Reply) -> None:
        """Told of a 500 that replaces the real answer: some providers replay it under the same key."""

    def begun(self, request: Request) -> None:
        """Told of a request that will be carried out later: some providers lock its key meanwhile."""

    def answer(self, request: Request, fault: Fault | None) -> Reply:
        kind = fault.kind if fault else None
        if kind in ("too_many", "unavailable"):
            return self.refusal(429 if kind == "too_many" else 503)
        if kind in ("error", "error_committed"):
            if kind == "error_committed":
                self.carry_out(request, None)
            reply = self.refusal(500)
            self.saved(request, reply)
            return reply
        return self.carry_out(request, fault)

    def announce(self, body: bytes | dict[str, Any], after: timedelta = timedelta(0)) -> None:
        """A notification becomes due."""
        self.simulator.webhooks.append(Webhook(self.simulator.now + after, self.name, as_json(body)))


class Simulator:
    """All providers behind one address. A context manager: the server runs inside. `listener` takes the notifications that
    a fault `webhook_first` sends before the answer."""

    def __init__(self, now: datetime = START, seed: int = 0) -> None:
        self.now = now
        self.faults = Faults(seed)
        self.webhooks: list[Webhook] = []
        self.listener: Deliver | None = None
        self.requests: list[tuple[str, Request]] = []
        """Everything that arrived, by rail: for tests that compare bytes."""
        self.lock = RLock()
        self._providers: dict[str, Provider] = {}
        self._later: list[tuple[datetime, int, Callable[[], object]]] = []
        self._count = 0
        self._server = _Server(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> Simulator:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def provider(self, name: str) -> Any:
        """The simulated provider: its state, its books, and what only it can do (reverse, claim, confirm …)."""
        with self.lock:
            if name not in self._providers:
                self._providers[name] = import_module(f"tests.rails.simulator.{name}").Simulated(self)
            return self._providers[name]

    def later(self, after: timedelta, action: Callable[[], object]) -> None:
        """Does this when the clock has moved on by so much."""
        with self.lock:
            self._count += 1
            self._later.append((self.now + after, self._count, action))

    def advance(self, by: timedelta) -> None:
        """Moves the clock. What is due until then happens on the way, each at its own time."""
        with self.lock:
            until = self.now + by
            while due := sorted(each for each in self._later if each[0] <= until)[:1]:
                self._later.remove(due[0])
                self.now = max(self.now, due[0][0])
                due[0][2]()
            self.now = until

    def deliver(self, call: Deliver, *, times: int = 1, shuffled: bool = False, rail: str | None = None) -> int:
        """Hands over the notifications that are due, each so many times, in order or not. How many there were."""
        with self.lock:
            due = [each for each in self.webhooks if each.due <= self.now and rail in (None, each.rail)]
            self.webhooks = [each for each in self.webhooks if each not in due]
            due = sorted(due, key=lambda each: each.due) * times
            if shuffled:
                self.faults.random.shuffle(due)
            signed = [(each, self.provider(each.rail).sign(each.body)) for each in due]
        for each, headers in signed:
            call(each.rail, headers, each.body)
        return len(due)

    def top_up(self, rail: str, currency: str, amount: int) -> None:
        with self.lock:
            self.provider(rail).books.top_up(currency, amount)

    def held(self, rail: str, currency: str) -> int:
        """What the provider still holds for us, available or reserved, in minor units."""
        with self.lock:
            return int(self.provider(rail).books.held(currency))

    def paid_to(self, account: str, currency: str, rail: str | None = None) -> Counter[str]:
        """What reached this payee and stayed there, by our key, over all rails or one."""
        with self.lock:
            total: Counter[str] = Counter()
            for name in (rail,) if rail else tuple(self._providers):
                total += self.provider(name).books.paid_to(account, currency)
            return total

    def answered(self, rail: str, request: Request) -> tuple[Reply | None, Fault | None]:
        """The answer, None where there is none; and the fault that was met, for how it is sent."""
        with self.lock:
            provider = self.provider(rail)
            self.requests.append((rail, request))
            fault = self.faults.take(rail, provider.asked(request))
            if fault and fault.kind == "late":
                provider.begun(request)
                self.later(fault.after, lambda: provider.carry_out(request, None))
                return None, fault
            reply: Reply = provider.answer(request, fault)
        if fault and fault.kind == "webhook_first" and self.listener:
            self.deliver(self.listener, rail=rail)
        return (None if fault and fault.kind == "drop" else reply), fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.simulator = simulator


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 40 ms for the client's acknowledgement
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        rail, _, rest = self.path.lstrip("/").partition("/")
        if rail not in NAMES:
            return self._send(Reply(404, {"error": "no such provider"}))
        url = urlsplit("/" + rest)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        request = Request(self.command, url.path, query, headers, body, "/" + rest)
        reply, fault = self.server.simulator.answered(rail, request)
        if reply is None:
            return self._hang_up()
        self._send(reply, cut=fault is not None and fault.kind == "cut")

    def _send(self, reply: Reply, cut: bool = False) -> None:
        content = reply.content
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Nothing: what is sent is secret and personal."""
