import json
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.deliveries import Connection, ConnectionSettings, Request
from chalicelib.domain.errors import Rejected
from chalicelib.webhooks import adyen
from local.signers.adyen import keys, sign
from tests.webhooks.samples_adyen import ACCOUNT, LIFE, PAYMENT, body, item

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SECRETS, KEY = keys()


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
