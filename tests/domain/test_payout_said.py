"""Where a rail's word leads: every word from every state, and words that come in any order."""

from itertools import permutations
from typing import get_args

import pytest

from chalicelib.domain.payouts import BACK, INSTRUCTED, NEXT, Said, steps_to

WORDS = get_args(Said)
IN_FLIGHT = (*INSTRUCTED - {"paid"}, "submitting")


def after(state, *words):
    for word in words:
        steps = steps_to(state, word)
        assert steps is not None, (state, word)
        for step in steps:
            assert step in NEXT[state]
            state = step
    return state


@pytest.mark.parametrize("state", sorted(IN_FLIGHT))
@pytest.mark.parametrize(
    "told",
    [
        ("submitted", "paid"),
        ("submitted", "awaiting_recipient", "paid"),
        ("submitted", "awaiting_recipient", "paid", "returned"),
        ("submitted", "awaiting_recipient", "returned"),
        ("submitted", "paid", "returned", "returned"),
    ],
)
def test_in_any_order_and_twice_the_end_is_the_same(state, told):
    for words in permutations(told):
        assert after(state, *words, *words) == told[-1], words


@pytest.mark.parametrize("state", ["submitting", "unknown", "manual_review", "submitted"])
def test_a_failure_is_the_end_even_if_its_money_is_said_to_come_back(state):
    for words in (("failed",), ("submitted", "failed"), ("failed", "submitted", "failed", "returned")):
        assert after(state, *words) == "failed"


def test_what_waits_for_its_recipient_and_fails_came_back():
    assert steps_to("awaiting_recipient", "failed") == ("returned",)


@pytest.mark.parametrize("state", ["submitting", "unknown", "manual_review"])
def test_where_nobody_knew_the_way_leads_through_submitted_if_it_must(state):
    assert steps_to(state, "submitted") == ("submitted",)
    assert steps_to(state, "awaiting_recipient") == ("submitted", "awaiting_recipient")
    assert steps_to(state, "returned") == ("submitted", "returned")


@pytest.mark.parametrize("state", sorted(BACK))
def test_nothing_leads_out_of_what_came_back(state):
    for word in WORDS:
        assert steps_to(state, word) in ((), None)


@pytest.mark.parametrize(
    ("state", "word"),
    [("failed", "paid"), ("paid", "failed")]
    + [(state, word) for state in ("requested", "approved", "rejected") for word in WORDS],
)
def test_what_contradicts_leads_nowhere(state, word):
    assert steps_to(state, word) is None
