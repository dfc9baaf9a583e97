"""Every break that a statement may have is found, and nothing else is."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.payouts import NEXT, Payout, Step, stepped
from chalicelib.domain.reconciliation import Finding, Line, Period, reconcile, refused
from tests.domain.builders import at

PERIOD = Period(first="2026-03-01", last="2026-03-31", time_zone="Asia/Shanghai")
TO = {
    "submitted": ("submitting", "submitted"),
    "awaiting_recipient": ("submitting", "submitted", "awaiting_recipient"),
    "unknown": ("submitting", "unknown"),
    "paid": ("submitting", "submitted", "paid"),
    "returned": ("submitting", "submitted", "paid", "returned"),
    "failed": ("submitting", "submitted", "failed"),
    "approved": (),
    "submitting": ("submitting",),
}


def payout(number, state="submitted", net=1000, days=5.0, reference=None, currency="CNY"):
    start = Payout(
        id=f"po_{number}",
        distributor_id="d",
        country="CN",
        currency=currency,
        gross=net + 30,
        fee=10,
        tax=20,
        rail="bank_file",
        method={},
        state="approved",
        history=(Step(at=at(days), to="approved", by="run"),),
        requested_by="run",
        created_at=at(days),
    )
    for to in TO[state]:
        start = stepped(start, to, at=at(days), by="x", reference=reference if to == "paid" else None)
    return start


def line(of, number=2, outcome="paid", **more):
    known = {"amount": of.net, "day": "2026-03-10", "currency": of.currency, "names": (of.id,)}
    return Line(number=number, outcome=outcome, **{**known, **more})


def found(payouts, lines, whole=True, named=True):
    return reconcile({each.id: each for each in payouts}, lines, "CNY", PERIOD, whole=whole, named=named)


def short(result):
    return [(each.kind, each.about, each.payout_id, each.expected, each.found, each.line) for each in result.findings]


def test_what_agrees_is_matched_and_decides():
    one = payout(1)
    result = found([one], [line(one)])

    assert (result.matched, result.findings) == (1, ())
    assert [(move.payout_id, move.outcome) for move in result.moves] == [("po_1", "paid")]


def test_what_is_known_decides_nothing():
    one = payout(1, "paid", reference="B1")
    result = found([one], [line(one, reference="B1")])

    assert (result.matched, result.findings, result.moves) == (1, (), ())


def test_paid_and_then_returned_in_one_statement_in_any_order():
    one = payout(1)
    for lines in ([line(one, 2), line(one, 3, "returned")], [line(one, 2, "returned"), line(one, 3)]):
        result = found([one], lines)
        assert (result.matched, result.findings) == (2, ())
        assert [move.outcome for move in result.moves] == ["paid", "returned"]


@pytest.mark.parametrize(
    ("state", "outcome", "more", "finding"),
    [
        ("submitted", "paid", {"amount": 1}, ("amount", 1000, 1)),
        ("submitted", "paid", {"currency": "USD"}, ("currency", "CNY", "USD")),
        ("failed", "paid", {}, ("state", "failed", "paid")),
        ("paid", "failed", {}, ("state", "paid", "failed")),
        ("approved", "paid", {}, ("state", "approved", "paid")),
        ("submitting", "paid", {}, ("state", "submitting", "paid")),
        ("unknown", "returned", {}, ("state", "unknown", "returned")),
        ("awaiting_recipient", "failed", {}, ("state", "awaiting_recipient", "failed")),
        ("paid", "paid", {"reference": "other"}, ("reference", "B1", "other")),
    ],
)
def test_what_contradicts_is_listed_and_moves_nothing(state, outcome, more, finding):
    one = payout(1, state, reference="B1")
    result = found([one], [line(one, outcome=outcome, **more)])

    assert short(result) == [("different", finding[0], "po_1", *finding[1:], 2)]
    assert (result.matched, result.moves) == (0, ())


def test_paid_and_failed_in_one_statement_contradict_each_other():
    one = payout(1)
    result = found([one], [line(one, 2, "failed"), line(one, 3)])

    assert short(result) == [("different", "state", "po_1", "paid", "failed", 2)]


def test_another_name_is_no_contradiction_where_names_are_not_the_rail_s():
    one = payout(1, "paid", reference="batch")

    assert found([one], [line(one, reference="transaction")], named=False).findings == ()


def test_a_payment_of_an_earlier_payout_is_late_and_counts():
    one = payout(1, days=-3)
    result = found([one], [line(one)])

    assert short(result) == [("late", "day", "po_1", "2026-02-26", "2026-03-10", 2)]
    assert (result.matched, len(result.moves)) == (1, 1)
    assert found([payout(1, "paid", days=-3)], [line(one, outcome="returned")]).findings == ()
    assert short(found([payout(2)], [line(payout(2), day="2026-04-01")]))[0][:2] == ("late", "day")


def test_only_a_whole_statement_lacks_anything():
    assert short(found([payout(1)], [])) == [("missing", "amount", "po_1", 1000, None, None)]
    assert found([payout(1)], [], whole=False).findings == ()
    assert found([payout(1)], [line(payout(1), outcome=None)]).findings == ()
    assert short(found([payout(1, "returned")], []))[0][0] == "missing"
    for never in ("approved", "submitting", "failed"):
        assert found([payout(1, never)], []).findings == ()
    assert found([payout(1, days=-3), payout(2, days=40)], []).findings == ()


def test_doubtful_lines_and_other_currencies_count_only_if_they_name_a_payout():
    stranger = payout(9)
    assert found([], [line(stranger, doubtful=True, outcome="returned")]).findings == ()
    assert found([], [line(stranger, currency="USD")]).findings == ()
    one = payout(1, "paid")
    assert len(found([one], [line(one, doubtful=True, outcome="returned")]).moves) == 1


def test_a_move_that_came_too_late_is_a_finding():
    one = payout(1)
    (move,) = found([one], [line(one)]).moves

    assert refused(move, "failed") == Finding(
        kind="different", about="state", payout_id="po_1", reference="po_1", expected="failed", found="paid", line=2
    )


BREAKS = ("none", "missing", "extra", "different", "duplicate", "late")


@st.composite
def broken(draw):
    """Payouts, the statement made from them with breaks in it, and what is to be found."""
    payouts, lines, expected = [], [], set()
    for number in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(BREAKS))
        days = draw(st.floats(-40, -2)) if kind == "late" else draw(st.floats(0, 30))
        state = draw(st.sampled_from(("submitted", "unknown", "paid")))
        one = payout(number, state, draw(st.integers(1, 10**12)), days, reference=f"B{number}")
        lines_of_it = [line(one, reference=f"B{number}", day=draw(st.sampled_from(("2026-03-05", "2026-03-31"))))]
        if kind == "missing":
            lines_of_it = []
        elif kind == "extra":
            lines_of_it.append(line(one, names=(f"stranger_{number}",), amount=draw(st.integers(1, 10**12))))
        elif kind == "different":
            other = draw(st.integers(0, 10**12).filter(lambda amount, net=one.net: amount != net))
            lines_of_it = [structs.replace(lines_of_it[0], amount=other)]
        elif kind == "duplicate":
            lines_of_it *= 2
        payouts.append(one)
        lines += lines_of_it
        if kind != "none":
            expected.add((kind, f"stranger_{number}" if kind == "extra" else one.id))
    lines = draw(st.permutations(lines))
    return payouts, [structs.replace(each, number=i) for i, each in enumerate(lines, 2)], expected


@given(broken())
def test_all_breaks_are_found_and_nothing_else(case):
    payouts, lines, expected = case
    result = found(payouts, lines)

    named = {each.number: each.names[0] for each in lines}
    told = [(each.kind, each.payout_id or named[each.line]) for each in result.findings]
    assert sorted(told) == sorted(expected)
    assert result.matched == len(payouts) - sum(kind in ("missing", "different") for kind, _ in expected)
    states = {each.id: each.state for each in payouts}
    assert all(move.outcome in NEXT[states[move.payout_id]] for move in result.moves)


@given(broken())
def test_what_was_applied_is_agreed_with_the_next_time(case):
    payouts, lines, _ = case
    first = found(payouts, lines)
    moves = {move.payout_id: move for move in first.moves}
    later = [
        stepped(each, move.outcome, at=each.created_at + timedelta(days=1), by="x", reference=move.line.reference)
        if (move := moves.get(each.id))
        else each
        for each in payouts
    ]
    second = found(later, lines)

    assert (second.moves, second.matched, second.findings) == ((), first.matched, first.findings)
