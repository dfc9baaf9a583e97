"""A delivery is kept before it is acted on, acted on once, and never lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest
from msgspec import structs

from chalicelib.domain.deliveries import Payload, Request, Said
from chalicelib.domain.errors import Busy, Conflict, NotFound, Rejected
from chalicelib.domain.orders import Facts, Payment, Refund
from chalicelib.flows import receive_delivery as flow
from chalicelib.flows.connections import delete_connection
from chalicelib.flows.receive_delivery import receive_delivery, retry_delivery
from chalicelib.flows.replay_delivery import dismiss_delivery, replay_delivery
from chalicelib.flows.retries import waiting
from chalicelib.schedules.inbox import Swept, sweep
from chalicelib.settings import settings
from chalicelib.store import inbox, orders
from chalicelib.webhooks import fenrun
from tests.flows.deliveries import NOW, Storefront, order
from tests.flows.shop import beneficiaries, open_shop


@pytest.fixture(autouse=True)
def shop(tables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("s3").create_bucket(Bucket="files")
    monkeypatch.setenv("FILES_BUCKET", "files")
    settings.cache_clear()
    open_shop()


def only() -> Any:
    (found,), _ = inbox.of_connection("shop-1", 10)
    return found


def test_a_delivery_becomes_an_order() -> None:
    assert Storefront().delivers(order()) == "done"

    image = orders.get("o-1")
    assert image and beneficiaries(image) == ("ann", "bob")
    kept = only()
    assert (kept.state, kept.order_ids, kept.attempts, kept.topic) == ("done", ("o-1",), 1, "order")
    assert kept.headers.keys() == {"webhook-id", "webhook-timestamp", "webhook-signature"}


def test_the_same_delivery_again_has_no_effect() -> None:
    shop = Storefront()
    shop.delivers(order())

    assert shop.delivers(order(delivered_at="2026-03-02T00:00:00Z")) == "duplicate"
    image = orders.get("o-1")
    assert image and image.revision == 1 and image.facts.delivered_at is None


def test_the_same_facts_in_another_delivery_join_to_nothing_new() -> None:
    shop = Storefront()
    shop.delivers(order())

    assert shop.delivers(order(), "msg_2") == "done"
    image = orders.get("o-1")
    assert image and image.revision == 1


def test_what_does_not_verify_leaves_nothing_behind() -> None:
    shop = Storefront()
    signed = shop.signed(order())

    with pytest.raises(Rejected):
        receive_delivery("fenrun", "shop-1", structs.replace(signed, body=signed.body + b" "), NOW)

    assert orders.get("o-1") is None
    assert inbox.of_connection("shop-1", 10) == ([], None)


def test_any_exception_in_verification_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Storefront()

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(fenrun, "verify", broken)
    with pytest.raises(Rejected, match="UNREADABLE_DELIVERY"):
        shop.delivers(order())


def test_what_cannot_be_translated_is_stuck_with_the_reason_and_can_be_replayed() -> None:
    shop = Storefront()

    assert shop.delivers(order(currency="CN")) == "stuck"
    kept = only()
    assert (kept.state, kept.trouble.code, kept.trouble.faults[0].path) == ("stuck", "NO_SUCH_CURRENCY", "currency")
    assert [each.id for each in inbox.in_state("stuck", 10)[0]] == [kept.id]
    again = replay_delivery(kept.id, "staff:1", NOW)
    assert (again.state, again.attempts) == ("stuck", 2)


def test_staff_may_let_a_stuck_delivery_rest() -> None:
    shop = Storefront()
    shop.delivers(order(currency="CN"))
    shop.delivers(order(), "msg_2")
    stuck, done = sorted(inbox.of_connection("shop-1", 10)[0], key=lambda each: each.delivery_id)

    assert dismiss_delivery(stuck.id, "a test", "staff:1", NOW).state == "dismissed"
    assert inbox.in_state("stuck", 10) == ([], None)
    assert sweep(NOW + timedelta(days=2), lambda: 60.0).tried == 0
    for again in (stuck, done):
        with pytest.raises(Conflict, match="NOT_STUCK"):
            dismiss_delivery(again.id, "a test", "staff:1", NOW)
    assert dismiss_delivery(stuck.id, "a test", "staff:1", NOW, once="1").state == "dismissed"  # the same request
    with pytest.raises(NotFound):
        dismiss_delivery("none", "a test", "staff:1", NOW)
    assert shop.delivers(order(currency="CN")) == "duplicate"


def test_a_delivery_that_no_rule_foresaw_is_stuck_too(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Storefront()

    def broken(_: Payload) -> tuple[Said, ...]:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(fenrun, "facts", broken)
        assert shop.delivers(order()) == "stuck"
    assert only().trouble.code == "UNREADABLE_DELIVERY"
    assert replay_delivery(only().id, "staff:1", NOW).state == "done"
    assert inbox.in_state("stuck", 10) == ([], None)


def test_what_the_books_refuse_is_stuck_until_it_fits() -> None:
    shop = Storefront()
    shop.delivers(order())
    refund = {"refund_id": "r-1", "refunded_at": "2026-03-01T05:00:00Z", "lines": [{"line_id": "2", "amount": 500}]}
    assert shop.delivers({**order(), "refunds": [refund]}, "msg_2") == "stuck"

    lines = [{"line_id": "1", "amount": 10_000}, {"line_id": "2", "amount": 500}]
    assert shop.delivers({**order(), "lines": lines, "updated_at": "2026-03-01T06:00:00Z"}, "msg_3") == "done"
    assert sweep(NOW + timedelta(minutes=16), lambda: 60.0) == Swept(tried=1, stuck=0, failed=0)
    image = orders.get("o-1")
    assert image and image.facts.refunds.keys() == {"r-1"}


def test_contention_leaves_a_delivery_for_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Storefront()

    def busy(*_: Any) -> None:
        raise Busy("BUSY")

    with monkeypatch.context() as patch:
        patch.setattr(flow, "record_order", busy)
        assert shop.delivers(order()) == "received"
    assert list(waiting(NOW + timedelta(minutes=1))) == []
    assert sweep(NOW + timedelta(minutes=3), lambda: 60.0) == Swept(tried=1, stuck=0, failed=0)
    assert only().state == "done"
    assert orders.get("o-1")


def test_a_crash_after_keeping_is_mended_by_the_next_delivery_of_the_same() -> None:
    shop = Storefront()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "act", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            shop.delivers(order())

    assert only().state == "received"
    assert shop.delivers(order()) == "done"


def test_a_sweep_leaves_what_was_just_tried_and_stops_in_time() -> None:
    shop = Storefront()
    for i in range(3):
        shop.delivers(order(currency="CN"), f"msg_{i}")

    assert sweep(NOW + timedelta(minutes=14), lambda: 60.0).tried == 0
    assert sweep(NOW + timedelta(minutes=16), lambda: 5.0).tried == 0
    assert sweep(NOW + timedelta(minutes=16), lambda: 60.0) == Swept(tried=3, stuck=3, failed=0)
    assert sweep(NOW + timedelta(minutes=32), lambda: 60.0).tried == 0  # the pause doubles
    assert sweep(NOW + timedelta(minutes=47), lambda: 60.0).tried == 3


def test_a_large_body_goes_to_the_bucket_and_comes_back() -> None:
    import secrets

    shop = Storefront()
    note = secrets.token_hex(400_000)
    assert shop.delivers({**order(), "comment": note}) == "stuck"  # there is no such field

    found = inbox.with_content(only().id)
    assert found and note.encode() in found[1]
    assert boto3.client("s3").list_objects_v2(Bucket="files")["KeyCount"] == 1


def test_without_a_connection_nothing_is_taken() -> None:
    shop = Storefront()
    signed = shop.signed(order())

    with pytest.raises(NotFound):
        receive_delivery("fenrun", "shop-2", signed, NOW)
    with pytest.raises(NotFound):
        receive_delivery("shopify", "shop-1", signed, NOW)
    with pytest.raises(NotFound):
        receive_delivery("magento", "shop-1", signed, NOW)
    delete_connection("shop-1", "staff:1", NOW)
    with pytest.raises(NotFound):
        shop.delivers(order())


def test_after_its_connection_is_gone_a_delivery_is_kept_and_not_replayed() -> None:
    shop = Storefront()
    shop.delivers(order(currency="CN"))
    delete_connection("shop-1", "staff:1", NOW)

    with pytest.raises(NotFound):
        replay_delivery(only().id, "staff:1", NOW)
    assert sweep(NOW + timedelta(hours=1), lambda: 60.0) == Swept(tried=0, stuck=0, failed=1)
    assert only().state == "stuck"


def test_two_shops_may_use_the_same_delivery_ids() -> None:
    one, other = Storefront("shop-1", order_prefix="a-"), Storefront("shop-2", order_prefix="b-")

    assert [one.delivers(order()), other.delivers(order())] == ["done", "done"]
    assert orders.get("a-o-1") and orders.get("b-o-1") and not orders.get("o-1")
    with pytest.raises(Rejected):
        receive_delivery("fenrun", "shop-2", one.signed(order("o-2"), "msg_2"), NOW)


def test_unknown_and_done_deliveries_can_be_asked_for_again() -> None:
    assert retry_delivery("none", NOW) is None
    with pytest.raises(NotFound):
        replay_delivery("none", "staff:1", NOW)
    Storefront().delivers(order())
    assert replay_delivery(only().id, "staff:1", NOW).state == "done"
    image = orders.get("o-1")
    assert image and image.revision == 1


# ------------------------------------------------------------------ payments that name no order, guests


PAYMENT = Said(
    facts=Facts(order_id="o-1", currency="CNY", payments={"x:1": Payment(amount=10_000, paid_at=NOW)}), payment="1"
)
REFUND = Said(
    facts=Facts(order_id="", currency="CNY", refunds={"x:r1": Refund(amount=4_000, refunded_at=NOW)}), payment="1"
)


def says(patch: pytest.MonkeyPatch, **by_id: Said) -> None:
    patch.setattr(fenrun, "facts", lambda payload: (by_id[payload.delivery_id],))


@pytest.mark.parametrize("arrival", [("pay", "back"), ("back", "pay"), ("back", "pay", "back", "pay")])
def test_a_refund_that_names_only_the_payment_finds_the_order(
    arrival: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Storefront()
    says(monkeypatch, pay=PAYMENT, back=REFUND)

    for each in arrival:
        shop.delivers(b"{}", each)

    image = orders.get("o-1")
    assert image and (image.facts.payments.keys(), image.facts.refunds.keys()) == ({"x:1"}, {"x:r1"})
    assert {each.state for each in inbox.of_connection("shop-1", 10)[0]} == {"done"}


def test_until_then_it_is_stuck_and_says_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Storefront()
    says(monkeypatch, back=REFUND, lost=structs.replace(REFUND, payment=None))

    assert [shop.delivers(b"{}", each) for each in ("back", "lost")] == ["stuck", "stuck"]
    found, _ = inbox.in_state("stuck", 10)
    assert {each.trouble.code for each in found if each.trouble} == {"PAYMENT_NOT_KNOWN_YET", "NO_ORDER_ID"}


def test_a_guest_is_known_by_a_blind_index_or_by_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Storefront()
    facts = fenrun.facts(Payload(delivery_id="", topic="", content=shop.signed(order()).body))[0].facts
    guest = structs.replace(facts, customer_id=None)
    says(
        monkeypatch,
        one=Said(facts=guest, email="Buyer@Example.com"),
        two=Said(facts=structs.replace(guest, order_id="o-2"), email="buyer@example.com"),
        three=Said(facts=structs.replace(guest, order_id="o-3")),
        known=Said(facts=structs.replace(facts, order_id="o-3")),
    )

    assert [shop.delivers(b"{}", each) for each in ("one", "two", "three", "known")] == ["done"] * 4
    customers = [found.facts.customer_id for found in map(orders.get, ("o-1", "o-2", "o-3")) if found]
    assert customers[0] == customers[1] and customers[0] and customers[0].startswith("guest:")
    assert "example" not in customers[0]
    assert customers[2] == "guest:o-3"


def test_two_known_customers_of_one_order_are_a_contradiction() -> None:
    shop = Storefront()
    shop.delivers(order())

    assert shop.delivers(order(customer_id="c-2"), "msg_2") == "stuck"
    assert inbox.in_state("stuck", 10)[0][0].trouble.code == "ORDER_CUSTOMER_DIFFERS"  # type: ignore[union-attr]


def test_a_request_without_any_header_is_refused() -> None:
    Storefront()
    with pytest.raises(Rejected, match="NO_SIGNATURE"):
        receive_delivery("fenrun", "shop-1", Request({}, b""), NOW)
