from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain import running
from chalicelib.domain.deliveries import ConnectionSettings, Payload
from chalicelib.domain.errors import FenrunError, Malformed, Refused
from chalicelib.domain.orders import Carriers, Dispute, Facts, Payment, Refund, contradictions, join
from chalicelib.webhooks import adyen
from tests.webhooks.samples_adyen import ACCOUNT, CAPTURE, LIFE, PAYMENT, REFUND, body, item

USUAL = ConnectionSettings(account=ACCOUNT)
CAPTURES = ConnectionSettings(account=ACCOUNT, paid_on="capture")


def said(*items, settings=USUAL):
    return adyen.facts(Payload(delivery_id="d", topic=items[0]["eventCode"], content=body(*items), settings=settings))


def only(*items, settings=USUAL):
    (one,) = said(*items, settings=settings)
    return one


def utc(day, hour=9, month=3):
    return datetime(2026, month, day, hour, tzinfo=UTC)


def given_back(reference, amount, at, **more):
    return Refund(amount=amount, refunded_at=at, source=f"adyen:{reference}", running=True, **more)


def test_an_authorisation_is_the_payment():
    one = only(LIFE[0])

    assert one.payment == PAYMENT
    assert one.facts == Facts(
        order_id="1001",
        currency="EUR",
        payments={f"adyen:{PAYMENT}": Payment(amount=59894, paid_at=utc(1))},
    )


def test_or_each_capture_is():
    first = only(LIFE[1], settings=CAPTURES)
    second = only(item("CAPTURE", pspReference="ANOTHER", value=100), settings=CAPTURES)

    assert first.facts == Facts(
        order_id="", currency="EUR", payments={f"adyen:{CAPTURE}": Payment(amount=59894, paid_at=utc(1, 10))}
    )
    assert set(second.facts.payments) == {"adyen:ANOTHER"}
    assert first.payment == second.payment == PAYMENT


def test_then_the_authorisation_only_says_the_order():
    one = only(LIFE[0], settings=CAPTURES)

    assert (one.payment, one.facts) == (PAYMENT, Facts(order_id="1001", currency="EUR"))
    assert said(LIFE[1]) == ()


def test_refunds():
    one = only(LIFE[2])

    assert one.payment == PAYMENT
    assert one.facts == Facts(
        order_id="",
        currency="EUR",
        refunds={f"adyen:{REFUND}": given_back(REFUND, 20900, utc(5, 8))},
    )
    assert only(item("CANCEL_OR_REFUND")).facts.refunds[f"adyen:{REFUND}"].amount == 59894


@pytest.mark.parametrize("event", ["REFUND_FAILED", "REFUNDED_REVERSED"])
def test_a_refund_that_failed(event):
    done = only(item("REFUND", value=1000)).facts
    failed = only(item(event, value=1000, at="2026-03-04T10:00:00+01:00")).facts

    assert done.refunds == {f"adyen:{REFUND}": given_back(REFUND, 1000, utc(1))}
    assert failed.refunds == {f"adyen:{REFUND}": given_back(REFUND, 1000, utc(4), state="failed")}
    assert contradictions(done, failed) == contradictions(failed, done) == []
    assert join(done, failed).refunds[f"adyen:{REFUND}"].state == "failed"


def test_a_cancelled_authorisation():
    cancelled = item("CANCELLATION", value=59894)

    assert only(cancelled).facts.refunds[f"adyen:{REFUND}"].amount == 59894
    assert only(item("TECHNICAL_CANCEL")).facts.refunds.keys() == {f"adyen:{REFUND}"}
    assert said(cancelled, settings=CAPTURES) == ()


@pytest.mark.parametrize("settings", [USUAL, CAPTURES])
def test_a_failed_capture(settings):
    one = only(item("CAPTURE_FAILED", pspReference=CAPTURE), settings=settings)

    assert one.payment == PAYMENT
    assert one.facts.refunds == {f"adyen:{CAPTURE}:failed": given_back(f"{CAPTURE}:failed", 59894, utc(1))}


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ("NOTIFICATION_OF_CHARGEBACK", "open"),
        ("CHARGEBACK", "open"),
        ("PREARBITRATION_OPEN", "open"),
        ("CHARGEBACK_REVERSED", "won"),
        ("ISSUER_RESPONSE_TIMEFRAME_EXPIRED", "won"),
        ("PREARBITRATION_WON", "won"),
        ("SECOND_CHARGEBACK", "lost"),
        ("PREARBITRATION_LOST", "lost"),
        ("DISPUTE_DEFENSE_PERIOD_ENDED", "lost"),
    ],
)
def test_disputes(event, state):
    one = only(item(event, value=30000, pspReference="DISPUTE"))

    assert one.payment == PAYMENT
    assert one.facts.disputes == {"adyen:DISPUTE": Dispute(amount=30000, at=utc(1), state=state)}


def test_a_dispute_whose_reference_is_the_payments():
    one = only(item("CHARGEBACK", pspReference=PAYMENT, originalReference=None))

    assert (one.payment, set(one.facts.disputes)) == (PAYMENT, {f"adyen:{PAYMENT}"})


