"""Terms of credit: what is outstanding, when it is due, and from when on an overdue customer's orders are stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain import credit
from chalicelib.domain.accounts import merchant, of_merchant
from chalicelib.domain.buckets import day_of, end_of
from chalicelib.domain.credit import Account, CreditTerms, OpenOrder, age, days_overdue
from chalicelib.domain.errors import Refused
from chalicelib.domain.orders import Description, Dispute, Facts, Line, Payment, Refund, RefundLine
from chalicelib.domain.remaining import outstanding

ZONE = "Asia/Shanghai"
PLACED = datetime(2026, 3, 1, 17, tzinfo=UTC)
"""2 March in Shanghai."""


def facts(amount: int = 100, order_id: str = "o-1", **more: Any) -> Facts:
    lines = (Line(line_id="1", amount=amount, quantity=2),)
    given: dict[str, Any] = {"placed_at": PLACED, "description": Description(lines=lines, shipping=10)}
    return Facts(**{"order_id": order_id, "currency": "CNY", **given, **more})


def paid(amount: int) -> dict[str, Payment]:
    return {"p": Payment(amount=amount, paid_at=PLACED)}


def back(amount: int, state: Any = "succeeded") -> dict[str, Refund]:
    return {"r": Refund(refunded_at=PLACED, lines=(RefundLine(line_id="1", amount=amount),), state=state)}


def disputed(state: Any) -> dict[str, Dispute]:
    return {"d": Dispute(amount=30, at=PLACED, state=state)}


@pytest.mark.parametrize(
    ("more", "owed"),
    [
        ({}, 110),
        ({"payments": paid(40)}, 70),
        ({"payments": paid(110)}, 0),
        ({"payments": paid(120)}, 0),
        ({"payments": paid(110), "refunds": back(40)}, 0),
        ({"payments": paid(40), "refunds": back(40)}, 70),
        ({"payments": paid(50), "refunds": back(40)}, 60),
        ({"refunds": back(40)}, 70),
        ({"refunds": back(40, "failed")}, 110),
        ({"refunds": {"r": Refund(refunded_at=PLACED, amount=110)}}, 0),
        ({"disputes": disputed("open")}, 110),
        ({"disputes": disputed("lost")}, 80),
        ({"disputes": disputed("won")}, 110),
        ({"cancelled_at": PLACED}, 0),
        ({"description": None}, 0),
    ],
)
def test_what_is_outstanding(more: dict[str, Any], owed: int) -> None:
    assert outstanding(facts(**more)) == owed


def recorded(
    account: Account, said: Facts, net_days: int = 30, after: float = 0, first: bool = True, zone: str = ZONE
) -> Account:
    return account.with_order(said, net_days, zone, PLACED + timedelta(days=after), first)


def due(account: Account, order_id: str = "o-1") -> str:
    return account.open[order_id].due


def test_an_order_is_due_so_many_days_after_the_day_on_which_it_was_placed() -> None:
    account = recorded(Account(), facts())

    assert account == Account(
        open={"o-1": OpenOrder(currency="CNY", due="2026-04-01", outstanding=110)},
        revision=1,
        judged_on="2026-03-02",
    )
    assert due(recorded(Account(), facts(), net_days=0)) == "2026-03-02"
    assert due(recorded(Account(), facts(), zone="UTC")) == "2026-03-31"
    assert (account.missed, account.next_due, account.out_of_step) == (None, "2026-04-01", [])


def test_without_a_date_it_is_due_by_what_was_known_first() -> None:
    account = recorded(Account(), facts(placed_at=None), after=1)
    assert due(account) == "2026-04-02"

    again = recorded(account, facts(placed_at=None, payments=paid(1)), after=9, first=False)
    assert (due(again), again.open["o-1"].outstanding) == ("2026-04-02", 109)
    assert due(recorded(again, facts(), after=9, first=False)) == "2026-04-01"


def test_nothing_new_is_the_same_account() -> None:
    account = recorded(Account(), facts())

    assert recorded(account, facts(delivered_at=PLACED), after=5, first=False) is account
    assert recorded(Account(), facts(payments=paid(110))) == Account()


def test_a_customer_is_overdue_once_the_due_day_is_over() -> None:
    account = recorded(recorded(Account(), facts()), facts(order_id="o-2"), net_days=40)

    assert [account.judged(day).missed for day in ("2026-04-01", "2026-04-02", "2026-05-30")] == [
        None,
        "2026-04-01",
        "2026-04-01",
    ]
    assert account.judged("2026-04-02").out_of_step == ["o-1", "o-2"]
    assert account.judged("2026-04-02").judged("2026-03-03").missed == "2026-04-01"


def overdue() -> Account:
    """o-1 was due on 1 April, o-2 is due on 11 April; both are stopped."""
    account = recorded(recorded(Account(), facts()), facts(order_id="o-2"), net_days=40).judged("2026-04-02")
    return account.in_step(account.out_of_step)


def test_all_orders_come_in_step_a_few_at_a_time() -> None:
    account = recorded(recorded(Account(), facts()), facts(order_id="o-2"), net_days=40).judged("2026-04-02")

    half = account.in_step(["o-2"])
    assert (half.out_of_step, half.revision, half.open["o-2"].missed) == (["o-1"], 3, "2026-04-01")
    assert half.in_step(["o-1"]).out_of_step == []


def test_a_stopped_order_stays_until_it_no_longer_is() -> None:
    account = recorded(overdue(), facts(order_id="o-2", payments=paid(110)), after=32, first=False, net_days=40)

    assert account.open["o-2"] == OpenOrder(currency="CNY", due="2026-04-11", outstanding=0, missed="2026-04-01")
    clear = recorded(account, facts(payments=paid(110)), after=33, first=False)
    assert (sorted(clear.open), clear.missed, clear.out_of_step) == (["o-2"], None, ["o-2"])
    assert clear.next_due == "2026-04-01", "it is still to be looked at"
    done = clear.in_step(["o-2"])
    assert (done.open, done.next_due, done.judged_on) == ({}, None, "2026-04-04")


def test_the_earliest_missed_day_counts() -> None:
    account = recorded(overdue(), facts(payments=paid(110)), after=45, first=False)

    assert account.missed == "2026-04-11"
    assert account.open["o-1"].missed == "2026-04-11"
    assert account.out_of_step == ["o-2"]
    assert account.next_due == "2026-04-01"


@pytest.mark.parametrize(
    ("first", "payments", "stopped"),
    [(True, 110, True), (True, 10, True), (False, 10, True), (False, 110, False)],
    ids=["new and paid", "new and open", "open again", "closed before"],
)
def test_what_an_overdue_customer_s_order_is(first: bool, payments: int, stopped: bool) -> None:
    account = recorded(overdue(), facts(order_id="o-3", payments=paid(payments)), after=32, first=first)

    assert (account.open["o-3"].missed if "o-3" in account.open else None) == ("2026-04-01" if stopped else None)


def test_open_orders_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert credit.MOST_OPEN == 1000
    monkeypatch.setattr(credit, "MOST_OPEN", 1)
    account = recorded(Account(), facts())

    with pytest.raises(Refused) as refused:
        recorded(account, facts(order_id="o-2"))
    assert (refused.value.code, refused.value.params) == ("TOO_MANY_OPEN_ORDERS", {"limit": 1})
    assert recorded(account, facts(payments=paid(1)), first=False).open["o-1"].outstanding == 109
    monkeypatch.setattr(credit, "MOST_OPEN", 0)
    assert recorded(account, facts(payments=paid(1)), first=False).open, "who is in may stay"


@pytest.mark.parametrize(
    ("days", "column"),
    [
        (0, "current"),
        (1, "1_30"),
        (30, "1_30"),
        (31, "31_60"),
        (60, "31_60"),
        (61, "61_90"),
        (90, "61_90"),
        (91, "over_90"),
        (121, "over_90"),
        (9_999, "over_90"),
    ],
)
def test_the_columns_of_the_ageing_report(days: int, column: str) -> None:
    assert age(days) == column
    assert age(-1) == "current"


def test_days_overdue() -> None:
    seen = [days_overdue("2026-03-31", day) for day in ("2026-03-01", "2026-03-31", "2026-04-01", "2027-03-31")]

    assert seen == [0, 0, 1, 365]


@pytest.mark.parametrize(
    ("day", "zone", "end"),
    [
        ("2026-03-31", "Asia/Shanghai", datetime(2026, 3, 31, 16, tzinfo=UTC)),
        ("2026-12-31", "UTC", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-03-28", "Europe/Berlin", datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("2026-03-29", "Europe/Berlin", datetime(2026, 3, 29, 22, tzinfo=UTC)),
    ],
)
def test_where_a_day_ends(day: str, zone: str, end: datetime) -> None:
    assert end_of(day, zone) == end
    assert end_of(day, zone).tzinfo is UTC
    assert day_of(end - timedelta(microseconds=1), zone) == day < day_of(end, zone)


def test_all_shards_of_a_merchant() -> None:
    assert len(set(of_merchant("m1", "CNY"))) == 8
    assert {merchant("m1", "CNY", f"o-{i}") for i in range(200)} == set(of_merchant("m1", "CNY"))


@pytest.mark.parametrize(
    ("currency", "outstanding", "exceeded"),
    [
        ("CNY", {"CNY": 100, "USD": 999}, False),
        ("CNY", {"CNY": 101}, True),
        ("CNY", {"USD": 101}, False),
        (None, {"CNY": 60, "USD": 60}, False),
        (None, {"CNY": 1, "USD": 101}, True),
        (None, {}, False),
    ],
)
def test_a_limit_holds_in_its_currency_or_in_each(currency: str | None, outstanding: dict[str, int], exceeded: bool):
    terms = CreditTerms(credit_limit=100, net_days=30, currency=currency)

    assert terms.exceeded(outstanding) is exceeded
