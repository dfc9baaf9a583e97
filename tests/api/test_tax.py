"""Tax through the API: who may say what it depends on, and the statement in its three forms."""

from collections.abc import Iterator

import pytest

from chalicelib.store import plans
from tests.api.callers import Caller, signed_in, storefront
from tests.flows.money_out import NOW, american, ask, earned, joined, plan

STANDING = "/v1/distributors/{distributor_id}/tax"
STATEMENT = "/v1/distributors/{distributor_id}/tax-statements/{year}"


@pytest.fixture(autouse=True)
def program(tables: dict[str, str]) -> Iterator[None]:
    plans.forget()
    plan(fee_rate="0.01", tax={"CN": "cn_per_occurrence", "US": "us_backup"})
    earned(joined("d_1"), 5_000_00)
    ask("d_1", 2_000_00)
    yield
    plans.forget()


@pytest.fixture
def finance() -> Caller:
    return signed_in("p-1", "staff", "finance_maker")


@pytest.fixture
def promoter() -> Caller:
    return signed_in("d_1", "distributor")


def test_staff_says_what_tax_depends_on_and_both_read_it(finance: Caller, promoter: Caller) -> None:
    said = {"tin_on_file": True, "first_month": "2026-03"}

    put = finance("PUT", STANDING, said, distributor_id="d_1")

    assert (put.status, put.json) == (200, {"distributor_id": "d_1", **said})
    assert promoter("GET", STANDING, distributor_id="d_1").json == put.json
    assert finance("PUT", STANDING, {"tin_on_file": False}, distributor_id="d_1").json["first_month"] is None


def test_a_distributor_says_nothing_about_their_tax(promoter: Caller) -> None:
    answers = [
        promoter("PUT", STANDING, {"tin_on_file": True}, distributor_id="d_1").status,
        storefront("distributors:write")("PUT", STANDING, {"tin_on_file": True}, distributor_id="d_1").status,
        signed_in("p-2", "staff", "ops", "support", "auditor")(
            "PUT", STANDING, {"tin_on_file": True}, distributor_id="d_1"
        ).status,
    ]

    assert answers == [403, 403, 403]


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"tin_on_file": "yes"}, "tin_on_file", "WRONG_TYPE"),
        ({"tin_on_file": True, "tin": "078-05-1120"}, "tin", "UNKNOWN_FIELD"),
        ({"tin_on_file": True, "first_month": "2026-13"}, "first_month", "BAD_FORMAT"),
        ({"tin_on_file": True, "first_month": "2026-03\n"}, "first_month", "BAD_FORMAT"),
        ({}, "tin_on_file", "MISSING_FIELD"),
    ],
)
def test_what_is_no_standing_is_refused(finance: Caller, body: dict[str, object], path: str, code: str) -> None:
    got = finance("PUT", STANDING, body, distributor_id="d_1")

    assert (got.status, got.json["errors"][0]["path"], got.json["code"]) == (400, path, code)
    assert "078-05-1120" not in got.text


def test_a_number_on_file_ends_backup_withholding(finance: Caller) -> None:
    earned(american("d_us"), 9_000_00, "USD")
    assert ask("d_us", 3_000_00, "USD").tax == 720_00

    finance("PUT", STANDING, {"tin_on_file": True}, distributor_id="d_us")

    assert ask("d_us", 3_000_00, "USD").tax == 0


def test_a_statement_as_json(promoter: Caller) -> None:
    got = promoter("GET", STATEMENT, distributor_id="d_1", year=str(NOW.year))

    amounts = {"currency": "CNY", "gross": 2_000_00, "fee": 20_00, "tax": 240_00, "net": 1_740_00}
    assert (got.status, got.json["totals"], got.json["year"]) == (200, [amounts], NOW.year)
    assert [{**amounts, "date": "2026-11-21", "state": "requested"}] == [
        {name: value for name, value in line.items() if name != "payout_id"} for line in got.json["items"]
    ]
    assert promoter("GET", STATEMENT, distributor_id="d_1", year="2025").json["items"] == []


@pytest.mark.parametrize(
    ("form", "kind", "begins"),
    [("csv", "text/csv; charset=utf-8", "\ufeff日期 Date,"), ("pdf", "application/pdf", "%PDF-")],
)
def test_a_statement_as_a_file(promoter: Caller, form: str, kind: str, begins: str) -> None:
    got = promoter("GET", STATEMENT, query={"format": [form]}, distributor_id="d_1", year="2026")

    assert (got.status, got.headers["Content-Type"], got.headers["Cache-Control"]) == (200, kind, "no-store")
    assert got.headers["Content-Disposition"] == f'attachment; filename="tax-2026.{form}"'
    assert got.text.startswith(begins)


def test_a_statement_is_for_the_distributor_and_for_finance(promoter: Caller) -> None:
    joined("d_2")
    who = {
        "d_2": signed_in("d_2", "distributor"),
        "key": storefront("distributors:read", "payouts:read"),
        "support": signed_in("p-3", "staff", "support", "ops"),
        **{role: signed_in(f"p-{role}", "staff", role) for role in ("auditor", "finance_checker", "owner")},
    }

    statuses = {name: each("GET", STATEMENT, distributor_id="d_1", year="2026").status for name, each in who.items()}

    assert statuses == {"d_2": 404, "key": 403, "support": 403, "auditor": 200, "finance_checker": 200, "owner": 200}


@pytest.mark.parametrize(
    ("year", "form", "path"), [("26", "csv", "year"), ("２０２６", "csv", "year"), ("2026", "xls", "format")]
)
def test_what_is_no_year_and_no_form_is_refused(promoter: Caller, year: str, form: str, path: str) -> None:
    got = promoter("GET", STATEMENT, query={"format": [form]}, distributor_id="d_1", year=year)

    assert (got.status, got.json["errors"][0]["path"]) == (400, path)


def test_somebody_unknown_has_neither(finance: Caller) -> None:
    assert finance("GET", STANDING, distributor_id="d_x").status == 404
    assert finance("GET", STATEMENT, distributor_id="d_x", year="2026").status == 404
