"""What PayPal's events say."""

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
from chalicelib.webhooks import paypal
from tests.webhooks import samples_cards as cards
from tests.webhooks.samples_cards import NOW, capture, case, one, payload, paypal_event, paypal_refund, resolved, sale

REVERSED = datetime(2026, 3, 10, tzinfo=UTC)


def refused(event: dict[str, Any]) -> str:
    with pytest.raises(Refused) as caught:
        paypal.facts(payload(event))
    return caught.value.code


def reversal(**changes: Any) -> dict[str, Any]:
    return paypal_refund(
        "PAYMENT.CAPTURE.REVERSED", "100.00", **{"id": "REV1", "create_time": "2026-03-10T00:00:00Z", **changes}
    )


def test_a_capture_is_a_payment_of_the_order_it_names():
    said = one(paypal, capture(), order_prefix="p-", merchant_id="m1")
    assert said.facts.order_id == "p-1001" and said.payment == "CAP1"
    assert said.facts.payments == {"paypal:CAP1": Payment(amount=10000, paid_at=NOW)}
    assert said.facts.attribution == Carriers(code="zhang-3")
    assert said.facts.description is None and said.facts.customer_id is None and said.facts.placed_at is None


def test_a_capture_that_names_no_order_is_of_paypals():
    assert one(paypal, capture(invoice_id=None), order_prefix="p-").facts.order_id == "p-PPORDER1"
    assert one(paypal, capture(invoice_id=None, supplementary_data={})).facts.order_id == "CAP1"
    assert one(paypal, capture(), order_id=("custom_id",)).facts.order_id == "zhang-3"
    with pytest.raises(Malformed):
        paypal.facts(payload(capture(invoice_id=None), order_prefix="p" * 121))


def test_one_field_may_carry_code_and_click():
    said = one(paypal, capture(custom_id="dist_ref=zhang-3&dist_click=clk_1"))
    assert said.facts.attribution == Carriers(code="zhang-3", click_id="clk_1")


def test_a_sale_of_v1():
    amount = {"total": "20.00", "currency": "USD"}
    said = one(paypal, sale(amount=amount, billing_agreement_id=None, invoice_number="1002", custom=None))
    assert said.facts.order_id == "1002" and said.facts.payments == {"paypal:SALE1": Payment(amount=2000, paid_at=NOW)}
    assert said.facts.description is None and said.facts.attribution == Carriers()


def test_a_renewal_is_an_order_of_its_own():
    said = one(paypal, sale(), merchant_id="m1", order_prefix="p-")
    assert said.facts.order_id == "p-SALE1" and said.facts.customer_id == "I-AGREED" and said.facts.placed_at == NOW
    line = Line(line_id="1", amount=2000, merchant_id="m1")
    assert said.facts.description == Description(lines=(line,), shipping=300, tax=199, updated_at=NOW)
    assert said.facts.due == 2499 and said.facts.payments["paypal:SALE1"].amount == 2499
    assert said.facts.attribution == Carriers(code="zhang-3", click_id="clk_1")
    named = one(paypal, sale(invoice_number="1003")).facts
    assert named.order_id == "1003" and named.description is None and named.customer_id is None


def test_a_refund_belongs_to_its_capture():
    said = one(paypal, paypal_refund())
    assert said.facts.order_id == "" and said.payment == "CAP1"
    refund = Refund(amount=3000, refunded_at=datetime(2026, 3, 2, 12, 0, tzinfo=UTC), source="paypal:CAP1")
    assert said.facts.refunds == {"paypal:REF1": refund}
    assert one(paypal, paypal_refund(invoice_id="1001")).facts.order_id == "1001"
    assert refused(paypal_refund(links=[])) == "NO_ORDER_ID"


def test_refunds_of_v1_are_below_zero_at_times():
    for total in ("-30.00", "30.00"):
        amount = {"total": total, "currency": "USD"}
        said = one(
            paypal, paypal_refund("PAYMENT.SALE.REFUNDED", amount=amount, links=[], sale_id="SALE1", state="completed")
        )
        assert said.payment == "SALE1" and said.facts.refunds["paypal:REF1"].amount == 3000
    captured = paypal_refund(capture_id="CAP7", links=[{"rel": "capture", "href": "https://api.paypal.com/v1/x/CAP8"}])
    assert one(paypal, captured).payment == "CAP7"


