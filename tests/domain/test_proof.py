"""Clean books pass the proof, and every kind of damage is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain import proof
from chalicelib.domain.accounts import merchant
from chalicelib.domain.orders import Order, Payment, Written
from chalicelib.domain.payouts import Payout
from chalicelib.domain.proof import Books, Mismatch
from chalicelib.domain.terms import Beneficiary
from tests.domain.builders import at, disputed, facts, given_back, line, order, paid, terms
from tests.domain.ledger import history, items, read
from tests.domain.strategies import all_terms, single_facts
from tests.domain.test_postings_properties import histories

ANN, BOB = "distributor:ann:CNY", "distributor:bob:CNY"
M1 = merchant("m1", "CNY", "o-1")
DAY = "DAY#2026-03-01#015"
FIRST = order(paid(line(1000, merchant_id="m1")))
SECOND = order(paid(line(1000, merchant_id="m1"), refunds={"r1": given_back(300)}), revision=2)


def found(books, image=SECOND, whole=True):
    return proof.balances(books, whole) + proof.payouts(books, []) + proof.order(books, image)


def changed(all_items, account, where, name, by):
    """The same items with one figure off by so much."""
    [item] = [each for each in all_items if (each["account"], each["at"]) == (account, where)]
    item[name] = item.get(name, 0) + by
    return all_items


def payout(gross=60, state="submitted", who="ann"):
    return Payout(
        id="po-1",
        distributor_id=who,
        country="CN",
        currency="CNY",
        gross=gross,
        fee=0,
        tax=0,
        rail="bank_file",
        method={},
        state=state,
        history=(),
        requested_by=who,
        created_at=at(40),
    )


@pytest.mark.parametrize("matured", [(), ("2026-03-01",)])
def test_clean_books_pass(matured):
    books = read(history(FIRST, SECOND, matured=matured))

    assert found(books) == []
    assert proof.imbalance(books) == {"CNY": 0}
    assert (books.entries, books.accounts) == (4, {ANN, BOB, M1})


@given(st.lists(single_facts(), min_size=1, max_size=6), st.lists(all_terms(merchants=True), min_size=1, max_size=2))
def test_whatever_happens_to_an_order_its_books_pass(parts, attributions):
    images = [image for _, image in histories(parts, attributions)]
    books = read(history(*images))

    assert found(books, images[-1]) == []
    assert not any(proof.imbalance(books).values())


def test_empty_books_pass():
    assert proof.balances(Books.empty(), True) == []
    assert proof.imbalance(Books.empty()) == {}
    assert proof.order(Books.empty(), Order(facts=paid(line(1)), revision=1, recorded_at=at())) == []


def test_a_balance_that_is_off_is_named():
    books = read(changed(history(FIRST, SECOND, matured=["2026-03-01"]), ANN, "BALANCE", "available", 5))

    assert found(books) == [Mismatch(ANN, "available", 75, 70)]
    assert proof.imbalance(books) == {"CNY": 5}


def test_a_hold_bucket_that_is_off_is_named():
    books = read(changed(history(FIRST, SECOND), BOB, DAY, "pending", -1))

    assert found(books) == [Mismatch(BOB, DAY, 20, 21)]
    assert proof.imbalance(books) == {"CNY": -1}


def test_a_bucket_that_is_off_after_it_matured_shows_in_its_bucket_and_in_the_balance():
    books = read(changed(history(FIRST, matured=["2026-03-01"]), ANN, DAY, "pending", 4))

    assert found(books, FIRST) == [Mismatch(ANN, DAY, 104, 100), Mismatch(ANN, "available", 100, 104)]
    assert proof.imbalance(books) == {"CNY": 0}


def test_a_merchant_s_day_that_is_off_is_named_where_merchants_were_read():
    books = read(changed(history(FIRST, SECOND), M1, "DAY#2026-03-01", "amount", 3))

    assert found(books) == [Mismatch(M1, "DAY#2026-03-01", -88, -91)]
    assert found(books, whole=False) == []
    assert proof.imbalance(books) == {"CNY": 3}


def test_an_entry_that_is_missing_shows_in_its_bucket_its_merchant_and_its_order():
    entries = [each for each in history(FIRST) if not (each["account"] == ANN and each["at"].startswith("ENTRY#"))]

    assert found(read(entries), FIRST) == [
        Mismatch(ANN, DAY, 100, 0),
        Mismatch(M1, "DAY#2026-03-01", -130, -30),
        Mismatch(ANN, "order o-1 2026-03-01", 0, 100),
    ]


def test_an_entry_of_another_amount_shows_in_its_bucket_and_its_order():
    books = read(changed(history(FIRST), ANN, "ENTRY#1#direct.2026-03-01.15", "amount", 7))

    assert found(books, FIRST) == [Mismatch(ANN, DAY, 100, 107), Mismatch(ANN, "order o-1 2026-03-01", 107, 100)]


def test_a_posting_that_never_came_is_named_by_its_order_and_by_nothing_else():
    books = read(history(FIRST))

    assert found(books) == [
        Mismatch(ANN, "order o-1 2026-03-01", 100, 70),
        Mismatch(BOB, "order o-1 2026-03-01", 30, 21),
    ]
    assert proof.order(books, SECOND, ANN) == [Mismatch(ANN, "order o-1 2026-03-01", 100, 70)]
    assert proof.order(books, SECOND, "distributor:cid:CNY") == []
    assert proof.imbalance(books) == {"CNY": 0}


def test_commission_of_a_distributor_whose_order_it_is_no_longer_is_named():
    moved = order(FIRST.facts, terms(direct=Beneficiary(distributor_id="cid")), revision=2)

    assert proof.order(read(history(FIRST)), moved) == [
        Mismatch(ANN, "order o-1 2026-03-01", 100, 0),
        Mismatch("distributor:cid:CNY", "order o-1 2026-03-01", 0, 100),
    ]
    assert proof.order(read(history(FIRST)), structs.replace(moved, terms=None)) == [
        Mismatch(ANN, "order o-1 2026-03-01", 100, 0),
        Mismatch(BOB, "order o-1 2026-03-01", 30, 0),
    ]


def test_one_distributor_at_both_levels_is_one_account():
    both = order(FIRST.facts, terms(indirect=Beneficiary(distributor_id="ann")))

    assert found(read(history(both)), both) == []


def test_a_level_without_a_beneficiary_has_no_account():
    alone = order(FIRST.facts, terms(indirect=None))

    assert found(read(history(alone)), alone) == []


def test_what_a_dispute_holds_is_a_bucket_like_any_other():
    held = order(paid(line(1000), disputes={"d1": disputed(400)}), revision=2)

    assert found(read(history(order(paid(line(1000))), held)), held) == []


def test_what_has_left_an_account_is_what_its_payouts_say():
    sent = {"account": ANN, "at": "BALANCE", "available": -60, "in_flight": 60}
    books = read([sent, {"account": ANN, "at": "ENTRY#9#payout", "amount": -60}, _clearing(60)])

    assert proof.balances(books, True) == []
    assert proof.payouts(books, [payout()]) == []
    assert proof.imbalance(books) == {"CNY": 0}
    assert proof.payouts(books, []) == [Mismatch(ANN, "in_flight", 60, 0)]
    assert proof.payouts(books, [payout(state="paid")]) == [
        Mismatch(ANN, "in_flight", 60, 0),
        Mismatch(ANN, "paid", 0, 60),
    ]
    assert proof.payouts(books, [payout(), payout(5, "paid", "bob")]) == [Mismatch(BOB, "paid", 0, 5)]


@pytest.mark.parametrize("state", ["failed", "returned", "rejected"])
def test_a_payout_whose_money_came_back_is_not_on_its_way(state):
    back = read([{"account": ANN, "at": "BALANCE", "available": 100}])

    assert proof.payouts(back, [payout(state=state)]) == []


def test_several_payouts_add_up_to_what_has_left_the_account():
    sent = {"account": ANN, "at": "BALANCE", "available": -100, "in_flight": 30, "paid": 70}
    entries = [{"account": ANN, "at": f"ENTRY#{n}#payout", "amount": -25} for n in range(4)]
    several = [payout(10), payout(20), payout(30, "paid"), payout(40, "paid")]

    books = read([sent, *entries, _clearing(100)])

    assert proof.balances(books, True) + proof.payouts(books, several) == []
    assert proof.imbalance(books) == {"CNY": 0}
    assert proof.payouts(books, several[:3]) == [Mismatch(ANN, "paid", 70, 30)]


def test_all_that_has_matured_stands_in_the_balance_and_a_day_of_statistics_alone_in_none():
    parts = {"p1": Payment(amount=400, paid_at=at()), "p2": Payment(amount=600, paid_at=at(1))}
    image = order(facts(line(1000), payments=parts))
    of_statistics = {"account": "distributor:cid:CNY", "at": DAY, "orders": 1, "sales": 5}

    for more in ({}, {"matured_at": "2026-04-01T00:00:00.000000Z"}):
        books = read([of_statistics | more, *history(image, matured=["2026-03-01", "2026-03-02"])])
        assert found(books, image) == []
        assert proof.imbalance(books) == {"CNY": 0}


def test_the_second_level_is_proved_where_the_first_has_nobody():
    second = order(FIRST.facts, terms(direct=None))

    assert proof.order(Books.empty(), second) == [Mismatch(BOB, "order o-1 2026-03-01", 0, 30)]


def _clearing(amount):
    return {"account": "clearing:bank_file:CNY", "at": "DAY#2026-04-10", "amount": amount}


def test_every_currency_balances_by_itself():
    euros = {"account": "fees:bank_file:EUR", "at": "DAY#2026-04-10", "amount": 2}

    assert proof.imbalance(read([*history(FIRST), euros, _clearing(1)])) == {"CNY": 1, "EUR": 2}


def test_a_posting_is_in_transit_until_it_reaches_the_books_or_is_overdue():
    image = structs.replace(SECOND, written=tuple(Written(revision=n, at=at(30 + n)) for n in range(3)))

    assert proof.in_transit(read(history(FIRST)), image, since=at(32)) is True
    assert proof.in_transit(read(history(FIRST)), image, since=at(32.1)) is False
    assert proof.in_transit(read(history(FIRST, SECOND)), image, since=at(31)) is False
    assert proof.in_transit(read(items()), structs.replace(image, written=()), since=at(1)) is False
    assert proof.in_transit(read(items()), order(facts(line(1))), since=at(1)) is False
