from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from chalicelib.domain.errors import Conflict
from chalicelib.domain.orders import Carriers, Facts, Payment, contradictions, join
from tests.domain.builders import at, described, disputed, facts, given_back, line
from tests.domain.strategies import single_facts

said = st.lists(single_facts(), min_size=1, max_size=4)


def joined(parts):
    whole = parts[0]
    for part in parts[1:]:
        whole = join(whole, part)
    return whole


def known(**more):
    return Facts(order_id="o-1", currency="CNY", **more)


def as_bytes(of):
    return json.encode(of)


@given(said, said)
def test_it_does_not_matter_which_facts_come_first(some, others):
    a, b = joined(some), joined(others)

    assert as_bytes(join(a, b)) == as_bytes(join(b, a))


@given(said, said, said)
def test_it_does_not_matter_how_facts_are_grouped(some, others, rest):
    a, b, c = joined(some), joined(others), joined(rest)

    assert as_bytes(join(join(a, b), c)) == as_bytes(join(a, join(b, c)))


@given(said, said)
def test_hearing_the_same_again_changes_nothing(some, others):
    a, b = joined(some), joined(others)

    both = join(a, b)

    assert join(both, a) == join(both, b) == join(both, both) == both


@given(st.lists(single_facts(), min_size=2, max_size=7), st.data())
def test_any_order_of_arrival_with_repetitions_ends_in_one_image(parts, data):
    again = data.draw(st.lists(st.sampled_from(parts), max_size=4))
    arrived = data.draw(st.permutations(parts + again))

    assert as_bytes(join(joined(arrived), known())) == as_bytes(join(joined(parts), known()))


def test_the_earliest_of_a_time_that_is_set_once_stays():
    early = known(placed_at=at(1), delivered_at=at(2), cancelled_at=at(3))
    late = known(placed_at=at(4), delivered_at=at(5), cancelled_at=at(6))

    assert join(late, early) == early


def test_what_one_side_does_not_know_comes_from_the_other():
    full = facts(
        line(100),
        delivered_at=at(1),
        cancelled_at=at(2),
        attribution=Carriers(coupon="TEA10", code="AB", click_id="k1"),
        payments={"p1": Payment(amount=100, paid_at=at())},
        refunds={"r1": given_back(5)},
        disputes={"d1": disputed(7)},
    )

    assert join(known(), full) == join(full, known()) == full


def test_the_newest_description_wins_by_the_clock_of_its_source():
    undated = known(description=described(line(999)))
    old = known(description=described(line(300), updated_at=at(1)))
    new = known(description=described(line(200), updated_at=at(1) + timedelta(microseconds=1)))

    assert join(new, old).description == new.description
    assert join(undated, old).description == old.description


def test_of_two_descriptions_of_one_instant_the_same_one_always_wins():
    a = known(description=described(line(200), updated_at=at(1)))
    b = known(description=described(line(300), updated_at=at(1)))

    assert join(a, b).description == join(b, a).description == b.description


def test_a_refund_that_failed_stays_failed():
    succeeded = known(refunds={"r1": given_back(900)})
    failed = known(refunds={"r1": given_back(5, state="failed")})

    assert join(failed, succeeded).refunds == join(succeeded, failed).refunds == failed.refunds


def test_the_newest_state_of_a_dispute_wins_and_of_one_instant_the_furthest():
    opened, won = known(disputes={"d1": disputed(50, days=2)}), known(disputes={"d1": disputed(9, "won", days=3)})
    lost = known(disputes={"d1": disputed(1, "lost", days=3)})
    reopened = known(disputes={"d1": disputed(1, "open", days=4)})

    assert join(won, opened).disputes == won.disputes
    assert join(lost, won).disputes == join(won, lost).disputes == lost.disputes
    assert join(reopened, lost).disputes == reopened.disputes


def test_a_dispute_that_is_decided_beats_an_open_one_of_the_same_instant():
    opened, won = known(disputes={"d1": disputed(50)}), known(disputes={"d1": disputed(9, "won")})

    assert join(opened, won).disputes == won.disputes


def test_of_two_stories_of_one_refund_or_dispute_the_same_one_always_wins():
    a = known(refunds={"r1": given_back(200)}, disputes={"d1": disputed(20)})
    b = known(refunds={"r1": given_back(300)}, disputes={"d1": disputed(30)})

    assert join(a, b) == join(b, a) == b


