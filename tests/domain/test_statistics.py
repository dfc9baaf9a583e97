"""What the entries add to the day's statistics: each order once, on its first day, and its net sales where collected."""

from itertools import permutations

from msgspec import structs

from chalicelib.domain.orders import Facts, Order, Payment, join
from chalicelib.domain.plans import IndirectRule, Plan, Rule
from chalicelib.domain.postings import difference
from chalicelib.domain.terms import Beneficiary
from tests.domain.builders import at, books, facts, given_back, line, order, paid, plan, terms

ONE, TWO = Payment(amount=500, paid_at=at()), Payment(amount=500, paid_at=at(9))


def counted(*postings):
    """Orders and net sales by day, over these postings."""
    days = {}
    for posting in postings:
        for entry in posting.entries if posting else ():
            orders, sales = days.get(entry.bucket.day, (0, 0))
            days[entry.bucket.day] = (orders + entry.orders, sales + entry.sales)
    return {day: sums for day, sums in days.items() if any(sums)}


def direct(posting):
    return [(e.bucket.day, e.amount, e.orders, e.sales) for e in posting.entries if e.level == "direct"]


def test_a_full_refund_takes_the_order_out_of_the_statistics():
    first = order(paid(line(1000)))
    second = order(paid(line(1000), refunds={"r1": given_back(1000)}), revision=2)

    assert direct(difference(first, second)) == [("2026-03-01", -100, -1, -1000)]


def test_instalments_count_the_order_once_in_its_first_bucket():
    begun = order(facts(line(1000), payments={"p1": ONE}))
    both = order(facts(line(1000), payments={"p1": ONE, "p2": TWO}), revision=2)

    assert direct(difference(None, begun)) == [("2026-03-01", 50, 1, 500)]
    assert direct(difference(begun, both)) == [("2026-03-10", 50, 0, 500)]
    assert direct(difference(None, both)) == [("2026-03-01", 50, 1, 500), ("2026-03-10", 50, 0, 500)]


def test_an_earlier_payment_that_is_told_later_takes_the_count_to_its_own_day():
    later = order(facts(line(1000), payments={"p2": TWO}))
    both = order(facts(line(1000), payments={"p1": ONE, "p2": TWO}), revision=2)

    assert direct(difference(None, later)) == [("2026-03-10", 50, 1, 500)]
    assert direct(difference(later, both)) == [("2026-03-01", 50, 1, 500), ("2026-03-10", 0, -1, 0)]


def test_the_statistics_are_the_same_in_whatever_order_the_payments_are_told():
    said = [
        Facts(order_id="o-1", currency="CNY", payments={f"p{i}": Payment(amount=333, paid_at=at(4 * i))})
        for i in range(3)
    ]
    endings = []

    for arrival in permutations(said):
        image, postings = order(facts(line(999), line(1, "2"))), []
        for i, fact in enumerate(arrival):
            following = order(join(image.facts, fact), revision=i + 2)
            postings.append(difference(image, following))
            image = following
        endings.append(counted(*postings))

    assert endings == [{"2026-03-01": (1, 333), "2026-03-05": (0, 333), "2026-03-09": (0, 333)}] * 6


def test_a_refund_that_changes_only_sales_posts_an_entry_of_nothing():
    first = order(paid(line(1000)))
    second = order(paid(line(1000), refunds={"r1": given_back(1)}), revision=2)

    posting = difference(first, second)

    assert [(e.level, e.kind, e.amount, e.orders, e.sales, e.merchants) for e in posting.entries] == [
        ("direct", "reversal", 0, 0, -1, {})
    ]
    assert posting.charges == ()
    assert books([posting]) == {}


def test_where_the_direct_level_earns_nothing_its_sales_still_count():
    rules = Plan(direct=Rule(rate="0"), indirect=IndirectRule(rate="0.03"))

    posting = difference(None, order(paid(line(1000)), terms(rules)))

    assert [(e.level, e.kind, e.amount, e.orders, e.sales) for e in posting.entries] == [
        ("direct", "commission", 0, 1, 1000),
        ("indirect", "commission", 30, 0, 0),
    ]


def test_nobody_counts_what_is_not_paid_to_them():
    unpaid = Beneficiary(distributor_id="ann", unpaid="self_purchase")

    for nobody in (unpaid, None):
        posting = difference(None, order(paid(line(1000)), terms(direct=nobody)))
        assert [(e.level, e.orders, e.sales) for e in posting.entries] == [("indirect", 0, 0)]
    assert difference(None, order(paid(line(1000)), terms(plan("0.1", "0"), direct=unpaid))) is None


def test_an_order_that_goes_to_another_distributor_is_counted_there_only():
    before = order(paid(line(1000)), terms(plan("0.1", "0")))
    after = order(paid(line(1000)), terms(plan("0.1", "0"), direct=Beneficiary(distributor_id="cid")), revision=2)

    posting = difference(before, after)

    assert [(e.account, e.kind, e.orders, e.sales) for e in posting.entries] == [
        ("distributor:ann:CNY", "reversal", -1, -1000),
        ("distributor:cid:CNY", "commission", 1, 1000),
    ]
    assert counted(posting) == {}


def test_without_terms_nothing_is_counted():
    assert difference(None, structs.replace(order(paid(line(1000))), terms=None)) is None
    assert (
        difference(Order(facts=paid(line(1)), revision=1, recorded_at=at(9)), order(facts(line(1)), revision=2)) is None
    )
