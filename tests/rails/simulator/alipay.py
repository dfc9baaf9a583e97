"""Simulated Alipay: `alipay.fund.trans.uni.transfer` and its query, and the gateway's messages about transfers.

A transfer is made at once. `out_biz_no` is one transfer for ever: the same again gives the first result, another content is
refused. What fails in checks (no such payee, wrong name, too little money) leaves nothing behind. Answers are HTTP 200 even
for errors, and signed over the raw text of their value.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from chalicelib.domain.deliveries import Connection, ConnectionSettings
from local.signers import alipay as notices
from tests.rails.simulator.books import Payment
from tests.rails.simulator.faults import Asked, Fault
from tests.rails.simulator.rsa_keys import key, private_pem, public_pem, sign
from tests.rails.simulator.server import Provider, Reply, Request, Simulator

APP_ID = "2021000000000001"
TRANSFER, QUERY = "alipay.fund.trans.uni.transfer", "alipay.fund.trans.common.query"
_CHINA = timezone(timedelta(hours=8))
_IDENTITIES = {"ALIPAY_USER_ID", "ALIPAY_OPEN_ID", "ALIPAY_LOGON_ID"}
_SCENE = {"岗位类型", "报酬说明"}


@dataclass
class Order:
    content: dict[str, Any]
    payment: Payment
    number: str
    at: datetime
    status: str = "SUCCESS"
    error: str = ""
    hidden_until: datetime | None = None


class Simulated(Provider):
    """`names`: the payees whose real name Alipay knows; a transfer with another one is refused. `absent`: payees there are
    not. `forged`: so many of the next answers are signed by somebody else."""

    name = "alipay"

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self.orders: dict[str, Order] = {}
        self.names: dict[str, str] = {}
        self.absent: set[str] = set()
        self.forged = 0
        self._begun: list[Request] = []
        self._method = TRANSFER
        self._messages = 0

    def connection(self, connection_id: str = "alipay") -> Connection:
        """A connection to here, with all it needs to pay and to be notified."""
        settings = ConnectionSettings(account=APP_ID, base_url=f"{self.simulator.url}/alipay")
        return Connection(connection_id=connection_id, provider="alipay", settings=settings, secrets=self.secrets)

    @property
    def secrets(self) -> dict[str, tuple[str, ...]]:
        return {"app_private_key": (private_pem("alipay app"),), "public_key": (public_pem("alipay"),)}

    def begun(self, request: Request) -> None:
        """Its time is checked when it arrives, not when it is carried out."""
        self._begun.append(request)

    def asked(self, request: Request) -> Asked:
        self._method = request.form().get("method", "")
        return {TRANSFER: "submit", QUERY: "query"}.get(self._method, "other")  # type: ignore[return-value]

    def refusal(self, status: int) -> Reply:
        if status == 503:
            return Reply(503, b"<html>503</html>", {"Content-Type": "text/html"})
        if status == 429:
            return self._reply(code="40005", msg="Call Limited", sub_code="isv.app-call-limited")
        return self._reply(code="40004", msg="Business Failed", sub_code="SYSTEM_ERROR", sub_msg="系统繁忙")

    def carry_out(self, request: Request, fault: Fault | None) -> Reply:
        form = request.form()
        self._method = form.get("method", "")
        if problem := self._not_authorised(form, any(each is request for each in self._begun)):
            return self._reply(code="40002", msg="Invalid Arguments", sub_code=problem)
        content = json.loads(form["biz_content"])
        if self._method == QUERY:
            return self._found(content)
        return self._transferred(content, fault)

    def _not_authorised(self, form: dict[str, str], begun: bool) -> str | None:
        fixed = {"app_id": APP_ID, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2", "version": "1.0"}
        if any(form.get(name) != value for name, value in fixed.items()) or self._method not in (TRANSFER, QUERY):
            return "isv.invalid-app-id"
        at = datetime.strptime(form["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=_CHINA)
        if not begun and abs(at - self.simulator.now) > timedelta(minutes=15):
            return "isv.invalid-timestamp"
        signed = "&".join(f"{name}={form[name]}" for name in sorted(form) if name != "sign" and form[name])
        try:
            made = base64.b64decode(form["sign"], validate=True)
            key("alipay app").public_key().verify(made, signed.encode(), PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return "isv.invalid-signature"
        return None

    def _transferred(self, content: dict[str, Any], fault: Fault | None) -> Reply:
        number = content["out_biz_no"]
        if known := self.orders.get(number):
            if known.content != content:
                return self._failed("PAYMENT_INFO_INCONSISTENCY")
            return self._made(known)
        payee = content["payee_info"]
        if problem := self._refused(content, payee):
            return self._failed(problem)
        fen = int(content["trans_amount"].replace(".", ""))
        payment = self.books.reserve(number, payee["identity"], "CNY", fen)
        if payment is None:
            return self._failed("PAYER_BALANCE_NOT_ENOUGH")
        at = self.simulator.now
        order = Order(content, payment, f"{at:%Y%m%d}11007000{len(self.orders):018d}", at)
        self.orders[number] = order
        self._decide(order, fault)
        return self._made(order)

    def _refused(self, content: dict[str, Any], payee: dict[str, Any]) -> str | None:
        infos = content.get("transfer_scene_report_infos", [])
        scene = content.get("transfer_scene_name") == "佣金报酬" and {each["info_type"] for each in infos} == _SCENE
        product = (content.get("product_code"), content.get("biz_scene")) == ("TRANS_ACCOUNT_NO_PWD", "DIRECT_TRANSFER")
        form = re.fullmatch(r"[0-9A-Za-z_-]{1,64}", content["out_biz_no"]) and re.fullmatch(
            r"(?:0|[1-9][0-9]{0,8})\.[0-9]{2}", content["trans_amount"]
        )
        if not (scene and product and form and payee["identity_type"] in _IDENTITIES and content.get("order_title")):
            return "INVALID_PARAMETER"
        if content["trans_amount"] < "0.10" and content["trans_amount"].startswith("0."):
            return "EXCEED_LIMIT_SM_MIN_AMOUNT"
        if payee["identity"] in self.absent:
            return "PAYEE_NOT_EXIST"
        if self.names.get(payee["identity"], payee["name"]) != payee["name"]:
            return "PAYEE_USER_INFO_ERROR"
        return None

    def _decide(self, order: Order, fault: Fault | None) -> None:
        kind = fault.kind if fault else None
        after = fault.after if fault else timedelta(0)
        if kind in ("slow", "rejected"):
            order.status = "DEALING"
            self.simulator.later(after, lambda: self._ended(order, "FAIL" if kind == "rejected" else "SUCCESS"))
            return
        if kind == "hidden":
            order.hidden_until = self.simulator.now + after
        self._ended(order, "SUCCESS")
        if kind == "returned":
            self.simulator.later(after, lambda: self._ended(order, "REFUND"))

    def _ended(self, order: Order, status: str) -> None:
        order.status = status
        if status == "SUCCESS":
            self.books.pay(order.payment)
        else:
            self.books.give_back(order.payment)
            order.error = "PAYEE_ACCOUNT_STATUS_ERROR" if status == "FAIL" else ""
        self._messages += 1
        told = {
            "action_type": "FINISH",
            "biz_scene": "DIRECT_TRANSFER",
            "order_id": order.number,
            "origin_interface": TRANSFER,
            "out_biz_no": order.payment.key,
            "product_code": "TRANS_ACCOUNT_NO_PWD",
            "status": status,
            "trans_amount": order.content["trans_amount"],
            **({"error_code": order.error} if order.error else {}),
        }
        message = {
            "msg_method": "alipay.fund.trans.order.changed",
            "biz_content": json.dumps(told, separators=(",", ":")),
            "utc_timestamp": str(int(self.simulator.now.timestamp() * 1000)),
        }
        number = f"{self._messages:034d}"
        at = self.simulator.now
        _, body = notices.sign(urlencode(message).encode(), key("alipay"), at, delivery_id=number, account=APP_ID)
        self.announce(body)

    def sign(self, body: bytes) -> dict[str, str]:
        """The signature stands in the message itself."""
        return {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}

    def _made(self, order: Order) -> Reply:
        names = {"out_biz_no": order.payment.key, "order_id": order.number}
        status = order.status if order.status == "DEALING" else "SUCCESS"
        at = f"{order.at.astimezone(_CHINA):%Y-%m-%d %H:%M:%S}"
        return self._reply(code="10000", msg="Success", **names, status=status, trans_date=at)

    def _found(self, content: dict[str, Any]) -> Reply:
        order = self.orders.get(content["out_biz_no"])
        if order is None or (order.hidden_until and self.simulator.now < order.hidden_until):
            return self._reply(
                code="40004", msg="Business Failed", sub_code="ORDER_NOT_EXIST", sub_msg="转账订单不存在"
            )
        names = {"out_biz_no": order.payment.key, "order_id": order.number, "status": order.status}
        amount = order.content["trans_amount"]
        return self._reply(
            code="10000", msg="Success", **names, trans_amount=amount, error_code=order.error, fail_reason=""
        )

    def _failed(self, code: str) -> Reply:
        return self._reply(code="40004", msg="Business Failed", sub_code=code)

    def _reply(self, **said: str) -> Reply:
        node = self._method.replace(".", "_") + "_response" if self._method in (TRANSFER, QUERY) else "error_response"
        value = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        self.forged, signer = max(self.forged - 1, 0), "stranger" if self.forged else "alipay"
        body = f'{{"{node}":{value},"sign":"{sign(signer, value.encode())}"}}'
        return Reply(200, body.encode(), {"Content-Type": "text/html;charset=utf-8"})
