"""What the events of providers that pay out say about payouts of ours: news only where something was decided.

Payouts that the operator made in other ways through the same account say nothing here: our keys have a form of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from chalicelib.bodies.fields import ID_PATTERN
from chalicelib.domain.deliveries import PayoutNews
from chalicelib.domain.errors import Fault, Refused
from chalicelib.domain.payouts import Said as Outcome
from chalicelib.webhooks import reading

_OURS = re.compile(r"FR[0-9A-F]{24}[0-9]{2,4}")
"""The form of `domain.payouts.key_of`."""
_REASON = 128
_Id = Annotated[str, Meta(min_length=1, max_length=128, pattern=ID_PATTERN)]

ALIPAY: Mapping[str, Outcome] = {"SUCCESS": "paid", "FAIL": "failed", "CLOSED": "failed", "REFUND": "returned"}
"""A transfer's states (opendocs.alipay.com/open/309/alipay.fund.trans.common.query), as far as they decide."""
WECHATPAY: Mapping[str, Outcome] = {"SUCCESS": "paid", "FAIL": "failed", "CANCELLED": "failed"}
"""A transfer bill's last states (pay.weixin.qq.com/doc/v3/merchant/4012712115)."""
PAYPAL: Mapping[str, Outcome] = {
    "SUCCESS": "paid",
    "FAILED": "failed",
    "DENIED": "failed",
    "UNCLAIMED": "awaiting_recipient",
    "RETURNED": "returned",
    "REFUNDED": "returned",
    "REVERSED": "returned",
}
"""A payout item's states (developer.paypal.com/docs/api/payments.payouts-batch/v1), as far as they decide: what is held or
blocked may still be released."""


def _of(
    rail: str, outcome: Outcome | None, key: str, reference: str | None, reason: str | None = None
) -> tuple[PayoutNews, ...]:
    """The news, if there is any, and the key is one of ours."""
    if outcome is None or not _OURS.fullmatch(key):
        return ()
    return (
        PayoutNews(key=key, rail=rail, outcome=outcome, reference=reference, reason=(reason or "")[:_REASON] or None),
    )


class _Order(Struct, frozen=True):
    out_biz_no: str = ""
    status: str = ""
    order_id: _Id | None = None
    error_code: str | None = None


def of_alipay(content: bytes) -> tuple[PayoutNews, ...]:
    """`biz_content` of `alipay.fund.trans.order.changed` (opendocs.alipay.com/mini/02d2y4)."""
    order = reading.read(content, _Order)
    return _of("alipay", ALIPAY.get(order.status), order.out_biz_no, order.order_id, order.error_code)


class _Bill(Struct, frozen=True):
    out_bill_no: str = ""
    state: str = ""
    transfer_bill_no: _Id | None = None
    fail_reason: str | None = None


def of_wechatpay(content: bytes) -> tuple[PayoutNews, ...]:
    """The resource of `MCHTRANSFER.BILL.FINISHED`. A bill that nobody confirmed in 24 hours fails."""
    bill = reading.read(content, _Bill)
    return _of("wechatpay", WECHATPAY.get(bill.state), bill.out_bill_no, bill.transfer_bill_no, bill.fail_reason)


class _Transfer(Struct, frozen=True):
    id: _Id
    transfer_group: str | None = None
    reversed: bool = False


def of_stripe(content: bytes) -> tuple[PayoutNews, ...]:
    """The transfer of `transfer.reversed` (docs.stripe.com/api/transfers/object). Raises `Refused` for one of ours that was
    reversed in part: a payout comes back as a whole or not at all, so somebody has to look."""
    transfer = reading.read(content, _Transfer)
    news = _of("stripe", "returned", transfer.transfer_group or "", transfer.id, "transfer_reversed")
    if news and not transfer.reversed:
        raise Refused("PAYOUT_PARTLY_REVERSED", Fault("reversed", "PAYOUT_PARTLY_REVERSED"))
    return news


class _Sent(Struct, frozen=True):
    sender_item_id: str = ""


class _Errors(Struct, frozen=True):
    name: str | None = None


class _Item(Struct, frozen=True):
    payout_batch_id: _Id | None = None
    transaction_status: str = ""
    payout_item: _Sent = _Sent()
    errors: _Errors | None = None


def of_paypal(content: bytes) -> tuple[PayoutNews, ...]:
    """The resource of `PAYMENT.PAYOUTS-ITEM.*`."""
    item = reading.read(content, _Item)
    reason = item.errors.name if item.errors else None
    key = item.payout_item.sender_item_id
    return _of("paypal", PAYPAL.get(item.transaction_status), key, item.payout_batch_id, reason)
