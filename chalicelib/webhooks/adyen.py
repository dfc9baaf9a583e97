"""Adyen's standard webhooks: docs.adyen.com/development-resources/webhooks, /online-payments, /risk-management/disputes-api.

Signed are eight fields of each item (`_Item.signed`), and nothing else: not `eventDate`, `reason`, `additionalData`, `live`.
So what counts and how much, of which payment and order, is read from those eight only. `eventDate` dates things, and may not
lie ahead; `metadata` of a payment names a distributor only where the connection's `code`, `coupon` or `click_id` say so
(`metadata.dist_ref`): whoever could send a genuine notification again could have altered it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field, structs, to_builtins

from chalicelib.bodies.parse import refusal
from chalicelib.domain.deliveries import Connection, ConnectionSettings, Payload, Request, Said
from chalicelib.domain.errors import Fault, Malformed, Refused, Rejected
from chalicelib.domain.orders import Dispute, Facts, Payment, Refund
from chalicelib.webhooks import places, reading
from chalicelib.webhooks.provider import About, Answer
from chalicelib.webhooks.reported import reported

_AHEAD = timedelta(days=1)

ABOUT = About(
    mark=b'"notificationItems"',
    secrets={"hmac_key": "hex"},
    account=True,
    order_id=("merchantReference",),
    accepted=Answer(202, "[accepted]"),
)

_REFUNDED = ("REFUND", "CANCEL_OR_REFUND")
_CANCELLED = ("CANCELLATION", "TECHNICAL_CANCEL")
_NOT_REFUNDED = ("REFUND_FAILED", "REFUNDED_REVERSED")
_DISPUTES: dict[str, Literal["open", "won", "lost"]] = {
    "NOTIFICATION_OF_CHARGEBACK": "open",
    "CHARGEBACK": "open",
    "PREARBITRATION_OPEN": "open",
    "CHARGEBACK_REVERSED": "won",
    "ISSUER_RESPONSE_TIMEFRAME_EXPIRED": "won",
    "PREARBITRATION_WON": "won",
    "DISPUTE_DEFENSE_PERIOD_ENDED": "lost",
    "PREARBITRATION_LOST": "lost",
    "SECOND_CHARGEBACK": "lost",
}
_EVENTS = {"AUTHORISATION", "CAPTURE", "CAPTURE_FAILED", *_REFUNDED, *_NOT_REFUNDED, *_CANCELLED, *_DISPUTES}
_SIGNED_TEXTS = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
_TEST_NOTICES = ("test_", "testnotification_")
"""How the references of notices begin that a click on "test configuration" sends."""

_Reference = Annotated[str, Meta(max_length=64)]


class _Amount(Struct, frozen=True):
    value: int | None = None
    currency: str = ""


class _Item(Struct, frozen=True, rename="camel"):
    psp_reference: Annotated[str, Meta(min_length=1, max_length=64)]
    merchant_account_code: str
    event_code: _Reference
    success: _Reference
    amount: _Amount = _Amount()
    original_reference: _Reference | None = None
    merchant_reference: str | None = None
    event_date: str | None = None
    additional_data: dict[str, Any] | None = None

    @property
    def signed(self) -> tuple[str, ...]:
        """What the signature is over, in its order. `merchantReference` alone may have a colon in it."""
        return (
            self.psp_reference,
            self.original_reference or "",
            self.merchant_account_code,
            self.merchant_reference or "",
            "" if self.amount.value is None else str(self.amount.value),
            self.amount.currency,
            self.event_code,
            self.success,
        )

    @property
    def payment(self) -> str:
        """The payment's own reference: of a modification the original one. Dispute events carry no original one where
        that is not switched on for the account; then their `pspReference` is the payment's."""
        return self.original_reference or self.psp_reference


class _Wrapper(Struct, frozen=True):
    item: _Item = field(name="NotificationRequestItem")


class _Body(Struct, frozen=True, rename="camel"):
    notification_items: list[_Wrapper]


def verify(request: Request, connection: Connection, now: datetime) -> Payload:
    """Every item's `additionalData.hmacSignature` is an HMAC-SHA256 over its signed fields, by any of the keys; one that is
    not refuses all. Nothing is escaped there, so a colon outside `merchantReference` is refused: fields could have been
    shifted. Raises `Rejected`.

    The scheme has no time stamp: that a delivery comes again shows by its id, which is made of signed fields.
    """
    try:
        items = _items(request.body)
    except Malformed:
        raise Rejected("UNREADABLE_DELIVERY") from None
    if not items:
        raise Rejected("NO_SIGNATURE")
    keys = [key for key in map(_key, connection.held("hmac_key")) if key]
    for item in items:
        _check_signature(item, keys)
    account = connection.settings.account
    if account and any(item.merchant_account_code != account for item in items):
        raise Rejected("OTHER_ACCOUNT")
    if any(_lies_ahead(item, now) for item in items):
        raise Rejected("CLOCK")
    delivery_id = ",".join(f"{item.event_code}:{item.psp_reference}:{item.success}" for item in items)
    return Payload(
        delivery_id=delivery_id if len(delivery_id) <= 200 else hashlib.sha256(delivery_id.encode()).hexdigest(),
        topic=items[0].event_code,
        content=request.body,
        settings=connection.settings,
    )


