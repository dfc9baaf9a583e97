"""A small shop: Ann, recruited by Bob, and Cas, recruited by Ann; a plan of 10 % and 3 %."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.orders import Carriers, Description, Facts, Line, Order, Payment, Refund, RefundLine
from chalicelib.domain.people import Distributor
from chalicelib.domain.plans import IndirectRule, Plan, Rule
from chalicelib.domain.postings import difference
from chalicelib.flows.post_commissions import post_commissions
from chalicelib.flows.save_plan import save_plan
from chalicelib.store import distributors

START = datetime(2026, 3, 1, 4, tzinfo=UTC)
NOW = START + timedelta(days=1)


def at(days: float = 0) -> datetime:
    return START + timedelta(days=days)


def person(name: str, sponsor: str | None = None, **more: Any) -> Distributor:
    given: dict[str, Any] = {
        "id": name,
        "code": name.upper(),
        "name": name.title(),
        "status": "active",
        "joined_at": "2026-01-01T00:00:00.000000Z",
        "sponsor_id": sponsor,
    }
    return Distributor(**(given | more))


def plan(**more: Any) -> Plan:
    return Plan(**({"direct": Rule(rate="0.1"), "indirect": IndirectRule(rate="0.03")} | more))


def open_shop(**rules: Any) -> None:
    save_plan("default", plan(**rules), at(-30), "staff:1", at(-30))
    for each, contacts in (
        (person("bob"), {}),
        (person("ann", "bob"), {"email": "ann-email", "phone": "ann-phone"}),
        (person("cas", "ann"), {}),
    ):
        distributors.create(each, contacts)  # type: ignore[arg-type]


def line(amount: int, line_id: str = "1", quantity: int = 1, **more: Any) -> Line:
    return Line(line_id=line_id, amount=amount, quantity=quantity, **more)


def described(*lines: Line, days: float | None = 0, **more: Any) -> Description:
    return Description(lines=lines, updated_at=None if days is None else at(days), **more)


def said(order_id: str = "o-1", **more: Any) -> Facts:
    return Facts(**({"order_id": order_id, "currency": "CNY", "customer_id": "c-1"} | more))


def ordered(order_id: str = "o-1", amount: int = 10_000, code: str | None = "ANN", **more: Any) -> Facts:
    """Placed by a customer who gave a code; not paid unless `payments` say so."""
    given = {"placed_at": START, "description": described(line(amount)), "attribution": Carriers(code=code)}
    return said(order_id, **(given | more))


def paid(amount: int = 10_000, payment_id: str = "p-1", days: float = 0) -> dict[str, Payment]:
    return {payment_id: Payment(amount=amount, paid_at=at(days))}


def refunded(*lines: tuple[str, int], amount: int | None = None, refund_id: str = "r-1") -> dict[str, Refund]:
    parts = tuple(RefundLine(line_id=line_id, amount=of) for line_id, of in lines)
    return {refund_id: Refund(refunded_at=at(0.5), lines=parts, amount=amount)}


def beneficiaries(order: Order) -> tuple[str | None, str | None]:
    """Who is paid directly and indirectly."""
    terms = order.terms
    found = [
        b.distributor_id if b and not b.unpaid else None for b in ((terms.direct, terms.indirect) if terms else ())
    ]
    return (found[0], found[1]) if found else (None, None)


def book(*images: Order) -> None:
    """Posts the images of one order, one after another, as the stream function does."""
    postings = [difference(old, new) for old, new in zip((None, *images), images, strict=False)]
    assert all(each.result != "refused" for each in post_commissions([p for p in postings if p]))
