"""What Shopify's deliveries say of an order."""

import json
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain.deliveries import ConnectionSettings, Payload
from chalicelib.domain.errors import FenrunError, Malformed, Refused
from chalicelib.domain.orders import Carriers, Dispute, Payment, Refund, RefundLine, contradictions, join
from chalicelib.domain.remaining import check_refunds, collected, left, outstanding
from chalicelib.webhooks import shopify
from tests.webhooks.samples_storefronts import (
    adjustment,
    both,
    dispute,
    item,
    order,
    refund,
    refunded_item,
    spoilt,
    transaction,
)


def utc(day, hour=0, minute=0, second=0):
    return datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)


def read(topic, content, **settings):
    return shopify.facts(
        Payload(delivery_id="d", topic=topic, content=content, settings=ConnectionSettings(**settings))
    )


def said(topic, body, **settings):
    return read(topic, json.dumps(body).encode(), **settings)


def only(topic, body, **settings):
    (one,) = said(topic, body, **settings)
    return one


def facts(body, topic="orders/updated", **settings):
    return only(topic, body, **settings).facts


def refusal(topic, body, **settings):
    with pytest.raises(FenrunError) as refused:
        said(topic, body, **settings)
    return refused.value.code


def back(body, **of):
    """What a refund is, as it comes with its order; and it is the same by itself, if it says anything there."""
    given_back = facts(order(refunds=[body], **of)).refunds
    alone = said("refunds/create", body)
    assert not alone or alone[0].facts.refunds == given_back
    return given_back.get("shopify:501")


def test_an_order_is_its_lines_without_tax_and_all_that_is_owed():
    one = only(
        "orders/create", order(item(11, "60.00", discount="5.00"), item(12, "15.00", 3), financial_status="pending")
    )

    assert [(line.line_id, line.amount, line.quantity) for line in one.facts.lines] == [
        ("11", 5500, 1),
        ("12", 4500, 3),
    ]
    assert (one.facts.lines[0].sku, one.facts.lines[0].product_id) == ("SKU-11", "911")
    assert one.facts.description.shipping == 300 and one.facts.description.tax == 700 and one.facts.due == 11000
    assert (one.facts.order_id, one.facts.currency, one.facts.customer_id) == ("1001", "USD", "77")
    assert (one.email, one.phone, one.payment) == ("li@example.com", "+8613800138000", None)
    assert one.facts.placed_at == utc(1, 13) and one.facts.description.updated_at == utc(1, 13, 0, 5)
    assert one.facts.payments == {} and one.facts.refunds == {} and one.facts.cancelled_at is None


def test_what_is_collected_is_a_running_total_of_the_order():
    paid = facts(order())
    part = facts(order(financial_status="partially_paid", total_outstanding="80.00"))

    assert paid.payments == {
        "shopify:1001=11000": Payment(amount=11000, paid_at=utc(1, 13, 0, 5), source="shopify:1001", running=True)
    }
    assert part.payments["shopify:1001=3000"].amount == 3000
    for state in ("pending", "authorized", "voided", "expired", None):
        assert facts(order(financial_status=state)).payments == {}
    assert facts(order(financial_status="partially_paid", total_outstanding=None)).payments == {}
    assert facts(order(total_outstanding="-40.00")).payments.keys() == {"shopify:1001=11000"}
    assert facts(order(total_outstanding=None)).payments.keys() == {"shopify:1001=11000"}
    assert facts(order(total_outstanding="110.00")).payments == {}


def test_the_same_total_stated_twice_counts_from_when_it_was_first():
    first, later = facts(order()), facts(order(updated_at="2026-03-09T00:00:00Z", note="left at the door"))

    assert contradictions(first, later) == contradictions(later, first) == []
    assert join(later, first).payments == first.payments


def test_taxes_included_come_off_lines_and_shipping():
    body = order(
        item(11, "119.00", tax="19.00", rate=0.19), taxes_included=True, total_price="124.95", total_tax="19.95"
    )
    found = facts(body)

    assert (found.lines[0].amount, found.description.shipping, found.description.tax) == (10000, 500, 1995)


def test_amounts_are_those_of_the_shop_where_the_buyer_pays_in_another_currency():
    line = item(11, "50.00", price_set=both("50.00", presentment="68.11"))
    line["discount_allocations"] = [{"amount": "6.81", "amount_set": both("5.00", presentment="6.81")}]
    found = facts(order(line, presentment_currency="CAD", total_price="45.00", total_tax="0.00"))

    assert (found.currency, found.lines[0].amount, found.due) == ("USD", 4500, 4500)


