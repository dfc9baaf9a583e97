"""Paying out to WeChat users who confirm each transfer (商家转账, pay.weixin.qq.com/doc/v3/merchant/4012711988).

`out_bill_no` is the same bill for ever, but WeChat Pay can be asked for a bill only for 30 days. It insists that no answer
but a bill's own state `FAIL` or `CANCELLED` permits another number: so every error leaves it open what became of the
payout, also `NOT_ENOUGH` (top up, and the same bill goes through) and `PARAM_ERROR`; its code is the verdict's reason.

The recipient confirms within 24 hours, or the bill fails. The verdict `awaiting_recipient` has as its `reason` the
`package_info` with which the distributor's mini-program or page opens the confirmation. Only the answer to `submit` holds
it: where that was lost, `next` has the stored body sent again: it is the same bill, and it comes again.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from secrets import token_hex

import msgspec
from msgspec import Struct, structs

from chalicelib.domain.deliveries import Connection
from chalicelib.domain.errors import Fault, Refused
from chalicelib.domain.payouts import Payout, key_of
from chalicelib.rails.carry import code, secret
from chalicelib.rails.rail import UNKNOWN, About, Answer, Instruction, Outcome, Question, Send, Verdict
from chalicelib.webhooks import wechatpay_keys
from chalicelib.webhooks.payout_news import WECHATPAY

_CHINA = timezone(timedelta(hours=8))
_PATH = "/v3/fund-app/mch-transfer/transfer-bills"
_NAMED_FROM = 2000_00
"""Fen. From here on the recipient's name is required."""
_MOST_OF_NAME = 214
"""Bytes that RSA-OAEP takes with a key of 2048 bits."""
_STATES: Mapping[str, Outcome] = {
    **WECHATPAY,
    "ACCEPTED": "submitted",
    "PROCESSING": "submitted",
    "WAIT_USER_CONFIRM": "awaiting_recipient",
    "TRANSFERING": "submitted",
    "CANCELING": "submitted",
}

ABOUT = About(
    secrets={
        "merchant_key": "text",
        "merchant_serial": "text",
        "platform_key": "public_key",
        "api_v3_key": "aes_256",
    },
    account=True,
    base_url="https://api.mch.weixin.qq.com",
    key_lives=timedelta(days=30),
    lag=timedelta(minutes=10),
    currencies=frozenset({"CNY"}),
)


class _Bill(Struct, frozen=True):
    out_bill_no: str
    state: str
    transfer_bill_no: str | None = None
    transfer_amount: int | None = None
    package_info: str | None = None
    fail_reason: str | None = None


class _Error(Struct, frozen=True):
    code: str = ""


def submit(payout: Payout, connection: Connection, attempt: int) -> Instruction:
    """The bill of the payout's net amount, in scene 1005 (commission).

    From 2000 yuan on it holds the recipient's name, encrypted with the platform's key: then each call gives another body.
    So this is called once for an attempt, its body is stored, and what is sent, and sent again, is the stored body.
    Raises `Refused` where the connection lacks what paying takes: before anything was sent.
    """
    _check(connection)
    key, since = key_of(payout.id, attempt), payout.created_at.astimezone(_CHINA)
    name = _sealed(payout.method["holder"], connection) if payout.net >= _NAMED_FROM else None
    settings = connection.settings
    bill = {
        "appid": settings.app_id,
        "out_bill_no": key,
        "transfer_scene_id": "1005",
        "openid": payout.method["account"],
        "user_name": name,
        "transfer_amount": payout.net,
        "transfer_remark": f"{since.year}年{since.month}月佣金",
        "notify_url": settings.notify_url,
        "user_recv_perception": "劳务报酬",
        "transfer_scene_report_infos": [
            {"info_type": "岗位类型", "info_content": "推广员"},
            {"info_type": "报酬说明", "info_content": f"{since.month}月推广佣金"},
        ],
    }
    body = msgspec.json.encode({name: value for name, value in bill.items() if value is not None})
    return _instruction(key, body, connection)


def _instruction(key: str, body: bytes, connection: Connection) -> Instruction:
    return Instruction(key, "POST", _PATH, {"Content-Type": "application/json", **_headers(connection)}, body)


def query(payout: Payout, connection: Connection) -> Instruction:
    """Asks by our own number."""
    key = _key(payout)
    return Instruction(key, "GET", f"{_PATH}/out-bill-no/{key}", _headers(connection))


def _key(payout: Payout) -> str:
    return payout.key or key_of(payout.id, payout.attempts)


def _check(connection: Connection) -> None:
    from chalicelib.rails.private_keys import private_key

    private_key(connection, "merchant_key")
    secret(connection, "merchant_serial")
    if not connection.settings.app_id:
        raise Refused("MISSING_FIELD", Fault("settings.app_id", "MISSING_FIELD", {"field": "app_id"}), field="app_id")