@pytest.mark.parametrize(
    ("topic", "status", "state"),
    [
        ("PAYMENT.REFUND.PENDING", "PENDING", "succeeded"),
        ("PAYMENT.REFUND.FAILED", "FAILED", "failed"),
        ("PAYMENT.CAPTURE.REFUNDED", "CANCELLED", "failed"),
    ],
)
def test_a_refunds_state(topic: str, status: str, state: str):
    assert one(paypal, paypal_refund(topic, status=status)).facts.refunds["paypal:REF1"].state == state


def test_a_reversal_is_a_lost_dispute_of_the_capture():
    said = one(paypal, reversal())
    assert said.payment == "CAP1" and not said.facts.refunds
    assert said.facts.disputes == {"paypal:CAP1": Dispute(amount=10000, at=REVERSED, state="lost")}
    alone = one(paypal, reversal(links=[], invoice_number="1001"))
    assert (alone.facts.order_id, list(alone.facts.disputes)) == ("1001", ["paypal:REV1"])


def test_a_case_and_its_reversal_never_count_twice():
    def dispute(*events: dict[str, Any]) -> Dispute:
        said = [one(paypal, event) for event in (capture(), *events)]
        (held,) = cards.joined(said, {"CAP1": "1001"}).disputes.values()
        return held

    since = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
    opened = Dispute(amount=10000, at=since, source="paypal:CAP1", opened_at=since)
    closed = datetime(2026, 3, 20, 10, 0, tzinfo=UTC)
    assert dispute(case("CREATED"), case("UPDATED", status="UNDER_REVIEW")) == opened
    assert dispute(case("CREATED"), reversal(), case("UPDATED")).state == "lost"
    assert dispute(case("CREATED"), reversal(), resolved("RESOLVED_BUYER_FAVOUR")) == Dispute(
        amount=10000, at=closed, state="lost", source="paypal:CAP1", opened_at=since
    )
    assert dispute(case("CREATED"), reversal(), resolved("RESOLVED_SELLER_FAVOUR")) == Dispute(
        amount=10000, at=closed, state="won", source="paypal:CAP1", opened_at=since
    )


def test_a_case_that_is_settled_by_a_refund_counts_once():
    def comes_to(*events: dict[str, Any]) -> int:
        whole = cards.joined([one(paypal, event) for event in (capture(), *events)], {"CAP1": "1001"})
        refunded = sum(each.amount or 0 for each in running.refunds(whole).values())
        return refunded + running.disputed(whole, ("open", "lost"))

    settled = paypal_refund(value="40.00", create_time="2026-03-20T09:59:00Z")
    earlier = paypal_refund(value="40.00", create_time="2026-03-04T09:59:00Z")
    lost = resolved("RESOLVED_BUYER_FAVOUR", dispute_amount={"value": "40.00", "currency_code": "USD"})
    partly = resolved("RESOLVED_BUYER_FAVOUR")
    partly["resource"]["dispute_outcome"]["amount_refunded"] = {"value": "40.00", "currency_code": "USD"}

    assert [comes_to(settled, lost), comes_to(lost, settled), comes_to(lost)] == [4000] * 3
    assert comes_to(earlier, lost) == 8000
    assert [comes_to(partly), comes_to(partly, settled)] == [4000, 4000]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("RESOLVED_BUYER_FAVOUR", "lost"),
        ("ACCEPTED", "lost"),
        ("", "lost"),
        ("RESOLVED_SELLER_FAVOUR", "won"),
        ("RESOLVED_WITH_PAYOUT", "won"),
        ("CANCELED_BY_BUYER", "won"),
        ("DENIED", "won"),
        ("NONE", "won"),
    ],
)
def test_how_a_case_ends(outcome: str, state: str):
    assert one(paypal, resolved(outcome)).facts.disputes["paypal:CAP1"].state == state