def _items(body: bytes) -> list[_Item]:
    return [each.item for each in reading.read(body, _Body).notification_items]


def _key(secret: str) -> bytes:
    try:
        return bytes.fromhex(secret)
    except ValueError:
        return b""


def _check_signature(item: _Item, keys: list[bytes]) -> None:
    given = (item.additional_data or {}).get("hmacSignature")
    if not given or not isinstance(given, str):
        raise Rejected("NO_SIGNATURE")
    parts = item.signed
    if any(":" in part for part in (*parts[:3], *parts[4:])):
        raise Rejected("BAD_SIGNATURE")
    signed = ":".join(parts).encode()
    expected = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    if not any(hmac.compare_digest(given.encode(), each) for each in expected):
        raise Rejected("BAD_SIGNATURE")


def _lies_ahead(item: _Item, now: datetime) -> bool:
    try:
        at = datetime.fromisoformat(item.event_date or "")
    except ValueError:
        return False  # `facts` says so where the date is needed
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) > now + _AHEAD


def facts(payload: Payload) -> tuple[Said, ...]:
    """What the items say, one `Said` each; nothing for events of another kind, unsuccessful ones, zero amounts (cards that
    were only checked) and Adyen's test notices.

    Only an authorisation says the order's id (`merchantReference`; it is said even where its money does not count, so that
    the others find the order): a modification has a reference of its own, and names the payment. A refund that fails comes
    again under its `pspReference`, but dated when it failed: so it is given as a running total of itself, which may be
    stated at several times. A capture that fails and a cancelled authorisation that counted as paid are given as refunds;
    that Adyen collected a failed capture after all shows in nothing that is signed.

    Raises `Malformed`, or `Refused` for a negative amount, one of no whole minor units, an authorisation of no order.
    """
    found = (
        _said(item, f"notificationItems[{i}].NotificationRequestItem", payload.settings)
        for i, item in enumerate(_items(payload.content))
        if item.success == "true" and not item.psp_reference.lower().startswith(_TEST_NOTICES)
    )
    return tuple(each for said in found for each in reported(said, payload.settings))


def _said(item: _Item, path: str, settings: ConnectionSettings) -> Said | None:
    if item.event_code not in _EVENTS:
        return None
    currency, amount = _amount(item, path)
    if not amount:
        return None
    facts = _facts(item, currency, amount, _at(item, path), settings)
    if item.event_code != "AUTHORISATION":
        return Said(facts=facts, payment=item.payment)
    described = to_builtins(item)
    order_id = places.order_id({name: described.get(name) for name in _SIGNED_TEXTS}, settings, ABOUT)
    if not order_id:
        raise Refused("NO_ORDER_ID", Fault("", "NO_ORDER_ID"))
    extra = (item.additional_data or {}).items()
    metadata = {name.removeprefix("metadata."): value for name, value in extra if name.startswith("metadata.")}
    carriers = places.carriers(described | {"metadata": metadata}, settings, ABOUT)
    return Said(
        facts=structs.replace(facts, order_id=order_id, attribution=carriers),
        payment=item.psp_reference,
    )


def _amount(item: _Item, path: str) -> tuple[str, int]:
    if item.amount.value is None:
        raise refusal(Fault(f"{path}.amount.value", "MISSING_FIELD", {"field": "value"}))
    currency = reading.currency(item.amount.currency, f"{path}.amount.currency")
    amount = reading.from_units(item.amount.value, currency, "adyen", f"{path}.amount.value")
    if amount < 0:
        raise Refused("NEGATIVE_AMOUNT", Fault(f"{path}.amount.value", "NEGATIVE_AMOUNT"))
    return currency, amount


def _at(item: _Item, path: str) -> datetime:
    try:
        return reading.utc(datetime.fromisoformat(item.event_date or ""), f"{path}.eventDate")
    except ValueError:
        raise refusal(Fault(f"{path}.eventDate", "BAD_TIME")) from None


def _facts(item: _Item, currency: str, amount: int, at: datetime, settings: ConnectionSettings) -> Facts:
    """What the item states about its payment's order, wherever that is."""
    own, event = f"adyen:{item.psp_reference}", item.event_code  # all events of a dispute have the same reference
    captures = settings.paid_on == "capture"
    facts = Facts(order_id="", currency=currency)
    if event == ("CAPTURE" if captures else "AUTHORISATION"):
        return structs.replace(facts, payments={own: Payment(amount=amount, paid_at=at)})
    if event in _DISPUTES:
        return structs.replace(facts, disputes={own: Dispute(amount=amount, at=at, state=_DISPUTES[event])})
    if event in ("AUTHORISATION", "CAPTURE") or (event in _CANCELLED and captures):
        return facts  # no money moved that counted, or counts already
    if event == "CAPTURE_FAILED":
        own = f"{own}:failed"
    # Whether CANCEL_OR_REFUND did the one or the other is not signed: it counts as a refund.
    state: Literal["succeeded", "failed"] = "failed" if event in _NOT_REFUNDED else "succeeded"
    refund = Refund(amount=amount, refunded_at=at, state=state, source=own, running=True)
    return structs.replace(facts, refunds={own: refund})
