from datetime import timedelta

from msgspec import structs

from chalicelib.domain import accounts
from chalicelib.domain.buckets import HELD, Bucket
from chalicelib.domain.earnings import earnings
from chalicelib.domain.orders import Facts, Order, Payment
from chalicelib.domain.postings import Charge, Entry, difference, digest, happened_at
from chalicelib.domain.terms import Beneficiary
from tests.domain.builders import (
    at,
    described,
    disputed,
    facts,
    given_back,
    line,
    order,
    paid,
    terms,
)


def test_a_first_image_posts_what_it_earns():
    of = paid(line(600, merchant_id="m1"), line(400, "2"))

    posting = difference(None, order(of, revision=3))

    bucket = Bucket("2026-03-01", 15)
    common = {"bucket": bucket, "order_id": "o-1", "revision": 3, "happened_at": at(), "kind": "commission"}
    assert posting.key == "o-1@3"
    assert (posting.at, posting.currency, posting.happened_on) == (at(33), "CNY", "2026-03-01")
    assert posting.entries == (
        Entry(
            account="distributor:ann:CNY",
            leg="direct.2026-03-01.15",
            level="direct",
            amount=100,
            merchants={"m1": 60, "operator": 40},
            orders=1,
            sales=1000,
            **common,
        ),
        Entry(
            account="distributor:bob:CNY",
            leg="indirect.2026-03-01.15",
            level="indirect",
            amount=30,
            merchants={"m1": 18, "operator": 12},
            **common,
        ),
    )
    assert posting.charges == (
        Charge(account=accounts.merchant("m1", "CNY", "o-1"), bucket=bucket, amount=-78),
        Charge(account=accounts.merchant("operator", "CNY", "o-1"), bucket=bucket, amount=-52),
    )


def test_a_refund_takes_back_the_difference_and_its_sales():
    first = order(paid(line(1000)))
    second = order(paid(line(1000), refunds={"r1": given_back(300, days=20)}), revision=2)

    posting = difference(first, second)

    assert [(e.level, e.amount, e.kind, e.orders, e.sales) for e in posting.entries] == [
        ("direct", -30, "reversal", 0, -300),
        ("indirect", -9, "reversal", 0, 0),
    ]
    assert [charge.amount for charge in posting.charges] == [39]
    assert (posting.entries[0].happened_at, posting.happened_on) == (at(20), "2026-03-21")
    assert posting.entries[0].bucket.day == "2026-03-01"


def test_a_difference_in_no_bucket_posts_nothing():
    assert difference(None, order(facts(line(1000)))) is None
    assert difference(order(paid(line(1000))), order(paid(line(1000), delivered_at=at(3)), revision=2)) is None


def test_an_order_without_terms_posts_nothing():
    bare = Order(facts=paid(line(1000)), revision=1, recorded_at=at(9))

    assert difference(None, bare) is None
    assert difference(bare, order(paid(line(1000)), revision=2)).entries[0].amount == 100


def test_another_distributor_takes_the_commission_over_at_both_levels():
    before = order(paid(line(1000)))
    others = {"direct": Beneficiary(distributor_id="cid"), "indirect": Beneficiary(distributor_id="ann")}
    after = order(paid(line(1000)), terms(**others), revision=2)

    posting = difference(before, after)

    assert [(e.account.split(":")[1], e.level, e.amount, e.orders, e.sales) for e in posting.entries] == [
        ("ann", "direct", -100, -1, -1000),
        ("cid", "direct", 100, 1, 1000),
        ("ann", "indirect", 30, 0, 0),
        ("bob", "indirect", -30, 0, 0),
    ]
    assert posting.charges == ()
    assert posting.entries[0].happened_at == after.recorded_at


def test_nobody_at_a_level_posts_nothing_there():
    alone = order(paid(line(1000)), terms(indirect=None))

    assert [e.level for e in difference(None, alone).entries] == ["direct"]
    assert [(e.level, e.amount) for e in difference(order(paid(line(1000))), alone).entries] == [("indirect", -30)]


def test_a_line_sold_by_another_merchant_moves_the_charge_and_no_commission():
    before = order(paid(line(1000, merchant_id="m1")))
    after = order(paid(line(1000, merchant_id="m2")), revision=2)

    posting = difference(before, after)

    assert [(e.amount, e.kind, e.merchants) for e in posting.entries] == [
        (0, "commission", {"m1": -100, "m2": 100}),
        (0, "commission", {"m1": -30, "m2": 30}),
    ]
    assert {c.account.split(":")[1]: c.amount for c in posting.charges} == {"m1": 130, "m2": -130}


def test_an_open_dispute_moves_commission_to_hold():
    before = order(paid(line(1000)))
    after = order(paid(line(1000), disputes={"d1": disputed(400)}), revision=2)

    posting = difference(before, after)

    assert [(e.leg, e.amount) for e in posting.entries if e.level == "direct"] == [
        ("direct.2026-03-01.15", -40),
        (f"direct.{HELD}.15", 40),
    ]
    assert earnings(after).direct.accrued == 100


def test_the_newest_news_is_when_it_happened():
    known = order(paid(line(1000)))

    def happened(**more):
        return happened_at(known, order(paid(line(1000), **more), revision=2))

    assert happened(refunds={"r1": given_back(1, days=3)}) == at(3)
    assert happened(refunds={"r1": given_back(1, days=3)}, disputes={"d1": disputed(1, days=5)}) == at(5)
    assert happened(delivered_at=at(4)) == at(4)
    assert happened(cancelled_at=at(6)) == at(6)
    assert happened() == at(32)
    assert happened(refunds={"r1": given_back(1, days=99)}) == at(32)


def test_payments_descriptions_and_placing_are_news_too():
    bare = Order(facts=Facts(order_id="o-1", currency="CNY"), revision=1, recorded_at=at(9))

    def happened(**more):
        return happened_at(bare, order(structs.replace(bare.facts, **more), revision=2))

    assert happened(placed_at=at(1)) == at(1)
    assert happened(description=described(line(1), updated_at=at(2))) == at(2)
    assert happened(description=described(line(1))) == at(32)
    assert happened(payments={"p1": Payment(amount=1, paid_at=at(3))}) == at(3)
    assert happened_at(None, order(paid(line(1)))) == at()


def test_a_change_of_state_is_news_at_the_time_it_has():
    opened = order(paid(line(1000), disputes={"d1": disputed(1, days=5)}, refunds={"r1": given_back(1, days=6)}))
    lost = order(
        paid(line(1000), disputes={"d1": disputed(1, "lost", days=5)}, refunds={"r1": given_back(1, days=6)}),
        revision=2,
    )
    failed = order(
        paid(line(1000), disputes=opened.facts.disputes, refunds={"r1": given_back(1, days=6, state="failed")}),
        revision=2,
    )

    assert happened_at(opened, lost) == at(5)
    assert happened_at(opened, failed) == at(6)


def test_a_fingerprint_tells_entries_apart_and_is_the_same_for_equal_ones():
    entry = difference(None, order(paid(line(600, merchant_id="m1"), line(400, "2", merchant_id="m2")))).entries[0]
    same = structs.replace(entry, merchants=dict(reversed(entry.merchants.items())))
    later = structs.replace(entry, happened_at=entry.happened_at + timedelta(microseconds=1))

    assert digest(entry) == digest(same)
    assert len({digest(each) for each in (entry, later, structs.replace(entry, amount=1))}) == 3
    assert len(digest(entry)) == 16
