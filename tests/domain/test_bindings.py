from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.bindings import Binding, Claim, binding_at, claim, ordered, outcome
from chalicelib.domain.plans import AttributionRules
from tests.domain.builders import at

claims = st.lists(
    st.builds(
        Claim,
        at=st.integers(0, 30).map(at),
        distributor_id=st.sampled_from(("ann", "bob", "cid")),
        source=st.sampled_from(("code", "click")),
        takes_over=st.booleans(),
        days=st.none() | st.integers(1, 20),
        protect_days=st.integers(0, 10),
    ),
    max_size=7,
)
INSTANT = timedelta(microseconds=1)


def first(who, on, **more):
    return Claim(at=at(on), distributor_id=who, **more)


def last(who, on, **more):
    return Claim(at=at(on), distributor_id=who, takes_over=True, **more)


def holder(*made, days=100):
    bound = binding_at(made, at(days))
    return bound.distributor_id if bound else None


@given(claims, st.data())
def test_the_order_and_number_of_tellings_make_no_difference(made, data):
    told = data.draw(
        st.permutations(made + data.draw(st.lists(st.sampled_from(made), max_size=3) if made else st.just([])))
    )
    now = data.draw(st.integers(0, 60).map(at))

    assert binding_at(told, now) == binding_at(made, now)
    assert [outcome(told, each) for each in made] == [outcome(made, each) for each in made]


@given(claims, st.integers(0, 30).map(at), claims)
def test_what_happens_later_does_not_change_the_past(made, now, more):
    later = [each for each in more if each.at > now]

    assert binding_at(made + later, now) == binding_at(made, now)


@given(claims, st.integers(0, 60).map(at))
def test_a_binding_in_force_has_begun_and_not_ended_and_was_bound_by_a_claim(made, now):
    bound = binding_at(made, now)

    if bound:
        assert bound.bound_at <= now
        assert bound.expires_at is None or now < bound.expires_at
        assert any(
            each.at == bound.bound_at
            and each.distributor_id == bound.distributor_id
            and outcome(made, each)[0] == "bound"
            for each in made
        )


def test_a_claim_keeps_the_rules_it_was_made_under():
    rules = AttributionRules(binding="last", binding_days=90, protect_days=7)

    assert claim(rules, at(1), "ann", "bob", "click") == Claim(
        at=at(1), distributor_id="ann", sponsor_id="bob", source="click", takes_over=True, days=90, protect_days=7
    )
    assert claim(AttributionRules(), at(1), "ann", None, "code") == Claim(at=at(1), distributor_id="ann")


def test_nobody_is_bound_without_a_claim_or_before_it():
    assert binding_at([], at()) is None
    assert binding_at([first("ann", 1)], at(1) - INSTANT) is None
    assert holder(first("ann", 1), days=1) == "ann"


def test_a_binding_tells_who_since_when_and_until_when():
    made = Claim(at=at(1), distributor_id="ann", sponsor_id="bob", days=30, protect_days=7)

    assert binding_at([made], at(2)) == Binding(
        distributor_id="ann", sponsor_id="bob", bound_at=at(1), expires_at=at(31), protected_until=at(8)
    )
    assert binding_at([first("ann", 1)], at(2)) == Binding(
        distributor_id="ann", sponsor_id=None, bound_at=at(1), expires_at=None, protected_until=None
    )


def test_the_first_claim_wins_where_the_plan_says_first():
    ann, bob = first("ann", 1), first("bob", 2)

    assert holder(ann, bob) == "ann"
    assert outcome([bob], ann) == ("bound", "FIRST")
    assert outcome([ann], bob) == ("kept", "FIRST_BINDING_WINS")


def test_the_last_claim_wins_where_the_plan_says_last():
    ann, bob = last("ann", 1), last("bob", 2)

    assert holder(ann, bob) == "bob"
    assert outcome([ann], bob) == ("bound", "LAST_BINDING_WINS")


def test_a_claim_that_happened_earlier_and_arrives_later_wins_as_the_first():
    ann, bob = first("ann", 2), first("bob", 1)

    assert holder(ann, bob) == "bob"
    assert outcome([ann, bob], ann) == ("kept", "FIRST_BINDING_WINS")


def test_a_binding_ends_at_the_instant_it_expires():
    ann = first("ann", 1, days=10)

    assert binding_at([ann], at(11) - INSTANT).distributor_id == "ann"
    assert binding_at([ann], at(11)) is None


def test_after_it_has_expired_anybody_may_bind_the_customer():
    ann, bob = first("ann", 1, days=10), first("bob", 11)

    assert holder(ann, bob) == "bob"
    assert outcome([ann], bob) == ("bound", "EXPIRED")
    assert outcome([ann], first("ann", 11)) == ("bound", "EXPIRED")


def test_within_the_protection_nobody_takes_the_customer_over():
    ann, bob = last("ann", 1, protect_days=7), last("bob", 7)

    assert holder(ann, bob) == "ann"
    assert outcome([ann], bob) == ("refused", "PROTECTED")
    assert outcome([ann], Claim(at=at(8) - INSTANT, distributor_id="bob", takes_over=True)) == ("refused", "PROTECTED")
    assert outcome([ann], last("bob", 8)) == ("bound", "LAST_BINDING_WINS")


@pytest.mark.parametrize("protect_days", [1, 3])
def test_protection_belongs_to_the_claim_that_bound(protect_days):
    ann = last("ann", 1, protect_days=protect_days)

    assert binding_at([ann], at(1)).protected_until == at(1 + protect_days)


def test_the_same_distributor_renews_where_the_last_wins_and_is_kept_where_the_first_does():
    renewed, kept = last("ann", 5, days=10), first("ann", 5, days=10)

    assert binding_at([last("ann", 1, days=10), renewed], at(6)).expires_at == at(15)
    assert outcome([last("ann", 1, days=10)], renewed) == ("bound", "RENEWED")
    assert outcome([last("ann", 1, protect_days=9)], renewed) == ("bound", "RENEWED")
    assert binding_at([first("ann", 1, days=10), kept], at(6)).expires_at == at(11)
    assert outcome([first("ann", 1, days=10)], kept) == ("kept", "SAME_DISTRIBUTOR")


def test_claims_are_taken_by_time_each_once():
    late, early, again = first("ann", 2), first("bob", 1), first("bob", 1)

    assert ordered([late, early, again]) == (early, late)


@pytest.mark.parametrize(
    "other",
    [
        {"distributor_id": "bob"},
        {"sponsor_id": "cid"},
        {"source": "click"},
        {"takes_over": True},
        {"days": 3},
        {"protect_days": 3},
    ],
)
def test_claims_at_the_same_instant_have_one_order_whatever_tells_them_apart(other):
    one = first("ann", 1)
    two = structs.replace(one, **other)

    assert ordered([one, two]) == ordered([two, one])
    assert set(ordered([one, two])) == {one, two}
    assert binding_at([one, two], at(2)) == binding_at([two, one], at(2))
    assert outcome([one], two) == outcome([two, one], two)
