"""WeChat Pay's notifications, API v3 (pay.weixin.qq.com/doc/v3/merchant/4012791861): a signed envelope around an encrypted
resource. They confirm the payments and refunds of orders that a storefront describes."""

from __future__ import annotations

import base64
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from chalicelib.bodies.fields import ID_PATTERN
from chalicelib.domain.deliveries import Connection, Payload, PayoutNews, Request, Said
from chalicelib.domain.errors import Fault, Refused, Rejected
from chalicelib.domain.orders import Facts, Payment, Refund
from chalicelib.webhooks import payout_news, places, reading, wechatpay_keys
from chalicelib.webhooks.provider import About, Answer
from chalicelib.webhooks.reported import reported

_SEEN = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature")
_TYPE = "wechatpay-signature-type"
_TOLERANCE = 300
_PAID = "TRANSACTION.SUCCESS"
_REFUNDS = ("REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED")
_BILL = "MCHTRANSFER.BILL.FINISHED"

ABOUT = About(
    secrets={"api_v3_key": "aes_256", "platform_key": "public_key"},
    account=True,
    signature="wechatpay-signature",
    keeps=(*_SEEN, _TYPE),
    order_id=("out_trade_no",),
    code=("attach.dist_ref", "attach"),
    click_id=("attach.dist_click",),
    accepted=Answer(200, '{"code":"SUCCESS"}', "application/json"),
    refused=Answer(401, '{"code":"FAIL","message":"Not a notification for this merchant."}', "application/json"),
)


class _Resource(Struct, frozen=True):
    algorithm: str
    ciphertext: str
    nonce: str
    associated_data: str | None = None


class _Envelope(Struct, frozen=True):
    id: Annotated[str, Meta(min_length=1)]
    event_type: str
    resource: _Resource


class _Whose(Struct, frozen=True):
    """The merchant, by the names that the kinds of events have for it."""

    mchid: str | None = None
    mch_id: str | None = None
    sp_mchid: str | None = None
    sub_mchid: str | None = None


_Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=ID_PATTERN)]


class _Total(Struct, frozen=True):
    """`total` is the order's; `payer_total`, which is not read, is what coupons of the platform left of it to pay."""

    total: int
    currency: str = "CNY"


class _Transaction(Struct, frozen=True):
    transaction_id: _Id
    trade_state: str
    success_time: datetime
    amount: _Total


class _Returned(Struct, frozen=True):
    refund: int
    currency: str = "CNY"


class _Refund(Struct, frozen=True):
    transaction_id: _Id
    out_refund_no: _Id
    amount: _Returned
    success_time: datetime | None = None


