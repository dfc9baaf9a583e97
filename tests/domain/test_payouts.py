from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.errors import Conflict
from chalicelib.domain.payouts import (
    BACK,
    INSTRUCTED,
    NEXT,
    UNFINISHED,
    Amounts,
    Effect,
    Payout,
    Step,
    amounts,
    moved,
    reserved,
    stepped,
    worth_paying,
)
from tests.domain.builders import at

OF = Amounts(gross=1000, fee=7, tax=30)
HOLDERS = ("available", "clearing", "bank", "tax", "fees")
EVERYWHERE = ("available", "in_flight", "paid", "clearing", "bank", "tax", "fees")

payouts = st.builds(
    lambda net, fee, tax: Amounts(gross=net + fee + tax, fee=fee, tax=tax),
    st.integers(0, 10**9),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)


def together(*effects):
    return Effect(**{name: sum(getattr(effect, name) for effect in effects) for name in EVERYWHERE})


def walks(state):
    """Every way on from a state, as far as it goes; nothing comes back to where it was."""
    yield (state,)
    for to in NEXT[state]:
        for rest in walks(to):
            yield (state, *rest)


def effect_of(walk, of):
    return together(reserved(of), *(moved(state, to, of) for state, to in pairwise(walk)))


WALKS = sorted(walks("requested"))


def test_the_states_and_steps_are_those_of_the_design():
    assert {state: sorted(following) for state, following in NEXT.items()} == {
        "requested": ["approved", "rejected"],
        "approved": ["rejected", "submitting"],
        "submitting": ["failed", "submitted", "unknown"],
        "unknown": ["failed", "manual_review", "paid", "submitted"],
        "manual_review": ["failed", "paid", "submitted"],
        "submitted": ["awaiting_recipient", "failed", "paid", "returned"],
        "awaiting_recipient": ["paid", "returned"],
        "paid": ["returned"],
        "rejected": [],
        "failed": [],
        "returned": [],
    }
    assert {"rejected", "failed", "returned"} == BACK
    assert {"unknown", "manual_review", "submitted", "awaiting_recipient", "paid"} == INSTRUCTED
    assert NEXT.keys() - BACK - {"paid"} == UNFINISHED


@given(payouts, st.sampled_from(WALKS))
def test_every_walk_conserves_the_money(of, walk):
    total = effect_of(walk, of)

    assert sum(getattr(total, name) for name in HOLDERS) == 0
    assert total.available + total.in_flight + total.paid == 0


@pytest.mark.parametrize("walk", WALKS, ids=" ".join)
def test_every_walk_ends_with_the_money_in_one_place(walk):
    total = effect_of(walk, OF)

    if walk[-1] in BACK:
        assert total == Effect()
    elif walk[-1] == "paid":
        assert total == Effect(available=-1000, paid=1000, bank=963, tax=30, fees=7)
    else:
        assert total == Effect(available=-1000, in_flight=1000, clearing=963, tax=30, fees=7)


@pytest.mark.parametrize("walk", [walk for walk in WALKS if walk[-1] in BACK], ids=" ".join)
def test_money_comes_back_exactly_once(walk):
    given_back = [moved(state, to, OF).available for state, to in pairwise(walk)]

    assert given_back == [0] * (len(given_back) - 1) + [1000]


@pytest.mark.parametrize(
    ("state", "to"), [(state, to) for state in NEXT for to in NEXT if to not in NEXT[state]], ids=str
)
def test_any_other_step_is_refused(state, to):
    with pytest.raises(Conflict) as refusal:
        moved(state, to, OF)

    assert refusal.value.code == "PAYOUT_STATE"
    assert refusal.value.params == {"state": state, "to": to}
    [fault] = refusal.value.faults
    assert (fault.path, fault.code, fault.params) == ("state", "PAYOUT_STATE", {"state": state, "to": to})


