"""Days of the program's time zone, and what the buyer still owes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.buckets import day_of, end_of
from chalicelib.domain.orders import Payment
from chalicelib.domain.remaining import outstanding
from tests.domain.builders import at, disputed, facts, given_back, line, refunded

INSTANT = timedelta(microseconds=1)
ZONES = ("Asia/Shanghai", "UTC", "America/New_York")


@pytest.mark.parametrize(
    ("zone", "end"),
    [
        ("UTC", datetime(2026, 3, 8, tzinfo=UTC)),
        ("Asia/Shanghai", datetime(2026, 3, 7, 16, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 8, 5, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_midnight_of_the_program(zone, end):
    assert end_of("2026-03-07", zone) == end
    assert end_of("2026-03-07", zone).tzinfo is UTC


def test_a_day_in_which_the_clocks_change_is_an_hour_shorter_or_longer():
    zone = "America/New_York"

    assert end_of("2026-03-08", zone) - end_of("2026-03-07", zone) == timedelta(hours=23)
    assert end_of("2026-11-01", zone) - end_of("2026-10-31", zone) == timedelta(hours=25)


@given(st.integers(0, 3000).map(at), st.sampled_from(ZONES))
def test_an_instant_is_of_the_day_that_has_not_ended(moment, zone):
    day = day_of(moment, zone)

    assert moment < end_of(day, zone)
    assert day_of(end_of(day, zone) - INSTANT, zone) == day
    assert day_of(end_of(day, zone), zone) > day


def owing(*paid, **more):
    payments = {f"p{i}": Payment(amount=amount, paid_at=at(i)) for i, amount in enumerate(paid)}
    return outstanding(facts(line(900), shipping=60, tax=40, payments=payments, **more))


def test_what_is_not_paid_is_outstanding():
    assert [owing(), owing(400), owing(400, 600), owing(1001)] == [1000, 600, 0, 0]


def test_what_was_given_back_need_not_be_paid_and_was_not_kept():
    assert owing(refunds={"r1": refunded(("1", 300, 0))}) == 700
    assert owing(1000, refunds={"r1": given_back(300)}) == 0
    assert owing(500, refunds={"r1": given_back(300)}) == 500
    assert owing(100, refunds={"r1": given_back(300)}) == 700
    assert owing(500, refunds={"r1": given_back(300, state="failed")}) == 500


def test_a_dispute_that_is_lost_is_given_back_and_an_open_one_not_yet():
    assert owing(500, disputes={"d1": disputed(300, "lost")}) == 500
    assert owing(500, disputes={"d1": disputed(300)}) == 500
    assert owing(disputes={"d1": disputed(300, "lost")}) == 700
    assert owing(disputes={"d1": disputed(300)}) == 1000


def test_nothing_is_outstanding_of_what_is_cancelled_or_wholly_given_back():
    assert owing(cancelled_at=at(1)) == 0
    assert owing(refunds={"r1": given_back(1000)}) == 0
    assert owing(1000, refunds={"r1": given_back(1000)}) == 0
    assert owing(1000, refunds={"r1": given_back(1500)}) == 0
