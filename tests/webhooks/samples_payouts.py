"""What providers that pay out say of one payout of ours, in their own shapes and small."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.domain.payouts import key_of
from tests.webhooks.samples_cards import paypal_event, stripe_event

KEY = key_of("po_1", 1)
PROFILE = "16421159"


def reversed_transfer(**changes: Any) -> dict[str, Any]:
    transfer = {
        "id": "tr_1",
        "object": "transfer",
        "amount": 1999,
        "amount_reversed": 1999,
        "currency": "usd",
        "destination": "acct_dist_1",
        "reversed": True,
        "transfer_group": KEY,
    }
    return stripe_event("transfer.reversed", transfer | changes)


def payout_item(status: str, topic: str | None = None, **changes: Any) -> dict[str, Any]:
    item = {
        "payout_item_id": "8AELMXH8UB2P8",
        "transaction_status": status,
        "payout_batch_id": "5UXD2E8A7EBQJ",
        "payout_item": {
            "recipient_type": "EMAIL",
            "amount": {"currency": "USD", "value": "19.99"},
            "receiver": "zhang3@example.com",
            "sender_item_id": KEY,
        },
    }
    return paypal_event(f"PAYMENT.PAYOUTS-ITEM.{topic or status}", item | changes)


def transfer_changed(status: str = "SUCCESS", **changes: Any) -> dict[str, str]:
    told = {
        "action_type": "FINISH",
        "biz_scene": "DIRECT_TRANSFER",
        "order_id": "20251009110070000002000000000001",
        "origin_interface": "alipay.fund.trans.uni.transfer",
        "out_biz_no": KEY,
        "product_code": "TRANS_ACCOUNT_NO_PWD",
        "status": status,
        "trans_amount": "19.99",
    }
    return {"msg_method": "alipay.fund.trans.order.changed", "biz_content": json.dumps(told | changes)}


def finished_bill(state: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    bill = {
        "mch_id": "1230000109",
        "out_bill_no": KEY,
        "transfer_bill_no": "1330000071100999991182020050700019480001",
        "state": state,
        "transfer_amount": 1999,
        "openid": "o-MYE42l80oelYMDE34nYD456Xoy",
        "update_time": "2025-10-09T17:10:00+08:00",
    }
    return bill | changes


def state_change(state: str = "outgoing_payment_sent", **changes: Any) -> dict[str, Any]:
    data = {
        "resource": {"type": "transfer", "id": 16521632, "profile_id": int(PROFILE), "account_id": 40000000},
        "current_state": state,
        "previous_state": "funds_converted",
        "occurred_at": "2025-10-09T08:59:00Z",
    }
    event = {"data": data, "event_type": "transfers#state-change", "schema_version": "4.0.0"}
    return event | {"sent_at": "2025-10-09T08:59:01Z", **changes}
