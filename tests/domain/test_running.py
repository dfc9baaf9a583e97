"""Some sources only say how much it is by now: what counts is the same whatever was heard first, twice, or beside it."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from chalicelib.domain import running
from chalicelib.domain.attribution import as_of
from chalicelib.domain.earnings import earnings
from chalicelib.domain.entry_reasons import entry_reasons
from chalicelib.domain.errors import Refused
from chalicelib.domain.orders import Dispute, Facts, Order, Payment, Refund, contradictions, join
from chalicelib.domain.postings import difference
from chalicelib.domain.remaining import check_refunds, collected, left, outstanding
from tests.domain.builders import accrued, at, books, books_of, facts, given_back, line, order, paid, refunded, terms
from tests.domain.strategies import paid_totals, refunded_totals, single_facts, sourced_payments, sourced_refunds
from tests.domain.test_orders import joined


def total(amount: int, days: float, source: str = "pi") -> dict[str, Payment]:
    return {f"{source}={amount}": Payment(amount=amount, paid_at=at(days), source=source, running=True)}


def one(amount: int, days: float, key: str = "p1", source: str | None = "pi") -> dict[str, Payment]:
    return {key: Payment(amount=amount, paid_at=at(days), source=source)}


def back_in_all(amount: int, days: float = 5, source: str = "pi") -> dict[str, Refund]:
    return {f"{source}={amount}": Refund(amount=amount, refunded_at=at(days), source=source, running=True)}


def back(amount: int, key: str = "r1", state: Any = "succeeded", source: str | None = "pi") -> dict[str, Refund]:
    return {key: Refund(amount=amount, refunded_at=at(4), state=state, source=source)}


def known(**more: Any) -> Facts:
    return Facts(order_id="o-1", currency="CNY", **more)


def counted(payments: dict[str, Payment]) -> list[tuple[int, float]]:
    found = running.payments(known(payments=payments)).values()
    return sorted((each.amount, (each.paid_at - at(0)).total_seconds() / 86400) for each in found)


def remaining(refunds: dict[str, Refund]) -> dict[str, int | None]:
    return {key: each.amount for key, each in running.refunds(known(refunds=refunds)).items()}


def test_each_total_counts_with_what_it_adds() -> None:
    assert counted(total(300, 1) | total(1000, 2) | total(1500, 3)) == [(300, 1), (500, 3), (700, 2)]


def test_a_total_had_been_reached_once_a_larger_one_was_stated() -> None:
    assert counted(total(300, 5) | total(1000, 2) | total(1500, 3)) == [(300, 2), (500, 3), (700, 2)]


def test_totals_of_different_sources_add_up() -> None:
    assert counted(total(300, 1, "a") | total(300, 2, "b")) == [(300, 1), (300, 2)]


def test_a_total_of_nothing_is_no_payment() -> None:
    assert counted(total(0, 1)) == []


@pytest.mark.parametrize(
    ("payments", "expected"),
    [
        (one(300, 1) | total(300, 2), [(300, 1)]),
        (one(300, 1) | total(1000, 2), [(300, 1), (700, 2)]),
        (one(300, 1) | total(200, 2), [(300, 1)]),
        (one(300, 1) | total(200, 2) | total(1000, 3), [(300, 1), (700, 3)]),
        (one(300, 1) | one(700, 2, "p2") | total(1000, 3), [(300, 1), (700, 2)]),
        (one(300, 1, source=None) | total(300, 2), [(300, 1), (300, 2)]),
    ],
    ids=["the same", "more", "less", "less, then more", "two of it", "of something else"],
)
def test_a_payment_that_is_in_the_total_counts_once(payments: dict[str, Payment], expected: Any) -> None:
    assert counted(payments) == expected


@pytest.mark.parametrize(
    ("refunds", "expected"),
    [
        (back_in_all(300), {"pi=300": 300}),
        (back_in_all(300) | back_in_all(500), {"pi=500": 500}),
        (back_in_all(500) | back(500), {"r1": 500}),
        (back_in_all(500) | back(200), {"r1": 200, "pi=500": 300}),
        (back_in_all(500) | back(200) | back(300, "r2"), {"r1": 200, "r2": 300}),
        (back_in_all(500) | back(700), {"r1": 700}),
        (back_in_all(500) | back(500, state="failed"), {}),
        (back_in_all(500) | back(500, state="failed") | back(500, "r2"), {"r2": 500}),
        (back_in_all(500) | back(200, state="failed"), {"pi=500": 300}),
        (back_in_all(500) | back(200, source=None), {"r1": 200, "pi=500": 500}),
        (back_in_all(500) | back_in_all(100, source="other"), {"pi=500": 500, "other=100": 100}),
        (back_in_all(0), {}),
    ],
)
def test_a_refund_that_is_in_the_total_counts_once(refunds: dict[str, Refund], expected: Any) -> None:
    assert remaining(refunds) == expected


def test_a_refund_by_lines_is_in_the_total_with_what_its_lines_come_to() -> None:
    by_line = {"r1": Refund(refunded_at=at(4), lines=refunded(("1", 200, 1), ("2", 100, 1)).lines, source="pi")}

    found = running.refunds(known(refunds=by_line | back_in_all(350)))

    assert found["pi=350"] == Refund(amount=50, refunded_at=at(5), source="pi")
    assert found["r1"] == by_line["r1"]
    of = facts(line(200), line(100, "2"), line(50, "3"), refunds=by_line | back_in_all(325))
    assert [each.amount for each in left(of, ())] == [0, 0, 25]


def test_a_total_that_failed_never_counts() -> None:
    failed = Refund(amount=5, refunded_at=at(1), source="pi", running=True, state="failed")

    assert remaining({"pi=5": failed}) == {}


def test_the_whole_domain_counts_it_once() -> None:
    of = facts(
        line(1000),
        payments=one(400, 1) | total(400, 1) | total(1000, 2),
        refunds=back(250) | back_in_all(250),
    )

    assert [share for _, share in collected(of, ())] == [Fraction(1, 5), 1]
    assert [each.amount for each in left(of, ())] == [750]
    assert outstanding(of) == 0
    assert outstanding(facts(line(1000), payments=one(400, 1) | total(400, 1))) == 600
    assert accrued(of) == (75, 23)


def test_a_refund_told_twice_does_not_exceed_the_order() -> None:
    check_refunds(facts(line(1000), refunds=back(1000) | back_in_all(1000)))

    with pytest.raises(Refused) as refused:
        check_refunds(facts(line(1000), refunds=back(1000) | back_in_all(1001)))
    assert refused.value.code == "REFUND_EXCEEDS_ORDER"


def test_an_undated_order_is_decided_as_of_the_earliest_total() -> None:
    assert as_of(known(payments=total(300, 5) | total(900, 3)), at(9)) == at(3)
    assert as_of(known(payments=total(0, 5)), at(9)) == at(9)


def test_a_total_that_is_stated_again_keeps_its_first_time() -> None:
    early = known(payments=total(300, 1), refunds=back_in_all(100, 2))
    late = known(payments=total(300, 7), refunds=back_in_all(100, 8))

    assert join(early, late) == join(late, early) == early
    assert contradictions(early, late) == []


def test_what_is_no_running_total_may_not_move() -> None:
    before = known(payments=one(300, 1) | total(5, 1), refunds=back(100) | back_in_all(5))
    moved = known(
        payments=one(300, 2) | {"pi=5": Payment(amount=5, paid_at=at(1), source="pi")},
        refunds={
            "r1": Refund(amount=100, refunded_at=at(9), source="pi"),
            "pi=5": Refund(amount=6, refunded_at=at(5), source="pi", running=True),
        },
    )

    assert [fault.path for fault in contradictions(before, moved)] == [
        "payments[p1]",
        "payments[pi=5]",
        "refunds[r1]",
        "refunds[pi=5]",
    ]


def test_stored_images_read_and_write_as_before() -> None:
    plain = b'{"amount":5,"paid_at":"2026-03-01T00:00:00Z"}'

    assert json.encode(json.decode(plain, type=Payment)) == plain


payments = st.dictionaries(st.sampled_from("abcdef"), sourced_payments | paid_totals, max_size=6)
refunds = st.dictionaries(st.sampled_from("abcdef"), sourced_refunds | refunded_totals, max_size=6)


@given(payments)
def test_of_each_source_its_payments_or_its_largest_total_count(told: dict[str, Payment]) -> None:
    found = running.payments(known(payments=told)).values()

    for source in (None, "s1", "s2"):
        alone = sum(each.amount for each in told.values() if each.source == source and not each.running)
        largest = max((each.amount for each in told.values() if each.source == source and each.running), default=0)
        assert sum(each.amount for each in found if each.source == source) == max(alone, largest)
    assert not any(each.running for each in found)
    assert {each.paid_at for each in found} <= {each.paid_at for each in told.values()}


@given(payments, paid_totals, st.integers(0, 90))
def test_another_total_never_makes_less_paid_at_any_time(told: dict[str, Payment], more: Payment, day: int) -> None:
    def by_then(of: dict[str, Payment]) -> int:
        return sum(each.amount for each in running.payments(known(payments=of)).values() if each.paid_at <= at(day))

    assert by_then(told | {"g": more}) >= by_then(told)


@given(refunds)
def test_what_counts_of_refunds_is_never_less_than_those_that_succeeded(told: dict[str, Refund]) -> None:
    found = running.refunds(known(refunds=told))

    assert not any(each.running or each.state == "failed" for each in found.values())
    assert {key: each for key, each in found.items() if not told[key].running} == {
        key: each for key, each in told.items() if each.state == "succeeded" and not each.running
    }
    assert all(each.amount and not each.lines for key, each in found.items() if told[key].running)


@given(st.lists(single_facts(), min_size=2, max_size=7), st.data())
def test_whatever_comes_first_the_same_counts(parts: list[Facts], data: Any) -> None:
    one_way, other_way = joined(parts), joined(data.draw(st.permutations(parts)))

    assert running.payments(one_way) == running.payments(other_way)
    assert running.refunds(one_way) == running.refunds(other_way)


EVENTS = (
    facts(line(1000), shipping=200),
    known(payments=total(400, 1)),
    known(payments=total(1200, 3)),
    known(payments=one(400, 2), refunds=back_in_all(300)),
    known(refunds=back(300)),
    known(refunds=back(100, "r2", "failed")),
)


def test_every_order_of_arrival_ends_in_the_same_books() -> None:
    for arrived in permutations(EVENTS):
        images: list[Order] = []
        for event in (*arrived, *arrived[:2]):
            after = join(images[-1].facts, event) if images else event
            images.append(
                Order(
                    facts=after,
                    revision=len(images) + 1,
                    recorded_at=at(60 + len(images)),
                    terms=terms() if after.description else None,
                )
            )
        assert images[-1].facts == joined(list(EVENTS))
        assert (
            books(difference(old, new) for old, new in zip((None, *images), images, strict=False))
            == books_of(images[-1])
            == books_of(order(joined(list(EVENTS))))
        )
    assert earnings(images[-1]).direct.accrued == 70


def test_a_statement_is_told_by_the_name_of_what_it_is_of() -> None:
    image = order(paid(line(1000), refunds=back_in_all(300, 5)))
    entry = {
        "account": "distributor:ann:CNY",
        "level": "direct",
        "amount": -30,
        "day": "2026-03-01",
        "hold_days": 15,
        "to": "pending",
        "order_id": "o-1",
        "revision": 1,
        "happened_at": at(5).isoformat(),
    }
    nameless = order(paid(line(1000), refunds={"r=3": Refund(amount=3, refunded_at=at(5), running=True)}))

    assert entry_reasons(entry, image)[1].params == {"id": "pi"}
    assert entry_reasons(entry, nameless)[1].params == {"id": "r=3"}
    single = order(paid(line(1000), refunds=back(300, "r1") | {"r1": given_back(300, days=5)}))
    assert entry_reasons(entry, single)[1].params == {"id": "r1"}


@pytest.mark.parametrize(
    ("days", "state", "source", "opened", "counts"),
    [
        (2, "lost", "pi", 1, 6_000),  # the refund was made while the dispute ran: it is part of what was lost
        (1, "lost", "pi", 1, 6_000),
        (0, "lost", "pi", 1, 10_000),  # before it: another matter
        (2, "open", "pi", 1, 10_000),  # what is held is held whole
        (2, "lost", "other", 1, 10_000),
        (2, "lost", None, 1, 10_000),
        (2, "lost", "pi", None, 10_000),
    ],
)
def test_a_dispute_that_was_settled_by_a_refund_counts_once(
    days: float, state: Any, source: str | None, opened: float | None, counts: int
) -> None:
    dispute = Dispute(
        amount=10_000, at=at(3), state=state, source=source, opened_at=None if opened is None else at(opened)
    )
    told = facts(
        line(50_000), disputes={"d": dispute}, refunds={"r": Refund(amount=4_000, refunded_at=at(days), source="pi")}
    )

    assert running.disputed(told, ("open", "lost")) == counts
    assert running.disputed(told, ("won",)) == 0


def test_a_dispute_never_counts_below_zero() -> None:
    dispute = Dispute(amount=1_000, at=at(3), state="lost", source="pi", opened_at=at(1))
    told = facts(
        line(50_000), disputes={"d": dispute}, refunds={"r": Refund(amount=4_000, refunded_at=at(2), source="pi")}
    )

    assert running.disputed(told, ("lost",)) == 0