def verify(request: Request, connection: Connection, now: datetime) -> Payload:
    """RSA-SHA256 over `timestamp\\nnonce\\nbody\\n` by the platform key that the serial names, the timestamp within five
    minutes of `now` either way, the resource decrypted (AES-GCM), its merchant the connection's.

    WeChat Pay's own probes (`WECHATPAY/SIGNTEST/…`) carry wrong signatures and want a refusal. Raises `Rejected`.
    """
    timestamp, nonce, serial, signature = (request.header(name) for name in _SEEN)
    if not timestamp or not nonce or not serial or not signature:
        raise Rejected("NO_SIGNATURE")
    if signature.startswith("WECHATPAY/SIGNTEST/"):
        raise Rejected("PROBE")
    if request.header(_TYPE) not in (None, "WECHATPAY2-SHA256-RSA2048"):
        raise Rejected("WRONG_ALGORITHM")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        raise Rejected("BAD_SIGNATURE")
    if abs(int(timestamp) - now.timestamp()) > _TOLERANCE:
        raise Rejected("CLOCK")
    keys = wechatpay_keys.named(connection.held("platform_key"), serial)
    if not keys:
        raise Rejected("UNKNOWN_KEY")
    if not wechatpay_keys.signed_by(keys, signature, timestamp, nonce, request.body):
        raise Rejected("BAD_SIGNATURE")
    try:
        envelope = msgspec.json.decode(request.body, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Rejected("UNREADABLE_DELIVERY") from None
    content = _decrypted(envelope.resource, connection.held("api_v3_key"))
    _check_merchant(content, envelope.event_type, connection.settings.account)
    return Payload(
        delivery_id=envelope.id if len(envelope.id) <= 200 else sha256(envelope.id.encode()).hexdigest(),
        topic=envelope.event_type,
        content=content,
        settings=connection.settings,
    )


def _decrypted(resource: _Resource, keys: tuple[str, ...]) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if resource.algorithm != "AEAD_AES_256_GCM":
        raise Rejected("WRONG_ALGORITHM")
    for key in keys:
        try:
            sealed, nonce = base64.b64decode(resource.ciphertext, validate=True), resource.nonce.encode()
            return AESGCM(key.encode()).decrypt(nonce, sealed, (resource.associated_data or "").encode())
        except (InvalidTag, ValueError):
            continue
    raise Rejected("NOT_DECRYPTABLE")


def _check_merchant(content: bytes, event_type: str, account: str | None) -> None:
    """Raises `Rejected` for what is another merchant's, and for money that is nobody's. Events of other kinds may name no
    merchant: that this one's key decrypts them is what makes them its own."""
    try:
        whose = msgspec.json.decode(content, type=_Whose)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Rejected("UNREADABLE_DELIVERY") from None
    named = [each for each in msgspec.structs.astuple(whose) if each]
    if account and account not in named and (named or event_type == _PAID or event_type in _REFUNDS):
        raise Rejected("OTHER_ACCOUNT")


def facts(payload: Payload) -> tuple[Said | PayoutNews, ...]:
    """What a payment or a refund says of its order, a transfer bill of its payout. Complaints and the like say nothing.

    A refund's notice says when it succeeded and nothing else of time. `SUCCESS` always does. `ABNORMAL` (the buyer's card
    is closed; the merchant still owes the money) is the same refund if the money had left before, and nothing as long as
    none has: `SUCCESS` follows when the merchant has settled it, whichever way. `CLOSED` undoes a refund that had
    succeeded; one that never did undoes nothing. Raises `Malformed` or `Refused` for what cannot be read so.
    """
    if payload.topic == _PAID:
        return _paid(payload)
    if payload.topic == _BILL:
        return payout_news.of_wechatpay(payload.content)
    return _given_back(payload) if payload.topic in _REFUNDS else ()


def _paid(payload: Payload) -> tuple[Said, ...]:
    described = reading.plain(payload.content)
    if isinstance(described, dict) and "receiver" in described:
        return ()  # a share of a payment that was passed on goes by the same name
    said = reading.read(payload.content, _Transaction)
    if said.trade_state != "SUCCESS":
        return ()
    code = reading.currency(said.amount.currency, "amount.currency")
    paid = Payment(
        amount=_amount(said.amount.total, code, "amount.total"),
        paid_at=reading.utc(said.success_time, "success_time"),
    )
    payments = {f"wechatpay:{said.transaction_id}": paid}
    return _said(payload, described, said.transaction_id, Facts(order_id="", currency=code, payments=payments))


def _given_back(payload: Payload) -> tuple[Said, ...]:
    said = reading.read(payload.content, _Refund)
    code = reading.currency(said.amount.currency, "amount.currency")
    amount = _amount(said.amount.refund, code, "amount.refund")
    if said.success_time is None or not amount:
        return ()
    refund = Refund(
        amount=amount,
        refunded_at=reading.utc(said.success_time, "success_time"),
        state="failed" if payload.topic == "REFUND.CLOSED" else "succeeded",
        source=f"wechatpay:{said.transaction_id}",
    )
    refunds = {f"wechatpay:{said.out_refund_no}": refund}
    described = reading.plain(payload.content)
    return _said(payload, described, said.transaction_id, Facts(order_id="", currency=code, refunds=refunds))


def _said(payload: Payload, described: Any, payment: str, facts: Facts) -> tuple[Said, ...]:
    """The facts with the order that they are of and what names a distributor, as far as the connection reports them."""
    if isinstance(described, dict) and isinstance(described.get("attach"), str):
        described = described | {"attach": _attached(described["attach"])}
    whole = msgspec.structs.replace(
        facts,
        order_id=places.order_id(described, payload.settings, ABOUT) or "",
        attribution=places.carriers(described, payload.settings, ABOUT),
    )
    return reported(Said(facts=whole, payment=payment), payload.settings)


def _attached(text: str) -> Any:
    """What the merchant gave along: the fields of a JSON object, a query or a link, any other text as it is."""
    try:
        if text.startswith("{"):
            return msgspec.json.decode(text)
        return dict(parse_qsl(text.rpartition("?")[2], max_num_fields=100)) if "=" in text else text
    except (msgspec.DecodeError, RecursionError, ValueError):
        return text


def _amount(units: int, code: str, path: str) -> int:
    if units < 0:
        raise Refused("NEGATIVE_AMOUNT", Fault(path, "NEGATIVE_AMOUNT"))
    return reading.from_units(units, code, "wechatpay", path)
