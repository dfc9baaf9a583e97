"""Alipay's asynchronous notices (opendocs.alipay.com/open/203/105286): a signed form about one trade. They confirm the
payments and refunds of orders that a storefront describes. Messages of the app gateway tell of transfers."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote_plus

from msgspec import DecodeError, Meta, Struct, json

from chalicelib.bodies.fields import ID_PATTERN
from chalicelib.bodies.parse import refusal
from chalicelib.domain.deliveries import Connection, Payload, PayoutNews, Request, Said
from chalicelib.domain.errors import Fault, Malformed, Refused, Rejected
from chalicelib.domain.orders import Facts, Payment, Refund
from chalicelib.webhooks import payout_news, places, reading
from chalicelib.webhooks.provider import About, Answer
from chalicelib.webhooks.reported import reported

ABOUT = About(
    mark=b"sign_type=",
    secrets={"public_key": "public_key"},
    account=True,
    order_id=("out_trade_no",),
    code=("passback_params.dist_ref", "passback_params"),
    click_id=("passback_params.dist_click",),
    # Anything but these seven letters is sent again for 25 hours.
    accepted=Answer(200, "success", "text/plain"),
    refused=Answer(401, "fail", "text/plain"),
)

_CHINA = timezone(timedelta(hours=8))
_CURRENCY = "CNY"
_MAX_FIELDS = 500
_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030"}
_PAID, _CLOSED = ("TRADE_SUCCESS", "TRADE_FINISHED"), "TRADE_CLOSED"
_TRANSFER = "alipay.fund.trans.order.changed"


class _Trade(Struct, frozen=True):
    """What is read of a notice. Its times have no zone: they are China's."""

    trade_no: Annotated[str, Meta(min_length=1, max_length=64, pattern=ID_PATTERN)]
    trade_status: str
    total_amount: Decimal
    notify_time: datetime
    refund_fee: Decimal | None = None
    gmt_payment: datetime | None = None
    gmt_refund: datetime | None = None
    gmt_close: datetime | None = None


_OURS = (
    *_Trade.__struct_fields__,
    *("out_trade_no", "app_id", "seller_id", "notify_id", "passback_params"),
    *("method", "msg_method", "biz_content"),
)


def verify(request: Request, connection: Connection, now: datetime) -> Payload:
    """RSA-SHA256 (`RSA2`) by one of Alipay's keys over the form's sorted fields, and the app or seller is the connection's.

    The scheme has no clock: a replay is known by its `notify_id`, which Alipay keeps when it sends a notice again. Raises
    `Rejected`.
    """
    try:
        fields = _fields(request.body)
    except ValueError:
        raise Rejected("BAD_SIGNATURE") from None
    sign = fields.pop("sign", None)
    if not sign:
        raise Rejected("NO_SIGNATURE")
    if fields.get("sign_type", b"RSA2") != b"RSA2":
        raise Rejected("WRONG_ALGORITHM")
    kept = [name for name in sorted(fields) if name != "sign_type" or _is_message(fields)]
    signed = b"&".join(name.encode("latin-1") + b"=" + fields[name] for name in kept)
    # `a=1&b=2` is signed alike as two fields and as one field `a`: nobody shall hide a field of ours in another one.
    hidden = any(f"&{name}=".encode() in value for value in fields.values() for name in _OURS)
    if hidden or not _signed_by(connection.held("public_key"), sign, signed):
        raise Rejected("BAD_SIGNATURE")
    try:
        form = _decoded(fields)
    except ValueError:
        raise Rejected("UNREADABLE_DELIVERY") from None
    account = connection.settings.account
    if account and account not in (form.get("app_id"), form.get("seller_id")):
        raise Rejected("OTHER_ACCOUNT")
    notify_id = form.get("notify_id")
    if not notify_id:
        raise Rejected("UNREADABLE_DELIVERY")
    return Payload(
        delivery_id=notify_id if len(notify_id) <= 200 else sha256(notify_id.encode()).hexdigest(),
        topic=form.get("trade_status") or form.get("msg_method") or form.get("method") or "",
        content=request.body,
        settings=connection.settings,
    )


def _fields(body: bytes) -> dict[str, bytes]:
    """The form's fields, percent-decoded once and not yet read as text: these bytes are what Alipay signed, whatever their
    charset. Empty ones are not signed, so there are none. Raises `ValueError` for a field that comes twice."""
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=_MAX_FIELDS)
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a field comes twice")
    return {name: value.encode("latin-1") for name, value in pairs if value}


