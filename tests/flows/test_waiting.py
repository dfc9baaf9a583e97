"""What waits for too long is counted: payouts in clearing, deliveries in the inbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.flows.decide_payout import decide_payout
from chalicelib.flows.overdue_payouts import overdue_payouts
from chalicelib.flows.retries import longest_wait
from chalicelib.schedules import inbox as inbox_schedule
from chalicelib.schedules import submit as submit_schedule
from chalicelib.store import payouts
from local.stack import scheduled_event
from tests.flows import deliveries
from tests.flows.deliveries import Storefront
from tests.flows.money_out import METHOD, NOW, asked, earned, fresh_cloud, joined, plan
from tests.streams.events import Context

Counted = dict[str, int]


@pytest.fixture
def cloud() -> Iterator[None]:
    with fresh_cloud():
        plan(minimum={"CNY": 100})
        for name in ("d_1", "d_2", "d_3"):
            earned(joined(name, {"card": METHOD}), 5000)
        yield


def counted(monkeypatch: pytest.MonkeyPatch, module: Any) -> Counted:
    found: Counted = {}
    monkeypatch.setattr(module, "count", lambda name, value=1, **_: found.update({name: value}) if value else None)
    return found


@pytest.mark.usefixtures("cloud")
def test_a_payout_is_overdue_after_a_week_or_as_long_as_its_recipient_has() -> None:
    waiting, accepted = asked("d_1"), asked("d_2")
    rejected = decide_payout(asked("d_3").id, "rejected", "staff:c", NOW)
    approved = decide_payout(accepted.id, "approved", "staff:c", NOW)
    for state in ("submitting", "submitted", "awaiting_recipient"):
        approved = payouts.move(approved, state, at=NOW, by="t")  # type: ignore[arg-type, assignment]
    assert (waiting.state, rejected.state, approved.state) == ("requested", "rejected", "awaiting_recipient")

    days = [overdue_payouts(NOW + timedelta(days=day)) for day in (0, 7, 8, 34, 36)]

    assert days == [0, 0, 1, 1, 2]


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize(("time", "expected"), [("03:04:59Z", 1), ("03:05:00Z", None), ("03:59:00Z", None)])
def test_one_round_an_hour_counts_them(monkeypatch: pytest.MonkeyPatch, time: str, expected: int | None) -> None:
    asked("d_1")
    found = counted(monkeypatch, submit_schedule)

    submit_schedule.submit(scheduled_event(f"{NOW + timedelta(days=30):%Y-%m-%d}T{time}"), Context(300_000))

    assert found.get("PayoutsOverdue") == expected


@pytest.mark.usefixtures("cloud")
def test_every_round_counts_whose_fate_is_unknown_and_who_waits_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [asked(name).id for name in ("d_1", "d_2", "d_3")]
    after = dict(zip(ids, ("unknown", "unknown", "manual_review"), strict=True))
    found = counted(monkeypatch, submit_schedule)
    monkeypatch.setattr(submit_schedule, "_unfinished", lambda left: iter(payouts.get_many(ids).values()))
    monkeypatch.setattr(submit_schedule, "submit_payout", lambda each, at: SimpleNamespace(state=after[each]))

    submit_schedule.go_round(NOW, lambda: 1e9)

    assert found == {"PayoutsUnknown": 2, "PayoutsForReview": 1}


def test_the_oldest_delivery_that_waits_is_counted(tables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    shop, at = Storefront(), deliveries.NOW
    assert longest_wait(at) == 0
    assert shop.delivers({"order_id": "o-1"}, "msg_1") == "stuck"
    assert shop.delivers({"order_id": "o-2"}, "msg_2", at + timedelta(minutes=2)) == "stuck"
    found = counted(monkeypatch, inbox_schedule)

    assert longest_wait(at + timedelta(hours=1)) == 3600
    inbox_schedule.inbox(scheduled_event(f"{at + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"), Context(300_000))

    assert found == {"OldestDeliverySeconds": 7200}
