"""WooCommerce's own samples of what it sends, where the reference folder is at hand."""

import json
from pathlib import Path

import pytest

from chalicelib.domain.deliveries import Payload
from chalicelib.domain.errors import FenrunError
from chalicelib.domain.remaining import check_refunds
from chalicelib.webhooks import woocommerce

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "woocommerce"
if not FIXTURES.is_dir():
    pytest.skip("WooCommerce's samples are in the reference folder, which is not here.", allow_module_level=True)


def said(body):
    return woocommerce.facts(Payload(delivery_id="d", topic="order.updated", content=body))


def test_a_paid_order_that_names_a_distributor():
    (one,) = said((FIXTURES / "derived-order-with-referral.json").read_bytes())

    assert [(line.amount, line.quantity) for line in one.facts.lines] == [(600, 2), (1200, 1)]
    assert (one.facts.description.shipping, one.facts.description.tax, one.facts.due) == (1000, 135, 2935)
    assert one.facts.payments.keys() == {"woocommerce:727=2935"}
    assert (one.facts.attribution.code, one.facts.attribution.coupon) == ("zhang-3", "zhang3")


def test_an_order_with_refunds():
    body = json.loads((FIXTURES / "orders-list-all-orders.json").read_text())[1]
    (one,) = said(json.dumps(body).encode())
    check_refunds(one.facts)

    assert (one.facts.customer_id, one.facts.due, one.facts.payments) == ("26", 3900, {})
    assert {key: each.amount for key, each in one.facts.refunds.items()} == {
        "woocommerce:726": 1000,
        "woocommerce:724": 900,
    }


def test_every_sample_is_facts_or_a_refusal():
    for path in FIXTURES.glob("*.json"):
        whole = json.loads(path.read_text())
        for body in [whole, *(whole.values() if isinstance(whole, dict) else whole)]:
            try:
                said(json.dumps(body).encode())
            except FenrunError:
                continue
