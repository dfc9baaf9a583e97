import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.bodies.orders import OrderBody
from chalicelib.bodies.orders import facts as facts_of
from chalicelib.bodies.parse import MAX_BODY, parse
from chalicelib.domain.deliveries import Connection, ConnectionSettings, Payload, Request
from chalicelib.domain.errors import FenrunError, Rejected
from chalicelib.domain.orders import Carriers, join
from chalicelib.webhooks import fenrun
from local.signers.fenrun import keys, sign

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
SECRETS, KEY = keys()
ORDER = {
    "order_id": "1001",
    "customer_id": "c-1",
    "currency": "CNY",
    "placed_at": "2026-03-01T15:59:00+08:00",
    "updated_at": "2026-03-01T16:00:00+08:00",
    "lines": [{"line_id": "1", "amount": 19900, "sku": "TEA"}, {"line_id": "2", "amount": 9900, "merchant_id": "m-2"}],
    "shipping": 1000,
    "attribution": {"code": "ANNA"},
    "payments": [{"payment_id": "p-1", "amount": 30800, "paid_at": "2026-03-01T16:00:00+08:00"}],
    "contact": {"email": "b@example.com", "phone": "+8613800000000"},
}
REFUND = {"refund_id": "r-1", "refunded_at": "2026-03-02T00:00:00Z", "amount": 1000}
DISPUTE = {"dispute_id": "d-1", "amount": 1000, "state": "open", "at": "2026-03-03T00:00:00Z"}


def text(order):
    return json.dumps(order).encode()


def refusal(headers=None, body=text(ORDER), at=NOW, held=None, without=()):  # noqa: B008
    secrets = {name: tuple(values) for name, values in (held or SECRETS).items()}
    signed, _ = sign(text(ORDER), KEY, NOW)
    given = {name: value for name, value in (signed | (headers or {})).items() if name not in without}
    connection = Connection(connection_id="shop", provider="fenrun", secrets=secrets)
    try:
        return fenrun.verify(Request(given, body), connection, at)
    except Rejected as error:
        return error.code


def shifted(seconds):
    return datetime.fromtimestamp(NOW.timestamp() + seconds, UTC)


class TestSignature:
    def test_a_genuine_delivery(self):
        payload = refusal()

        assert (payload.delivery_id, payload.topic, payload.content) == ("msg_1", "order", text(ORDER))
        assert refusal() == payload

    def test_the_worked_example_of_the_specification(self):
        headers = {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        }
        secrets = {"signing_secret": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}
        at = datetime.fromtimestamp(1614265330, UTC)

        assert refusal(headers, b'{"test": 2432232314}', at, secrets).delivery_id == headers["webhook-id"]
        assert refusal(headers, b'{"test":2432232314}', at, secrets) == "BAD_SIGNATURE"

    def test_either_of_two_secrets(self):
        other, own = keys()[0]["signing_secret"], SECRETS["signing_secret"]

        assert (
            refusal(held={"signing_secret": other + own}) == refusal(held={"signing_secret": own + other}) == refusal()
        )
        assert refusal(held={"signing_secret": ["whsec_no base64", "é", "", *own]}) == refusal()
        assert refusal(held={"signing_secret": [own[0].removeprefix("whsec_")]}) == refusal()
        assert refusal(held={"signing_secret": other}) == "BAD_SIGNATURE"
        assert refusal(held={"signing_secret": ["", "whsec_"]}) == "BAD_SIGNATURE"
        assert refusal(held={"another": own}) == "BAD_SIGNATURE"

    def test_any_of_several_signatures(self):
        signature = sign(text(ORDER), KEY, NOW)[0]["webhook-signature"]

        assert refusal({"webhook-signature": f"v1,AAAA {signature} v1a,BBBB"}) == refusal()

    def test_what_was_altered(self):
        assert refusal(body=text(ORDER).replace(b"30800", b"90800")) == "BAD_SIGNATURE"
        assert refusal(body=json.dumps(ORDER, indent=1).encode()) == "BAD_SIGNATURE"
        assert refusal(body=b"") == "BAD_SIGNATURE"
        assert refusal({"webhook-id": "msg_2"}) == "BAD_SIGNATURE"
        assert refusal({"webhook-id": "msg_1\ud800"}) == "BAD_SIGNATURE"
        assert refusal({"webhook-timestamp": str(int(NOW.timestamp()) + 1)}) == "BAD_SIGNATURE"

    @pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    def test_headers_that_are_missing_or_rubbish(self, name):
        assert refusal(without=(name,)) == "NO_SIGNATURE"
        assert refusal({name: ""}) == "NO_SIGNATURE"
        for rubbish in (
            "garbage",
            "v1,",
            "v1,aaaa,bbbb",
            "v1,é",
            "\ud800",
            "٣" * 10,
            "-1",
            "1e9",
            "9" * 5000,
            "x" * 10**6,
        ):
            assert refusal({name: rubbish}) in ("BAD_SIGNATURE", "CLOCK")

    def test_a_signature_of_another_version(self):
        signature = sign(text(ORDER), KEY, NOW)[0]["webhook-signature"]

        for version in ("v0", "v2", "v1a", ""):
            assert refusal({"webhook-signature": signature.replace("v1", version)}) == "BAD_SIGNATURE"
        given = base64.b64decode(signature.removeprefix("v1,"))
        assert refusal({"webhook-signature": "v1," + given.hex()}) == "BAD_SIGNATURE"

    @pytest.mark.parametrize("seconds", [-300, 0, 300])
    def test_five_minutes_either_way(self, seconds):
        assert refusal(at=shifted(seconds)) == refusal()

    @pytest.mark.parametrize("seconds", [-301, 301, 86400, -86400])
    def test_no_more_than_that(self, seconds):
        assert refusal(at=shifted(seconds)) == "CLOCK"


