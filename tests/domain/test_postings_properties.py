from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain import accounts
from chalicelib.domain.orders import Order, join
from chalicelib.domain.postings import difference
from tests.domain.builders import (
    at,
    books,
    books_of,
)
from tests.domain.strategies import all_terms, single_facts

steps = st.lists(single_facts(), min_size=1, max_size=8)


def histories(parts, attributions):
    """The images of an order as facts arrive, under the terms of that moment, once its lines are known."""
    image = None
    for i, part in enumerate(parts):
        known = join(image.facts, part) if image else part
        frozen = attributions[i % len(attributions)] if known.description else None
        following = Order(facts=known, revision=i + 1, recorded_at=at(100 + i), terms=frozen)
        yield image, following
        image = following


@given(steps, st.lists(all_terms(merchants=True), min_size=1, max_size=3))
def test_the_sum_of_all_postings_is_what_the_last_image_earns(parts, attributions):
    images = list(histories(parts, attributions))

    postings = [difference(old, new) for old, new in images]

    assert books(postings) == books_of(images[-1][1])


@given(steps, st.lists(all_terms(merchants=True), min_size=1, max_size=3))
def test_every_posting_sums_to_zero_and_its_merchants_to_the_entry(parts, attributions):
    for old, new in histories(parts, attributions):
        posting = difference(old, new)
        if posting is None:
            continue
        assert sum(part.amount for part in (*posting.entries, *posting.charges)) == 0
        assert all(sum(entry.merchants.values()) == entry.amount for entry in posting.entries)
        assert all(all(entry.merchants.values()) for entry in posting.entries)
        assert {accounts.currency_of(part.account) for part in (*posting.entries, *posting.charges)} == {"CNY"}
        assert all(charge.amount for charge in posting.charges)


@given(steps, st.lists(all_terms(merchants=True), min_size=1, max_size=3))
def test_the_entries_of_a_posting_have_keys_of_their_own(parts, attributions):
    for old, new in histories(parts, attributions):
        posting = difference(old, new)
        keys = [(entry.account, entry.leg) for entry in posting.entries] if posting else []

        assert len(keys) == len(set(keys))


@given(steps, st.lists(all_terms(merchants=True), min_size=1, max_size=3))
def test_the_same_two_images_give_the_same_posting_and_the_same_image_none(parts, attributions):
    for old, new in histories(parts, attributions):
        assert difference(old, new) == difference(old, new)
        assert difference(new, structs.replace(new, revision=new.revision + 1)) is None


@given(steps, all_terms(merchants=True), all_terms(merchants=True))
def test_going_to_other_terms_and_back_cancels_out(parts, here, there):
    *_, (_, last) = histories(parts, [here])
    if last.terms is None:
        return
    away = structs.replace(last, terms=there, revision=90)
    back = structs.replace(last, revision=91)

    assert books([difference(last, away), difference(away, back)]) == {}
