from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.buckets import HELD
from chalicelib.domain.earnings import earnings
from chalicelib.domain.levels import bases
from chalicelib.domain.money import rounded
from chalicelib.domain.orders import Facts, Payment, Refund, RefundLine, join
from chalicelib.domain.plans import kept_to
from chalicelib.domain.rates import match_of
from chalicelib.domain.remaining import left
from tests.domain.builders import START, at, disputed, order, paid, plan, terms
from tests.domain.strategies import all_terms, lines, plans, single_facts

known_facts = st.lists(single_facts(), min_size=1, max_size=8)


def joined(parts):
    whole = Facts(order_id="o-1", currency="CNY", placed_at=START)
    for part in parts:
        whole = join(whole, part)
    return whole


def both(earned):
    return earned.direct, earned.indirect


def whole_once_collected(of):
    """The same order, paid at once and delivered."""
    payment = {"all": Payment(amount=of.due, paid_at=START)}
    return structs.replace(of, payments=payment, delivered_at=START, cancelled_at=None)


@given(known_facts, all_terms(merchants=True))
def test_nothing_that_is_earned_is_ever_negative(parts, frozen):
    earned = earnings(order(joined(parts), frozen))

    for level in both(earned):
        assert level.potential >= 0
        assert level.accrued >= 0
        assert all(each.amount >= 0 and each.base >= 0 for each in level.lines)
    assert all(sold >= 0 for sold in earned.sales.values())


@given(known_facts, all_terms(merchants=True))
def test_lines_always_add_up_to_their_level(parts, frozen):
    of = joined(parts)

    for level in both(earnings(order(of, frozen))):
        assert sum(each.amount for each in level.lines) == level.potential
        assert [each.line_id for each in level.lines] == [each.line_id for each in of.lines]
        assert all(len(shares) == len(of.lines) and any(shares) for shares in level.buckets.values())
        assert level.accrued == sum(map(sum, level.buckets.values()))


@given(known_facts, all_terms(merchants=True))
def test_an_unpaid_or_missing_beneficiary_earns_nothing(parts, frozen):
    earned = earnings(order(joined(parts), frozen))

    for level, beneficiary in zip(both(earned), (frozen.direct, frozen.indirect), strict=True):
        assert level.beneficiary == beneficiary
        if beneficiary is None or beneficiary.unpaid:
            assert (level.potential, level.buckets) == (0, {})


@given(known_facts, all_terms())
def test_caps_and_limits_hold(parts, frozen):
    of = joined(parts)
    whole = sum((base.left for base in bases(frozen.plan, of, left(of, ("lost",)))), Fraction(0))
    cap = rounded(Fraction(frozen.plan.cap.rate) * whole, frozen.plan.rounding)

    direct, indirect = both(earnings(order(of, frozen)))

    assert direct.potential + indirect.potential <= cap
    for limit in frozen.plan.limits:
        if limit.amount is not None:
            assert direct.potential <= max(0, limit.amount - frozen.direct_this_month)
            assert indirect.potential <= max(0, limit.amount - frozen.indirect_this_month)
        elif frozen.customer_order_number > limit.orders:
            assert direct.potential == indirect.potential == 0


@given(
    lines(),
    all_terms(merchants=True),
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 40)), min_size=1, max_size=6),
    st.booleans(),
)
def test_instalments_add_up_to_what_one_payment_of_all_gives(sold, frozen, parts, delivered):
    at_once = paid(*sold, delivered_at=at(3) if delivered else None)
    total = sum(amount for amount, _ in parts)
    amounts = [at_once.due * amount // total for amount, _ in parts[1:]]
    amounts = [at_once.due - sum(amounts), *amounts]
    payments = {
        f"p{i}": Payment(amount=amount, paid_at=at(days))
        for i, (amount, (_, days)) in enumerate(zip(amounts, parts, strict=True))
    }
    in_parts = structs.replace(at_once, payments=payments)

    one, many = earnings(order(at_once, frozen)), earnings(order(in_parts, frozen))

    for level, other in zip(both(one), both(many), strict=True):
        assert [sum(column) for column in zip(*level.buckets.values(), strict=True)] == [
            sum(column) for column in zip(*other.buckets.values(), strict=True)
        ]
        assert level.lines == other.lines
    assert sum(one.sales.values()) == sum(many.sales.values())


@given(known_facts, all_terms(merchants=True))
def test_what_is_all_collected_and_undisputed_has_all_accrued(parts, frozen):
    of = whole_once_collected(joined(parts))

    for level in both(earnings(order(of, frozen))):
        accrued = [sum(column) for column in zip(*level.buckets.values(), strict=True)]
        assert level.estimated == 0
        assert accrued in ([], [each.amount for each in level.lines])


@given(lines(), all_terms(plans(with_ladders=False)), st.data())
def test_giving_back_more_never_earns_more(sold, frozen, data):
    of = paid(*sold, delivered_at=START)
    paid_so_far = data.draw(st.integers(0, of.due))
    of = structs.replace(of, payments={"p1": Payment(amount=paid_so_far, paid_at=START)})
    target = data.draw(st.sampled_from(sold))
    by_line = RefundLine(
        line_id=target.line_id,
        amount=data.draw(st.integers(0, target.amount)),
        quantity=data.draw(st.integers(0, target.quantity)),
    )
    by_amount = data.draw(st.integers(0, of.due))
    one = Refund(refunded_at=at(1), lines=(by_line,)), Refund(refunded_at=at(1), amount=by_amount)
    first, second = data.draw(st.permutations(one))

    images = [of, structs.replace(of, refunds={"r1": first}), structs.replace(of, refunds={"r1": first, "r2": second})]
    history = [earnings(order(image, frozen)) for image in images]

    for before, after in pairwise(history):
        assert after.direct.accrued <= before.direct.accrued
        assert after.direct.potential <= before.direct.potential
        if not before.capped:
            assert after.indirect.potential <= before.indirect.potential
        assert sum(after.sales.values()) <= sum(before.sales.values())


@given(known_facts, all_terms(merchants=True), st.integers(0, 10**6))
def test_an_open_dispute_moves_money_on_hold_and_changes_no_sum(parts, frozen, amount):
    of = structs.replace(joined(parts), disputes={})
    held = structs.replace(of, disputes={"d1": disputed(amount)})
    won = structs.replace(of, disputes={"d1": disputed(amount, "won")})

    free, withheld, released = (earnings(order(image, frozen)) for image in (of, held, won))

    assert released == free
    for level, other in zip(both(free), both(withheld), strict=True):
        assert (level.potential, level.accrued, level.lines) == (other.potential, other.accrued, other.lines)
        assert all(bucket.day != HELD for bucket in level.buckets)


@given(known_facts, all_terms())
def test_a_plan_kept_to_an_order_s_lines_and_ranks_pays_the_same(parts, frozen):
    of = joined(parts)
    ranks = frozenset(each.rank for each in (frozen.direct, frozen.indirect) if each and each.rank)
    narrow = kept_to(frozen.plan, tuple(match_of(each) for each in of.lines), ranks)

    assert earnings(order(of, structs.replace(frozen, plan=narrow))) == earnings(order(of, frozen))


@given(known_facts)
def test_a_plan_of_zeros_pays_nobody(parts):
    earned = earnings(order(joined(parts), terms(plan("0", "0"))))

    assert [level.potential for level in both(earned)] == [0, 0]
