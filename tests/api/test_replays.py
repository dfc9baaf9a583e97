"""Replays through the API: started, followed, read. What they compare is tested with their flow."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from chalicelib.api import replays as api
from chalicelib.flows.record_order import record_order
from chalicelib.flows.run_replay import run_replay
from chalicelib.settings import settings
from chalicelib.store import files, jobs
from tests.api.callers import Caller, signed_in, storefront
from tests.flows.shop import NOW, at, open_shop, ordered, paid

START = "/v1/plans/{plan_id}/replay"
ONE = "/v1/replays/{replay_id}"
BODY = {"plan": {"direct": {"rate": "0.2"}, "indirect": {"rate": "0.01"}}, "from": "2026-03-01", "to": "2026-03-08"}


@pytest.fixture(autouse=True)
def shop(tables: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILES_BUCKET", "fenrun-files")
    monkeypatch.setenv("REPLAY_FUNCTION", "fenrun-Replay")
    settings.cache_clear()
    files.forget()
    boto3.client("s3").create_bucket(Bucket="fenrun-files")
    open_shop()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(jobs, "start", lambda function, event: found.append((function, event)))
    return found


@pytest.fixture
def key() -> Caller:
    return storefront("plans:write", "plans:read")


def start(who: Caller, body: Any = BODY, plan_id: str = "default", **more: Any) -> Any:
    return who("POST", START, body, plan_id=plan_id, **more)


def test_it_is_started_followed_and_read(key: Caller, started: list[Any]) -> None:
    for i in range(3):
        record_order(ordered(f"o-{i}", 10_000 * (i + 1), placed_at=at(i), payments=paid(10_000 * (i + 1))), NOW)
    got = start(key, once="k-1")

    assert (got.status, got.json["state"]) == (202, "running")
    replay_id = got.json["replay_id"]
    assert started == [("fenrun-Replay", {"replay_id": replay_id})]
    assert start(key, once="k-1").json == got.json
    before = key("GET", ONE, replay_id=replay_id).json
    assert (before["state"], before["progress"]["parts"], before["totals"]) == ("running", 0, [])

    run_replay(replay_id, "fenrun-Replay", lambda: 1e9)
    found = key("GET", ONE, replay_id=replay_id).json

    assert (found["state"], found["plan_id"], found["from"], found["to"]) == (
        "done",
        "default",
        "2026-03-01",
        "2026-03-08",
    )
    assert found["progress"] == {"orders": 3, "unreadable": 0, "parts": 16, "of_parts": 16}
    assert found["totals"] == [
        {
            "currency": "CNY",
            "orders": 3,
            "then": 7800,
            "draft": 12600,
            "difference": 4800,
            "direct_then": 6000,
            "direct_draft": 12000,
            "indirect_then": 1800,
            "indirect_draft": 600,
            "accrued_then": 7800,
            "accrued_draft": 12600,
        }
    ]
    assert [(row["day"], row["difference"]) for row in found["days"]] == [
        ("2026-03-01", 800),
        ("2026-03-02", 1600),
        ("2026-03-03", 2400),
    ]
    assert [(row["distributor_id"], row["orders"], row["difference"]) for row in found["distributors"]] == [
        ("ann", 3, 6000),
        ("bob", 3, -1200),
    ]
    assert [(each["order_id"], each["line_id"], each["difference"]) for each in found["lines"]] == [
        ("o-2", "1", 2400),
        ("o-1", "1", 1600),
        ("o-0", "1", 800),
    ]


def test_a_long_list_ends_with_the_sum_of_the_rest(
    key: Caller, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MOST_ROWS", 1)
    for i in range(3):
        record_order(ordered(f"o-{i}", 10_000 * (i + 1), placed_at=at(i), payments=paid(10_000 * (i + 1))), NOW)
    replay_id = start(key).json["replay_id"]
    run_replay(replay_id, "fenrun-Replay", lambda: 1e9)

    found = key("GET", ONE, replay_id=replay_id).json

    assert [(row.get("day"), row.get("rows"), row["difference"]) for row in found["days"]] == [
        ("2026-03-03", None, 2400),
        (None, 2, 2400),
    ]
    assert [(row.get("distributor_id"), row.get("rows"), row["orders"]) for row in found["distributors"]] == [
        ("ann", None, 3),
        (None, 1, 3),
    ]


def test_a_time_stands_for_its_day_in_the_programs_zone(key: Caller, started: list[Any]) -> None:
    got = start(key, {**BODY, "from": "2026-02-28T16:00:00Z", "to": "2026-03-08T00:00:00+08:00"})

    found = key("GET", ONE, replay_id=got.json["replay_id"]).json
    assert (found["from"], found["to"]) == ("2026-03-01", "2026-03-08")


@pytest.mark.parametrize(
    ("more", "status", "code", "path"),
    [
        ({"from": "2026-02-30"}, 400, "BAD_DAY", "from"),
        ({"to": "2026-03-08T00:00:00"}, 400, "BAD_DAY", "to"),
        ({"to": "9999-12-31T23:00:00-23:00"}, 400, "BAD_DAY", "to"),
        ({"to": "2026-03-01"}, 422, "REPLAY_RANGE", "to"),
        ({"to": "2027-04-06"}, 422, "REPLAY_RANGE", "to"),
        ({"plan": {"direct": {}}}, 422, "PLAN_RATE_OR_PER_UNIT", "direct"),
    ],
)
def test_what_cannot_be_replayed_is_refused_first(
    key: Caller, started: list[Any], more: Any, status: int, code: str, path: str
) -> None:
    for language in ("en", "zh-CN"):
        got = start(key, {**BODY, **more}, language=language)

        assert (got.status, got.json["code"], got.json["errors"][0]["path"]) == (status, code, path)
        assert "{" not in got.json["detail"]
    assert started == []


def test_who_may(started: list[Any]) -> None:
    auditor, owner = signed_in("p-1", "staff", "auditor"), signed_in("p-2", "staff", "owner")

    assert (start(auditor).status, start(storefront("plans:read")).status) == (403, 403)
    assert start(signed_in("ann", "distributor")).status == 403
    replay_id = start(owner).json["replay_id"]
    assert auditor("GET", ONE, replay_id=replay_id).status == 200
    assert signed_in("ann", "distributor")("GET", ONE, replay_id=replay_id).status == 403
    assert owner("GET", ONE, replay_id="rp_other").status == 404
    assert start(owner, plan_id="other").status == 404


def test_a_function_that_cannot_be_started_is_a_request_to_try_again(
    key: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = start(key)  # there is no such function in this account

    assert (got.status, got.json["code"]) == (503, "BUSY")
