"""What WooCommerce's deliveries say of an order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.deliveries import ConnectionSettings, Payload
from chalicelib.domain.errors import FenrunError, Malformed, Refused
from chalicelib.domain.orders import Carriers, Payment, Refund, contradictions, join
from chalicelib.domain.remaining import check_refunds, collected, left
from chalicelib.webhooks import woocommerce
from tests.webhooks.samples_storefronts import escaped, spoilt, woo_line, woo_order

PLACED, PAID = datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 1, 8, 0, 4, tzinfo=UTC)


def read(topic, content, **settings):
    return woocommerce.facts(
        Payload(delivery_id="d", topic=topic, content=content, settings=ConnectionSettings(**settings))
    )


def said(body, topic="order.updated", **settings):
    return read(topic, escaped(body), **settings)


def facts(body, **settings):
    (one,) = said(body, **settings)
    return one.facts


def refusal(body, **settings):
    with pytest.raises(FenrunError) as refused:
        said(body, **settings)
    return refused.value.code


def test_an_order_is_its_lines_without_tax_and_all_that_is_owed():
    (one,) = said(woo_order(woo_line(315, "60.00", 2), woo_line(316, "40.00", sku="", product_id=0)), "order.created")
    first, second = one.facts.lines

    assert (first.line_id, first.amount, first.quantity, first.sku, first.product_id) == ("315", 6000, 2, "TEA", "93")
    assert (second.amount, second.sku, second.product_id) == (4000, None, None)
    assert (one.facts.description.shipping, one.facts.description.tax, one.facts.due) == (300, 700, 11000)
    assert (one.facts.order_id, one.facts.currency, one.facts.customer_id) == ("727", "USD", "26")
    assert (one.email, one.phone, one.payment) == ("li@example.com", "+8613800138000", None)
    assert one.facts.placed_at == PLACED and one.facts.description.updated_at == PLACED + timedelta(seconds=5)


def test_paid_is_what_has_a_time_of_payment_and_a_status_that_says_so():
    total = Payment(amount=11000, paid_at=PAID, source="woocommerce:727", running=True)

    for status in ("processing", "completed", "refunded"):
        assert facts(woo_order(status=status)).payments == {"woocommerce:727=11000": total}
        assert facts(woo_order(status=status, date_paid_gmt=None)).payments == {}
    for status in ("pending", "on-hold", "failed", "cancelled"):
        assert facts(woo_order(status=status)).payments == {}
    assert facts(woo_order(woo_line(315, "0.00"), total="0.00", total_tax="0.00")).payments == {}


def test_times_without_a_zone_are_utc():
    assert facts(woo_order(date_paid_gmt="2026-03-01T16:00:04+08:00")).payments["woocommerce:727=11000"].paid_at == PAID
    assert facts(woo_order()).payments["woocommerce:727=11000"].paid_at == PAID


def test_cancelled_and_completed():
    late = "2026-03-09T10:00:00"
    at = datetime(2026, 3, 9, 10, tzinfo=UTC)

    assert facts(woo_order(status="cancelled", date_modified_gmt=late)).cancelled_at == at
    assert facts(woo_order(status="completed", date_completed_gmt=late)).delivered_at == at
    assert facts(woo_order(status="refunded", date_completed_gmt=late)).delivered_at is None
    assert facts(woo_order(date_modified_gmt=late)).cancelled_at is None


def test_refunds_are_amounts_and_the_same_in_every_delivery():
    first = facts(woo_order(refunds=[{"id": 801, "reason": "", "total": "-10.00"}], date_paid_gmt=None))
    whole = facts(
        woo_order(
            status="refunded",
            date_modified_gmt="2026-03-20T00:00:00",
            refunds=[{"id": 801, "reason": "", "total": "-10.00"}, {"id": 802, "reason": "x", "total": "-100.00"}],
        )
    )

    assert first.refunds == {"woocommerce:801": Refund(amount=1000, refunded_at=PLACED)}
    assert contradictions(first, whole) == []
    assert [each.amount for each in left(first, ())] == [4500, 4500]
    assert [each.amount for each in left(whole, ())] == [0, 0]
    check_refunds(whole)
    assert facts(woo_order(refunds=[{"id": 801, "total": "0.00"}])).refunds == {}


def test_fees_are_owed_beside_the_lines_and_what_they_take_off_comes_off_the_lines():
    dearer, cheaper = facts(woo_order(total="115.00")), facts(woo_order(total="95.00", total_tax="5.00"))

    assert (dearer.description.shipping, dearer.due) == (800, 11500)
    assert ([line.amount for line in cheaper.lines], cheaper.description.shipping) == ([4500, 4500], 0)
    assert cheaper.due == 9500 and collected(cheaper, ())[-1][1] == 1
    assert refusal(woo_order(total="5.00")) == "AMOUNTS_DO_NOT_ADD_UP"


@pytest.mark.parametrize(
    ("currency", "total", "due"), [("JPY", "1200.00", 1200), ("JPY", "1200", 1200), ("KWD", "1.234", 1234)]
)
def test_currencies_with_no_or_three_decimals(currency, total, due):
    assert facts(woo_order(woo_line(315, total), currency=currency, total=total, total_tax="0")).due == due


def test_too_many_decimals_and_what_cannot_be_are_refused():
    assert refusal(woo_order(currency="JPY", total="10.50")) == "TOO_MANY_DECIMALS"
    assert refusal(woo_order(woo_line(315, "10.005"))) == "TOO_MANY_DECIMALS"
    assert refusal(woo_order(woo_line(315, "-1.00"))) == "NEGATIVE_AMOUNT"
    assert refusal(woo_order(refunds=[{"id": 1, "total": "10.00"}])) == "NEGATIVE_AMOUNT"
    assert refusal(woo_order(currency="XXX")) == "NO_SUCH_CURRENCY"
    assert refusal(woo_order(date_created_gmt="0000-00-00T00:00:00")) == "BAD_TIME"
    assert refusal(woo_order(total="sNaN")) == "OUT_OF_RANGE"
    assert refusal({"id": 727}) == "MISSING_FIELD"
    assert refusal({"order": woo_order()}) == "MISSING_FIELD"
    assert refusal(woo_order(), order_id=("meta_data._order_number",)) == "NO_ORDER_ID"


def test_topics_of_something_else_and_what_is_no_order_yet_say_nothing():
    for topic in ("order.deleted", "product.updated", "action.woocommerce_add_to_cart", "customer.created", ""):
        assert said(woo_order(), topic) == ()
    assert said(woo_order(status="checkout-draft")) == said(woo_order(status="trash")) == ()
    assert said(woo_order(), "order.restored") == said(woo_order())


def test_a_guest_has_a_contact_and_no_id():
    (one,) = said(woo_order(customer_id=0))
    (nobody,) = said(woo_order(customer_id=0, billing={"email": "", "phone": ""}))

    assert (one.facts.customer_id, one.email) == (None, "li@example.com")
    assert (nobody.facts.customer_id, nobody.email, nobody.phone) == (None, None, None)


def test_what_names_a_distributor():
    assert facts(woo_order()).attribution == Carriers(coupon="spring", code="ANNA", click_id="c2")
    entry = woo_order()["meta_data"][:1]
    assert facts(woo_order(meta_data=entry, coupon_lines=[])).attribution == Carriers(code="BEN", click_id="c2")
    assert facts(woo_order(meta_data=[], coupon_lines=[])).attribution == Carriers()
    clicked = [{"id": 1, "key": "_dist_click", "value": "c1"}, {"id": 2, "key": "_items", "value": [{"x": 1}]}]
    assert facts(woo_order(meta_data=clicked)).attribution.click_id == "c1"


def test_the_settings_say_where_an_id_stands_and_whose_the_lines_are():
    found = facts(woo_order(number="S-9"), order_id=("number",), order_prefix="W-", merchant_id="m1")

    assert found.order_id == "W-S-9" and {line.merchant_id for line in found.lines} == {"m1"}
    assert found.payments.keys() == {"woocommerce:727=11000"}


def test_only_what_the_connection_reports_is_taken():
    body = woo_order(refunds=[{"id": 801, "total": "-10.00"}])
    sold, money = facts(body, reports=("order",)), facts(body, reports=("payments",))

    assert sold.description and not sold.payments and not sold.refunds
    assert money.payments and money.attribution.code == "ANNA" and not (money.description or money.refunds)
    assert said(woo_order(meta_data=[], coupon_lines=[]), reports=("disputes",)) == ()


def test_what_is_sold_by_weight_is_one_unit():
    assert [
        line.quantity for line in facts(woo_order(woo_line(315, quantity=2.5), woo_line(316, quantity=0))).lines
    ] == [1, 1]


@st.composite
def lives(draw):
    """Deliveries of one order as a shop would send them: built when sent, and nothing of what was given back is undone."""
    prices = draw(st.lists(st.integers(0, 20_000), min_size=1, max_size=3))
    tax, more = draw(st.integers(0, 5_000)), draw(st.integers(-min(prices), 1_000))
    total = sum(prices) + tax + more
    lines = [woo_line(315 + i, f"{price / 100:.2f}", draw(st.integers(1, 3))) for i, price in enumerate(prices)]
    shares = [cut for cut in draw(st.lists(st.integers(0, 10_000), max_size=3)) if cut]
    refunds, rest = [], total
    sent, at = [], PAID

    def tell(topic, status, **how):
        nonlocal at
        at += timedelta(seconds=draw(st.integers(1, 10_000)))
        shown = {"total": f"{total / 100:.2f}", "total_tax": f"{tax / 100:.2f}", "refunds": list(refunds)}
        shown |= {"date_modified_gmt": at.replace(tzinfo=None).isoformat(), "status": status}
        sent.append((f"order.{topic}", woo_order(*lines, **(shown | how))))

    tell("created", "pending", date_paid_gmt=None)
    tell("updated", draw(st.sampled_from(["on-hold", "failed"])), date_paid_gmt=None)
    tell("updated", "processing")
    for i, share in enumerate([*shares, 10_000] if draw(st.booleans()) else shares):
        amount = rest if share == 10_000 else rest * share // 10_000
        rest -= amount
        refunds.append({"id": 801 + i, "reason": "", "total": f"-{amount / 100:.2f}"})
        tell("updated", "processing" if rest else "refunded")
    if rest and draw(st.booleans()):
        done = (at + timedelta(seconds=1)).replace(tzinfo=None).isoformat()
        tell("updated", "completed", date_completed_gmt=done)
        tell("updated", "completed", date_completed_gmt=done)
    if rest and draw(st.booleans()):
        tell("updated", "cancelled")
    again = draw(st.lists(st.sampled_from(sent), max_size=5))
    return sent, draw(st.permutations([*sent, *again])), not rest


def joined(deliveries):
    whole = None
    for topic, body in deliveries:
        (one,) = said(body, topic)
        if whole:
            assert contradictions(whole, one.facts) == []
        whole = join(whole, one.facts) if whole else one.facts
    return whole


@given(lives())
def test_deliveries_join_to_the_same_order_in_whatever_order_and_however_often_they_come(life):
    sent, arrived, all_came_back = life
    whole = joined(sent)

    assert joined(arrived) == whole
    check_refunds(whole)
    if all_came_back:
        assert not any(each.amount for each in left(whole, ()))


def test_whatever_a_field_holds_it_is_facts_or_a_refusal():
    refused = 0
    for content in spoilt(woo_order(refunds=[{"id": 801, "total": "-10.00"}])):
        try:
            found = read("order.updated", content)
        except (Malformed, Refused):
            refused += 1
            continue
        for one in found:
            assert one.facts.due >= 0 and all(each.amount > 0 for each in one.facts.payments.values())
    assert refused