def test_carriers_that_contradict_each_other_are_settled_by_a_fixed_rule():
    a = known(attribution=Carriers(coupon="A", code="Z", click_id="k1"))
    b = known(attribution=Carriers(coupon="B", code="Y", click_id="k2"))

    assert join(a, b).attribution == join(b, a).attribution == Carriers(coupon="B", code="Z", click_id="k2")


def test_payments_of_either_side_are_kept_under_their_own_ids():
    one, two = Payment(amount=1, paid_at=at()), Payment(amount=2, paid_at=at())

    together = join(known(payments={"p2": two}), known(payments={"p1": one}))

    assert list(together.payments.items()) == [("p1", one), ("p2", two)]


def test_another_customer_is_another_order():
    with pytest.raises(Conflict) as refusal:
        join(known(customer_id="c-1"), known(customer_id="c-2"))

    assert refusal.value.code == "ORDER_CUSTOMER_DIFFERS"
    assert [(fault.path, fault.code) for fault in refusal.value.faults] == [("customer_id", "ORDER_CUSTOMER_DIFFERS")]


def test_another_currency_is_another_order():
    with pytest.raises(Conflict) as refusal:
        join(known(), Facts(order_id="o-1", currency="USD"))

    [fault] = refusal.value.faults
    assert (refusal.value.code, fault.path, fault.code) == (
        "ORDER_CURRENCY_DIFFERS",
        "currency",
        "ORDER_CURRENCY_DIFFERS",
    )
    assert fault.params == {"known": "CNY"}


def test_a_customer_named_later_completes_the_order():
    assert join(known(), known(customer_id="c-1")).customer_id == "c-1"
    assert join(known(customer_id="c-1"), known()).customer_id == "c-1"
    assert join(known(customer_id="c-1"), known(customer_id="c-1")).customer_id == "c-1"


def test_an_order_is_due_its_lines_shipping_and_tax():
    assert facts(line(100), line(20, "2"), shipping=3, tax=4).due == 127
    assert known().due == 0
    assert known().lines == ()


@given(said)
def test_what_is_said_again_word_for_word_contradicts_nothing(some):
    whole = joined(some)

    assert contradictions(whole, whole) == contradictions(known(), whole) == contradictions(whole, known()) == []


def test_the_same_id_with_other_content_is_a_contradiction():
    old = facts(
        line(100),
        payments={"p1": Payment(amount=1, paid_at=at()), "p2": Payment(amount=1, paid_at=at())},
        refunds={"r1": given_back(1), "r2": given_back(2)},
        disputes={"d1": disputed(1, "lost"), "d2": disputed(1)},
    )
    new = facts(
        line(101),
        payments={"p1": Payment(amount=2, paid_at=at()), "p3": Payment(amount=1, paid_at=at())},
        refunds={"r1": given_back(3), "r3": given_back(1)},
        disputes={"d1": disputed(1, "won"), "d3": disputed(1)},
    )

    faults = contradictions(old, new)

    assert [(fault.path, fault.code) for fault in faults] == [
        ("lines", "LINES_DIFFER"),
        ("payments[p1]", "PAYMENT_DIFFERS"),
        ("refunds[r1]", "REFUND_DIFFERS"),
        ("disputes[d1]", "DISPUTE_DIFFERS"),
    ]


def test_a_dispute_may_close_at_the_time_at_which_it_was_opened():
    opened = facts(line(100), disputes={"d1": disputed(1)})
    closed = facts(line(100), disputes={"d1": disputed(1, "won")})

    assert contradictions(opened, closed) == contradictions(closed, opened) == []
    assert join(opened, closed) == join(closed, opened) == closed


def test_news_with_a_newer_time_of_its_own_is_no_contradiction():
    old = known(
        description=described(line(1), updated_at=at(1)),
        refunds={"r1": given_back(5)},
        disputes={"d1": disputed(1, days=1)},
    )
    new = known(
        description=described(line(2), updated_at=at(2)),
        refunds={"r1": given_back(5, state="failed")},
        disputes={"d1": disputed(1, "lost", days=2)},
    )

    assert contradictions(old, new) == []
