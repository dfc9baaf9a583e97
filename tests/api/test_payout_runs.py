"""Runs of the settlement through the API: how far they have come, and who lets a stopped one go on."""

from collections.abc import Iterator

import pytest

from chalicelib.store import payout_runs, plans
from tests.api.test_payouts import Person
from tests.flows.money_out import EVENT, RUN, asked, earned, joined, plan, run, states

ONE = "/v1/payout-runs/{run_id}"


@pytest.fixture(autouse=True)
def program(tables: dict[str, str]) -> Iterator[None]:
    plans.forget()
    plan(run_limit={"CNY": 7000})
    for name in ("d_1", "d_2"):
        earned(joined(name), 5000)
    yield
    plans.forget()


def test_staff_sees_a_stopped_run_and_the_checker_releases_it() -> None:
    run()
    payout_runs.worked(RUN, 2500)
    checker = Person("p-checker", "staff", "finance_checker")

    found = checker("GET", ONE, run_id=RUN)

    assert found.status == 200, found.json
    assert found.json == {
        "id": RUN,
        "state": "stopped",
        "started_at": "2026-11-22T02:00:00Z",
        "seconds": 2,
        "accounts": 0,
        "payouts": 1,
        "amounts": {"CNY": 5000},
        "filed_payouts": 0,
        "filed_amounts": {},
        "stopped_by": "run_limit",
        "released": False,
    }
    assert Person("p-maker", "staff", "finance_maker")("POST", f"{ONE}/release", run_id=RUN).status == 403
    released = checker("POST", f"{ONE}/release", run_id=RUN)
    assert (released.status, released.json["state"], released.json["released"]) == (200, "collecting", True)


def test_runs_are_listed_the_newest_first_page_by_page() -> None:
    for day in ("2026-11-19", "2026-11-20", "2026-11-21"):
        payout_runs.start(day, EVENT)
    ops = Person("p-ops", "staff", "ops")

    first = ops("GET", "/v1/payout-runs", query={"limit": ["2"]}).json
    rest = ops("GET", "/v1/payout-runs", query={"limit": ["2"], "cursor": [first["next"]]}).json

    assert [each["id"] for each in first["items"] + rest["items"]] == ["2026-11-21", "2026-11-20", "2026-11-19"]
    assert rest["next"] is None


def test_distributors_see_no_runs_and_an_unknown_one_is_not_found() -> None:
    assert Person("d_1", "distributor")("GET", "/v1/payout-runs").status == 403
    assert Person("p-ops", "staff", "ops")("GET", ONE, run_id="2020-01-01").status == 404


def test_what_a_run_asked_about_is_approved_all_at_once_and_once() -> None:
    earned(joined("d_3"), 700)
    other = asked("d_3", 200)
    plan(mode="approval")
    plans.forget()
    run()
    checker = Person("p-checker", "staff", "finance_checker")
    by_hand = checker("POST", "/v1/payouts/{payout_id}/reject", {"reason": "later"}, payout_id=f"po_{RUN}_d_3_CNY")

    assert Person("p-maker", "staff", "finance_maker")("POST", f"{ONE}/approve", run_id=RUN).status == 403
    first = checker("POST", f"{ONE}/approve", run_id=RUN)
    again = checker("POST", f"{ONE}/approve", run_id=RUN)

    assert (by_hand.status, first.status) == (200, 200), (by_hand.json, first.json)
    assert (first.json, again.json) == ({"approved": 2, "more": False}, {"approved": 0, "more": False})
    assert states() == {
        f"po_{RUN}_d_1_CNY": "approved",
        f"po_{RUN}_d_2_CNY": "approved",
        f"po_{RUN}_d_3_CNY": "rejected",
        other.id: "requested",
    }
    assert checker("POST", f"{ONE}/approve", run_id="2020-01-01").status == 404
