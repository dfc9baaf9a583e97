"""What Alipay and WeChat Pay say in the life of an order: paid, given back in parts and in whole, closed."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

ALIPAY_TRADE = {
    "trade_no": "2025100922001400001400000001",
    "out_trade_no": "ORDER-1",
    "seller_id": "2088101106499364",
    "buyer_id": "2088102122524333",
    "total_amount": "598.94",
    "receipt_amount": "590.00",
    "subject": "测试 & 商品=1 + 50%",
    "body": "",
    "gmt_create": "2025-10-09 16:53:10",
    "passback_params": quote("dist_ref=ZHANG3&dist_click=clk_1"),
}
_PAID = {"gmt_payment": "2025-10-09 16:53:19"}
_CLOSED = {"trade_status": "TRADE_CLOSED", "gmt_close": "2025-10-11 10:00:00"}

ALIPAY_WAITING = ALIPAY_TRADE | {"trade_status": "WAIT_BUYER_PAY"}
ALIPAY_PAID = ALIPAY_TRADE | _PAID | {"trade_status": "TRADE_SUCCESS"}
ALIPAY_REFUND_1 = ALIPAY_PAID | {"refund_fee": "100.00", "gmt_refund": "2025-10-10 10:00:00.123", "out_biz_no": "R1"}
ALIPAY_REFUND_2 = ALIPAY_PAID | {"refund_fee": "250.50", "gmt_refund": "2025-10-10 11:00:00.123", "out_biz_no": "R2"}
ALIPAY_FINISHED = ALIPAY_PAID | {"trade_status": "TRADE_FINISHED"}
ALIPAY_REFUNDED = ALIPAY_PAID | _CLOSED | {"refund_fee": "598.94", "gmt_refund": "2025-10-11 10:00:00.500"}
ALIPAY_TIMED_OUT = ALIPAY_TRADE | _CLOSED


def form(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


WECHAT_PAID: dict[str, Any] = {
    "mchid": "1230000109",
    "appid": "wxd678efh567hg6787",
    "out_trade_no": "ORDER-1",
    "transaction_id": "4200001234202510091234567890",
    "trade_type": "JSAPI",
    "trade_state": "SUCCESS",
    "attach": "dist_ref=ZHANG3&dist_click=clk_1",
    "success_time": "2025-10-09T16:53:19+08:00",
    "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
    "amount": {"total": 59894, "payer_total": 58894, "currency": "CNY", "payer_currency": "CNY"},
}


def wechat_refund(number: str, fen: int, status: str, at: str | None = None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "mchid": "1230000109",
        "out_trade_no": "ORDER-1",
        "transaction_id": "4200001234202510091234567890",
        "out_refund_no": number,
        "refund_id": f"5030000000202510100000000{number[-1]}",
        "refund_status": status,
        "user_received_account": "支付用户零钱",
        "amount": {"total": 59894, "refund": fen, "payer_total": 58894, "payer_refund": fen},
    }
    return said | ({"success_time": at} if at else {})


WECHAT_REFUND_1 = wechat_refund("R1", 10000, "SUCCESS", "2025-10-10T10:00:00+08:00")
WECHAT_REFUND_2 = wechat_refund("R2", 49894, "SUCCESS", "2025-10-11T10:00:00+08:00")


def text(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
