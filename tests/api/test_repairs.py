"""Repairs and redrives through the API: who may, and what they are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.errors import Busy
from chalicelib.flows import start_repair
from chalicelib.flows.repair import repair
from chalicelib.settings import settings
from chalicelib.store import repairs
from tests.api.test_payouts import Person
from tests.flows.busy_books import deployment, ledger, lose, rows
from tests.flows.shop import at, book, open_shop, ordered, paid
from tests.flows.test_redrive import dead_letters, keep, record_order
from tests.streams.events import change

NIGHT = at(50)


@pytest.fixture(autouse=True)
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with deployment():
        dead_letters(monkeypatch)
        open_shop()
        book(record_order(ordered(payments=paid()), at(1)))
        yield


def test_staff_reads_what_the_nightly_repair_found() -> None:
    [lost] = [key for key in ledger() if key[0].startswith("distributor:ann") and key[1].startswith("DAY#")]
    lose(lost)
    repair(NIGHT, "schedule:repair", False, lambda: 1e9)
    auditor = Person("p-1", "staff", "auditor")

    listed = auditor("GET", "/v1/ledger/repairs").json

    [run] = listed["items"]
    assert listed["next"] is None
    assert (run["state"], run["orders"], run["entries"], run["found"], run["left"]) == ("done", 1, 2, 1, 0)
    one = auditor("GET", "/v1/ledger/repairs/{repair_id}", repair_id=run["id"]).json
    assert one["findings"] == [
        {
            "kind": "account",
            "subject": lost[0],
            "account": lost[0],
            "what": lost[1],
            "stored": 0,
            "computed": 1000,
            "outcome": "rebuilt",
        }
    ]
    assert auditor("GET", "/v1/ledger/repairs/{repair_id}", repair_id="never").status == 404
    assert Person("ann", "distributor")("GET", "/v1/ledger/repairs").status == 403


def test_an_owner_has_the_books_repaired_now(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setenv("REPAIR_FUNCTION", "fenrun-Repair-1")
    settings.cache_clear()
    monkeypatch.setattr(start_repair.jobs, "start", lambda name, event: started.append((name, event["detail"])))
    body = {"reason": "a table was written by hand", "correct": True}

    answer = Person("p-1", "staff", "owner")("POST", "/v1/ledger/repairs", body)

    assert answer.status == 202
    assert started == [("fenrun-Repair-1", {"by": "staff:p-1", "correct": True})]
    assert [row["who"] for row in rows(settings().audit_table) if row["action"] == "ledger.repair"] == ["staff:p-1"]
    assert Person("p-2", "staff", "ops")("POST", "/v1/ledger/repairs", body).status == 403
    assert Person("p-1", "staff", "owner")("POST", "/v1/ledger/repairs", {"correct": True}).status == 400


def test_ops_redrives_what_was_given_up_on_and_is_told_what_stays() -> None:
    lost = record_order(ordered("o-2", payments=paid()), at(1))
    keep([change(1, None, lost)], 1)
    other = record_order(ordered("o-3", payments=paid()), at(2))
    bad = keep([change(2, None, other, NewImage={"image": {"S": "{"}})], 2)
    ops = Person("p-1", "staff", "ops")

    first, second = (ops("POST", "/v1/redrives").json for _ in range(2))

    stays = [{"where": bad, "order_id": "o-3", "reason": "DecodeError"}]
    assert first == {"posted": 1, "known": 0, "runs": 0, "parts": 0, "failed": stays, "more": False}
    assert second == {**first, "posted": 0}
    assert Person("p-2", "staff", "auditor")("POST", "/v1/redrives").status == 403


def test_a_redrive_waits_for_a_repair() -> None:
    assert repairs.take("repair", at(5000), 10**6)

    answer = Person("p-1", "staff", "owner")("POST", "/v1/redrives", language="zh-CN")

    assert (answer.status, answer.json["code"], answer.json["title"]) == (409, "REPAIR_RUNNING", "正在修复账目")


def test_a_repair_that_cannot_be_started_is_to_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(name: str, event: Any) -> None:
        raise Busy("BUSY")

    monkeypatch.setenv("REPAIR_FUNCTION", "fenrun-Repair-1")
    settings.cache_clear()
    monkeypatch.setattr(start_repair.jobs, "start", busy)

    assert Person("p-1", "staff", "owner")("POST", "/v1/ledger/repairs", {"reason": "x"}).status == 503
