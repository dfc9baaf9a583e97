"""An order is a join of facts: what storefronts and payment providers said, merged so that neither the order of arrival
nor a repetition matters. `join` is commutative, associative and idempotent (DESIGN.md, "The road of an order").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal, TypeVar

from msgspec import Struct, field, json, structs

from chalicelib.domain.codes import looks_like_code
from chalicelib.domain.errors import Conflict, Fault
from chalicelib.domain.terms import Terms

T = TypeVar("T")
_WHENEVER = datetime(2000, 1, 1, tzinfo=UTC)


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line as sold. `amount`: minor units the buyer pays for the whole line after discounts, without tax and
    shipping; `cost`: what the whole line cost the merchant."""

    line_id: str
    amount: int
    quantity: int = 1
    sku: str | None = None
    product_id: str | None = None
    category: str | None = None
    merchant_id: str | None = None
    cost: int | None = None


class Description(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was sold, as the source described it at `updated_at` (its own clock): the newest description wins."""

    lines: tuple[Line, ...]
    shipping: int = 0
    tax: int = 0
    updated_at: datetime | None = None


class Payment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Money collected. `running`: `amount` is all that `source` had collected by then, not one payment of it."""

    amount: int
    paid_at: datetime
    source: str | None = None
    running: bool = False


class RefundLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    line_id: str
    amount: int
    quantity: int = 0


class Refund(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Money given back: for `lines`, or as one `amount` that is spread over the lines. A `failed` one never counts.

    `source`: the payment that it comes from, where that is known. `running`: `amount` is all that was given back of
    `source` by then, single refunds of it included.
    """

    refunded_at: datetime
    lines: tuple[RefundLine, ...] = ()
    amount: int | None = None
    state: Literal["succeeded", "failed"] = "succeeded"
    source: str | None = None
    running: bool = False


class Dispute(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`source` and `opened_at` where a provider settles disputes by refunds that it tells of, too: of a lost one counts what
    it exceeds the refunds of the same payment by that were made since it was opened."""

    amount: int
    at: datetime
    state: Literal["open", "won", "lost"] = "open"
    source: str | None = None
    opened_at: datetime | None = None


class Carriers(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What on the order may name a distributor."""

    coupon: str | None = None
    code: str | None = None
    click_id: str | None = None


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything said so far about one order; any part may be missing. Amounts in minor units of `currency`; UTC."""

    order_id: str
    currency: str
    customer_id: str | None = None
    placed_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None
    description: Description | None = None
    attribution: Carriers = Carriers()
    payments: dict[str, Payment] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.description.lines if self.description else ()

    @property
    def due(self) -> int:
        """What the buyer owes in all: lines, shipping and tax, before refunds."""
        known = self.description
        return sum(line.amount for line in known.lines) + known.shipping + known.tax if known else 0


class Written(Struct, frozen=True, kw_only=True):
    """A revision that changed what the order earns: its entries carry this revision and time in their keys."""

    revision: int
    at: datetime


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The stored image: the facts, the terms frozen onto them, and which revision this is.

    `stopped_at`: payments from then on do not accrue, because the customer is overdue on their terms of credit; None as soon
    as they are not. `former`: distributors it was attributed to before. `buyers`: those whose e-mail or phone came with it.

    `recorded_at` is when this revision was accepted (UTC); the ledger takes time and revision from here, never from a
    clock of its own.
    """

    facts: Facts
    revision: int
    recorded_at: datetime
    terms: Terms | None = None
    written: tuple[Written, ...] = ()
    stopped_at: datetime | None = None
    former: tuple[str, ...] = ()
    buyers: tuple[str, ...] = ()


def _canonical(value: object) -> bytes:
    return json.encode(value, order="sorted")


def _either(a: T | None, b: T | None, choose: Callable[[T, T], T]) -> T | None:
    if a is None or b is None:
        return b if a is None else a
    return choose(a, b)


def _earliest(a: datetime, b: datetime) -> datetime:
    return min(a, b)


def _code_rank(code: str) -> tuple[bool, str]:
    return (looks_like_code(code), code)  # shops put other texts into the fields in which codes travel


def _description_rank(value: Description) -> tuple[bool, float, bytes]:
    at = value.updated_at
    return (at is not None, at.timestamp() if at else 0.0, _canonical(value))


def _payment_rank(value: Payment) -> tuple[bool, bytes, float]:
    if not value.running:
        return (False, _canonical(value), 0.0)
    return (True, _canonical(structs.replace(value, paid_at=_WHENEVER)), -value.paid_at.timestamp())


def _refund_rank(value: Refund) -> tuple[bool, bool, bytes, float]:
    failed = value.state == "failed"  # a provider never un-fails a refund
    if not value.running:
        return (failed, False, _canonical(value), 0.0)
    return (failed, True, _canonical(structs.replace(value, refunded_at=_WHENEVER)), -value.refunded_at.timestamp())


def _dispute_rank(value: Dispute) -> tuple[float, int, bytes]:
    return (value.at.timestamp(), ("open", "won", "lost").index(value.state), _canonical(value))


def _union(a: Mapping[str, T], b: Mapping[str, T], rank: Callable[[T], object]) -> dict[str, T]:
    merged = dict(a)
    for key, value in b.items():
        merged[key] = max(merged[key], value, key=rank) if key in merged else value  # type: ignore[arg-type]
    return dict(sorted(merged.items()))


def join(a: Facts, b: Facts) -> Facts:
    """Both sets of facts as one. The same whichever comes first, however often.

    Where two sources contradict each other on one fact, a fixed rule decides: the earliest of set-once times, the newest
    description, a failed refund over a succeeded one, the newest state of a dispute, the first time at which a running total
    was stated, a code that looks like one of ours, else the canonically greater text.
    Raises `Conflict` for another customer or currency: these are never two views of one order.
    """
    if a.customer_id and b.customer_id and a.customer_id != b.customer_id:
        raise Conflict("ORDER_CUSTOMER_DIFFERS", Fault("customer_id", "ORDER_CUSTOMER_DIFFERS"))
    if a.currency != b.currency:
        raise Conflict("ORDER_CURRENCY_DIFFERS", Fault("currency", "ORDER_CURRENCY_DIFFERS", {"known": a.currency}))
    return Facts(
        order_id=a.order_id,
        currency=a.currency,
        customer_id=a.customer_id or b.customer_id,
        placed_at=_either(a.placed_at, b.placed_at, _earliest),
        delivered_at=_either(a.delivered_at, b.delivered_at, _earliest),
        cancelled_at=_either(a.cancelled_at, b.cancelled_at, _earliest),
        description=_either(a.description, b.description, lambda x, y: max(x, y, key=_description_rank)),
        attribution=Carriers(
            coupon=_either(a.attribution.coupon, b.attribution.coupon, max),
            code=_either(a.attribution.code, b.attribution.code, lambda x, y: max(x, y, key=_code_rank)),
            click_id=_either(a.attribution.click_id, b.attribution.click_id, max),
        ),
        payments=_union(a.payments, b.payments, _payment_rank),
        refunds=_union(a.refunds, b.refunds, _refund_rank),
        disputes=_union(a.disputes, b.disputes, _dispute_rank),
    )


def contradictions(known: Facts, said: Facts) -> list[Fault]:
    """Where `said` repeats an id of `known` with other content and no newer time of its own.

    `join` would settle these by a fixed rule; a caller that can be told is told instead (409), so that nothing is
    silently ignored. A running total may be stated at any number of times.
    """
    faults = []
    old, new = known.description, said.description
    if old and new and old.updated_at == new.updated_at and old != new:
        faults.append(Fault("lines", "LINES_DIFFER"))
    for payment_id, payment in said.payments.items():
        same_payment = known.payments.get(payment_id, payment)
        if same_payment.running and payment.running:
            same_payment = structs.replace(same_payment, paid_at=payment.paid_at)
        if same_payment != payment:
            faults.append(Fault(f"payments[{payment_id}]", "PAYMENT_DIFFERS"))
    for refund_id, refund in said.refunds.items():
        same = structs.replace(known.refunds.get(refund_id, refund), state=refund.state)
        if same.running and refund.running:
            same = structs.replace(same, refunded_at=refund.refunded_at)
        if same != refund:
            faults.append(Fault(f"refunds[{refund_id}]", "REFUND_DIFFERS"))
    for dispute_id, dispute in said.disputes.items():
        same_dispute = known.disputes.get(dispute_id, dispute)
        closes = same_dispute.amount == dispute.amount and "open" in (same_dispute.state, dispute.state)
        if same_dispute.at == dispute.at and same_dispute != dispute and not closes:
            faults.append(Fault(f"disputes[{dispute_id}]", "DISPUTE_DIFFERS"))
    return faults
