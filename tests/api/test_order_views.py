"""An order as it is read: what was said, as it was said."""

from __future__ import annotations

from chalicelib.api.order_views import view
from chalicelib.domain.orders import Payment, Refund
from tests.domain.builders import at, facts, given_back, line, order


def test_running_totals_are_shown_as_they_were_stated() -> None:
    shown = view(
        order(
            facts(
                line(1000),
                payments={
                    "p1": Payment(amount=400, paid_at=at(1)),
                    "pi=1000": Payment(amount=1000, paid_at=at(2), source="pi", running=True),
                },
                refunds={
                    "r1": given_back(5),
                    "r2": Refund(amount=6, refunded_at=at(2), source="pi"),
                    "pi=11": Refund(amount=11, refunded_at=at(3), source="pi", running=True),
                },
            )
        )
    )

    assert shown.payments == [
        {"payment_id": "p1", "amount": 400, "paid_at": at(1)},
        {"payment_id": "pi=1000", "amount": 1000, "paid_at": at(2), "source": "pi", "running": True},
    ]
    assert [{**each, "refunded_at": None} for each in shown.refunds] == [
        {"refund_id": "r1", "refunded_at": None, "state": "succeeded", "amount": 5},
        {"refund_id": "r2", "refunded_at": None, "state": "succeeded", "amount": 6, "source": "pi"},
        {
            "refund_id": "pi=11",
            "refunded_at": None,
            "state": "succeeded",
            "amount": 11,
            "source": "pi",
            "running": True,
        },
    ]
