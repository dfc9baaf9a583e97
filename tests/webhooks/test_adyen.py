import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.domain import running
from chalicelib.domain.deliveries import Connection, ConnectionSettings, Payload, Request
from chalicelib.domain.errors import FenrunError, Malformed, Refused, Rejected
from chalicelib.domain.orders import Carriers, Dispute, Facts, Payment, Refund, contradictions, join
from chalicelib.webhooks import adyen
from local.signers.adyen import keys, sign
from tests.webhooks.samples_adyen import ACCOUNT, CAPTURE, LIFE, PAYMENT, REFUND, body, item

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SECRETS, KEY = keys()
USUAL = ConnectionSettings(account=ACCOUNT)
CAPTURES = ConnectionSettings(account=ACCOUNT, paid_on="capture")


def connection(**more):
    held = more.pop("secrets", SECRETS)
    return Connection(
        connection_id="shop-adyen",
        provider="adyen",
        settings=ConnectionSettings(**({"account": ACCOUNT} | more)),
        secrets={name: tuple(values) for name, values in held.items()},
    )


def verified(*items, raw=None, at=NOW, **more):
    signed = sign(json.dumps(items).encode(), KEY, NOW)[1]
    return adyen.verify(Request({}, signed if raw is None else raw), connection(**more), at)


def refusal(**how):
    with pytest.raises(Rejected) as refused:
        verified(LIFE[0], **how)
    return refused.value.code


def altered(change, *items):
    """A genuine delivery in which something was changed after it was signed."""
    parsed = json.loads(sign(json.dumps(items or LIFE[:1]).encode(), KEY, NOW)[1])
    change(parsed["notificationItems"][0]["NotificationRequestItem"])
    return json.dumps(parsed).encode()


def said(*items, settings=USUAL):
    return adyen.facts(Payload(delivery_id="d", topic=items[0]["eventCode"], content=body(*items), settings=settings))


def only(*items, settings=USUAL):
    (one,) = said(*items, settings=settings)
    return one


def utc(day, hour=9, month=3):
    return datetime(2026, month, day, hour, tzinfo=UTC)


def given_back(reference, amount, at, **more):
    return Refund(amount=amount, refunded_at=at, source=f"adyen:{reference}", running=True, **more)