def test_a_case_about_several_payments():
    parts = [
        {
            "seller_transaction_id": "CAP1",
            "invoice_number": "1001",
            "gross_amount": {"value": "60.00", "currency_code": "USD"},
        },
        {"seller_transaction_id": "CAP2", "gross_amount": {"value": "40.00", "currency_code": "USD"}},
    ]
    first, second = paypal.facts(payload(case("CREATED", disputed_transactions=parts)))
    assert (first.facts.order_id, first.facts.disputes["paypal:CAP1"].amount) == ("1001", 6000)
    assert (second.facts.order_id, second.payment, second.facts.disputes["paypal:CAP2"].amount) == ("", "CAP2", 4000)
    with pytest.raises(Malformed):
        paypal.facts(payload(case("CREATED", disputed_transactions=[parts[0], {"seller_transaction_id": "CAP2"}])))
    assert paypal.facts(payload(case("CREATED", disputed_transactions=[]))) == ()
    assert refused(case("CREATED", disputed_transactions=[{}])) == "NO_ORDER_ID"


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [("100", "JPY", 100), ("100", "HUF", 10000), ("100", "TWD", 10000), ("1.234", "KWD", 1234), ("1e2", "USD", 10000)],
)
def test_currencies(value: str, currency: str, minor: int):
    assert one(paypal, capture(value, currency)).facts.payments["paypal:CAP1"].amount == minor


def test_amounts_that_cannot_be():
    assert refused(capture("1.5", "JPY")) == "TOO_MANY_DECIMALS"
    assert refused(capture("1.001")) == "TOO_MANY_DECIMALS"
    assert refused(capture("-1.00")) == "NEGATIVE_AMOUNT"
    details = {"total": "1.00", "currency": "USD", "details": {"tax": "0.60", "shipping": "0.50"}}
    assert refused(sale(amount=details)) == "AMOUNTS_DO_NOT_ADD_UP"
    for event in (capture("NaN"), capture("1e99"), capture("x"), capture("1", "???"), capture(amount={"value": "1"})):
        with pytest.raises(Malformed):
            paypal.facts(payload(event))


@pytest.mark.parametrize("topic", ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.PENDING", "PAYMENT.SALE.DENIED", "X"])
def test_other_events_say_nothing(topic: str):
    assert paypal.facts(payload(paypal_event(topic, {}))) == ()


def test_only_what_the_connection_reports():
    said = one(paypal, sale(custom=None), reports=("payments",))
    assert said.facts.description is None and said.facts.customer_id is None and said.facts.payments
    assert one(paypal, capture(), reports=("refunds",)).facts.payments == {}
    assert paypal.facts(payload(reversal(), reports=("refunds",))) == ()
    assert paypal.facts(payload(paypal_refund(), reports=("order", "disputes"))) == ()


STORY = [
    capture(),
    paypal_refund("PAYMENT.REFUND.PENDING", status="PENDING"),
    paypal_refund(),
    paypal_refund("PAYMENT.REFUND.FAILED", id="REF2", value="5.00", status="FAILED"),
    paypal_refund(id="REF2", value="5.00"),
    case("CREATED"),
    case("UPDATED", status="UNDER_REVIEW"),
    reversal(),
    resolved("RESOLVED_SELLER_FAVOUR"),
]


@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=6))
def test_order_and_repetition_make_no_difference(events: list[Any], again: list[Any]):
    said = [one(paypal, event) for event in (*events, *again)]
    whole = cards.joined(said, {"CAP1": "1001"})
    assert whole == cards.joined([one(paypal, event) for event in STORY], {"CAP1": "1001"})
    assert not any(contradictions(whole, each.facts) for each in said)
    assert whole.disputes["paypal:CAP1"].state == "won" and whole.refunds["paypal:REF2"].state == "failed"


def test_nothing_but_a_refusal_comes_of_damaged_events():
    chance, seen = random.Random(7), 0
    for _ in range(3000):
        damaged = cards.damaged(cards.encoded(chance.choice([*STORY, sale()])), chance)
        for topic in (
            "PAYMENT.SALE.COMPLETED",
            "PAYMENT.CAPTURE.REFUNDED",
            "PAYMENT.SALE.REVERSED",
            "CUSTOMER.DISPUTE.RESOLVED",
        ):
            try:
                paypal.facts(Payload(delivery_id="d", topic=topic, content=damaged))
            except FenrunError:
                seen += 1
    assert seen
