import pytest

from chalicelib.domain.errors import Refused
from chalicelib.domain.orders import Facts, Refund
from chalicelib.domain.remaining import check_refunds
from tests.domain.builders import at, facts, given_back, line, refunded


def known(**more):
    return Facts(order_id="o-1", currency="CNY", **more)


def refund_faults(of):
    with pytest.raises(Refused) as refusal:
        check_refunds(of)
    return refusal.value.code, [(f.path, f.code, f.params) for f in refusal.value.faults]


@pytest.mark.parametrize(
    "refunds",
    [
        {},
        {"r1": refunded(("1", 100, 2)), "r2": refunded(("2", 50, 1))},
        {"r1": given_back(157)},
        {"r1": refunded(("1", 100, 2)), "r2": given_back(57)},
        {"r1": given_back(157), "r2": given_back(0), "r3": Refund(refunded_at=at(1))},
        {"r1": refunded(("9", 100, 2), state="failed"), "r2": given_back(999, state="failed"), "r3": given_back(157)},
    ],
)
def test_everything_that_was_sold_may_be_given_back(refunds):
    check_refunds(facts(line(100, quantity=2), line(50, "2"), shipping=3, tax=4, refunds=refunds))


def test_a_refund_may_come_before_the_lines_are_known():
    check_refunds(known(refunds={"r1": refunded(("9", 10**9, 1))}))


def test_a_line_gives_back_no_more_than_it_was_sold_for():
    refunds = {"r2": refunded(("1", 60, 1)), "r1": refunded(("1", 41, 2), ("2", 1, 0))}

    code, faults = refund_faults(facts(line(100, quantity=2), line(50, "2"), refunds=refunds))

    assert code == "REFUND_EXCEEDS_LINE"
    assert faults == [
        ("refunds[r2].lines[0].amount", "REFUND_EXCEEDS_LINE", {"line_id": "1"}),
        ("refunds[r2].lines[0].quantity", "REFUND_EXCEEDS_LINE", {"line_id": "1"}),
    ]


def test_a_refund_of_a_line_that_was_never_sold_is_refused_and_the_rest_is_still_checked():
    refunds = {"r1": refunded(("9", 1, 1), ("1", 101, 0))}

    code, faults = refund_faults(facts(line(100), line(50, "2"), refunds=refunds))

    assert code == "REFUND_UNKNOWN_LINE"
    assert faults == [
        ("refunds[r1].lines[0].line_id", "REFUND_UNKNOWN_LINE", {"line_id": "9"}),
        ("refunds[r1].lines[1].amount", "REFUND_EXCEEDS_LINE", {"line_id": "1"}),
    ]


@pytest.mark.parametrize(
    "refunds",
    [
        {"r1": given_back(108)},
        {"r1": given_back(54), "r2": given_back(54)},
        {"r1": refunded(("1", 100, 1)), "r2": given_back(8)},
        {"r1": given_back(999, state="failed"), "r2": given_back(108)},
    ],
)
def test_refunds_together_give_back_no_more_than_the_order(refunds):
    code, faults = refund_faults(facts(line(100), shipping=3, tax=4, refunds=refunds))

    assert code == "REFUND_EXCEEDS_ORDER"
    assert faults == [("refunds", "REFUND_EXCEEDS_ORDER", {})]


def test_more_than_the_order_is_the_reason_that_is_named_first_among_several():
    refunds = {"r1": refunded(("9", 1, 1)), "r2": given_back(101)}

    code, faults = refund_faults(facts(line(100), refunds=refunds))

    assert code == "REFUND_EXCEEDS_ORDER"
    assert [path for path, _, _ in faults] == ["refunds[r1].lines[0].line_id", "refunds"]


def test_an_amount_beside_refunded_lines_is_not_counted_twice():
    both = refunded(("1", 100, 1))

    check_refunds(facts(line(100), refunds={"r1": type(both)(refunded_at=at(1), lines=both.lines, amount=100)}))
