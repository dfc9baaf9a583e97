"""Signing in and staying signed in, through the API, for staff and distributors; and the keys of storefronts."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from chalice import Blueprint, Chalice

import app
from chalicelib.api.callers import any_staff, distributor, scope
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.domain.errors import Conflict, Malformed, Refused
from chalicelib.domain.people import Distributor
from chalicelib.flows import api_keys, credentials, sessions, staff, tokens
from chalicelib.store import access, distributors, transient
from tests.api.conftest import Http, Reply
from tests.containers import SECRET

pytestmark = pytest.mark.usefixtures("tables")
PASSWORD = "correct horse battery"
WHO = "/who"


@pytest.fixture
def http(bp: Blueprint) -> Any:
    """The real app for its own routes, and beside it a route that says who is calling."""

    @endpoint(bp, "GET", WHO, who=distributor() | any_staff() | scope("orders:read"), summary="x")
    def who(call: Call) -> dict[str, Any]:
        return {"name": call.caller.name, "grants": sorted(call.caller.grants)}

    probe = Chalice("fenrun-test", configure_logs=False)
    probe.register_blueprint(bp)

    def send(method: str, route: str, *arguments: Any, **options: Any) -> Reply:
        return Http(probe if route == WHO else app.app)(method, route, *arguments, **options)

    return send


@pytest.fixture
def owner() -> access.Person:
    return staff.add_person("Lin", "Lin.Mei+fenrun@gmail.com", PASSWORD, ["owner"])


@pytest.fixture
def promoter() -> str:
    made = Distributor(
        id="d-1",
        code="AB12CD34",
        name="Wei",
        status="active",
        joined_at="2026-01-01T00:00:00.000000Z",
        password_hash=credentials.hash_password(PASSWORD),
    )
    contacts: Any = {
        "email": tokens.blind(SECRET, "email", "wei@example.com"),
        "phone": tokens.blind(SECRET, "phone", "+8613800138000"),
    }
    distributors.create(made, contacts)
    return made.id


def sign_in(http: Http, login: str, password: str = PASSWORD) -> Reply:
    return http("POST", "/v1/sessions", {"login": login, "password": password})


def refresh(http: Http, token: str) -> Reply:
    return http("POST", "/v1/sessions/refresh", {"refresh_token": token})


def who(http: Http, token: str) -> Reply:
    return http("GET", WHO, headers={"Authorization": f"Bearer {token}"})


def rows(tables: dict[str, str]) -> str:
    client = boto3.client("dynamodb")
    return str([client.scan(TableName=name)["Items"] for key, name in tables.items() if key.endswith("_TABLE")])


def test_staff_sign_in_with_an_e_mail_address(http: Http, owner: access.Person) -> None:
    got = sign_in(http, "linmei@GMAIL.com")

    assert (got.status, got.json["kind"], got.json["id"]) == (200, "staff", owner.person_id)
    assert 590 <= got.json["expires_in"] <= 600
    assert who(http, got.json["access_token"]).json == {"name": f"staff:{owner.person_id}", "grants": ["owner"]}


@pytest.mark.parametrize("login", ["wei@example.com", "WEI+x@example.com", "13800138000", "+86 138 0013 8000"])
def test_distributors_sign_in_with_e_mail_or_phone(http: Http, promoter: str, login: str) -> None:
    got = sign_in(http, login)

    assert (got.status, got.json["kind"], got.json["id"]) == (200, "distributor", promoter)
    assert who(http, got.json["access_token"]).json == {"name": "distributor:d-1", "grants": []}


def test_who_is_unknown_and_who_is_wrong_hear_the_same(http: Http, owner: access.Person, promoter: str) -> None:
    answers = [
        sign_in(http, login, password)
        for login, password in [
            ("linmei@gmail.com", "a wrong password"),
            ("nobody@example.com", PASSWORD),
            ("wei@example.com", "a wrong password"),
            ("13900139000", PASSWORD),
            ("not a login", PASSWORD),
        ]
    ]

    assert {(got.status, got.json["code"], got.json["detail"]) for got in answers} == {
        (401, "LOGIN_FAILED", "The login or the password is not right.")
    }


def test_unknown_and_known_logins_cost_the_same_reads(
    http: Http, promoter: str, owner: access.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.store import connection

    calls: list[str] = []
    connection.client().meta.events.register("before-send.dynamodb.*", lambda **_: calls.append("x"))

    def cost(login: str) -> int:
        calls.clear()
        sign_in(http, login, "a wrong password")
        return len(calls)

    sign_in(http, "wei@example.com")

    assert cost("wei@example.com") == cost("nobody@example.com") == cost("linmei@gmail.com")
    assert cost("13800138000") == cost("13900139000")


def test_a_refresh_token_works_once_and_gives_the_next(http: Http, owner: access.Person) -> None:
    first = sign_in(http, "linmei@gmail.com").json
    second = refresh(http, first["refresh_token"])
    third = refresh(http, second.json["refresh_token"])

    assert (second.status, third.status) == (200, 200)
    assert len({each["refresh_token"] for each in (first, second.json, third.json)}) == 3
    assert who(http, third.json["access_token"]).status == 200


def test_a_refresh_token_used_again_ends_the_whole_session(http: Http, promoter: str) -> None:
    stolen = sign_in(http, "wei@example.com").json
    current = refresh(http, stolen["refresh_token"]).json
    other = sign_in(http, "wei@example.com").json

    reused = refresh(http, stolen["refresh_token"])

    assert (reused.status, reused.json["code"]) == (401, "REFRESH_REUSED")
    assert refresh(http, current["refresh_token"]).status == 401
    assert who(http, current["access_token"]).status == 401
    assert refresh(http, other["refresh_token"]).status == 200


@pytest.mark.parametrize("token", ["x", "." * 40, "0" * 32 + ".x", "x" * 512])
def test_a_refresh_token_that_was_never_given_is_refused(http: Http, token: str) -> None:
    assert refresh(http, token).json["code"] == "REFRESH_REUSED"


def test_signing_out_ends_the_session(http: Http, promoter: str) -> None:
    session = sign_in(http, "wei@example.com").json

    got = http("DELETE", "/v1/sessions", headers={"Authorization": f"Bearer {session['access_token']}"})

    assert (got.status, got.text) == (204, "")
    assert who(http, session["access_token"]).status == 401
    assert refresh(http, session["refresh_token"]).status == 401


def test_a_container_that_has_not_heard_of_it_follows_within_a_minute(
    http: Http, promoter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sign_in(http, "wei@example.com").json
    assert who(http, session["access_token"]).status == 200
    held = dict(transient._held)
    transient.end_session(next(iter(held)), int(datetime.now(UTC).timestamp()))
    transient._held.update(held)  # another container ended it

    assert who(http, session["access_token"]).status == 200
    transient._held.update({each: at - 60 for each, at in held.items()})
    assert who(http, session["access_token"]).status == 401


def test_closing_an_account_ends_its_sessions(http: Http, promoter: str, owner: access.Person) -> None:
    sessions_of = [sign_in(http, "wei@example.com").json for _ in range(2)]
    staying = sign_in(http, "linmei@gmail.com").json

    sessions.end_all("distributor", promoter, datetime.now(UTC))

    assert [who(http, each["access_token"]).status for each in sessions_of] == [401, 401]
    assert [refresh(http, each["refresh_token"]).status for each in sessions_of] == [401, 401]
    assert who(http, staying["access_token"]).status == 200


def test_roles_are_those_of_now_when_a_session_goes_on(
    http: Http, owner: access.Person, tables: dict[str, str]
) -> None:
    session = sign_in(http, "linmei@gmail.com").json
    key = {"kind": {"S": "person"}, "id": {"S": tokens.blind(SECRET, "email", "linmei@gmail.com")}}

    def change(field: str, value: Any) -> None:
        boto3.client("dynamodb").update_item(
            TableName=tables["SETTINGS_TABLE"],
            Key=key,
            UpdateExpression="SET #f = :v",
            ExpressionAttributeNames={"#f": field},
            ExpressionAttributeValues={":v": value},
        )

    change("roles", {"L": [{"S": "auditor"}]})
    session = refresh(http, session["refresh_token"]).json
    assert who(http, session["access_token"]).json["grants"] == ["auditor"]

    change("status", {"S": "closed"})
    assert refresh(http, session["refresh_token"]).status == 401
    assert sign_in(http, "linmei@gmail.com").json["code"] == "LOGIN_FAILED"


def test_nothing_at_rest_lets_anybody_in(
    http: Http, owner: access.Person, promoter: str, tables: dict[str, str]
) -> None:
    session = sign_in(http, "linmei@gmail.com").json
    key = api_keys.create_api_key("shop", ["orders:read"], datetime.now(UTC))

    kept = rows(tables)

    assert "shop" in kept and "session#" in kept
    for canary in (session["access_token"], session["refresh_token"], key, PASSWORD, "mei", "wei@", "13800138000"):
        assert canary not in kept
    assert session["refresh_token"].partition(".")[2] not in kept


def test_a_hash_of_old_parameters_is_renewed_at_sign_in(http: Http, promoter: str, tables: dict[str, str]) -> None:
    from argon2 import PasswordHasher

    access.set_distributor_password_hash(promoter, PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD))

    assert sign_in(http, "wei@example.com").status == 200

    found = distributors.get(promoter)
    assert found is not None and found.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert sign_in(http, "wei@example.com").status == 200


def test_a_storefront_calls_with_its_key(http: Http) -> None:
    key = api_keys.create_api_key("shop", ["orders:read"], datetime.now(UTC))
    other = api_keys.create_api_key("till", ["orders:write"], datetime.now(UTC))

    got = who(http, key)

    assert (got.status, got.json["grants"]) == (200, ["orders:read"])
    assert got.json["name"].startswith("key:") and key not in got.text
    assert who(http, other).status == 403
    assert who(http, "fk_unknown").status == 401
    assert who(http, "fk_" + "x" * 200).status == 401


def test_a_revoked_key_is_let_in_nowhere(http: Http) -> None:
    key = api_keys.create_api_key("shop", ["orders:read"], datetime.now(UTC))
    assert who(http, key).status == 200

    assert api_keys.revoke_api_key(key, datetime.now(UTC))

    assert who(http, key).status == 401
    assert not api_keys.revoke_api_key("fk_unknown", datetime.now(UTC))


def test_a_key_is_read_once_a_minute(http: Http) -> None:
    from chalicelib.store import connection

    key = api_keys.create_api_key("shop", ["orders:read"], datetime.now(UTC))
    calls: list[str] = []
    connection.client().meta.events.register("before-send.dynamodb.*", lambda **_: calls.append("x"))

    for _ in range(3):
        who(http, key)

    assert len(calls) == 1


def test_staff_are_added_with_care(owner: access.Person) -> None:
    with pytest.raises(Conflict, match="EMAIL_TAKEN"):
        staff.add_person("Another", "lin.mei@gmail.com", PASSWORD, ["ops"])
    with pytest.raises(Malformed, match="BAD_EMAIL"):
        staff.add_person("Another", "lin", PASSWORD, ["ops"])
    with pytest.raises(Refused, match="PASSWORD_TOO_COMMON"):
        staff.add_person("Another", "b@example.com", "password123", ["ops"])
    with pytest.raises(ValueError, match="unknown roles"):
        staff.add_person("Another", "b@example.com", PASSWORD, ["root"])
    with pytest.raises(ValueError, match="unknown scopes"):
        api_keys.create_api_key("shop", ["everything"], datetime.now(UTC))