def _headers(connection: Connection) -> dict[str, str]:
    """With the key that WeChat Pay shall sign its answer with, and that the recipient's name is encrypted with."""
    return {"Accept": "application/json", "Wechatpay-Serial": _platform_key(connection)[0]}


def _platform_key(connection: Connection) -> tuple[str, str]:
    """The newest platform key with what WeChat Pay calls it. Raises `Refused` for one that does not say."""
    key = secret(connection, "platform_key")
    try:
        serial = wechatpay_keys.serial_of(key)
    except ValueError:
        serial = None
    if serial is None:
        raise Refused("PLATFORM_KEY_UNNAMED", Fault("secrets.platform_key", "PLATFORM_KEY_UNNAMED"))
    return serial, key


def _sealed(name: str, connection: Connection) -> str:
    """RSA-OAEP with SHA-1 (pay.weixin.qq.com/doc/v3/merchant/4013053257). Raises `Refused` for a name that is too long."""
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.hashes import SHA1

    from chalicelib.webhooks.public_keys import public_key

    text = name.encode()
    if len(text) > _MOST_OF_NAME:
        bound = f"<= {_MOST_OF_NAME} bytes"
        raise Refused("BAD_LENGTH", Fault("method.holder", "BAD_LENGTH", {"bound": bound}), bound=bound)
    sealed = public_key(_platform_key(connection)[1]).encrypt(text, OAEP(MGF1(SHA1()), SHA1(), None))
    return b64encode(sealed).decode()


def authorised(instruction: Instruction, connection: Connection, now: datetime, send: Send) -> Instruction:
    """With our signature over method, path, time, a random word and the body: a new one each time it is sent."""
    from chalicelib.rails.private_keys import private_key, signature

    timestamp, nonce = str(int(now.timestamp())), token_hex(16).upper()
    parts = (instruction.method, instruction.path, timestamp, nonce)
    signed = "".join(f"{part}\n" for part in parts).encode() + instruction.body + b"\n"
    fields = {
        "mchid": connection.settings.account,
        "nonce_str": nonce,
        "signature": signature(private_key(connection, "merchant_key"), signed),
        "timestamp": timestamp,
        "serial_no": secret(connection, "merchant_serial"),
    }
    said = ",".join(f'{name}="{value}"' for name, value in fields.items())
    headers = {**instruction.headers, "Authorization": f"WECHATPAY2-SHA256-RSA2048 {said}"}
    return structs.replace(instruction, headers=headers)


def next(answer: Answer, payout: Payout, connection: Connection) -> Instruction | None:
    """The stored bill once more, where it waits for the recipient and we do not have what they confirm it with: after
    an answer that was lost, or came before the bill got so far. It is the same bill, and `package_info` comes again."""
    bill = _bill(answer, payout, connection)
    lost = bill and bill.state == "WAIT_USER_CONFIRM" and not bill.package_info
    if not lost or payout.sent is None or payout.state == "awaiting_recipient":
        return None
    return _instruction(_key(payout), b64decode(payout.sent), connection)


def classify(answer: Answer | None, question: Question, payout: Payout, connection: Connection) -> Verdict:
    """`unknown` is all but a bill that is signed and ours, in a state that is listed above; and that there is none.

    That there is none needs no signature (WeChat Pay's own libraries check none on errors): all it leads to is that the same
    bill is sent again.
    """
    if answer is None:
        return UNKNOWN
    if answer.status != 200:
        reason = _code(answer.body)
        missing = question == "query" and answer.status == 404 and reason == "NOT_FOUND"
        return Verdict("not_found" if missing else "unknown", reason=reason)
    bill = _bill(answer, payout, connection)
    outcome = _STATES.get(bill.state) if bill else None
    if bill is None or outcome is None:
        return UNKNOWN
    reason = bill.package_info if outcome == "awaiting_recipient" else code(bill.fail_reason)
    return Verdict(outcome, bill.transfer_bill_no, reason or None)


def _code(body: bytes) -> str | None:
    try:
        return code(msgspec.json.decode(body, type=_Error).code)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _bill(answer: Answer, payout: Payout, connection: Connection) -> _Bill | None:
    """The bill in the answer, if it is the payout's, of its amount, and signed."""
    try:
        bill = msgspec.json.decode(answer.body, type=_Bill) if answer.status == 200 else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if bill is None or bill.out_bill_no != _key(payout) or bill.transfer_amount not in (None, payout.net):
        return None
    return bill if _signed(answer, connection) else None


def _signed(answer: Answer, connection: Connection) -> bool:
    names = ("timestamp", "nonce", "serial", "signature")
    timestamp, nonce, serial, signature = (answer.headers.get(f"wechatpay-{name}", "") for name in names)
    keys = wechatpay_keys.named(connection.held("platform_key"), serial)
    return wechatpay_keys.signed_by(keys, signature, timestamp, nonce, answer.body)
