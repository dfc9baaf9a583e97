"""What production does with an answer that is none: clients and providers send again, Lambda delivers an event again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ministack.services import dynamodb

import app
from chalicelib.domain.errors import FenrunError
from chalicelib.schedules.replay import replay
from chalicelib.settings import settings
from chalicelib.streams.commissions import commissions
from tests.api.conftest import Http, Reply
from tests.faults.kinds import Crash
from tests.faults.world import World
from tests.streams.events import Context

_TRIES = 4
_AGAIN = timedelta(seconds=61)
"""Longer than an idempotency key is leased for."""
_http = Http(app.app)


class NotSorted(AssertionError):
    """An error left that nobody had foreseen."""


def ask(
    world: World,
    credential: str | None,
    method: str,
    route: str,
    body: Any = None,
    *,
    once: bool = True,
    same: bool | None = True,
    headers: dict[str, str] | None = None,
    **path: str,
) -> Reply:
    """A client's request, sent again with the same Idempotency-Key until there is an answer, which is noted. It is to be the
    `same` if the client asks once more, or (False) of the same status; None: the client does not ask once more."""
    given = {"Authorization": f"Bearer {credential}"} if credential else {}
    given |= {"Idempotency-Key": "once-1"} if once else {}

    def sent() -> Reply:
        return _http(method, route, body, path=path or None, headers={**given, **(headers or {})})

    reply = _answered(world, sent)
    world.answers.append((reply.status, reply.text))
    if once and same is not None:
        world.asked.append((sent, reply.status, reply.text if same else None))
    return reply


def _answered(world: World, sent: Callable[[], Reply]) -> Reply:
    for _ in range(_TRIES):
        try:
            reply = sent()
        except Crash:
            world.restarted()
        else:
            if reply.status == 500:
                raise NotSorted(reply.text)
            again = reply.status == 409 and reply.json["code"] in ("IN_PROGRESS", "REPAIR_RUNNING")
            if not again and "Retry-After" not in reply.headers:
                return reply
        world.later(_AGAIN)
    raise AssertionError("it is never answered")


def asked_again(world: World) -> None:
    """Every client that gave a key sends its request once more, and hears the same."""
    for sent, status, text in world.asked:
        world.later(_AGAIN)
        reply = _answered(world, sent)
        assert reply.status == status, f"first {status}, then {reply.status} {reply.text}"
        assert text in (reply.text, None), f"first {text}, then {reply.text}"


def deliver(world: World, function: Callable[..., Any], event: dict[str, Any]) -> Any:
    """Lambda's delivery of one event, and again until the function says that all is done."""
    for _ in range(_TRIES):
        try:
            done = function(event, Context(300_000))
        except Crash:
            world.restarted()
        except FenrunError:
            pass
        else:
            if not (isinstance(done, dict) and done.get("batchItemFailures")):
                return done
        world.later(_AGAIN)
    raise AssertionError("the event is never done with")


def scheduled(world: World, function: Callable[..., Any]) -> Any:
    """The schedule's event of this moment."""
    event = {
        "version": "0",
        "account": "000000000000",
        "region": "us-east-1",
        "detail": {},
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": world.now.isoformat(),
        "id": "event-1",
        "resources": [],
    }
    return deliver(world, function, event)


def run(world: World, what: Callable[[], object]) -> None:
    """Somebody at a terminal, or whoever carries on: done again until it succeeds."""
    for _ in range(_TRIES):
        try:
            what()
        except Crash:
            world.restarted()
        except FenrunError:
            pass
        else:
            return
        world.later(_AGAIN)
    raise AssertionError("it never succeeds")


def changes(table: str) -> list[dict[str, Any]]:
    """The stream of a table so far, as Lambda hands it over."""
    return [json.loads(json.dumps(record)) for record in dynamodb.stream_live_records(table)]


def post(world: World) -> None:
    """The stream function hears of all changes of orders."""
    if records := changes(settings().orders_table):
        deliver(world, commissions, {"Records": records})


def work(world: World) -> None:
    """Functions that were started run, each start twice."""
    while world.started:
        event = json.loads(world.started.popleft())
        for _ in range(2):
            deliver(world, lambda given, context: replay(given, context), event)
