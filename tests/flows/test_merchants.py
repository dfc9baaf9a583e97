"""Many merchants in one order: who bears which part, what each sees, and that it all adds up to zero."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain.errors import Malformed, NotFound, Refused
from chalicelib.domain.orders import Dispute, Order
from chalicelib.domain.plans import Rule
from chalicelib.flows.merchants import existing, save_merchant
from chalicelib.flows.read_merchant import MerchantStatement, Sums, merchant_order, merchant_statements
from chalicelib.flows.record_order import record_order
from chalicelib.flows.save_plan import save_plan
from chalicelib.flows.verify import verify
from chalicelib.store import statement
from chalicelib.store.merchants import Merchant
from tests.flows.shop import NOW, at, book, described, line, open_shop, ordered, paid, plan, refunded, said

pytestmark = pytest.mark.usefixtures("cloud_tables")

LINES = (
    line(10_000, "tea", merchant_id="m1", sku="TEA"),
    line(20_000, "cup", merchant_id="m2", cost=15_000),
    line(3_000, "wrap"),
)


@pytest.fixture(autouse=True)
def shop(cloud_tables: Any) -> None:
    open_shop()


def first() -> Order:
    return record_order(ordered(description=described(*LINES), payments=paid(33_000)), NOW)


def seen(merchant_id: str, first: date = date(2026, 3, 1), last: date = date(2026, 3, 31)) -> MerchantStatement:
    (found,) = merchant_statements(merchant_id, "CNY", first, last)
    return found


def sums(merchant_id: str) -> tuple[int, int, int]:
    total = seen(merchant_id).total
    return total.borne, total.returned, total.net


def entries() -> int:
    """What the two distributors' entries come to."""
    found = [each for who in ("ann", "bob") for each in statement.entries([f"distributor:{who}:CNY"], 100, None)[0]]
    return sum(each["amount"] for each in found)


def test_a_partial_refund_of_one_merchant_s_line_ends_at_zero() -> None:
    before = first()
    after = record_order(said(refunds=refunded(("tea", 4_000))), at(3))
    book(before, after)

    assert (sums("m1"), sums("m2"), sums("operator")) == ((1_300, 520, 780), (2_600, 0, 2_600), (390, 0, 390))
    assert entries() == 780 + 2_600 + 390
    found = verify(at(60))
    assert (found.imbalance, found.mismatches) == ({"CNY": 0}, [])


def test_a_full_refund_leaves_nothing_with_anybody() -> None:
    before = first()
    after = record_order(said(refunds=refunded(amount=33_000)), at(3))
    book(before, after)

    assert [sums(each)[2] for each in ("m1", "m2", "operator")] == [0, 0, 0]
    assert seen("m2").days[0].borne == seen("m2").days[0].returned == 2_600
    assert entries() == 0


def test_a_statement_is_by_the_day_of_the_accrual() -> None:
    for i, days in enumerate((0, 0.1, 5, 40)):
        book(record_order(ordered(f"o-{i}", description=described(*LINES), payments=paid(33_000, days=days)), at(41)))

    shown = seen("m1")

    assert [(day.day, day.net) for day in shown.days] == [("2026-03-01", 2_600), ("2026-03-06", 1_300)]
    assert shown.total == Sums(borne=3_900, returned=0, net=3_900)
    assert [day.day for day in seen("m1", date(2026, 3, 6), date(2026, 4, 10)).days] == ["2026-03-06", "2026-04-10"]
    assert seen("nobody").days == []


@pytest.mark.parametrize(
    ("first_day", "last_day"),
    [(date(2026, 3, 2), date(2026, 3, 1)), (date(2025, 3, 1), date(2026, 3, 2))],
    ids=["backwards", "over a year"],
)
def test_a_period_is_bounded(first_day: date, last_day: date) -> None:
    assert seen("m1", date(2025, 3, 1), date(2026, 3, 1)).days == []

    with pytest.raises(Malformed):
        seen("m1", first_day, last_day)


def test_what_a_dispute_withholds_is_told_apart() -> None:
    before = first()
    after = record_order(said(disputes={"d": Dispute(amount=33_000, at=at(2))}), at(3))
    book(before, after)

    shown = seen("m1")
    assert (shown.total, shown.held) == (Sums(borne=1_300, returned=1_300, net=0), 1_300)
    assert entries() == sum(seen(each).held for each in ("m1", "m2", "operator"))


def test_the_operator_may_bear_a_merchant_s_part() -> None:
    save_merchant(Merchant(merchant_id="m1", name="Tea House", paid_by="operator"), "staff:1", NOW)
    book(first())

    assert (sums("m1")[2], sums("m2")[2], sums("operator")[2]) == (0, 2_600, 1_690)
    assert merchant_order("m1", "o-1").lines[0].paid_by == "operator"
    assert existing("m1").name == "Tea House"


def test_the_operator_s_own_account_is_nobody_s_name() -> None:
    with pytest.raises(Refused):
        save_merchant(Merchant(merchant_id="operator", name="x"), "staff:1", NOW)
    with pytest.raises(NotFound):
        existing("operator")


def test_a_merchant_s_own_plan_is_borne_by_them() -> None:
    save_plan("merchant:m2", plan(direct=Rule(rate="0.2")), at(-30), "staff:1", NOW)
    book(first())

    assert (sums("m1")[2], sums("m2")[2], entries()) == (1_300, 4_600, 6_290)


def test_a_merchant_sees_their_lines_of_an_order_and_no_more() -> None:
    first()
    refunds = refunded(("tea", 1_000), ("cup", 4_000)) | refunded(("cup", 1), refund_id="r-2")
    record_order(said(refunds=refunds | refunded(amount=30, refund_id="r-3")), at(3))

    found = merchant_order("m1", "o-1")

    assert [each.line.line_id for each in found.lines] == ["tea"]
    assert {refund_id: len(part.lines) for refund_id, part in found.refunds.items()} == {"r-1": 1}
    (tea,) = found.lines
    assert (tea.base, tea.direct, tea.indirect, tea.estimated) == (8_990, 899, 270, 0)
    assert merchant_order("operator", "o-1").lines[0].line == LINES[2]
    for merchant_id, order_id in (("m3", "o-1"), ("m1", "o-2")):
        with pytest.raises(NotFound):
            merchant_order(merchant_id, order_id)


def test_before_it_accrues_a_line_s_commission_is_to_come() -> None:
    record_order(ordered(description=described(*LINES)), NOW)
    record_order(ordered("o-2", code="NOBODY", description=described(*LINES), payments=paid(33_000)), NOW)

    lines = [merchant_order("m2", each).lines[0] for each in ("o-1", "o-2")]

    assert [(each.direct, each.indirect, each.estimated) for each in lines] == [(0, 0, 2_600), (0, 0, 0)]


def test_an_order_that_waits_for_its_customer_has_no_commission_yet() -> None:
    facts = structs.replace(ordered(description=described(*LINES)), customer_id=None)
    record_order(facts, NOW)

    (tea,) = merchant_order("m1", "o-1").lines

    assert (tea.base, tea.direct, tea.estimated, tea.paid_by) == (10_000, 0, 0, "merchant")
