"""Idempotency keys: the work is done once, and only its own caller gets the answer again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from chalice import Blueprint, Response

from chalicelib.api import endpoint as frame
from chalicelib.api import once
from chalicelib.api.callers import Caller, distributor, scope
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Amount, Body
from chalicelib.domain.errors import Busy, Refused
from chalicelib.store import transient

pytestmark = pytest.mark.usefixtures("tables")
KEY = {"Idempotency-Key": "k-1"}


class Put(Body):
    amount: Amount


class View(msgspec.Struct):
    run: int


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> Callable[[Caller], None]:
    def become(who: Caller) -> None:
        monkeypatch.setattr(frame, "authenticate", lambda _authorization, _now: who)

    become(Caller("distributor", "d-1"))
    return become


@pytest.fixture
def runs() -> list[Call]:
    return []


@pytest.fixture
def http(bp: Blueprint, serve: Any, caller: Any, runs: list[Call]) -> Any:
    outcomes: list[Exception] = []

    @endpoint(bp, "POST", "/things", who=distributor() | scope("orders:write"), body=Put, summary="x", status=201)
    def post_thing(call: Call) -> View:
        runs.append(call)
        if outcomes:
            raise outcomes.pop(0)
        return View(len(runs))

    @endpoint(bp, "PUT", "/things/{thing_id}", who=distributor(), body=Put, summary="x")
    def put_thing(call: Call, thing_id: str) -> View:
        runs.append(call)
        return View(len(runs))

    @endpoint(bp, "POST", "/tokens", who=distributor(), body=Put, summary="x", idempotent=False)
    def post_token(call: Call) -> View:
        runs.append(call)
        return View(len(runs))

    started = serve()
    started.outcomes = outcomes
    return started


def test_the_same_request_is_run_once_and_answered_twice(http: Any, runs: list[Call]) -> None:
    first = http("POST", "/things", {"amount": 1}, headers=KEY)
    again = http("POST", "/things", {"amount": 1}, headers=KEY)

    assert (first.status, first.json, again.status, again.json) == (201, {"run": 1}, 201, {"run": 1})
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Cache-Control"] == "no-store"
    assert len(runs) == 1


def test_without_a_key_it_is_run_each_time(http: Any, runs: list[Call]) -> None:
    http("POST", "/things", {"amount": 1})
    http("POST", "/things", {"amount": 1})

    assert [call.once_id for call in runs] == [None, None]


def test_another_body_under_the_key_is_refused(http: Any, runs: list[Call]) -> None:
    http("POST", "/things", {"amount": 1}, headers=KEY)

    got = http("POST", "/things", {"amount": 2}, headers=KEY)

    assert (got.status, got.json["code"], len(runs)) == (409, "SAME_KEY_OTHER_BODY", 1)


def test_another_path_under_the_key_is_another_request(http: Any) -> None:
    http("PUT", "/things/{thing_id}", {"amount": 1}, path={"thing_id": "a"}, headers=KEY)

    got = http("PUT", "/things/{thing_id}", {"amount": 1}, path={"thing_id": "b"}, headers=KEY)

    assert got.json["code"] == "SAME_KEY_OTHER_BODY"


def test_a_key_belongs_to_its_caller_and_route(http: Any, caller: Any, runs: list[Call]) -> None:
    http("POST", "/things", {"amount": 1}, headers=KEY)
    http("PUT", "/things/{thing_id}", {"amount": 1}, path={"thing_id": "a"}, headers=KEY)
    caller(Caller("distributor", "d-2"))
    http("POST", "/things", {"amount": 1}, headers=KEY)
    caller(Caller("key", "d-1", frozenset({"orders:write"})))
    http("POST", "/things", {"amount": 1}, headers=KEY)

    assert len(runs) == 4
    assert len({call.once_id for call in runs}) == 4


def test_a_refusal_is_an_answer(http: Any, runs: list[Call]) -> None:
    http.outcomes.append(Refused("NO_PAYOUT_METHOD"))

    first = http("POST", "/things", {"amount": 1}, headers=KEY)
    again = http("POST", "/things", {"amount": 1}, headers=KEY)

    assert (first.status, again.status, again.json, len(runs)) == (422, 422, first.json, 1)
    assert again.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("error", "status"), [(Busy("BUSY"), 503), (RuntimeError(), 500)])
def test_a_failure_of_ours_gives_the_key_up(http: Any, runs: list[Call], error: Exception, status: int) -> None:
    http.outcomes.append(error)

    first = http("POST", "/things", {"amount": 1}, headers=KEY)
    again = http("POST", "/things", {"amount": 1}, headers=KEY)

    assert (first.status, again.status) == (status, 201)
    assert runs[0].once_id == runs[1].once_id


def test_a_request_that_does_not_parse_takes_no_key(http: Any) -> None:
    http("POST", "/things", {"amount": -1}, headers=KEY)

    assert http("POST", "/things", {"amount": 1}, headers=KEY).status == 201


def test_a_run_that_is_not_finished_is_not_doubled() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)

    def slow() -> Response:
        with pytest.raises(Exception, match="IN_PROGRESS"):
            once_again()
        return Response('{"run":1}', status_code=201)

    def once_again(later: int = 0) -> Response:
        return once.run_once("key", "request", now + timedelta(seconds=later), lambda _: slow(), lambda e: Response(""))

    assert once_again().status_code == 201
    assert once_again().headers["Idempotency-Replayed"] == "true"


def test_a_run_that_died_is_taken_over_when_its_lease_ends() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)

    def attempt(later: int, request: str = "request") -> Response:
        def run(as_of: datetime) -> Response:
            assert as_of == (now if later < once.LIFE_SECONDS else now + timedelta(seconds=later))
            return Response("done", status_code=200)

        return once.run_once("key", request, now + timedelta(seconds=later), run, lambda e: Response(""))

    transient.claim_key("key", "request", "dead", now, once.LEASE_SECONDS, once.LIFE_SECONDS)

    with pytest.raises(Exception, match="IN_PROGRESS"):
        attempt(59)
    with pytest.raises(Exception, match="SAME_KEY_OTHER_BODY"):
        attempt(61, "another request")
    assert attempt(61).body == "done"
    assert not transient.remember_answer("key", "dead", transient.Answer(200, "late", {}))
    assert attempt(62).body == "done"
    assert attempt(once.LIFE_SECONDS + 62, "another request").body == "done"


def test_an_answer_that_is_too_large_is_given_all_the_same() -> None:
    import random

    large = "".join(random.Random(7).choices("0123456789abcdef", k=1_000_000))
    now = datetime(2026, 3, 1, tzinfo=UTC)

    got = once.run_once("key", "request", now, lambda _: Response(large, status_code=200), lambda e: Response(""))

    assert got.body == large


def test_tokens_are_never_kept(http: Any, runs: list[Call]) -> None:
    http("POST", "/tokens", {"amount": 1}, headers=KEY)
    http("POST", "/tokens", {"amount": 1}, headers=KEY)

    assert len(runs) == 2
