"""Simulated WeChat Pay: merchant transfers that the recipient confirms (`/v3/fund-app/mch-transfer/transfer-bills`).

`out_bill_no` is one bill for ever: the same content again gives the bill as it is now, another content is refused. A bill
that can be made takes its money at once and waits for its recipient, who confirms it an hour later; after 24 hours it is
closed, and fails. It can be asked for during 30 days. Answers and notifications are signed.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from chalicelib.domain.deliveries import Connection, ConnectionSettings
from local.signers import wechatpay as notices
from tests.rails.simulator.books import Payment
from tests.rails.simulator.faults import Asked, Fault
from tests.rails.simulator.rsa_keys import key, private_pem, public_pem, sign
from tests.rails.simulator.server import Provider, Reply, Request, Simulator

MCHID, APP_ID = "1230000109", "wxf636efh567hg4356"
MERCHANT_SERIAL, SERIAL = "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C", "PUB_KEY_ID_0114232134912410000000000000"
API_V3_KEY = "0123456789abcdef0123456789abcdef"
NOTIFY_URL = "https://api.example.com/webhooks/wechatpay/wechatpay"
PATH = "/v3/fund-app/mch-transfer/transfer-bills"
CONFIRMS_AFTER, OPEN_FOR, KNOWN_FOR = timedelta(hours=1), timedelta(hours=24), timedelta(days=30)
_CHINA = timezone(timedelta(hours=8))
_FIELD = re.compile(r'(\w+)="([^"]*)"')


@dataclass
class Bill:
    content: dict[str, Any]
    payment: Payment
    number: str
    at: datetime
    state: str = "ACCEPTED"
    fail_reason: str | None = None
    hidden_until: datetime | None = None


class Simulated(Provider):
    """`names`: the recipients whose real name WeChat knows; a bill with another one fails. `forged`: so many of the next
    answers are signed by somebody else. `confirms`: whether recipients confirm at all."""

    name = "wechatpay"

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self.bills: dict[str, Bill] = {}
        self.names: dict[str, str] = {}
        self.forged = 0
        self._begun: list[Request] = []
        self.confirms = True
        self._notified = 0

    def connection(self, connection_id: str = "wechatpay") -> Connection:
        """A connection to here, with all it needs to pay and to be notified."""
        settings = ConnectionSettings(
            account=MCHID, app_id=APP_ID, notify_url=NOTIFY_URL, base_url=f"{self.simulator.url}/wechatpay"
        )
        return Connection(connection_id=connection_id, provider="wechatpay", settings=settings, secrets=self.secrets)

    @property
    def secrets(self) -> dict[str, tuple[str, ...]]:
        return {
            "merchant_key": (private_pem("wechatpay merchant"),),
            "merchant_serial": (MERCHANT_SERIAL,),
            "platform_key": (f"{SERIAL}\n{public_pem('wechatpay')}",),
            "api_v3_key": (API_V3_KEY,),
        }

    def begun(self, request: Request) -> None:
        """Its time is checked when it arrives, not when it is carried out."""
        self._begun.append(request)

    def asked(self, request: Request) -> Asked:
        if (request.method, request.path) == ("POST", PATH):
            return "submit"
        return "query" if request.method == "GET" else "other"

    def refusal(self, status: int) -> Reply:
        codes = {429: ("FREQUENCY_LIMITED", "频率超限"), 500: ("SYSTEM_ERROR", "系统错误")}
        return self._error(status, *codes.get(status, ("SYSTEM_ERROR", "系统维护")))

    def carry_out(self, request: Request, fault: Fault | None) -> Reply:
        if not self._authorised(request):
            return self._error(401, "SIGN_ERROR", "签名错误")
        if (request.method, request.path) == ("POST", PATH):
            return self._create(request, fault)
        found = re.fullmatch(re.escape(PATH) + r"/out-bill-no/([0-9A-Za-z]{1,32})(/cancel)?", request.path)
        bill = self.bills.get(found[1]) if found else None
        hidden = bill and bill.hidden_until and self.simulator.now < bill.hidden_until
        if found is None or bill is None or hidden or self.simulator.now - bill.at > KNOWN_FOR:
            return self._error(404, "NOT_FOUND", "记录不存在")
        return self._cancelled(bill) if found[2] and request.method == "POST" else self._told(bill)

    def _authorised(self, request: Request) -> bool:
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        said = dict(_FIELD.findall(rest))
        if scheme != "WECHATPAY2-SHA256-RSA2048" or (said.get("mchid"), said.get("serial_no")) != (
            MCHID,
            MERCHANT_SERIAL,
        ):
            return False
        begun = any(each is request for each in self._begun)
        if not begun and abs(int(said["timestamp"]) - self.simulator.now.timestamp()) > 300:
            return False
        head = f"{request.method}\n{request.target}\n{said['timestamp']}\n{said['nonce_str']}\n"
        try:
            made = base64.b64decode(said["signature"], validate=True)
            public = key("wechatpay merchant").public_key()
            public.verify(made, head.encode() + request.body + b"\n", PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    def _create(self, request: Request, fault: Fault | None) -> Reply:
        content = request.json()
        if problem := self._unfit(content, request):
            return self._error(400, "PARAM_ERROR", problem)
        number = content["out_bill_no"]
        if known := self.bills.get(number):
            if self._opened(known.content) != self._opened(content):
                return self._error(400, "INVALID_REQUEST", "单号已存在但信息不一致，请查单后比较确认")
            return self._made(known)
        payment = self.books.reserve(number, content["openid"], "CNY", content["transfer_amount"])
        if payment is None:
            return self._error(403, "NOT_ENOUGH", "商户运营账户资金不足")
        bill = Bill(content, payment, f"13300000711{len(self.bills):029d}", self.simulator.now)
        self.bills[number] = bill
        self._begin(bill, fault)
        return self._made(bill)

    def _unfit(self, content: dict[str, Any], request: Request) -> str | None:
        infos = {each["info_type"]: each["info_content"] for each in content.get("transfer_scene_report_infos", [])}
        if content.get("transfer_scene_id") != "1005" or set(infos) != {"岗位类型", "报酬说明"}:
            return "需传入转账场景报备信息，请检查"
        if content.get("appid") != APP_ID or not re.fullmatch(r"[0-9A-Za-z]{1,32}", content.get("out_bill_no", "")):
            return "appid 或商户单号有误"
        amount, remark = content.get("transfer_amount"), content.get("transfer_remark", "")
        if type(amount) is not int or amount < 10 or not 1 <= len(remark) <= 32 or not content.get("openid"):
            return "参数有误"
        if amount >= 200_000 and not content.get("user_name"):
            return "需传入收款用户姓名"
        if content.get("user_name") and request.headers.get("wechatpay-serial") != SERIAL:
            return "敏感信息解密失败"
        return None

    def _opened(self, content: dict[str, Any]) -> dict[str, Any]:
        if "user_name" not in content:
            return content
        sealed = base64.b64decode(content["user_name"], validate=True)
        return content | {"user_name": key("wechatpay").decrypt(sealed, OAEP(MGF1(SHA1()), SHA1(), None)).decode()}

    def _begin(self, bill: Bill, fault: Fault | None) -> None:
        kind = fault.kind if fault else None
        after = fault.after if fault else timedelta(0)
        if kind == "hidden":
            bill.hidden_until = self.simulator.now + after
        name = self._opened(bill.content).get("user_name")
        if kind == "rejected":
            self._end(bill, "FAIL", "PAYEE_ACCOUNT_ABNORMAL")
        elif name and self.names.get(bill.payment.account, name) != name:
            self._end(bill, "FAIL", "NAME_NOT_CORRECT")
        elif kind == "slow":
            bill.state = "PROCESSING"
            self.simulator.later(after, lambda: self._wait(bill, self.confirms))
        else:
            self._wait(bill, self.confirms and kind != "unconfirmed")

    def _wait(self, bill: Bill, confirmed: bool) -> None:
        bill.state = "WAIT_USER_CONFIRM"
        self.simulator.later(OPEN_FOR, lambda: self._end(bill, "FAIL", "OVERDUE_CLOSE"))
        if confirmed:
            self.simulator.later(CONFIRMS_AFTER, lambda: self._end(bill, "SUCCESS"))

    def confirm(self, number: str) -> None:
        """The recipient confirms the bill."""
        self._end(self.bills[number], "SUCCESS")

    def _cancelled(self, bill: Bill) -> Reply:
        if bill.state not in ("WAIT_USER_CONFIRM", "CANCELING"):
            return self._error(400, "INVALID_REQUEST", "当前状态不可撤销")
        bill.state = "CANCELING"
        self.simulator.later(timedelta(minutes=1), lambda: self._end(bill, "CANCELLED"))
        return self._reply(200, {**self._names(bill), "state": bill.state, "update_time": self._now()})

    def _end(self, bill: Bill, state: str, reason: str | None = None) -> None:
        if bill.state in ("SUCCESS", "FAIL", "CANCELLED") or (bill.state == "CANCELING" and state != "CANCELLED"):
            return
        bill.state, bill.fail_reason = state, reason
        if state == "SUCCESS":
            self.books.pay(bill.payment)
        else:
            self.books.give_back(bill.payment)
        self._notified += 1
        told = {
            **self._names(bill),
            "mch_id": MCHID,
            "state": state,
            "transfer_amount": bill.payment.amount,
            "openid": bill.payment.account,
            "update_time": self._now(),
            **({"fail_reason": reason} if reason else {}),
        }
        _, body = notices.sign(
            json.dumps(told).encode(),
            self._key,
            self.simulator.now,
            topic="MCHTRANSFER.BILL.FINISHED",
            delivery_id=f"EV-{self._notified:020d}",
            account=MCHID,
        )
        self.announce(body)

    @property
    def _key(self) -> notices.Key:
        return notices.Key(key("wechatpay"), SERIAL, API_V3_KEY)

    def sign(self, body: bytes) -> dict[str, str]:
        return notices.sealed_with(body, self._key, self.simulator.now)[0]

    def _now(self) -> str:
        return self.simulator.now.astimezone(_CHINA).isoformat(timespec="seconds")

    def _names(self, bill: Bill) -> dict[str, str]:
        return {"out_bill_no": bill.payment.key, "transfer_bill_no": bill.number}

    def _made(self, bill: Bill) -> Reply:
        told = {**self._names(bill), "create_time": self._now(), "state": bill.state}
        if bill.fail_reason:
            told["fail_reason"] = bill.fail_reason
        if bill.state == "WAIT_USER_CONFIRM":
            told["package_info"] = base64.b64encode(f"package of {bill.number}".encode()).decode()
        return self._reply(200, told)

    def _told(self, bill: Bill) -> Reply:
        return self._reply(
            200,
            {
                "mch_id": MCHID,
                **self._names(bill),
                "appid": APP_ID,
                "state": bill.state,
                "transfer_amount": bill.payment.amount,
                "transfer_remark": bill.content["transfer_remark"],
                "openid": bill.payment.account,
                "create_time": bill.at.astimezone(_CHINA).isoformat(timespec="seconds"),
                "update_time": self._now(),
                **({"fail_reason": bill.fail_reason} if bill.fail_reason else {}),
            },
        )

    def _error(self, status: int, code: str, message: str) -> Reply:
        return self._reply(status, {"code": code, "message": message})

    def _reply(self, status: int, told: dict[str, Any]) -> Reply:
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        self.forged, signer = max(self.forged - 1, 0), "stranger" if self.forged else "wechatpay"
        timestamp, nonce = str(int(self.simulator.now.timestamp())), f"{len(self.simulator.requests):032X}"
        headers = {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": SERIAL,
            "Wechatpay-Signature": sign(signer, f"{timestamp}\n{nonce}\n".encode() + body + b"\n"),
            "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        }
        return Reply(status, body, headers)