def said(order, **settings):
    content = order if isinstance(order, bytes) else text(order)
    return fenrun.facts(
        Payload(delivery_id="d", topic="order", content=content, settings=ConnectionSettings(**settings))
    )


class TestFacts:
    def test_the_same_as_an_order_that_is_put(self):
        (one,) = said(ORDER)
        put = {name: value for name, value in ORDER.items() if name != "order_id"}

        assert one.facts == facts_of("1001", parse(text(put), None, OrderBody))
        assert (one.email, one.phone, one.payment) == ("b@example.com", "+8613800000000", None)

    def test_the_prefix_of_the_connection(self):
        assert said(ORDER, order_prefix="web-")[0].facts.order_id == "web-1001"
        with pytest.raises(FenrunError, match="order_id: BAD_LENGTH"):
            said(ORDER | {"order_id": "x" * 126}, order_prefix="web")

    def test_the_merchant_of_lines_that_name_none(self):
        (one,) = said(ORDER, merchant_id="m-1")

        assert [line.merchant_id for line in one.facts.lines] == ["m-1", "m-2"]
        assert [line.merchant_id for line in said(ORDER)[0].facts.lines] == [None, "m-2"]

    def test_only_what_the_connection_takes(self):
        whole = ORDER | {"refunds": [REFUND], "disputes": [DISPUTE]}
        (payments,) = said(whole, reports=("payments",))
        (order,) = said(whole, reports=("order",))
        (carriers,) = said(whole, reports=())

        assert payments.facts.payments and not payments.facts.refunds and not payments.facts.disputes
        assert (payments.facts.customer_id, payments.facts.placed_at, payments.facts.description) == (None, None, None)
        assert order.facts.lines and order.facts.customer_id and not order.facts.payments
        assert carriers.facts.attribution == Carriers(code="ANNA")
        assert said(whole | {"attribution": {}}, reports=()) == ()

    @pytest.mark.parametrize(
        ("order", "code"),
        [
            (b"", "BODY_MISSING"),
            (b"[]", "WRONG_TYPE"),
            (b"{", "BODY_NOT_JSON"),
            (b"\xff\xfe", "BODY_NOT_JSON"),
            (b"[" * 100_000, "WRONG_TYPE"),
            (b'{"order_id":' + b"[" * 100_000, "WRONG_TYPE"),
            (b" " * MAX_BODY + b"{}", "BODY_TOO_LARGE"),
            (text(ORDER)[:-1] + b',"currency":"USD"}', "DUPLICATE_FIELD"),
            (ORDER | {"total": 1}, "UNKNOWN_FIELD"),
            ({name: value for name, value in ORDER.items() if name != "order_id"}, "MISSING_FIELD"),
            (ORDER | {"shipping": 10.5}, "NOT_INTEGER"),
            (ORDER | {"shipping": -1}, "OUT_OF_RANGE"),
            (ORDER | {"currency": "XXX"}, "NO_SUCH_CURRENCY"),
            (ORDER | {"placed_at": "1999-01-01T00:00:00Z"}, "BAD_TIME"),
            (ORDER | {"payments": ORDER["payments"] * 2}, "DUPLICATE_ID"),
            (ORDER | {"refunds": [REFUND | {"refunded_at": "0001-01-01T00:00:00+23:59"}]}, "BAD_TIME"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_is_not_an_order(self, order, code):
        with pytest.raises(FenrunError) as refused:
            said(order)

        assert refused.value.code == code


NOTIFICATIONS = (
    ORDER,
    ORDER | {"payments": [], "attribution": {}},
    ORDER | {"updated_at": "2026-03-01T17:00:00+08:00", "lines": ORDER["lines"][:1], "payments": []},
    ORDER | {"lines": None, "shipping": 0, "refunds": [REFUND]},
    ORDER | {"lines": None, "shipping": 0, "refunds": [REFUND | {"state": "failed"}], "disputes": [DISPUTE]},
    ORDER | {"disputes": [DISPUTE | {"state": "won", "at": "2026-04-01T00:00:00Z"}]},
    ORDER | {"delivered_at": "2026-03-04T00:00:00Z"},
    ORDER | {"cancelled_at": "2026-03-05T00:00:00Z"},
)


def joined(notifications):
    first, *rest = (one.facts for each in notifications for one in said(each))
    for facts in rest:
        first = join(first, facts)
    return first


@given(st.lists(st.sampled_from(NOTIFICATIONS), max_size=5), st.data())
def test_any_order_of_arrival_with_repetitions_gives_the_same_facts(again, data):
    assert joined(data.draw(st.permutations([*NOTIFICATIONS, *again]))) == joined(NOTIFICATIONS)