def test_gift_cards_and_tips_are_owed_and_are_no_lines():
    found = facts(order(item(11), item(12, "40.00", gift_card=True), total_tip_received="10.00"))

    assert [line.line_id for line in found.lines] == ["11"]
    assert (found.description.shipping, found.due) == (5300, 11000)
    assert collected(found, ())[-1][1] == 1


def test_a_gift_card_that_comes_back_takes_nothing_off_the_goods():
    card = item(12, "40.00", gift_card=True)

    assert back(refund(501, refunded_item(card, 1, "40.00"), transactions=(transaction("40.00"),))) is None


@pytest.mark.parametrize(
    ("currency", "price", "amount"), [("JPY", "1200", 1200), ("JPY", "1200.00", 1200), ("KWD", "1.234", 1234)]
)
def test_currencies_with_no_or_three_decimals(currency, price, amount):
    found = facts(order(item(11, price), currency=currency, total_price=price, total_tax="0"))

    assert (found.lines[0].amount, found.due) == (amount, amount)


def test_too_many_decimals_and_what_cannot_be_are_refused():
    assert refusal("orders/paid", order(currency="JPY", total_price="10.5")) == "TOO_MANY_DECIMALS"
    assert refusal("orders/paid", order(item(11, "10.001"))) == "TOO_MANY_DECIMALS"
    assert refusal("orders/paid", order(item(11, "-1.00"))) == "NEGATIVE_AMOUNT"
    assert refusal("orders/paid", order(item(11, "5.00", discount="6.00"))) == "NEGATIVE_AMOUNT"
    assert refusal("orders/paid", order(total_price="-1.00")) == "NEGATIVE_AMOUNT"
    assert refusal("orders/paid", order(currency="XXX")) == "NO_SUCH_CURRENCY"
    assert refusal("orders/paid", order(updated_at="1970-01-01T00:00:00Z")) == "BAD_TIME"
    assert refusal("orders/paid", order(total_price="NaN")) == "OUT_OF_RANGE"
    assert refusal("orders/paid", {"id": 1}) == "MISSING_FIELD"
    assert refusal("disputes/create", dispute("lost", finalized_on="soon")) == "BAD_TIME"
    assert refusal("refunds/create", {"id": 1, "order_id": 2, "created_at": "2026-03-01T00:00:00Z"}) == "MISSING_FIELD"


def test_topics_of_something_else_and_test_orders_say_nothing():
    for topic in (
        "orders/delete",
        "app/uninstalled",
        "customers/redact",
        "order_transactions/create",
        "",
        "Orders/paid",
    ):
        assert said(topic, order()) == ()
    assert said("orders/paid", order(test=True)) == ()


def test_a_guest_has_a_contact_and_no_id():
    one = only("orders/create", order(customer=None, phone="+12025550123"))
    nobody = only("orders/create", order(customer=None, email=""))

    assert (one.facts.customer_id, one.email, one.phone) == (None, "li@example.com", "+12025550123")
    assert (nobody.facts.customer_id, nobody.email, nobody.phone) == (None, None, None)


def test_what_names_a_distributor():
    assert facts(order()).attribution == Carriers(coupon="SPRING", code="ANNA", click_id="clk1")
    assert facts(order(note_attributes=[])).attribution.code == "BEN"
    assert facts(order(note_attributes=[], landing_site=None, discount_codes=[])).attribution == Carriers()
    assert facts(order(), code=("landing_site.utm_source",)).attribution.code == "poster"


def test_cancelled_and_delivered():
    parcel = {"status": "success", "shipment_status": "delivered", "updated_at": "2026-03-04T10:00:00Z"}
    later = parcel | {"updated_at": "2026-03-06T10:00:00Z"}
    failed = {"status": "cancelled", "shipment_status": None, "updated_at": "2026-03-07T10:00:00Z"}
    on_its_way = later | {"shipment_status": "in_transit"}

    assert facts(order(cancelled_at="2026-03-02T08:00:00-05:00")).cancelled_at == utc(2, 13)
    assert facts(order(fulfillments=[parcel, later, failed])).delivered_at == utc(6, 10)
    assert facts(order(fulfillments=[parcel, on_its_way])).delivered_at is None
    assert facts(order(fulfillments=[parcel], fulfillment_status="partial")).delivered_at is None
    assert facts(order(fulfillments=[failed])).delivered_at is None


def test_a_list_of_edits_says_nothing_the_order_comes_by_itself():
    assert said("orders/edited", {"order_edit": {"id": 1, "order_id": 1001, "line_items": {"additions": []}}}) == ()


