"""Clean books pass the proof, and every kind of damage is named."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import settings as fewer
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain import proof
from chalicelib.domain.accounts import merchant
from chalicelib.domain.books import STATISTICS, Books
from chalicelib.domain.orders import Order, Payment, Written
from chalicelib.domain.payouts import BACK, Payout, Step, stepped
from chalicelib.domain.proof import Mismatch
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


def payout(gross=60, state="submitted", who="ann", name="po-1", **more):
    """A payout with the steps that led to its state, of a day each."""
    path = {
        "requested": (),
        "rejected": ("rejected",),
        "submitted": ("approved", "submitting", "submitted"),
        "failed": ("approved", "submitting", "failed"),
        "paid": ("approved", "submitting", "submitted", "paid"),
        "returned": ("approved", "submitting", "submitted", "paid", "returned"),
    }[state]
    given = {"fee": 0, "tax": 0} | more
    found = Payout(
        id=name,
        distributor_id=who,
        country="CN",
        currency="CNY",
        gross=gross,
        rail="bank_file",
        method={},
        state="requested",
        history=(Step(at=at(40), to="requested", by=who),),
        requested_by=who,
        created_at=at(40),
        **given,
    )
    for days, to in enumerate(path):
        found = stepped(found, to, at=at(41 + days), by="test")
    return found


def moves(*paid_out):
    """The entries of payouts."""
    found = []
    for each in paid_out:
        account = f"distributor:{each.distributor_id}:CNY"
        one = {"account": account, "at": f"ENTRY#9#{each.id}#requested", "kind": "payout", "payout_id": each.id}
        found.append(one | {"amount": -each.gross})
        if each.state in BACK:
            found.append(one | {"at": f"ENTRY#9#{each.id}#back", "kind": "payout_returned", "amount": each.gross})
    return found


def system(*paid_out):
    """The days of the rails' and tax accounts."""
    sums = defaultdict(int)
    for each in paid_out:
        for key, amount in proof.system_days(each, "Asia/Shanghai").items():
            sums[key] += amount
    return [{"account": account, "at": day, "amount": amount} for (account, day), amount in sums.items()]


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
    assert proof.balances(Books("Asia/Shanghai"), True) == []
    assert proof.imbalance(Books("Asia/Shanghai")) == {}
    assert proof.order(Books("Asia/Shanghai"), Order(facts=paid(line(1)), revision=1, recorded_at=at())) == []


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
    books = read([sent, *moves(payout()), *system(payout())])

    assert proof.balances(books, True) == []
    assert proof.payouts(books, [payout()], whole=True) == []
    assert proof.imbalance(books) == {"CNY": 0}
    assert proof.payouts(books, []) == [Mismatch(ANN, "in_flight", 60, 0), Mismatch(ANN, "payout po-1", -60, 0)]
    assert proof.payouts(books, [payout(state="paid")]) == [
        Mismatch(ANN, "in_flight", 60, 0),
        Mismatch(ANN, "paid", 0, 60),
    ]
    assert proof.payouts(books, [payout(), payout(5, "paid", "bob", "po-2")]) == [
        Mismatch(BOB, "paid", 0, 5),
        Mismatch(BOB, "payout po-2", 0, -5),
    ]


@pytest.mark.parametrize("state", ["failed", "returned", "rejected"])
def test_a_payout_whose_money_came_back_is_not_on_its_way(state):
    gone = payout(state=state)
    back = [{"account": ANN, "at": "BALANCE", "available": 0}, *moves(gone), *system(gone)]

    assert proof.balances(read(back), True) == []
    assert proof.payouts(read(back), [gone], whole=True) == []
    assert proof.payouts(read([back[0], *back[2:]]), [gone], whole=True) == [Mismatch(ANN, "payout po-1", 0, -60)]
    assert proof.payouts(read([*back[:2], *back[3:]]), [gone], whole=True) == [
        Mismatch(ANN, "payout po-1 returned", 0, 60)
    ]
    assert proof.balances(read(back[1:]), True) == [Mismatch(ANN, "BALANCE missing", 0, 1)]


def test_several_payouts_add_up_to_what_has_left_the_account():
    sent = {"account": ANN, "at": "BALANCE", "available": -100, "in_flight": 30, "paid": 70}
    states = [(10, "submitted"), (20, "submitted"), (30, "paid"), (40, "paid")]
    several = [payout(gross, state, name=f"po-{gross}") for gross, state in states]

    books = read([sent, *moves(*several), *system(*several)])

    assert proof.balances(books, True) + proof.payouts(books, several, whole=True) == []
    assert proof.imbalance(books) == {"CNY": 0}
    assert Mismatch(ANN, "paid", 70, 30) in proof.payouts(books, several[:3])


