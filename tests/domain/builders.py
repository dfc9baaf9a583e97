"""Small orders, plans and books for the domain's tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from chalicelib.domain import accounts
from chalicelib.domain.buckets import Bucket
from chalicelib.domain.earnings import earnings as earnings_of
from chalicelib.domain.orders import (
    Description,
    Dispute,
    Facts,
    Line,
    Order,
    Payment,
    Refund,
    RefundLine,
)
from chalicelib.domain.plans import IndirectRule, Plan, Rule
from chalicelib.domain.postings import Posting
from chalicelib.domain.terms import Beneficiary, Terms

START = datetime(2026, 3, 1, 4, tzinfo=UTC)
Books = dict[tuple[str, Bucket], int]


def at(days: float = 0) -> datetime:
    return START + timedelta(days=days)


def line(amount: int, line_id: str = "1", quantity: int = 1, **more: object) -> Line:
    return Line(line_id=line_id, amount=amount, quantity=quantity, **more)  # type: ignore[arg-type]


def described(*lines: Line, shipping: int = 0, tax: int = 0, updated_at: datetime | None = None) -> Description:
    return Description(lines=lines, shipping=shipping, tax=tax, updated_at=updated_at)


def refunded(*parts: tuple[str, int, int], days: float = 1, state: str = "succeeded") -> Refund:
    """By lines: (line_id, amount, quantity)."""
    lines = tuple(RefundLine(line_id=line_id, amount=amount, quantity=units) for line_id, amount, units in parts)
    return Refund(refunded_at=at(days), lines=lines, state=state)  # type: ignore[arg-type]


def given_back(amount: int, days: float = 1, state: str = "succeeded") -> Refund:
    return Refund(refunded_at=at(days), amount=amount, state=state)  # type: ignore[arg-type]


def disputed(amount: int, state: str = "open", days: float = 2) -> Dispute:
    return Dispute(amount=amount, at=at(days), state=state)  # type: ignore[arg-type]


def facts(*lines: Line, shipping: int = 0, tax: int = 0, currency: str = "CNY", **more: object) -> Facts:
    """Described and placed, not paid unless `payments` say so."""
    return Facts(
        order_id="o-1",
        currency=currency,
        customer_id="c-1",
        placed_at=START,
        description=described(*lines, shipping=shipping, tax=tax),
        **more,  # type: ignore[arg-type]
    )


def paid(*lines: Line, shipping: int = 0, tax: int = 0, **more: object) -> Facts:
    """Paid in full when it was placed."""
    due = sum(each.amount for each in lines) + shipping + tax
    payments = {"p1": Payment(amount=due, paid_at=START)}
    return facts(*lines, shipping=shipping, tax=tax, payments=payments, **more)


def plan(direct: str = "0.1", indirect: str = "0.03", **more: object) -> Plan:
    return Plan(direct=Rule(rate=direct), indirect=IndirectRule(rate=indirect), **more)  # type: ignore[arg-type]


def terms(rules: Plan | None = None, **more: object) -> Terms:
    """Ann is the direct beneficiary and Bob, her sponsor, the indirect one; days are Shanghai's."""
    given: dict[str, object] = {
        "plan_id": "default",
        "version": 1,
        "plan": rules or plan(),
        "time_zone": "Asia/Shanghai",
        "direct": Beneficiary(distributor_id="ann"),
        "indirect": Beneficiary(distributor_id="bob"),
    }
    return Terms(**(given | more))  # type: ignore[arg-type]


def order(of: Facts, on: Terms | None = None, revision: int = 1) -> Order:
    return Order(facts=of, terms=on or terms(), revision=revision, recorded_at=at(30 + revision))


def levels(of: Facts, rules: Plan | None = None, **more: object) -> tuple[int, int]:
    """What direct and indirect come to once all is collected."""
    earned = earnings_of(order(of, terms(rules, **more)))
    return earned.direct.potential, earned.indirect.potential


def accrued(of: Facts, rules: Plan | None = None, **more: object) -> tuple[int, int]:
    earned = earnings_of(order(of, terms(rules, **more)))
    return earned.direct.accrued, earned.indirect.accrued


def books(postings: Iterable[Posting | None]) -> Books:
    """Balances by account and bucket; accounts at zero are left out."""
    sums: Books = defaultdict(int)
    for posting in postings:
        for part in (*posting.entries, *posting.charges) if posting else ():
            sums[part.account, part.bucket] += part.amount
    return {key: amount for key, amount in sums.items() if amount}


def books_of(image: Order) -> Books:
    """The balances that one image alone calls for."""
    sums: Books = defaultdict(int)
    known, earned = image.facts, earnings_of(image)
    for level in (earned.direct, earned.indirect):
        for bucket, parts in level.buckets.items():
            assert level.beneficiary
            payee = accounts.distributor(level.beneficiary.distributor_id, known.currency)
            for sold, amount in zip(known.lines, parts, strict=True):
                seller = sold.merchant_id or "operator"
                seller = "operator" if image.terms and seller in image.terms.operator_pays else seller
                payer = accounts.merchant(seller, known.currency, known.order_id)
                sums[payee, bucket] += amount
                sums[payer, bucket] -= amount
    return {key: amount for key, amount in sums.items() if amount}