def test_an_edited_order_is_its_newest_description():
    bought = facts(order(item(11, "50.00"), total_price="60.00"))
    edited = facts(
        order(
            item(11, "50.00"),
            item(12, "20.00"),
            total_price="80.00",
            total_outstanding="20.00",
            financial_status="partially_paid",
            updated_at="2026-03-02T00:00:00Z",
        ),
        "orders/edited",
    )
    now = join(edited, bought)

    assert now.due == 8000 and now.description == edited.description and outstanding(now) == 2000


def test_a_line_that_is_taken_off_again_leaves_a_paid_order_paid():
    """An edit writes that as a refund without money; whether `total_price` still counts it makes no difference."""
    for total in ("110.00", "60.00"):
        removed = refund(501, refunded_item(item(12), 1, "50.00"))
        found = facts(order(refunds=[removed], total_price=total))

        assert found.refunds["shopify:501"].lines == (RefundLine(line_id="12", amount=5000, quantity=1),)
        assert collected(found, ())[-1][1] == 1 and outstanding(found) == 0


def test_a_refund_of_goods_comes_off_its_lines_whatever_money_moved():
    line = item(12, "15.00", 3, tax="4.50", rate=0.1)
    body = refund(501, refunded_item(line, 2, "30.00", "3.00"), transactions=(transaction("20.00"),))

    assert back(body) == Refund(
        lines=(RefundLine(line_id="12", amount=3000, quantity=2),), refunded_at=utc(5, 15), state="succeeded"
    )


def test_a_refund_of_goods_whose_prices_include_tax_is_without_it():
    line = item(11, "119.00", 2, tax="38.00", rate=0.19)
    body = refund(501, refunded_item(line, 1, "119.00", "19.00"))
    found = facts(order(line, refunds=[body], taxes_included=True, total_price="238.00", total_tax="38.00"))

    assert found.lines[0].amount == 20000
    assert found.refunds["shopify:501"].lines[0].amount == 10000
    assert only("refunds/create", body).facts.refunds == found.refunds


def test_where_the_figures_do_not_show_whether_tax_is_included_only_the_order_tells():
    line = item(11, "1.00", tax="0.06", rate=0.06)
    body = refund(501, refunded_item(line, 1, "1.00", "0.06"))

    assert said("refunds/create", body) == ()
    assert back(body).lines[0].amount == 100
    assert back(body, taxes_included=True).lines[0].amount == 94
    line["tax_lines"][0]["rate"] = None
    assert said("refunds/create", refund(501, refunded_item(line, 1, "100.00", "6.00"))) == ()


def test_a_full_refund_leaves_nothing_even_of_a_cent_spread_another_way():
    lines = [item(11, "199.00", discount="3.34"), item(12, "199.00", discount="3.33"), item(13, "100.00", 3)]
    bodies = [
        refund(501, refunded_item(lines[0], 1, "195.67"), refunded_item(lines[1], 1, "195.66")),
        refund(502, refunded_item(lines[2], 2, "200.01")),
    ]
    total = {"total_price": "700.00", "total_tax": "0.00"}
    part = facts(order(*lines, refunds=bodies, **total))
    whole = facts(order(*lines, refunds=[*bodies, refund(503, refunded_item(lines[2], 1, "99.99"))], **total))
    for found in (part, whole):
        check_refunds(found)
        assert found.due == 70000

    assert [each.amount for each in left(part, ())] == [0, 0, 9999]
    assert [each.amount for each in left(whole, ())] == [0, 0, 0]


def test_an_amount_only_refund_gives_its_money_back_less_what_was_for_shipping():
    assert back(refund(501, transactions=(transaction("10.00"),))).amount == 1000
    assert back(refund(501, refunded_item(item(12), 1, "0.00"), transactions=(transaction("41.94"),))).amount == 4194
    shipping = {"refund_shipping_lines": [{"subtotal_amount_set": both("3.00")}]}
    adjusted = {"order_adjustments": [adjustment("shipping_refund", "-3.00", "-0.30")]}
    assert back(refund(501, transactions=(transaction("13.00"),), **shipping)).amount == 1000
    assert back(refund(501, transactions=(transaction("3.00"),), **shipping)) is None
    assert back(refund(501, transactions=(transaction("3.30"),), **adjusted)) is None
    assert back(refund(501, transactions=(transaction("8.30"),), **adjusted)).amount == 500
    assert back(refund(501)) is None


def test_money_that_went_back_in_the_buyers_currency_counts_as_the_shop_counts_it():
    discrepancy = {"order_adjustments": [adjustment("refund_discrepancy", "-10.00")]}
    abroad = (transaction("13.62", currency="CAD"),)

    assert back(refund(501, transactions=abroad, **discrepancy)).amount == 1000
    assert back(refund(501, transactions=abroad)) is None


