"""What Stripe's events say."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import running
from chalicelib.domain.deliveries import Payload
from chalicelib.domain.errors import FenrunError, Malformed, Refused
from chalicelib.domain.orders import Carriers, Description, Dispute, Line, Payment, Refund, contradictions
from chalicelib.webhooks import stripe
from tests.webhooks import samples_cards as cards
from tests.webhooks.samples_cards import NOW, T, invoice, one, payload, session, stripe_event

ORDER = {"metadata": {"order_id": "1001", "dist_ref": "li-7", "dist_click": "clk_1", "coupon": "SPRING"}}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(T + seconds, UTC)


def refused(event: dict[str, Any]) -> str:
    with pytest.raises(Refused) as caught:
        stripe.facts(payload(event))
    return caught.value.code


def test_a_session_is_an_order_of_its_own():
    said = one(stripe, session(), merchant_id="m1", order_prefix="s-")
    assert said.facts.order_id == "s-pi_1" and said.payment == "pi_1"
    assert (said.email, said.phone) == ("bob@example.com", "+15550100")
    assert said.facts.customer_id == "cus_1" and said.facts.placed_at == at(-600)
    line = Line(line_id="1", amount=58700, merchant_id="m1")
    assert said.facts.description == Description(lines=(line,), shipping=0, tax=1194, updated_at=at(-600))
    paid = Payment(amount=59894, paid_at=NOW, source="stripe:pi_1", running=True)
    assert said.facts.payments == {"stripe:pi_1=59894": paid}
    assert said.facts.attribution == Carriers(code="zhang-3")
    assert said.facts.due == 59894


def test_a_session_that_names_an_order_is_a_payment_of_it():
    said = one(stripe, session(**ORDER), order_prefix="s-")
    assert said.facts.order_id == "s-1001" and said.facts.description is None and said.facts.customer_id is None
    assert said.facts.attribution == Carriers(code="li-7", click_id="clk_1", coupon="SPRING")
    assert list(said.facts.payments) == ["stripe:pi_1=59894"]


def test_a_guest_and_a_session_without_intent():
    said = one(
        stripe, session(customer=None, payment_intent=None, customer_details=None, customer_email="a@example.com")
    )
    assert said.facts.order_id == said.payment == "cs_1"
    assert said.facts.customer_id is None and said.email == "a@example.com"


def test_an_unpaid_session_is_placed_and_paid_later():
    unpaid = one(stripe, session(payment_status="unpaid"))
    assert unpaid.facts.description and not unpaid.facts.payments
    later = one(stripe, session("checkout.session.async_payment_succeeded", T + 3600))
    assert later.facts.description == unpaid.facts.description
    assert later.facts.payments["stripe:pi_1=59894"].paid_at == at(3600)


def test_nothing_to_pay_is_an_order_without_payment():
    nothing = {"amount_discount": 59700, "amount_shipping": 0, "amount_tax": 0}
    event = session(amount_total=0, total_details=nothing, payment_status="no_payment_required", payment_intent=None)
    said = one(stripe, event)
    assert said.facts.due == 0 and not said.facts.payments and said.facts.description


def test_tax_within_the_price_and_shipping():
    details = {"amount_discount": 0, "amount_shipping": 500, "amount_tax": 1667}
    facts = one(stripe, session(amount_subtotal=10000, amount_total=10500, total_details=details)).facts
    assert facts.description and (facts.lines[0].amount, facts.description.tax, facts.description.shipping) == (
        8333,
        1667,
        500,
    )


@pytest.mark.parametrize("total", [59893 - 1194, 59895])
def test_a_session_must_add_up(total: int):
    assert refused(session(amount_total=total)) == "AMOUNTS_DO_NOT_ADD_UP"


def test_a_subscriptions_session_only_says_who_sent_the_customer():
    said = one(stripe, session(mode="subscription", invoice="in_1", payment_intent=None))
    assert said.facts.order_id == "in_1" and said.facts.attribution.code == "zhang-3"
    assert not said.facts.payments and said.facts.description is None and said.payment is None
    assert said.facts.customer_id == "cus_1"
    assert stripe.facts(payload(session(mode="subscription", invoice=None))) == ()
    assert stripe.facts(payload(session(mode="setup", currency=None))) == ()
    assert not one(stripe, session(invoice="in_1")).facts.payments, "its invoice tells"


def test_session_and_intent_state_one_payment():
    said = [one(stripe, session()), one(stripe, cards.intent())]
    assert said[1].facts.order_id == "" and said[1].payment == "pi_1"
    whole = cards.joined(said, {"pi_1": "pi_1"})
    assert running.payments(whole) == {"stripe:pi_1=59894": Payment(amount=59894, paid_at=NOW, source="stripe:pi_1")}


def test_an_invoice_is_an_order_with_its_lines():
    said = one(stripe, invoice(), merchant_id="m1")
    assert said.facts.order_id == "in_1" and said.facts.customer_id == "cus_1" and said.email == "bob@example.com"
    lines = (
        Line(line_id="il_1", amount=926, merchant_id="m1"),
        Line(line_id="il_2", amount=925, quantity=3, product_id="prod_2", merchant_id="m1"),
    )
    assert said.facts.description == Description(lines=lines, tax=148, updated_at=at(-5))
    assert said.facts.due == 1999 and said.facts.attribution.code == "zhang-3" and said.payment is None
    paid = Payment(amount=1999, paid_at=at(-5), source="stripe:in_1", running=True)
    assert said.facts.payments == {"stripe:in_1=1999": paid}


def test_an_invoice_from_before_basil():
    tax = {"amount": 74, "inclusive": True}
    lines = [
        {"id": "il_1", "amount": 1000, "quantity": 1, "tax_amounts": [tax], "price": {"product": "prod_1"}},
        {"id": "il_2", "amount": 999, "quantity": None, "tax_amounts": [tax]},
    ]
    event = invoice(
        parent=None,
        subscription_details={"metadata": {"dist_ref": "zhang-3"}},
        payment_intent="pi_2",
        charge="ch_2",
        tax=148,
        lines={"data": lines, "has_more": False},
        status_transitions={"paid_at": None},
    )
    said = one(stripe, event)
    assert [(line.amount, line.product_id) for line in said.facts.lines] == [(926, "prod_1"), (925, None)]
    assert said.payment == "pi_2" and said.facts.attribution.code == "zhang-3"
    assert said.facts.payments["stripe:pi_2=1999"].paid_at == NOW


def test_the_paid_one_of_an_invoices_payments_is_its_payment():
    def by(intent: str, status: str) -> dict[str, Any]:
        return {"status": status, "payment": {"type": "payment_intent", "payment_intent": intent}}

    event = invoice(payments={"data": [by("pi_failed", "canceled"), by("pi_3", "paid")]})
    assert one(stripe, event).payment == "pi_3"


def test_an_invoice_payment_ties_intent_and_invoice():
    described = {"id": "inpay_1", "invoice": "in_1", "currency": "usd", "status": "paid"}
    event = stripe_event("invoice_payment.paid", {**described, "payment": {"payment_intent": "pi_9"}})
    said = one(stripe, event, order_prefix="s-", reports=("refunds",))
    assert (said.facts.order_id, said.payment, said.facts.payments) == ("s-in_1", "pi_9", {})
    assert stripe.facts(payload(stripe_event("invoice_payment.paid", described))) == ()


@pytest.mark.parametrize(
    "lines",
    [
        {"data": [], "has_more": False},
        {
            "data": [{"id": "il_1", "amount": 1999, "taxes": [{"amount": 148, "tax_behavior": "inclusive"}]}],
            "has_more": True,
        },
        {"data": [{"id": "il_1", "amount": 2851}, {"id": "il_2", "amount": -1000}]},
        {"data": [{"id": "il_1", "amount": 1000}]},
        {"data": [{"id": "il_1", "amount": 1000}, {"id": "il_1", "amount": 851}]},
    ],
)
def test_an_invoice_whose_lines_do_not_tell_all_has_one(lines: dict[str, Any]):
    facts = one(stripe, invoice(lines=lines)).facts
    assert facts.lines == (Line(line_id="1", amount=1851),) and facts.due == 1999


def test_an_invoice_that_names_an_order_is_a_payment_of_it():
    facts = one(stripe, invoice(**ORDER)).facts
    assert facts.order_id == "1001" and facts.description is None and facts.customer_id is None and facts.payments


def test_a_trial_says_nothing():
    assert stripe.facts(payload(invoice(amount_paid=0, total=0))) == ()


def test_refunds_one_by_one_and_in_all_are_the_same_money():
    cumulative, single = one(stripe, cards.charge_refunded(20900)), one(stripe, cards.stripe_refund())
    refund = Refund(amount=20900, refunded_at=at(99), source="stripe:pi_1")
    assert single.facts.refunds == {"stripe:re_1": refund} and single.facts.order_id == ""
    total = Refund(amount=20900, refunded_at=at(100), source="stripe:pi_1", running=True)
    assert cumulative.facts.refunds == {"stripe:pi_1=20900": total}
    said = [one(stripe, session()), cumulative, single]
    counted = running.refunds(cards.joined(said, {"pi_1": "pi_1"}))
    assert sum(each.amount or 0 for each in counted.values()) == 20900
    failed = one(stripe, cards.stripe_refund("refund.failed", status="failed"))
    assert running.refunds(cards.joined([*said, failed], {"pi_1": "pi_1"})) == {}


@pytest.mark.parametrize(
    ("status", "state"),
    [("succeeded", "succeeded"), ("pending", "succeeded"), ("requires_action", "succeeded"), ("canceled", "failed")],
)
def test_a_refunds_state(status: str, state: str):
    said = one(stripe, cards.stripe_refund("charge.refund.updated", status=status))
    assert said.facts.refunds["stripe:re_1"].state == state


def test_refunds_of_charges_without_intent_and_of_named_orders():
    assert one(stripe, cards.stripe_refund(payment_intent=None)).payment == "ch_1"
    named = one(stripe, cards.charge_refunded(59894, payment_intent=None, **ORDER))
    assert (named.facts.order_id, named.payment) == ("1001", "ch_1")
    assert stripe.facts(payload(cards.charge_refunded(0))) == ()
    assert refused(cards.stripe_refund(payment_intent=None, charge=None)) == "NO_ORDER_ID"


def test_a_dispute_opens_and_closes():
    opened = one(stripe, cards.stripe_dispute("created", "needs_response", T + 205))
    assert opened.facts.disputes == {"stripe:dp_1": Dispute(amount=59894, at=at(200))}
    again = one(stripe, cards.stripe_dispute("funds_withdrawn", "under_review", T + 300))
    assert again == opened
    won = one(stripe, cards.stripe_dispute("closed", "won", T + 900))
    assert won.facts.disputes["stripe:dp_1"] == Dispute(amount=59894, at=at(900), state="won")
    lost = one(stripe, cards.stripe_dispute("closed", "lost", T + 900))
    assert lost.facts.disputes["stripe:dp_1"].state == "lost"


@pytest.mark.parametrize(
    "status", ["warning_needs_response", "warning_under_review", "warning_closed", "prevented", "?"]
)
def test_an_inquiry_holds_no_money(status: str):
    assert stripe.facts(payload(cards.stripe_dispute("created", status, T))) == ()


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("jpy", 500, 500), ("isk", 500, 5), ("ugx", 300, 3), ("mga", 5, 500), ("kwd", 1230, 1230)],
)
def test_currencies(currency: str, amount: int, minor: int):
    details = {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}
    event = session(currency=currency, amount_subtotal=amount, amount_total=amount, total_details=details)
    facts = one(stripe, event).facts
    assert facts.currency == currency.upper() and facts.due == minor
    assert [each.amount for each in facts.payments.values()] == [minor]


def test_amounts_that_cannot_be():
    assert refused(cards.intent(currency="isk", amount_received=550)) == "TOO_MANY_DECIMALS"
    assert refused(cards.intent(amount_received=-1)) == "NEGATIVE_AMOUNT"
    assert refused(invoice(total=100)) == "AMOUNTS_DO_NOT_ADD_UP"
    for event in (cards.intent(currency="zzz"), cards.intent(amount_received=1.5), cards.intent(created=10**12)):
        with pytest.raises(Malformed):
            stripe.facts(payload(event))


@pytest.mark.parametrize(
    "topic", ["charge.succeeded", "payout.paid", "transfer.created", "customer.subscription.deleted", ""]
)
def test_other_events_say_nothing(topic: str):
    assert stripe.facts(payload({**session(), "type": topic or "?"})) == ()


def test_test_events_of_connected_accounts_say_nothing():
    assert stripe.facts(payload({**session(), "account": "acct_1", "livemode": False})) == ()
    assert one(stripe, {**session(), "account": "acct_1"}) == one(stripe, {**session(), "livemode": False})


def test_only_what_the_connection_reports():
    def told(*reports: Any) -> Any:
        return stripe.facts(payload(session(client_reference_id=None), reports=frozenset(reports)))[0].facts

    assert told("payments").description is None and told("payments").customer_id is None and told("payments").payments
    assert told("order").description and not told("order").payments
    assert not told("refunds").payments, "but whose payment it is, for its refunds"
    assert stripe.facts(payload(cards.stripe_refund(), reports=("order",))) == ()


def test_places_can_be_chosen():
    said = one(stripe, session(**ORDER), order_id=("client_reference_id",), code=("metadata.dist_ref",))
    assert said.facts.order_id == "zhang-3"
    with pytest.raises(Malformed):
        stripe.facts(payload(session(), order_prefix="p" * 127))


STORY = [
    session(payment_status="unpaid", created=T - 590),
    session("checkout.session.async_payment_succeeded", T),
    cards.intent(T + 2),
    cards.charge_refunded(10000, T + 90),
    cards.charge_refunded(30900, T + 100),
    cards.stripe_refund(),
    cards.stripe_refund("refund.failed", T + 500, status="failed"),
    cards.stripe_refund(id="re_0", amount=10000, created=T + 89),
    cards.stripe_dispute("created", "needs_response", T + 201),
    cards.stripe_dispute("funds_withdrawn", "needs_response", T + 202),
    cards.stripe_dispute("updated", "under_review", T + 300),
    cards.stripe_dispute("closed", "won", T + 900),
    cards.stripe_dispute("funds_reinstated", "won", T + 905),
]


@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=6))
def test_order_and_repetition_make_no_difference(events: list[Any], again: list[Any]):
    said = [one(stripe, event) for event in (*events, *again)]
    whole = cards.joined(said, {"pi_1": "pi_1"})
    assert whole == cards.joined([one(stripe, event) for event in STORY], {"pi_1": "pi_1"})
    assert not any(contradictions(whole, each.facts) for each in said)
    assert sum(each.amount or 0 for each in running.refunds(whole).values()) == 10000


def test_nothing_but_a_refusal_comes_of_damaged_events():
    chance, seen = random.Random(7), 0
    topics = (
        "checkout.session.completed",
        "invoice.paid",
        "charge.refunded",
        "refund.created",
        "charge.dispute.closed",
    )
    for _ in range(3000):
        damaged = cards.damaged(cards.encoded(chance.choice([*STORY, invoice()])), chance)
        for topic in topics:
            try:
                stripe.facts(Payload(delivery_id="d", topic=topic, content=damaged))
            except FenrunError:
                seen += 1
    assert seen
