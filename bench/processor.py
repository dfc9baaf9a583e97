"""Processor time of an order without the network and without DynamoDB: a stub answers every call at once.

What the container spends is ours and botocore's. The same calls are then made raw, with the same arguments: what that takes
is botocore's, and the rest is our own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

from botocore.awsrequest import AWSResponse

from bench.program import START, bind, images, opened, put, records, sales, settled_memory, stream

ROUNDS = 15
ORDERS = 100


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds of processor time an order, medians."""

    what: str
    whole: float
    botocore: float

    @property
    def own(self) -> float:
        return self.whole - self.botocore


class _Body:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.content


class Recording:
    """Calls as they were made, and the answers to give when they are made again."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[bytes] = []
        self._next = 0

    @contextmanager
    def recorded(self, client: Any) -> Iterator[None]:
        def asked(params: dict[str, Any], model: Any, **_: Any) -> None:
            self.calls.append((model.name, dict(params)))

        def answered(response: Any = None, http_response: Any = None, **_: Any) -> None:
            self.answers.append(http_response.content)

        events = client.meta.events
        events.register("provide-client-params.dynamodb.*", asked)
        events.register("after-call.dynamodb.*", answered)
        yield
        events.unregister("provide-client-params.dynamodb.*", asked)
        events.unregister("after-call.dynamodb.*", answered)

    @contextmanager
    def replayed(self, client: Any) -> Iterator[None]:
        def send(request: Any, **_: Any) -> AWSResponse:
            content = self.answers[self._next % len(self.answers)]
            self._next += 1
            return AWSResponse(request.url, 200, {"content-type": "application/x-amz-json-1.0"}, _Body(content))

        client.meta.events.register_first("before-send.dynamodb.*", send)
        yield
        client.meta.events.unregister("before-send.dynamodb.*", send)

    def repeat(self, client: Any) -> None:
        """Makes the calls once more, with nothing around them."""
        methods = {
            name: getattr(client, python_name) for python_name, name in client.meta.method_to_api_mapping.items()
        }
        for name, arguments in self.calls:
            methods[name](**arguments)


def measured(what: str, run: Callable[[], Any]) -> Spent:
    """What `run`, which takes ORDERS orders, costs each."""
    from chalicelib.store.connection import client

    tape, whole, raw = Recording(), [], []
    with tape.recorded(client()):
        run()
    settled_memory()
    with tape.replayed(client()):
        for _ in range(ROUNDS):
            whole.append(_taken(run))
            raw.append(_taken(lambda: tape.repeat(client())))
    return Spent(what, median(whole) * 1000 / ORDERS, median(raw) * 1000 / ORDERS)


def _taken(run: Callable[[], Any]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def spent() -> list[Spent]:
    """The order API, and the stream function with batches of 100 and one by one."""
    key = opened()
    orders = sales(ORDERS, "zipf", at=START + timedelta(days=1))
    [first] = sales(1, "zipf", seed=2)
    bind([*orders, first])
    put(first.event(key))  # from here on the container holds the key and the plan
    api = measured("order API", lambda: [put(each.event(key)) for each in orders])
    changes = images(orders)
    alone = [records([each]) for each in changes]
    return [
        api,
        measured("stream function, batches of 100", lambda: stream(records(changes))),
        measured("stream function, one by one", lambda: [stream(each) for each in alone]),
    ]