def test_a_refund_that_failed_and_one_on_its_way():
    goods = refunded_item(item(12), 1, "50.00")
    failed = (transaction("50.00", "failure"), transaction("5.00", "error"))

    assert back(refund(501, goods, transactions=failed)).state == "failed"
    assert back(refund(501, goods, transactions=(*failed, transaction("50.00")))).state == "succeeded"
    assert back(refund(501, goods, transactions=(transaction("50.00", "pending"),))).state == "succeeded"
    assert back(refund(501, transactions=(transaction("50.00", "pending"),))) is None
    assert back(refund(501, transactions=failed)) == Refund(amount=5500, refunded_at=utc(5, 15), state="failed")
    assert back(refund(501, transactions=(*failed, transaction("9.00")))).amount == 900
    kept = facts(order(refunds=[refund(501, goods, transactions=failed)]))
    assert [each.amount for each in left(kept, ())] == [5000, 5000]


def test_a_refund_names_its_order_by_shopifys_own_id():
    body = refund(501, refunded_item(item(12), 1, "50.00"))
    by_id, by_name = only("refunds/create", body, order_prefix="A-"), only("refunds/create", body, order_id=("name",))
    its_order = only("orders/paid", order(), order_id=("name",))

    assert (by_id.facts.order_id, by_id.payment) == ("A-1001", None)
    assert (by_name.facts.order_id, by_name.payment) == ("", "order:1001")
    assert (its_order.facts.order_id, its_order.payment) == ("#1001", "order:1001")
    assert refusal("refunds/create", body | {"order_id": None}) == "NO_ORDER_ID"
    assert refusal("orders/paid", order(), order_id=("note",)) == "NO_ORDER_ID"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("needs_response", "open"),
        ("under_review", "open"),
        ("won", "won"),
        ("lost", "lost"),
        ("accepted", "lost"),
        ("charge_refunded", "won"),
    ],
)
def test_disputes(status, state):
    one = only("disputes/update", dispute(status))

    assert one.facts.disputes == {"shopify:801": Dispute(amount=11000, at=utc(10, 15), state=state)}
    assert one.facts.order_id == "1001" and one.facts.description is None


def test_a_dispute_that_is_closed_is_newer_than_it_was_open():
    opened = facts(dispute(), "disputes/create")
    lost = facts(dispute("lost", finalized_on="2026-03-20T10:00:00-05:00"), "disputes/update")

    assert lost.disputes["shopify:801"].at == utc(20, 15)
    assert facts(dispute("lost", finalized_on="2026-03-20"), "disputes/update").disputes["shopify:801"].at == utc(20)
    assert join(lost, opened).disputes == join(opened, lost).disputes == lost.disputes


def test_an_inquiry_and_a_dispute_of_no_order():
    assert said("disputes/create", dispute(type="inquiry")) == ()
    assert said("disputes/update", dispute("something_new")) == ()
    assert refusal("disputes/create", dispute(order_id=None)) == "NO_ORDER_ID"
    assert only("disputes/create", dispute(), order_id=("name",)).payment == "order:1001"


def test_only_what_the_connection_reports_is_taken():
    body = order(refunds=[refund(501, refunded_item(item(12), 1, "50.00"))], cancelled_at="2026-03-02T00:00:00Z")
    sold = facts(body, reports=("order",))
    money = facts(body, reports=("payments",))

    assert sold.description and sold.cancelled_at and not sold.payments and not sold.refunds
    assert money.payments and not (money.description or money.customer_id or money.cancelled_at or money.refunds)
    assert money.attribution.code == "ANNA"
    for topic, other in (("refunds/create", body["refunds"][0]), ("disputes/create", dispute())):
        assert said(topic, other, reports=("order",)) == ()
    plain = order(note_attributes=[], discount_codes=[], landing_site=None)
    assert said("orders/paid", plain, reports=("refunds",)) == ()
    assert only("orders/paid", plain, reports=("refunds",), order_id=("name",)).payment == "order:1001"


def test_lines_are_of_the_merchant_of_the_settings():
    assert {line.merchant_id for line in facts(order(), merchant_id="m1").lines} == {"m1"}


def money(cents):
    return str(Decimal(cents) / 100)