class TestSignature:
    def test_a_genuine_delivery(self):
        payload = verified(LIFE[0])

        assert payload.delivery_id == f"AUTHORISATION:{PAYMENT}:true"
        assert payload.topic == "AUTHORISATION"
        assert payload.settings == connection().settings
        assert adyen.facts(payload)[0].facts.order_id == "1001"

    def test_a_worked_example(self):
        # The key and the signature of Adyen's own libraries' tests.
        secrets = {"hmac_key": ["44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"]}
        one = {
            "pspReference": "7914073381342284",
            "merchantReference": "TestPayment-1407325143704",
            "merchantAccountCode": "TestMerchant",
            "amount": {"currency": "EUR", "value": 1130},
            "eventCode": "AUTHORISATION",
            "success": "true",
            "additionalData": {"hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},
        }

        assert verified(raw=body(one), secrets=secrets).delivery_id == "AUTHORISATION:7914073381342284:true"

    @pytest.mark.parametrize("reference", ["\\\\slashes", ":colons: and more:", "\\:/\\/mixed", "", "中文 № 7"])
    def test_nothing_is_escaped(self, reference):
        assert verified(item("AUTHORISATION", merchantReference=reference))

    def test_either_of_two_secrets(self):
        other = keys()[0]["hmac_key"]

        assert verified(LIFE[0], secrets={"hmac_key": other + SECRETS["hmac_key"]})
        assert verified(LIFE[0], secrets={"hmac_key": SECRETS["hmac_key"] + other})
        assert verified(LIFE[0], secrets={"hmac_key": ["no hex", "", *SECRETS["hmac_key"]]})
        assert refusal(secrets={"hmac_key": other}) == "BAD_SIGNATURE"
        assert refusal(secrets={"hmac_key": ["", "no hex", "ключ"]}) == "BAD_SIGNATURE"
        assert refusal(secrets={}) == "BAD_SIGNATURE"

    @pytest.mark.parametrize(
        "field",
        ["pspReference", "originalReference", "merchantReference", "eventCode", "success", "merchantAccountCode"],
    )
    def test_every_signed_text_is_signed(self, field):
        assert refusal(raw=altered(lambda one: one.update({field: "other"}), LIFE[2])) == "BAD_SIGNATURE"

    def test_the_amount_is_signed(self):
        assert refusal(raw=altered(lambda one: one["amount"].update(value=1))) == "BAD_SIGNATURE"
        assert refusal(raw=altered(lambda one: one["amount"].update(currency="USD"))) == "BAD_SIGNATURE"
        assert refusal(raw=altered(lambda one: one.pop("amount"))) == "BAD_SIGNATURE"

    def test_a_field_that_is_not_signed_changes_no_money(self):
        raw = altered(lambda one: one.update(reason="x", paymentMethod="mc", operations=[], live="false"))

        assert adyen.facts(verified(raw=raw)) == adyen.facts(verified(LIFE[0]))

    def test_colons_cannot_move_a_boundary_between_fields(self):
        # "…:1001:5:EUR:1:EUR:AUTHORISATION:true" reads as an order 1001 of 5 EUR, too.
        tricky = item("AUTHORISATION", merchantReference="1001:5:EUR", value=1)

        def shift(one):
            one["merchantReference"], one["amount"] = "1001", {"value": 5, "currency": "EUR:1:EUR"}

        assert refusal(raw=altered(shift, tricky)) == "BAD_SIGNATURE"

        def shift_left(one):
            one["pspReference"], one["originalReference"] = f"{PAYMENT}:", None
            one["merchantAccountCode"], one["merchantReference"] = "TestMerchant", "1001:5:EUR"

        assert refusal(raw=altered(shift_left, tricky)) == "BAD_SIGNATURE"

    @pytest.mark.parametrize("signature", ["", "x", "é", "A" * 44, "==", " " * 100_000])
    def test_other_signatures(self, signature):
        raw = altered(lambda one: one["additionalData"].update(hmacSignature=signature))

        assert refusal(raw=raw) == ("BAD_SIGNATURE" if signature else "NO_SIGNATURE")

    @pytest.mark.parametrize("data", [None, {}, {"hmacSignature": None}, {"hmacSignature": 1}, {"hmacSignature": []}])
    def test_no_signature(self, data):
        assert refusal(raw=altered(lambda one: one.update(additionalData=data))) == "NO_SIGNATURE"

    @pytest.mark.parametrize(
        "raw",
        [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"notificationItems":[{}]}', b"live=true&eventCode=CAPTURE"],
        ids=lambda raw: repr(raw[:30]),
    )
    def test_what_adyen_does_not_send(self, raw):
        assert refusal(raw=raw) == "UNREADABLE_DELIVERY"

    def test_no_items(self):
        assert refusal(raw=body()) == "NO_SIGNATURE"

    def test_one_bad_item_refuses_all(self):
        raw = altered(lambda one: one["amount"].update(value=1), LIFE[0], LIFE[2])

        assert refusal(raw=raw) == "BAD_SIGNATURE"

    def test_another_account(self):
        assert refusal(account="OtherMerchant") == "OTHER_ACCOUNT"
        with pytest.raises(Rejected, match="OTHER_ACCOUNT"):
            verified(LIFE[0], item("REFUND", merchantAccountCode="OtherMerchant"))

    def test_a_date_that_lies_ahead(self):
        assert refusal(at=datetime(2026, 2, 27, tzinfo=UTC)) == "CLOCK"
        assert refusal(raw=altered(lambda one: one.update(eventDate="2099-01-01T00:00:00"))) == "CLOCK"
        assert verified(LIFE[0], at=NOW + timedelta(days=3650))
        assert verified(raw=altered(lambda one: one.update(eventDate="soon")))


class TestDeliveryId:
    def test_the_same_when_it_comes_again_whatever_else_was_changed(self):
        raw = altered(lambda one: one.update(eventDate="2026-05-01T00:00:00Z", reason="again"))

        assert verified(raw=raw).delivery_id == verified(LIFE[0]).delivery_id

    def test_another_for_each_event(self):
        ids = {verified(one).delivery_id for one in LIFE} | {verified(item("REFUND", success="false")).delivery_id}

        assert len(ids) == len(LIFE) + 1

    def test_of_many_items(self):
        several = verified(*LIFE)

        assert len(several.delivery_id) == 64
        assert several.delivery_id != verified(*LIFE[1:]).delivery_id
        assert len(adyen.facts(several)) == len(LIFE) - 1


class TestFacts:
    def test_an_authorisation_is_the_payment(self):
        one = only(LIFE[0])

        assert one.payment == PAYMENT
        assert one.facts == Facts(
            order_id="1001",
            currency="EUR",
            payments={f"adyen:{PAYMENT}": Payment(amount=59894, paid_at=utc(1))},
        )

    def test_or_each_capture_is(self):
        first = only(LIFE[1], settings=CAPTURES)
        second = only(item("CAPTURE", pspReference="ANOTHER", value=100), settings=CAPTURES)

        assert first.facts == Facts(
            order_id="", currency="EUR", payments={f"adyen:{CAPTURE}": Payment(amount=59894, paid_at=utc(1, 10))}
        )
        assert set(second.facts.payments) == {"adyen:ANOTHER"}
        assert first.payment == second.payment == PAYMENT

    def test_then_the_authorisation_only_says_the_order(self):
        one = only(LIFE[0], settings=CAPTURES)

        assert (one.payment, one.facts) == (PAYMENT, Facts(order_id="1001", currency="EUR"))
        assert said(LIFE[1]) == ()

    def test_refunds(self):
        one = only(LIFE[2])

        assert one.payment == PAYMENT
        assert one.facts == Facts(
            order_id="",
            currency="EUR",
            refunds={f"adyen:{REFUND}": given_back(REFUND, 20900, utc(5, 8))},
        )
        assert only(item("CANCEL_OR_REFUND")).facts.refunds[f"adyen:{REFUND}"].amount == 59894

    @pytest.mark.parametrize("event", ["REFUND_FAILED", "REFUNDED_REVERSED"])
    def test_a_refund_that_failed(self, event):
        done = only(item("REFUND", value=1000)).facts
        failed = only(item(event, value=1000, at="2026-03-04T10:00:00+01:00")).facts

        assert done.refunds == {f"adyen:{REFUND}": given_back(REFUND, 1000, utc(1))}
        assert failed.refunds == {f"adyen:{REFUND}": given_back(REFUND, 1000, utc(4), state="failed")}
        assert contradictions(done, failed) == contradictions(failed, done) == []
        assert join(done, failed).refunds[f"adyen:{REFUND}"].state == "failed"

    def test_a_cancelled_authorisation(self):
        cancelled = item("CANCELLATION", value=59894)

        assert only(cancelled).facts.refunds[f"adyen:{REFUND}"].amount == 59894
        assert only(item("TECHNICAL_CANCEL")).facts.refunds.keys() == {f"adyen:{REFUND}"}
        assert said(cancelled, settings=CAPTURES) == ()

    @pytest.mark.parametrize("settings", [USUAL, CAPTURES])
    def test_a_failed_capture(self, settings):
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
    def test_disputes(self, event, state):
        one = only(item(event, value=30000, pspReference="DISPUTE"))

        assert one.payment == PAYMENT
        assert one.facts.disputes == {f"adyen:{PAYMENT}": Dispute(amount=30000, at=utc(1), state=state)}

    def test_a_dispute_whose_reference_is_the_payments(self):
        one = only(item("CHARGEBACK", pspReference=PAYMENT, originalReference=None))

        assert (one.payment, set(one.facts.disputes)) == (PAYMENT, {f"adyen:{PAYMENT}"})

    @pytest.mark.parametrize("event", ["REPORT_AVAILABLE", "REQUEST_FOR_INFORMATION", "RECURRING_CONTRACT", "NEW_ONE"])
    def test_other_events_say_nothing(self, event):
        assert said(item(event)) == ()

    @pytest.mark.parametrize("event", ["AUTHORISATION", "CAPTURE", "REFUND", "REFUND_FAILED", "CHARGEBACK"])
    def test_nor_do_unsuccessful_ones_zero_amounts_and_test_notices(self, event):
        for one in (
            item(event, success="false"),
            item(event, value=0),
            item(event, pspReference="test_AUTHORISATION_1"),
            item(event, pspReference="testNotification_1"),
        ):
            assert said(one, settings=CAPTURES) == said(one) == ()

    def test_several_items(self):
        assert [one.facts.order_id for one in said(LIFE[0], LIFE[2])] == ["1001", ""]

    @pytest.mark.parametrize(
        ("currency", "value", "amount"), [("JPY", 500, 500), ("KWD", 1234, 1234), ("CLP", 1200, 12), ("IDR", 7, 700)]
    )
    def test_adyens_own_decimals(self, currency, value, amount):
        one = only(item("AUTHORISATION", amount={"currency": currency, "value": value}))

        assert one.facts.payments[f"adyen:{PAYMENT}"].amount == amount

    def test_only_what_the_connection_takes(self):
        payments = ConnectionSettings(reports=("payments",))
        refunds = ConnectionSettings(reports=("refunds",))

        assert [one.facts.order_id for one in said(*LIFE, settings=payments)] == ["1001"]
        assert only(LIFE[0], settings=refunds).facts == Facts(order_id="1001", currency="EUR")
        assert len(said(*LIFE, settings=refunds)) == 4

    def test_metadata_names_a_distributor_only_where_the_connection_says_so(self):
        settings = ConnectionSettings(code=("metadata.dist_ref",))

        assert only(LIFE[0]).facts.attribution == Carriers()
        assert only(LIFE[0], settings=settings).facts.attribution == Carriers(code="ANNA")

    def test_the_orders_id_comes_from_signed_fields_only(self):
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
    def test_what_cannot_be_translated(self, change, error, code):
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
