"""Shopify's own samples of what it sends, where the reference folder is at hand."""

import json
from pathlib import Path

import pytest

from chalicelib.domain.deliveries import ConnectionSettings, Payload
from chalicelib.domain.errors import FenrunError
from chalicelib.domain.remaining import check_refunds, left
from chalicelib.webhooks import shopify

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "shopify"
if not FIXTURES.is_dir():
    pytest.skip("Shopify's samples are in the reference folder, which is not here.", allow_module_level=True)


def said(name, topic):
    content = (FIXTURES / f"{name}.json").read_bytes()
    return shopify.facts(Payload(delivery_id="d", topic=topic, content=content, settings=ConnectionSettings()))


def test_an_order_refunded_in_part():
    (one,) = said("webhook-body-orders_updated-partially_refunded", "orders/updated")
    check_refunds(one.facts)

    assert (one.facts.due, one.facts.description.tax, one.facts.description.shipping) == (59894, 1194, 0)
    assert [each.amount for each in left(one.facts, ())] == [0, 19567, 0]
    assert one.facts.payments.keys() == {"shopify:450789469=59894"}
    assert one.facts.attribution.coupon == "TENOFF" and one.facts.customer_id == "207119551"


def test_an_order_cancelled_and_refunded_in_part():
    (one,) = said("webhook-body-orders_cancelled", "orders/cancelled")
    check_refunds(one.facts)

    assert one.facts.cancelled_at and one.facts.payments == {}
    assert [each.amount for each in left(one.facts, ())] == [0, 19567, 19567]


def test_an_order_in_euros_and_one_that_names_a_distributor():
    (euros,) = said("webhook-body-orders_paid-EUR", "orders/paid")
    (named,) = said("webhook-body-orders_create-with-referral", "orders/create")

    assert (euros.facts.lines[0].amount, euros.facts.due, euros.facts.currency) == (22497, 23847, "EUR")
    assert (named.facts.lines[0].amount, named.facts.due) == (18109, 18109)
    assert (named.facts.attribution.code, named.facts.attribution.coupon) == ("zhang-3", "FAKE30")


def test_a_refund_of_an_amount():
    (one,) = said("webhook-body-refunds_create-partial", "refunds/create")

    assert (one.facts.order_id, one.facts.refunds["shopify:929361472"].amount) == ("450789469", 4194)


def test_every_sample_is_facts_or_a_refusal():
    for path in FIXTURES.glob("*.json"):
        whole = json.loads(path.read_text())
        for part in [whole, *(whole.values() if isinstance(whole, dict) else whole)]:
            for body in part if isinstance(part, list) else [part]:
                for topic in ("orders/paid", "refunds/create", "disputes/update"):
                    try:
                        shopify.facts(Payload(delivery_id="d", topic=topic, content=json.dumps(body).encode()))
                    except FenrunError:
                        continue