@pytest.mark.parametrize("state", ["submitted", "paid", "failed", "returned"])
def test_the_accounts_of_rail_tax_and_fees_are_what_the_payouts_steps_make_of_them(state):
    one = payout(100, state, fee=3, tax=20)
    days = system(one)
    names = {each["account"].split(":")[0] for each in days}
    assert names == {"clearing", "fees", "tax"} | ({"bank"} if state in ("paid", "returned") else set())

    for i, each in enumerate(days):
        [found] = proof.payouts(read([*moves(one), *days[:i], *days[i + 1 :]]), [one], whole=True)[-1:]
        assert (found.account, found.what[:14]) == (each["account"], each["at"][:14])
        off = [*days[:i], each | {"amount": each["amount"] + 1}, *days[i + 1 :]]
        assert (each["account"], each["at"][:14], each["amount"] + 1, each["amount"]) in {
            (m.account, m.what, m.stored, m.computed) for m in proof.payouts(read(off), [one], whole=True)
        }


def test_a_day_that_a_payout_went_in_and_out_of_is_missed_although_it_held_nothing():
    one = payout(state="requested")
    one = stepped(one, "rejected", at=at(40), by="test")
    days = system(one)

    assert [each["amount"] for each in days] == [0]
    balance = {"account": ANN, "at": "BALANCE"}
    assert proof.payouts(read([balance, *moves(one), *days]), [one], whole=True) == []
    [missed] = proof.payouts(read([balance, *moves(one)]), [one], whole=True)
    assert (missed.account, missed.what) == (days[0]["account"], f"{days[0]['at']} missing")
    plain = [days[0] | {"at": days[0]["at"][:14]}]  # as it was before days had shards
    assert proof.payouts(read([balance, *moves(one), *plain]), [one], whole=True) == []


def test_running_totals_of_tax_are_what_the_payouts_of_their_month_add_up_to():
    months = [("2026-10", "paid"), ("2026-11", "submitted"), ("2026-11", "rejected"), (None, "paid")]
    several = [payout(100, state, tax=20, name=f"po-{i}", tax_month=m) for i, (m, state) in enumerate(months)]
    stored = {
        ("tax#ann#CNY#2026", f"{name}_{month}"): n for month in (10, 11) for name, n in (("gross", 100), ("tax", 20))
    }

    assert proof.tax_years(stored, several) == []
    assert proof.tax_years({}, several[:1]) == [
        Mismatch("tax#ann#CNY#2026", "gross_10", 0, 100),
        Mismatch("tax#ann#CNY#2026", "tax_10", 0, 20),
    ]
    assert proof.tax_years(stored, several[1:]) == [
        Mismatch("tax#ann#CNY#2026", "gross_10", 100, 0),
        Mismatch("tax#ann#CNY#2026", "tax_10", 20, 0),
    ]


def test_all_that_has_matured_stands_in_the_balance():
    parts = {"p1": Payment(amount=400, paid_at=at()), "p2": Payment(amount=600, paid_at=at(1))}
    image = order(facts(line(1000), payments=parts))

    books = read(history(image, matured=["2026-03-01", "2026-03-02"]))

    assert found(books, image) == []
    assert proof.imbalance(books) == {"CNY": 0}


@pytest.mark.parametrize("matured", [(), ("2026-03-01",)])
@pytest.mark.parametrize("name", ["direct", "reversals", "orders", "sales"])
def test_statistics_that_are_off_are_named(name, matured):
    all_items = history(FIRST, SECOND, matured=matured)
    books = read(changed(all_items, ANN, DAY, name, 1))

    [off] = found(books)

    assert (off.account, off.what, off.stored - off.computed) == (ANN, f"{DAY} {name}", 1)
    assert proof.imbalance(books) == {"CNY": 0}


def test_what_came_back_to_a_merchant_is_named():
    [off] = found(read(changed(history(FIRST, SECOND), M1, "DAY#2026-03-01", "returned", 1)))

    assert off == Mismatch(M1, "DAY#2026-03-01 returned", 40, 39)


def test_entries_that_count_another_order_than_there_is_are_named_and_so_is_another_payer():
    books = read(changed(history(FIRST), ANN, "ENTRY#1#direct.2026-03-01.15", "sales", 5))
    assert Mismatch(ANN, "order o-1 2026-03-01 sales", 1005, 1000) in found(books, FIRST)

    other = history(FIRST)
    next(each for each in other if each["at"].startswith("ENTRY#1#direct"))["merchants"] = {"m2": 100}
    assert Mismatch(ANN, "order o-1 2026-03-01 of m1", 0, 100) in found(read(other), FIRST)


@fewer(max_examples=25)
@given(st.lists(single_facts(), min_size=1, max_size=5), st.lists(all_terms(merchants=True), min_size=1, max_size=2))
def test_whichever_item_is_lost_is_noticed(parts, attributions):
    images = [image for _, image in histories(parts, attributions)]
    all_items = history(*images, matured=("2026-03-01",))

    for i, lost in enumerate(all_items):
        if lost["at"].startswith("ENTRY#") or any(lost.get(name) for name in (*STATISTICS, "amount", "returned")):
            assert found(read([*all_items[:i], *all_items[i + 1 :]]), images[-1]), lost


def test_the_second_level_is_proved_where_the_first_has_nobody():
    second = order(FIRST.facts, terms(direct=None))

    assert proof.order(Books("Asia/Shanghai"), second) == [Mismatch(BOB, "order o-1 2026-03-01", 0, 30)]


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
