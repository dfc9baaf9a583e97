"""The frame around every view: reading, permission, language, and what leaves when something breaks."""

import json
import logging
from typing import Any

import msgspec
import pytest
from chalice import Blueprint, Response

from chalicelib.api import endpoint as endpoint_module
from chalicelib.api import endpoint as frame
from chalicelib.api.callers import NOBODY, Caller, Rule, anyone, distributor, distributor_self, scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Amount, Body, Page
from chalicelib.domain.errors import Busy, Conflict, Fault, Forbidden, NotAuthenticated, NotFound, Refused, TooMany
from chalicelib.observe import logger


class Put(Body):
    amount: Amount


class View(msgspec.Struct):
    id: str
    amount: int


KEY = Caller("key", "k-1", frozenset({"orders:write"}))
OWNER = Caller("staff", "p-1", frozenset({"owner"}), "s-1")
DISTRIBUTOR = Caller("distributor", "d-1", frozenset(), "s-2")


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Says who is calling, whatever the credentials."""

    def become(who: Caller) -> None:
        monkeypatch.setattr(frame, "authenticate", lambda _authorization, _now: who)

    return become


def test_a_view_gets_what_was_sent_and_its_object_leaves_as_json(bp: Blueprint, serve: Any) -> None:
    seen: list[Call] = []

    @endpoint(bp, "PUT", "/things/{thing_id}", who=anyone, body=Put, query=Page, answers=View, summary="x", status=201)
    def put_thing(call: Call, thing_id: str) -> View:
        seen.append(call)
        return View(thing_id, call.body.amount)

    got = serve()(
        "PUT", "/things/{thing_id}", {"amount": 5}, path={"thing_id": "a%2Fb%20%E8%8C%B6"}, query={"limit": ["3"]}
    )

    assert (got.status, got.json) == (201, {"id": "a/b 茶", "amount": 5})
    assert (seen[0].caller, seen[0].query.limit, seen[0].raw, seen[0].once_id) == (NOBODY, 3, b'{"amount": 5}', None)
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["Cache-Control"] == "no-store"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "max-age" in got.headers["Strict-Transport-Security"]
    assert got.headers["X-Request-Id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    assert [(e.method, e.path, e.status) for e in endpoint_module.ENDPOINTS] == [("PUT", "/things/{thing_id}", 201)]


@pytest.mark.parametrize("text", ["%FF", "%00", "a%0A", "%20a", "x" * 129])
def test_a_path_that_holds_no_id_is_malformed(bp: Blueprint, serve: Any, text: str) -> None:
    @endpoint(bp, "GET", "/things/{thing_id}", who=anyone, summary="x")
    def get_thing(call: Call, thing_id: str) -> dict[str, str]:
        raise AssertionError

    got = serve()("GET", "/things/{thing_id}", path={"thing_id": text})

    assert (got.status, got.json["code"], got.json["errors"][0]["path"]) == (400, "BAD_ID", "thing_id")


@pytest.mark.parametrize(
    ("rule", "who", "path", "status"),
    [
        (scope("orders:write"), KEY, "d-1", 200),
        (scope("orders:read"), KEY, "d-1", 403),
        (scope("orders:write"), NOBODY, "d-1", 401),
        (scope("orders:write"), OWNER, "d-1", 403),
        (staff("owner", "ops"), OWNER, "d-1", 200),
        (staff("auditor"), OWNER, "d-1", 403),
        (staff("owner"), Caller("distributor", "d-1", frozenset({"owner"})), "d-1", 403),
        (distributor_self("thing_id"), DISTRIBUTOR, "d-1", 200),
        (distributor_self("thing_id"), DISTRIBUTOR, "d-2", 404),
        (distributor_self("thing_id"), Caller("staff", "d-1", frozenset({"owner"})), "d-1", 403),
        (distributor_self("thing_id"), NOBODY, "d-1", 401),
        (distributor_self("thing_id") | staff("owner"), OWNER, "d-2", 200),
        (distributor_self("thing_id") | staff("owner") | scope("orders:read"), DISTRIBUTOR, "d-2", 404),
        (distributor(), DISTRIBUTOR, "d-2", 200),
        (distributor(), KEY, "d-2", 403),
        (Rule(()), OWNER, "d-1", 403),
        (Rule(()), NOBODY, "d-1", 401),
    ],
)
def test_only_whom_the_rule_names_may_pass(
    bp: Blueprint, serve: Any, caller: Any, rule: Rule, who: Caller, path: str, status: int
) -> None:
    caller(who)

    @endpoint(bp, "GET", "/things/{thing_id}", who=rule, summary="x")
    def get_thing(call: Call, thing_id: str) -> dict[str, str]:
        return {"who": call.caller.id}

    assert serve()("GET", "/things/{thing_id}", path={"thing_id": path}).status == status


def test_the_body_of_somebody_who_may_not_call_is_not_read(bp: Blueprint, serve: Any, caller: Any) -> None:
    caller(NOBODY)

    @endpoint(bp, "POST", "/things", who=scope("orders:write"), body=Put, summary="x")
    def post_thing(call: Call) -> None:
        raise AssertionError

    assert serve()("POST", "/things", "{").status == 401


def test_a_public_route_looks_at_no_credentials(bp: Blueprint, serve: Any) -> None:
    @endpoint(bp, "GET", "/things", who=anyone, summary="x")
    def get_things(call: Call) -> dict[str, str]:
        return {"who": call.caller.kind}

    assert serve()("GET", "/things", headers={"Authorization": "Bearer nonsense"}).json == {"who": "nobody"}


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "Bearer " + "x" * 5000, "fk_x"])
def test_credentials_in_another_form_are_refused(bp: Blueprint, serve: Any, header: str) -> None:
    @endpoint(bp, "GET", "/things", who=staff("owner"), summary="x")
    def get_things(call: Call) -> None:
        raise AssertionError

    got = serve()("GET", "/things", headers={"authorization": header})

    assert (got.status, got.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_rule_names_only_what_exists() -> None:
    with pytest.raises(ValueError, match="SCOPES"):
        scope("orders:admin")
    with pytest.raises(ValueError, match="ROLES"):
        staff("root")
    with pytest.raises(ValueError, match="ROLES"):
        staff()


def test_to_a_distributor_what_is_another_s_does_not_exist() -> None:
    DISTRIBUTOR.must_own("d-1")
    OWNER.must_own("d-2")
    with pytest.raises(NotFound):
        DISTRIBUTOR.must_own("d-2")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotAuthenticated("TOKEN_EXPIRED"), 401),
        (Forbidden("FORBIDDEN"), 403),
        (NotFound("NOT_FOUND"), 404),
        (Conflict("PAYOUT_STATE", state="paid"), 409),
        (Refused("BELOW_MINIMUM", currency="CNY", minimum="10.00"), 422),
        (Refused("JURISDICTION_NOT_ENABLED"), 451),
        (TooMany("TOO_MANY_REQUESTS"), 429),
        (Busy("BUSY"), 503),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_a_refusal_leaves_as_a_problem(bp: Blueprint, serve: Any, error: Exception, status: int) -> None:
    @endpoint(bp, "GET", "/things", who=anyone, summary="x")
    def get_things(call: Call) -> None:
        raise error

    serve = serve()
    english = serve("GET", "/things")
    chinese = serve("GET", "/things", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})

    assert english.status == english.json["status"] == status
    assert english.headers["Content-Type"] == "application/problem+json"
    assert (english.headers["Content-Language"], chinese.headers["Content-Language"]) == ("en", "zh-CN")
    assert set(english.json) == {"type", "title", "status", "detail", "code", "errors", "instance"}
    assert english.json["code"] == chinese.json["code"] == error.args[0]
    assert english.json["type"] == f"/problems/{error.args[0].lower().replace('_', '-')}"
    assert english.json["detail"] != chinese.json["detail"]
    assert "…" not in english.json["detail"] + chinese.json["detail"]
    assert ("Retry-After" in english.headers) == (status in (429, 503))


def test_every_fault_is_told(bp: Blueprint, serve: Any) -> None:
    @endpoint(bp, "GET", "/things", who=anyone, summary="x")
    def get_things(call: Call) -> None:
        faults = [Fault(f"refunds[{i}]", "REFUND_EXCEEDS_LINE", {"line_id": f"L{i}"}) for i in range(2)]
        raise Refused("REFUND_EXCEEDS_LINE", *faults)

    got = serve()("GET", "/things").json

    assert "L0" in got["detail"]
    assert [(e["path"], e["code"], "L" in e["message"]) for e in got["errors"]] == [
        ("refunds[0]", "REFUND_EXCEEDS_LINE", True),
        ("refunds[1]", "REFUND_EXCEEDS_LINE", True),
    ]


def test_a_fault_of_ours_is_logged_once_and_tells_nothing(bp: Blueprint, serve: Any) -> None:
    @endpoint(bp, "GET", "/things", who=anyone, summary="x")
    def get_things(call: Call) -> None:
        raise RuntimeError("canary-secret")

    lines: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = lines.append  # type: ignore[method-assign]
    logger._logger.addHandler(handler)
    try:
        got = serve()("GET", "/things")
    finally:
        logger._logger.removeHandler(handler)

    assert (got.status, got.json["code"]) == (500, "INTERNAL")
    assert "canary" not in got.text and "Traceback" not in got.text
    assert got.headers["X-Request-Id"] in got.json["detail"]
    assert [line.levelname for line in lines] == ["ERROR", "INFO"]


def test_a_view_may_answer_by_itself_and_still_gets_the_headers(bp: Blueprint, serve: Any) -> None:
    @endpoint(bp, "GET", "/r/{code}", who=anyone, summary="x", status=302)
    def follow(call: Call, code: str) -> Response:
        return Response("", status_code=302, headers={"Location": "https://shop.example/"})

    got = serve()("GET", "/r/{code}", path={"code": "AB12CD34"})

    assert (got.status, got.headers["Location"], got.headers["Cache-Control"]) == (
        302,
        "https://shop.example/",
        "no-store",
    )


def test_no_content_has_no_body(bp: Blueprint, serve: Any) -> None:
    @endpoint(bp, "DELETE", "/things", who=anyone, summary="x", status=204)
    def delete_things(call: Call) -> None:
        return None

    got = serve()("DELETE", "/things")

    assert (got.status, got.text) == (204, "")


@pytest.mark.parametrize(
    ("method", "body", "query", "headers", "status", "code"),
    [
        ("GET", {"a": 1}, None, {}, 400, "BODY_NOT_EXPECTED"),
        ("GET", None, {"x": ["1"]}, {}, 400, "UNKNOWN_PARAMETER"),
        ("POST", None, None, {}, 400, "BODY_MISSING"),
        ("POST", '{"amount":1}', None, {"content-type": "text/plain"}, 415, "BODY_TYPE"),
        ("POST", "x" * 1_000_001, None, {}, 413, "BODY_TOO_LARGE"),
        ("POST", '{"amount":1}', None, {"idempotency-key": "x" * 256}, 400, "BAD_IDEMPOTENCY_KEY"),
        ("POST", '{"amount":1}', None, {"idempotency-key": ""}, 400, "BAD_IDEMPOTENCY_KEY"),
        ("POST", '{"amount":1}', None, {"idempotency-key": "键"}, 400, "BAD_IDEMPOTENCY_KEY"),
    ],
)
def test_what_does_not_fit_the_route_never_reaches_the_view(
    bp: Blueprint, serve: Any, method: str, body: Any, query: Any, headers: Any, status: int, code: str
) -> None:
    @endpoint(bp, method, "/things", who=anyone, body=Put if method == "POST" else None, summary="x")
    def view(call: Call) -> None:
        raise AssertionError

    got = serve()(method, "/things", body, query=query, headers=headers)

    assert (got.status, got.json["code"]) == (status, code)


def test_logs_name_the_route_and_never_the_body(bp: Blueprint, serve: Any, capsys: pytest.CaptureFixture[str]) -> None:
    @endpoint(bp, "POST", "/things", who=anyone, body=Put, summary="x")
    def view(call: Call) -> None:
        logger.info("in the view")
        raise RuntimeError

    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(logger.registered_formatter.format(record))  # type: ignore[method-assign]
    logger._logger.addHandler(handler)
    try:
        serve()("POST", "/things", '{"amount":424242}', headers={"authorization": "Bearer fk_canary"})
    finally:
        logger._logger.removeHandler(handler)

    assert json.loads(lines[0])["route"] == "POST /things"
    assert not any("424242" in line or "fk_canary" in line for line in [*lines, capsys.readouterr().out])