@st.composite
def lives(draw):
    """Deliveries of one order as Shopify would send them, until some of it, or all, has been given back."""
    included, rate = draw(st.booleans()), draw(st.sampled_from([Decimal(0), Decimal("0.0625"), Decimal("0.2")]))
    lines, units, tax_of = [], [], {}
    for line_id in range(11, 11 + draw(st.integers(1, 3))):
        price, quantity = draw(st.integers(1, 20_000)), draw(st.integers(1, 4))
        discount = draw(st.integers(0, price * quantity))
        gross = price * quantity - discount
        tax = int((gross * rate / (1 + rate if included else 1)).quantize(Decimal(1), ROUND_HALF_UP))
        tax_of[line_id] = tax
        lines.append(item(line_id, money(price), quantity, discount=money(discount), tax=money(tax), rate=float(rate)))
        units += [(lines[-1], n, quantity, gross, tax) for n in range(quantity)]
    gross = sum(each[3] for each in units if each[1] == 0)
    taxes = sum(tax_of.values())
    total = gross + (0 if included else taxes) + draw(st.integers(0, 1000))
    at = datetime(2026, 3, 1, tzinfo=UTC)
    refunds, sent = [], []

    def tell(topic, **how):
        nonlocal at
        at += timedelta(hours=1)
        shown = {
            "refunds": list(refunds),
            "taxes_included": included,
            "total_price": money(total),
            "total_tax": money(taxes),
            "created_at": "2026-03-01T00:00:00Z",
            "processed_at": None,
            "updated_at": at.isoformat(),
        }
        sent.append((f"orders/{topic}", order(*lines, **(shown | how))))

    unpaid = {"financial_status": "pending", "total_outstanding": money(total)}
    part = {"financial_status": "partially_paid", "total_outstanding": money(total // 2)}
    tell("create", **unpaid)
    tell("partially_paid", **part)
    tell("paid")
    returned = draw(st.permutations(units))[: draw(st.integers(0, len(units)))]
    for i, (line, n, quantity, amount, tax) in enumerate(returned):
        subtotal = amount * (n + 1) // quantity - amount * n // quantity
        share = tax * (n + 1) // quantity - tax * n // quantity
        refunds.append(refund(500 + i, refunded_item(line, 1, money(subtotal), money(share))))
        sent.append(("refunds/create", refunds[-1]))
        if draw(st.booleans()) or i + 1 == len(returned):
            tell("updated", financial_status="partially_refunded")
    if draw(st.booleans()):
        sent += [("disputes/create", dispute()), ("disputes/update", dispute(draw(st.sampled_from(["won", "lost"]))))]
    if draw(st.booleans()):
        tell("cancelled", cancelled_at=at.isoformat(), financial_status="refunded")
    again = draw(st.lists(st.sampled_from(sent), max_size=5))
    return sent, draw(st.permutations([*sent, *again])), len(returned) == len(units)


def joined(deliveries, **settings):
    whole = None
    for topic, body in deliveries:
        for one in said(topic, body, **settings):
            assert one.facts.order_id or one.payment == "order:1001"
            now = structs.replace(one.facts, order_id="#1001")
            if whole:
                assert contradictions(whole, now) == []
            whole = join(whole, now) if whole else now
    return whole


@given(lives())
def test_deliveries_join_to_the_same_order_in_whatever_order_and_however_often_they_come(life):
    sent, arrived, all_came_back = life
    whole = joined(sent)

    assert joined(arrived) == whole == joined(arrived, order_id=("name",))
    check_refunds(whole)
    if all_came_back:
        assert not any(each.amount for each in left(whole, ()))
    shares = collected(whole, ())
    assert not shares or shares[-1][1] in (0, 1) or whole.disputes


GENUINE = [
    (
        "orders/paid",
        order(item(11, "119.00", 2, tax="38.00", discount="1.00"), refunds=[refund(501)], landing_site=None),
    ),
    ("refunds/create", refund(501, refunded_item(item(12, tax="5.00"), 1, "50.00", "5.00"))),
    (
        "refunds/create",
        refund(
            501,
            transactions=(transaction("8.30"),),
            order_adjustments=[adjustment("shipping_refund", "-3.00"), adjustment("refund_discrepancy", "-5.30")],
        ),
    ),
    ("disputes/update", dispute("lost", finalized_on="2026-03-20")),
]


@pytest.mark.parametrize(("topic", "genuine"), GENUINE)
def test_whatever_a_field_holds_it_is_facts_or_a_refusal(topic, genuine):
    refused = 0
    for content in spoilt(genuine):
        try:
            found = read(topic, content)
        except (Malformed, Refused):
            refused += 1
            continue
        for one in found:
            assert one.facts.due >= 0 and all(each.amount > 0 for each in one.facts.payments.values())
    assert refused
