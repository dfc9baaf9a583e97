"""Payouts through the API: who may do what, what is shown, and what a refusal says."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import app
from chalicelib.flows import api_keys, tokens
from chalicelib.store import payouts, plans, transient
from tests.api.conftest import SECRET, Http, Reply
from tests.flows.money_out import check_books, earned, joined, plan, rows

BODY = {"rail": "bank_file", "holder": "李伟", "account": "6222 0202 0011 2233", "bank": "ICBC"}
METHOD = "/v1/distributors/{distributor_id}/payout-methods/{method_id}"
METHODS = "/v1/distributors/{distributor_id}/payout-methods"
NOTICES = "/v1/distributors/{distributor_id}/notices"
ONE = "/v1/payouts/{payout_id}"


@pytest.fixture(autouse=True)
def program(tables: dict[str, str]) -> Iterator[None]:
    plans.forget()
    plan(minimum={"CNY": 1000}, fee_rate="0.01")
    for name in ("d_1", "d_2"):
        earned(joined(name), 5000)
    yield
    plans.forget()


class Person:
    """Somebody who is signed in, and their requests."""

    def __init__(self, subject: str, kind: Any, *roles: str) -> None:
        now = datetime.now(UTC)
        at = int(now.timestamp())
        transient.start_session(transient.Session(f"s-{subject}", subject, kind, "login", "hash", at, at + 3600))
        token, _ = tokens.issue_access(SECRET, subject, kind, roles, f"s-{subject}", now)
        self.headers = {"Authorization": f"Bearer {token}"}
        self._http = Http(app.app)

    def __call__(self, method: str, route: str, body: Any = None, query: Any = None, **path: str) -> Reply:
        headers = {**self.headers, **({"Idempotency-Key": path.pop("key")} if "key" in path else {})}
        headers |= {"Accept-Language": path.pop("language")} if "language" in path else {}
        return self._http(method, route, body, path=path or None, query=query, headers=headers)


@pytest.fixture
def promoter() -> Person:
    return Person("d_1", "distributor")


@pytest.fixture
def checker() -> Person:
    return Person("p-checker", "staff", "finance_checker")


def ask(who: Person, **more: Any) -> Reply:
    return who("POST", "/v1/payouts", {"currency": "CNY", "method_id": "card", "amount": 2000, **more})


def test_a_method_is_written_in_full_and_read_back_masked(promoter: Person, checker: Person) -> None:
    put = promoter("PUT", METHOD, BODY, distributor_id="d_1", method_id="home")

    shown = {
        "id": "home",
        "rail": "bank_file",
        "kind": "number",
        "holder": "李伟",
        "account": "****2233",
        "bank": "ICBC",
        "usable_from": put.json["usable_from"],
    }
    assert (put.status, put.json) == (200, shown)
    assert datetime.fromisoformat(put.json["usable_from"]) > datetime.now(UTC)
    for who, holder in ((promoter, "李伟"), (checker, "李伟"), (Person("p-ops", "staff", "ops"), None)):
        read = who("GET", METHODS, distributor_id="d_1")
        assert read.json["items"][1] == {**shown, "holder": holder}
        assert "0011" not in read.text
        assert (read.json["items"][0]["account"], read.json["items"][0]["usable_from"]) == ("****3445", None)


def test_what_is_remembered_of_setting_a_method_holds_nobody_s_name(promoter: Person, tables: dict[str, str]) -> None:
    promoter("PUT", METHOD, BODY, distributor_id="d_1", method_id="home", key="k-1")

    remembered = [row for row in rows(tables["TRANSIENT_TABLE"]) if row["id"].startswith("answer#")]
    assert remembered == []


def test_the_distributor_is_told_of_a_changed_method(promoter: Person, checker: Person) -> None:
    put = promoter("PUT", METHOD, BODY, distributor_id="d_1", method_id="card").json
    refused = ask(promoter)
    told = promoter("GET", NOTICES, distributor_id="d_1")
    seen = checker("GET", NOTICES, distributor_id="d_1")

    assert (refused.status, refused.json["code"]) == (422, "METHOD_COOLING_OFF")
    [notice] = told.json["items"]
    assert {name: notice[name] for name in ("what", "by", "method_id", "payout_id", "reason", "usable_from")} == {
        "what": "payout_method_changed",
        "by": "distributor",
        "method_id": "card",
        "payout_id": None,
        "reason": None,
        "usable_from": put["usable_from"],
    }
    assert seen.json["items"] == [{**notice, "by": "distributor:d_1"}]
    assert Person("d_2", "distributor")("GET", NOTICES, distributor_id="d_1").status == 404


def test_only_the_distributor_says_where_the_money_goes(promoter: Person, checker: Person) -> None:
    owner = Person("p-owner", "staff", "owner")
    answers = [
        Person("d_2", "distributor")("PUT", METHOD, BODY, distributor_id="d_1", method_id="card").status,
        owner("PUT", METHOD, BODY, distributor_id="d_1", method_id="card").status,
        Person("d_3", "distributor")("GET", METHODS, distributor_id="d_1").status,
    ]

    assert answers == [404, 403, 404]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("rail", "cash", "NOT_ALLOWED"),
        ("account", "", "BAD_LENGTH"),
        ("account", "12345\u0000", "BAD_FORMAT"),
        ("kind", "cash", "NOT_ALLOWED"),
        ("holder", "x" * 121, "BAD_LENGTH"),
        ("holder", "a\nb", "BAD_FORMAT"),
        ("holder", "", "BAD_LENGTH"),
        ("iban", "x", "UNKNOWN_FIELD"),
    ],
)
def test_a_method_that_is_none_is_refused_by_field(promoter: Person, field: str, value: str, code: str) -> None:
    got = promoter("PUT", METHOD, {**BODY, field: value}, distributor_id="d_1", method_id="home")

    assert (got.status, got.json["errors"][0]["path"], got.json["code"]) == (400, field, code)


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"account": "=1+1+1"}, "account", "BAD_RAIL_ACCOUNT"),
        ({"account": "DE88 3704 0044 0532 0130 00"}, "account", "BAD_IBAN"),
        ({"account": "6222 0202 0011 2233", "kind": "cn_card"}, "account", "BAD_CARD_NUMBER"),
        ({"account": "12345", "kind": "us_bank"}, "bank", "BAD_ROUTING_NUMBER"),
        ({"rail": "paypal"}, "account", "BAD_EMAIL"),
        ({"rail": "wise", "kind": "iban"}, "kind", "BAD_METHOD_KIND"),
    ],
)
def test_an_account_that_is_none_of_its_rail_is_refused_by_field(
    promoter: Person, body: dict[str, str], path: str, code: str
) -> None:
    got = promoter("PUT", METHOD, {**BODY, **body}, distributor_id="d_1", method_id="home")

    assert (got.status, got.json["errors"][0]["path"], got.json["code"]) == (422, path, code)


def test_a_payout_is_shown_as_the_contract_says(promoter: Person) -> None:
    got = ask(promoter)

    assert got.status == 201
    shown = got.json
    assert {name: shown[name] for name in ("distributor_id", "currency", "gross", "fee", "tax", "net")} == {
        "distributor_id": "d_1",
        "currency": "CNY",
        "gross": 2000,
        "fee": 20,
        "tax": 0,
        "net": 1980,
    }
    assert (shown["rail"], shown["state"], shown["attempts"], shown["method_id"]) == (
        "bank_file",
        "requested",
        0,
        "card",
    )
    assert [(step["to"], step["by"], "from" in step) for step in shown["history"]] == [
        ("requested", "distributor", False)
    ]
    assert promoter("GET", ONE, payout_id=shown["id"]).json == shown
    assert promoter("GET", "/v1/payouts").json == {"items": [shown], "next": None}


def test_staff_see_what_the_rail_knows_it_by(promoter: Person, checker: Person) -> None:
    payout_id = ask(promoter).json["id"]
    checker("POST", f"{ONE}/approve", payout_id=payout_id)
    instructed = ("c-1", "FR01", "sealed")
    payouts.move(payouts.existing(payout_id), "submitting", at=datetime.now(UTC), by="rail", instructed=instructed)

    shown = checker("GET", ONE, payout_id=payout_id)
    assert shown.json["key"] == checker("GET", "/v1/payouts").json["items"][0]["key"] == "FR01"
    assert "sealed" not in shown.text
    for seen in (promoter("GET", ONE, payout_id=payout_id), promoter("GET", "/v1/payouts")):
        assert (seen.status, "FR01" in seen.text) == (200, False)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"amount": 999}, "BELOW_MINIMUM"),
        ({"amount": 5001}, "NOT_ENOUGH_AVAILABLE"),
        ({"currency": "USD", "amount": None}, "NOT_ENOUGH_AVAILABLE"),
        ({"method_id": "none"}, "NO_PAYOUT_METHOD"),
    ],
)
def test_a_rule_that_refuses_says_so_in_both_languages(promoter: Person, more: dict[str, Any], code: str) -> None:
    body = {"currency": "CNY", "method_id": "card", "amount": 2000, **more}
    english = promoter("POST", "/v1/payouts", body)
    chinese = promoter("POST", "/v1/payouts", body, language="zh")

    assert (english.status, english.json["code"]) == (chinese.status, chinese.json["code"]) == (422, code)
    assert english.json["detail"] != chinese.json["detail"]
    assert "…" not in english.json["detail"] + chinese.json["detail"]


def test_the_same_key_asks_once(promoter: Person) -> None:
    body = {"currency": "CNY", "method_id": "card"}
    first = promoter("POST", "/v1/payouts", body, key="k-1")
    again = promoter("POST", "/v1/payouts", body, key="k-1")

    assert (first.status, again.json) == (201, first.json)
    assert promoter("POST", "/v1/payouts", {**body, "amount": 1000}, key="k-1").status == 409
    assert len(promoter("GET", "/v1/payouts").json["items"]) == 1


def test_another_s_payout_does_not_exist(promoter: Person) -> None:
    payout_id = ask(promoter).json["id"]
    other = Person("d_2", "distributor")

    assert other("GET", ONE, payout_id=payout_id).status == 404
    assert other("GET", "/v1/payouts").json["items"] == []
    assert other("GET", "/v1/payouts", query={"distributor_id": ["d_1"]}).status == 404


def test_a_second_person_with_the_right_role_approves(promoter: Person, checker: Person) -> None:
    payout_id = ask(promoter).json["id"]
    approve = f"{ONE}/approve"

    refused = [
        promoter("POST", approve, payout_id=payout_id).status,
        Person("p-support", "staff", "support", "ops", "auditor").__call__("POST", approve, payout_id=payout_id).status,
        Person("p-maker", "staff", "finance_maker")("POST", approve, payout_id=payout_id).status,
    ]
    approved = checker("POST", approve, payout_id=payout_id)

    assert refused == [403, 403, 403]
    assert (approved.status, approved.json["state"]) == (200, "approved")
    assert approved.json["history"][-1]["by"] == "staff:p-checker"
    assert promoter("GET", ONE, payout_id=payout_id).json["history"][-1]["by"] == "staff"
    again = checker("POST", approve, payout_id=payout_id)
    assert (again.status, again.json["code"]) == (409, "PAYOUT_STATE")


def test_a_rejection_names_its_reason_and_gives_the_money_back(promoter: Person, checker: Person) -> None:
    payout_id = ask(promoter).json["id"]
    reject = f"{ONE}/reject"

    assert checker("POST", reject, {}, payout_id=payout_id).status == 400
    got = checker("POST", reject, {"reason": "name differs"}, payout_id=payout_id)

    assert (got.json["state"], got.json["history"][-1]["reason"]) == ("rejected", "name differs")
    check_books()


def test_staff_sees_what_is_unfinished_and_all_of_one_distributor(promoter: Person, checker: Person) -> None:
    rejected, kept = ask(promoter).json["id"], ask(promoter).json["id"]
    checker("POST", f"{ONE}/reject", {"reason": "no"}, payout_id=rejected)
    other = ask(Person("d_2", "distributor")).json["id"]

    def ids(**query: list[str]) -> set[str]:
        return {each["id"] for each in checker("GET", "/v1/payouts", query=query or None).json["items"]}

    assert ids() == ids(state=["requested"]) == {kept, other}
    assert ids(state=["approved"]) == set()
    assert ids(distributor_id=["d_1"]) == {rejected, kept}
    assert ids(distributor_id=["d_1"], state=["rejected"]) == {rejected}
    finished = checker("GET", "/v1/payouts", query={"state": ["rejected"]})
    assert (finished.status, finished.json["code"]) == (400, "DISTRIBUTOR_NEEDED")


@pytest.mark.parametrize("cursor", ["AAAA", "eyJpZCI6eyJTIjoieCJ9fQ", "e30", "%%%"])
def test_a_forged_cursor_is_refused(promoter: Person, checker: Person, cursor: str) -> None:
    for who in (promoter, checker):
        got = who("GET", "/v1/payouts", query={"cursor": [cursor]})
        assert (got.status, got.json["code"]) == (400, "BAD_CURSOR")


def test_a_key_with_the_scope_reads_and_never_writes(promoter: Person) -> None:
    payout_id = ask(promoter).json["id"]
    key = api_keys.create_api_key("shop", ["payouts:read", "payouts:write"], datetime.now(UTC))
    headers = {"Authorization": f"Bearer {key}"}
    http = Http(app.app)

    assert http("GET", ONE, path={"payout_id": payout_id}, headers=headers).status == 200
    assert http("POST", f"{ONE}/approve", path={"payout_id": payout_id}, headers=headers).status == 403


def test_the_bank_s_answers_each_have_an_outcome(promoter: Person, checker: Person) -> None:
    payout_id = ask(promoter).json["id"]
    checker("POST", f"{ONE}/approve", payout_id=payout_id)
    for state in ("submitting", "submitted"):
        payouts.move(payouts.existing(payout_id), state, at=datetime.now(UTC), by="run:x")  # type: ignore[arg-type]
    paid = {"payout_id": payout_id, "outcome": "paid", "reference": "B1"}
    results = {"results": [paid, paid, {**paid, "outcome": "failed"}, {**paid, "payout_id": "po_x"}]}

    assert promoter("POST", "/v1/payouts/results", results).status == 403
    got = checker("POST", "/v1/payouts/results", results, language="zh-CN")

    assert got.status == 200
    assert [(each["result"], each["state"], each["code"]) for each in got.json["items"]] == [
        ("moved", "paid", None),
        ("already", "paid", None),
        ("refused", "paid", "PAYOUT_STATE"),
        ("refused", None, "NOT_FOUND"),
    ]
    assert "paid" in got.json["items"][2]["message"]
    assert promoter("GET", ONE, payout_id=payout_id).json["reference"] == "B1"
    check_books()


def test_answers_that_are_none_are_refused_by_field(checker: Person) -> None:
    got = checker("POST", "/v1/payouts/results", {"results": [{"payout_id": "po_x", "outcome": "lost"}]})
    assert (got.status, got.json["errors"][0]["path"]) == (400, "results[0].outcome")
    assert checker("POST", "/v1/payouts/results", {"results": []}).status == 400