def _decoded(fields: Mapping[str, bytes]) -> dict[str, str]:
    """The fields as text. Raises `ValueError` where they are not of the charset that the form names."""
    charset = _CHARSETS.get(fields.get("charset", b"utf-8").decode("latin-1").lower())
    if charset is None:
        raise ValueError("no charset of Alipay's")
    return {name.encode("latin-1").decode(charset): value.decode(charset) for name, value in fields.items()}


def _is_message(form: Mapping[str, object]) -> bool:
    """Messages of the app gateway (`msg_method`, formerly `method`) are no trades, and sign their `sign_type`, too."""
    return "msg_method" in form or "method" in form


def _signed_by(keys: tuple[str, ...], sign: bytes, signed: bytes) -> bool:
    from chalicelib.webhooks.public_keys import verified

    try:
        signature = base64.b64decode(sign, validate=True)
    except ValueError:
        return False
    return any(verified(key, signature, signed) for key in keys)


def facts(payload: Payload) -> tuple[Said | PayoutNews, ...]:
    """What a trade's status says of its order: paid, given back so far, or closed without ever being paid. What the
    gateway's message about a transfer says of its payout.

    `refund_fee` is all that was given back so far. A trade closes when it is not paid in time or when all of it was given
    back. Raises `Malformed` or `Refused` for a notice that cannot be read so.
    """
    try:
        form = _decoded(_fields(payload.content))
    except ValueError:
        raise Malformed("UNREADABLE_DELIVERY") from None
    if form.get("msg_method") == _TRANSFER:
        return payout_news.of_alipay(form.get("biz_content", "").encode())
    if _is_message(form) or form.get("trade_status") not in (*_PAID, _CLOSED):
        return ()
    trade = reading.read(json.encode(form), _Trade)
    closed = trade.trade_status == _CLOSED
    total, refunded = _fen(trade.total_amount, "total_amount"), _fen(trade.refund_fee or Decimal(0), "refund_fee")
    if closed and trade.gmt_payment and not refunded:
        refunded = total
    source = f"alipay:{trade.trade_no}"
    payments, refunds = {}, {}
    if trade.gmt_payment or not closed:
        payments[source] = Payment(amount=total, paid_at=_utc(trade.gmt_payment, "gmt_payment"))
    if refunded:
        at = _utc(trade.gmt_refund or (trade.gmt_close if closed else None), "gmt_refund")
        refunds[f"{source}={refunded}"] = Refund(amount=refunded, refunded_at=at, source=source, running=True)
    if not payments and not refunds:  # the buyer let this attempt expire: the order may still be paid in another way
        return ()
    described = form | {"passback_params": _passed_back(form)}
    said = Facts(
        order_id=places.order_id(described, payload.settings, ABOUT) or "",
        currency=_CURRENCY,
        attribution=places.carriers(described, payload.settings, ABOUT),
        payments=payments,
        refunds=refunds,
    )
    return reported(Said(facts=said, payment=trade.trade_no), payload.settings)


def _passed_back(form: Mapping[str, str]) -> Any:
    """`passback_params`, which must be given to Alipay percent-encoded and comes back as it was given: the fields of a JSON
    object, a query or a link, any other text as it is."""
    charset = _CHARSETS[form.get("charset", "utf-8").lower()]
    text = unquote_plus(form.get("passback_params", ""), encoding=charset)
    try:
        if text.startswith("{"):
            return json.decode(text)
        return dict(parse_qsl(text.rpartition("?")[2], max_num_fields=_MAX_FIELDS)) if "=" in text else text
    except (DecodeError, RecursionError, ValueError):
        return text


def _fen(yuan: Decimal, path: str) -> int:
    amount = reading.minor(yuan, _CURRENCY, path)
    if amount < 0:
        raise Refused("NEGATIVE_AMOUNT", Fault(path, "NEGATIVE_AMOUNT"))
    return amount


def _utc(at: datetime | None, path: str) -> datetime:
    if at is None:
        raise refusal(Fault(path, "MISSING_FIELD", {"field": path}))
    return reading.utc(at if at.tzinfo else at.replace(tzinfo=_CHINA), path)