@pytest.mark.parametrize("event", ["REPORT_AVAILABLE", "REQUEST_FOR_INFORMATION", "RECURRING_CONTRACT", "NEW_ONE"])
def test_other_events_say_nothing(event):
    assert said(item(event)) == ()


@pytest.mark.parametrize("event", ["AUTHORISATION", "CAPTURE", "REFUND", "REFUND_FAILED", "CHARGEBACK"])
def test_nor_do_unsuccessful_ones_zero_amounts_and_test_notices(event):
    for one in (
        item(event, success="false"),
        item(event, value=0),
        item(event, pspReference="test_AUTHORISATION_1"),
        item(event, pspReference="testNotification_1"),
    ):
        assert said(one, settings=CAPTURES) == said(one) == ()


def test_several_items():
    assert [one.facts.order_id for one in said(LIFE[0], LIFE[2])] == ["1001", ""]


@pytest.mark.parametrize(
    ("currency", "value", "amount"), [("JPY", 500, 500), ("KWD", 1234, 1234), ("CLP", 1200, 12), ("IDR", 7, 700)]
)
def test_adyens_own_decimals(currency, value, amount):
    one = only(item("AUTHORISATION", amount={"currency": currency, "value": value}))

    assert one.facts.payments[f"adyen:{PAYMENT}"].amount == amount


def test_only_what_the_connection_takes():
    payments = ConnectionSettings(reports=("payments",))
    refunds = ConnectionSettings(reports=("refunds",))

    assert [one.facts.order_id for one in said(*LIFE, settings=payments)] == ["1001"]
    assert only(LIFE[0], settings=refunds).facts == Facts(order_id="1001", currency="EUR")
    assert len(said(*LIFE, settings=refunds)) == 4


def test_metadata_names_a_distributor_only_where_the_connection_says_so():
    settings = ConnectionSettings(code=("metadata.dist_ref",))

    assert only(LIFE[0]).facts.attribution == Carriers()
    assert only(LIFE[0], settings=settings).facts.attribution == Carriers(code="ANNA")


def test_the_orders_id_comes_from_signed_fields_only():
    one = item("AUTHORISATION", additionalData={"metadata.order": "7"}, merchantReference="order=8")

    with pytest.raises(Refused, match="NO_ORDER_ID"):
        said(one, settings=ConnectionSettings(order_id=("metadata.order", "additionalData", "reason")))
    settings = ConnectionSettings(order_id=("merchantReference.order",), order_prefix="web-")
    assert only(one, settings=settings).facts.order_id == "web-8"


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"merchantReference": None}, Refused, "NO_ORDER_ID"),
        ({"merchantReference": "x" * 129}, Refused, "NO_ORDER_ID"),
        ({"amount": {"currency": "EUR", "value": -1}}, Refused, "NEGATIVE_AMOUNT"),
        ({"amount": {"currency": "CLP", "value": 1250}}, Refused, "TOO_MANY_DECIMALS"),
        ({"amount": {"currency": "XXX", "value": 1}}, Malformed, "NO_SUCH_CURRENCY"),
        ({"amount": {"currency": "EUR", "value": 10**16}}, Malformed, "OUT_OF_RANGE"),
        ({"amount": {"currency": "EUR", "value": 1.5}}, Malformed, "NOT_INTEGER"),
        ({"amount": {"currency": "EUR"}}, Malformed, "MISSING_FIELD"),
        ({"amount": None}, Malformed, "MISSING_FIELD"),
        ({"eventDate": None}, Malformed, "BAD_TIME"),
        ({"eventDate": "yesterday"}, Malformed, "BAD_TIME"),
        ({"eventDate": "1999-12-31T00:00:00Z"}, Malformed, "BAD_TIME"),
        ({"pspReference": "x" * 65}, Malformed, "BAD_LENGTH"),
    ],
)
def test_what_cannot_be_translated(change, error, code):
    with pytest.raises(FenrunError) as refused:
        said(item("AUTHORISATION", **change))

    assert (type(refused.value), refused.value.code) == (error, code)


def order_of(deliveries, settings):
    """The order's facts after these deliveries: those that name only the payment are known by it."""
    whole = Facts(order_id="1001", currency="EUR")
    for items in deliveries:
        for one in said(*items, settings=settings):
            assert one.facts.order_id == "1001" or (one.facts.order_id == "" and one.payment == PAYMENT)
            facts = structs.replace(one.facts, order_id="1001")
            assert not contradictions(whole, facts)
            whole = join(whole, facts)
    return whole


@given(st.data(), st.sampled_from([USUAL, CAPTURES]))
def test_any_order_of_arrival_with_repetitions_gives_the_same_facts(data, settings):
    again = data.draw(st.lists(st.sampled_from(LIFE), max_size=5))
    arrived = data.draw(st.permutations([*LIFE, *again]))
    together = data.draw(st.booleans())

    whole = order_of([arrived] if together else [[one] for one in arrived], settings)

    assert whole == order_of([[one] for one in LIFE], settings)
    assert sum(payment.amount for payment in whole.payments.values()) == 59894
    assert [refund.amount for refund in running.refunds(whole).values()] == [20900]
    assert [dispute.state for dispute in whole.disputes.values()] == ["lost"]