def test_asking_for_a_payout_takes_the_gross_amount_out_of_what_is_available():
    assert reserved(OF) == Effect(available=-1000, in_flight=1000, clearing=963, tax=30, fees=7)


def test_what_is_paid_leaves_the_clearing_account_for_the_bank():
    assert moved("submitted", "paid", OF) == Effect(in_flight=-1000, paid=1000, clearing=-963, bank=963)


def test_a_failure_puts_back_what_was_in_flight_and_a_return_what_was_paid():
    assert moved("submitted", "failed", OF) == Effect(available=1000, in_flight=-1000, clearing=-963, tax=-30, fees=-7)
    assert moved("paid", "returned", OF) == Effect(available=1000, paid=-1000, bank=-963, tax=-30, fees=-7)
    assert moved("requested", "approved", OF) == Effect()


@pytest.mark.parametrize(
    ("gross", "rate", "fee"), [(1000, "0", 0), (1000, "0.006", 6), (250, "0.006", 2), (249, "0.006", 1), (1, "1", 1)]
)
def test_the_fee_is_rounded_half_up_once(gross, rate, fee):
    of = amounts(gross, rate)

    assert of == Amounts(gross=gross, fee=fee, tax=0)
    assert of.net == gross - fee
    assert abs(Fraction(rate) * gross - fee) <= Fraction(1, 2)


def test_tax_is_kept_back_beside_the_fee():
    of = amounts(1000, "0.01", 100)

    assert (of.gross, of.fee, of.tax, of.net) == (1000, 10, 100, 890)
    assert structs.replace(of, tax=0).net == 990


@pytest.mark.parametrize(
    ("of", "minimum", "worth"),
    [
        (Amounts(gross=1000, fee=0, tax=0), 1000, True),
        (Amounts(gross=999, fee=0, tax=0), 1000, False),
        (Amounts(gross=1, fee=0, tax=0), 0, True),
        (Amounts(gross=0, fee=0, tax=0), 0, False),
        (Amounts(gross=100, fee=49, tax=50), 0, True),
        (Amounts(gross=100, fee=50, tax=50), 0, False),
        (Amounts(gross=0, fee=-1, tax=0), 0, False),
    ],
)
def test_a_payout_reaches_the_minimum_and_leaves_something_for_the_payee(of, minimum, worth):
    assert worth_paying(of, minimum) is worth


def requested():
    return Payout(
        id="po-1",
        distributor_id="ann",
        country="CN",
        currency="CNY",
        gross=1000,
        fee=7,
        tax=30,
        rail="bank_file",
        method={"id": "default"},
        state="requested",
        history=(Step(at=at(), to="requested", by="ann"),),
        requested_by="ann",
        created_at=at(),
    )


def test_each_step_is_written_into_the_history():
    payout = stepped(requested(), "approved", at=at(1), by="staff-1", reason="looks right")

    assert (payout.state, payout.attempts, payout.reference) == ("approved", 0, None)
    assert payout.history == (
        Step(at=at(), to="requested", by="ann"),
        Step(at=at(1), start="requested", to="approved", by="staff-1", reason="looks right"),
    )
    assert (payout.amounts, payout.net) == (OF, 963)


def test_attempts_count_submissions_and_the_rail_s_reference_stays_until_there_is_another():
    payout = requested()
    for to, reference in (("approved", None), ("submitting", None), ("unknown", "ref-1"), ("submitted", None)):
        payout = stepped(payout, to, at=at(1), by="system", reference=reference)

    assert (payout.state, payout.attempts, payout.reference) == ("submitted", 1, "ref-1")
    assert payout.history[-2].reference == "ref-1"
    assert stepped(payout, "paid", at=at(2), by="bank", reference="ref-2").reference == "ref-2"


def test_a_step_that_is_not_allowed_leaves_no_trace():
    with pytest.raises(Conflict):
        stepped(requested(), "paid", at=at(1), by="staff-1")
