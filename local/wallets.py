"""What WeChat Pay and Stripe would say of the money of orders that the shop describes itself: WeChat Pay about yuan, Stripe
about the rest (pay.weixin.qq.com/doc/v3/merchant/4012791861, docs.stripe.com/api/events/types).

A refund names its payment only, so it is for Fenrun to find the order.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from local.messages import Message
from local.sales import Order

PAYMENTS, REFUNDS = frozenset({"payments"}), frozenset({"refunds"})
_BEIJING = timezone(timedelta(hours=8))


def wallet_messages(order: Order, carried: dict[str, str]) -> list[Message]:
    """What the wallet tells of an order: payments, and refunds that are for no line. `carried` travels with the payments."""
    of_wallet = _wechatpay if order.currency == "CNY" else _stripe
    messages = []
    for i, (amount, at) in enumerate(order.payments):
        messages += of_wallet(order, carried, i, amount, at)
    for refund in order.refunds:
        if "amount" in refund:
            refunded = _wechatpay_refund if order.currency == "CNY" else _stripe_refund
            messages += refunded(order, refund["amount"], refund["refunded_at"])
    return messages


def _transaction(order: Order, i: int) -> dict[str, str]:
    return {"transaction_id": f"4200002026{order.number:08d}{i}", "out_trade_no": f"{order.id}-{i + 1}"}


def _wechatpay(order: Order, carried: dict[str, str], i: int, amount: int, at: datetime) -> list[Message]:
    names = {"code": "dist_ref", "click_id": "dist_click", "coupon": "coupon"}
    resource = {
        **_transaction(order, i),
        "appid": "wx2421b1c4370ec43b",
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "attach": urlencode({"order_id": order.id} | {names[name]: value for name, value in carried.items()}),
        "success_time": at.astimezone(_BEIJING).isoformat(timespec="seconds"),
        "payer": {"openid": f"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o{order.customer.id[-3:]}"},
        "amount": {"total": amount, "payer_total": amount, "currency": "CNY", "payer_currency": "CNY"},
    }
    return [Message("paid", at, "wechatpay", resource, PAYMENTS, "TRANSACTION.SUCCESS")]


def _wechatpay_refund(order: Order, amount: int, at: datetime) -> list[Message]:
    total = order.payments[0][0]
    resource = {
        **_transaction(order, 0),
        "refund_id": f"5030002026{order.number:08d}",
        "out_refund_no": f"{order.id}-r1",
        "refund_status": "SUCCESS",
        "success_time": at.astimezone(_BEIJING).isoformat(timespec="seconds"),
        "user_received_account": "招商银行信用卡0403",
        "amount": {"total": total, "refund": amount, "payer_total": total, "payer_refund": amount},
    }
    return [Message("refunded", at, "wechatpay", resource, REFUNDS, "REFUND.SUCCESS")]


def _stripe(order: Order, carried: dict[str, str], i: int, amount: int, at: datetime) -> list[Message]:
    """Some orders are paid on a page of Stripe's: then the session names the order, and its intent does not."""
    names = {"code": "dist_ref", "click_id": "dist_click", "coupon": "coupon"}
    metadata = {"order_id": order.id} | {names[name]: value for name, value in carried.items()}
    hosted = order.number % 4 == 1
    intent = {
        "id": _intent(order, i),
        "object": "payment_intent",
        "amount": amount,
        "amount_received": amount,
        "currency": order.currency.lower(),
        "created": int(at.timestamp()),
        "latest_charge": f"ch_{order.id}x{i}",
        "metadata": {} if hosted else metadata,
        "receipt_email": f"{order.customer.id}@buyers.example",
        "status": "succeeded",
    }
    messages = [_event("paid", at, "payment_intent.succeeded", intent, PAYMENTS)]
    if hosted:
        session = {
            "id": f"cs_live_{order.id}x{i}",
            "object": "checkout.session",
            "mode": "payment",
            "payment_status": "paid",
            "status": "complete",
            "amount_subtotal": amount,
            "amount_total": amount,
            "currency": order.currency.lower(),
            "created": int(order.placed_at.timestamp()),
            "metadata": metadata,
            "payment_intent": _intent(order, i),
        }
        messages.append(_event("paid", at, "checkout.session.completed", session, PAYMENTS))
    return messages


def _stripe_refund(order: Order, amount: int, at: datetime) -> list[Message]:
    """The same refund twice: by itself, and in the total that was given back of its charge."""
    total, currency, charge = order.payments[0][0], order.currency.lower(), f"ch_{order.id}x0"
    refund = {
        "id": f"re_{order.id}x1",
        "object": "refund",
        "amount": amount,
        "charge": charge,
        "created": int(at.timestamp()),
        "currency": currency,
        "metadata": {},
        "payment_intent": _intent(order, 0),
        "status": "succeeded",
    }
    charged = {
        "id": charge,
        "object": "charge",
        "amount": total,
        "amount_refunded": amount,
        "created": int(order.payments[0][1].timestamp()),
        "currency": currency,
        "metadata": {},
        "payment_intent": _intent(order, 0),
        "refunded": amount == total,
        "status": "succeeded",
    }
    return [
        _event("refunded", at, "refund.created", refund, REFUNDS),
        _event("refunded", at, "charge.refunded", charged, REFUNDS),
    ]


def _intent(order: Order, i: int) -> str:
    return f"pi_{order.id}x{i}"


def _event(what: str, at: datetime, topic: str, described: dict[str, Any], tells: frozenset[str]) -> Message:
    body = {
        "object": "event",
        "api_version": "2025-03-31.basil",
        "created": int(at.timestamp()),
        "livemode": True,
        "type": topic,
        "data": {"object": described},
        "pending_webhooks": 1,
    }
    return Message(what, at, "stripe", body, tells, topic)
