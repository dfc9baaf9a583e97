"""A refund of Shopify's as the fact that it is: the same whether an order or `refunds/create` carries it, and for ever.

So only what Shopify writes down with the refund itself is used: a line may get another discount later. What comes off a
line is its `subtotal`, whatever money moved: the goods are no sale any more. A refund that names no goods gives its money
back, less what was for shipping, duties and gift cards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal

from chalicelib.bodies.parse import refusal
from chalicelib.domain.errors import Fault, Refused
from chalicelib.domain.orders import Refund, RefundLine
from chalicelib.webhooks import reading
from chalicelib.webhooks import shopify_objects as objects

_FAILED = ("failure", "error")


def shop_amount(amount: Decimal, both: objects.Both | None, code: str, path: str) -> int:
    """In minor units of the shop's currency."""
    return reading.minor(both.shop_money.amount if both and both.shop_money else amount, code, path)


def positive(amount: Decimal, both: objects.Both | None, code: str, path: str) -> int:
    """As `shop_amount`. Raises `Refused` for less than zero."""
    units = shop_amount(amount, both, code, path)
    if units < 0:
        raise Refused("NEGATIVE_AMOUNT", Fault(path, "NEGATIVE_AMOUNT"))
    return units


def currency_of(body: objects.Refund) -> str:
    """The shop's currency, which a refund names only beside its amounts. Raises `Malformed` if none does."""
    sets = [each.subtotal_set for each in body.refund_line_items]
    sets += [each.amount_set for each in body.order_adjustments]
    sets += [each.subtotal_amount_set for each in body.refund_shipping_lines]
    for both in [*sets, body.total_duties_set]:
        if both and both.shop_money:
            return reading.currency(both.shop_money.currency_code)
    for transaction in body.transactions:
        return reading.currency(transaction.currency)
    raise refusal(Fault("currency", "MISSING_FIELD", {"field": "currency"}))


def refund(body: objects.Refund, code: str, path: str, taxes_included: bool | None) -> Refund | None:
    """The fact; None as long as it gives nothing back, or cannot be told yet.

    `taxes_included`: whether the order's prices include tax, None where that is not known (`refunds/create`) and has to
    show in the figures: if it does not, the order's own delivery tells of the refund. It failed if all its money did.
    """
    goods = [each for each in body.refund_line_items if not (each.line_item and each.line_item.gift_card)]
    moved = [each for each in body.transactions if each.kind == "refund"]
    at = reading.utc(body.created_at, f"{path}created_at")
    failed = bool(moved) and all(each.status in _FAILED for each in moved)
    state: Literal["succeeded", "failed"] = "failed" if failed else "succeeded"
    where = f"{path}refund_line_items"
    amounts = [positive(each.subtotal, each.subtotal_set, code, where) for each in goods]
    if not any(amounts) and moved:
        amount = _money(body, moved, code, path)
        return Refund(amount=amount, refunded_at=at, state=state) if amount > 0 else None
    taxes = [positive(each.total_tax, each.total_tax_set, code, where) for each in goods]
    if any(taxes):
        inside = _inside(goods, amounts, taxes)
        inside = taxes_included if inside is None else inside
        if inside is None:
            return None
        if inside:
            amounts = [max(0, amount - tax) for amount, tax in zip(amounts, taxes, strict=True)]
    lines = tuple(
        RefundLine(line_id=str(each.line_item_id), amount=amount, quantity=each.quantity)
        for each, amount in zip(goods, amounts, strict=True)
    )
    return Refund(lines=lines, refunded_at=at, state=state) if lines else None


def _inside(goods: Iterable[objects.RefundLineItem], amounts: Sequence[int], taxes: Sequence[int]) -> bool | None:
    """Whether these subtotals include their taxes, by the rates; None if the figures are too small to tell."""
    beside = inside = slack = Decimal(0)
    for each, amount, tax in zip(goods, amounts, taxes, strict=True):
        levied = each.line_item.tax_lines if each.line_item else ()
        rates = [line.rate for line in levied if line.rate is not None and line.price.is_finite() and line.price]
        if not all(rate.is_finite() and 0 <= rate <= 10 for rate in rates):
            return None
        if tax:
            rate = sum(rates, Decimal(0))
            beside += amount * rate - tax
            inside += amount * rate / (1 + rate) - tax
            slack += len(rates)
    if abs(beside) <= slack < abs(inside):
        return False
    return True if abs(inside) <= slack < abs(beside) else None


def _money(body: objects.Refund, moved: Sequence[objects.Transaction], code: str, path: str) -> int:
    """Money given back for no goods in particular, in minor units; zero while some of it is on its way, or if it was all for
    shipping and the like. A transaction's amount is in the buyer's currency: where that is another, the difference to what
    Shopify calculated tells."""
    if any(each.status not in ("success", *_FAILED) for each in moved):
        return 0
    beyond = _adjusted(body, "refund_discrepancy", code, path)
    if beyond > 0 or any(each.currency.upper() != code for each in moved):
        return beyond
    done = [each for each in moved if each.status == "success"] or moved
    money = sum(positive(each.amount, None, code, f"{path}transactions") for each in done)
    return money - _other(body, code, path)


def _other(body: objects.Refund, code: str, path: str) -> int:
    """What was given back for shipping, duties, fees and gift cards, with its taxes."""
    sets = [body.total_duties_set, body.total_additional_fees_set]
    for line in body.refund_shipping_lines:
        sets += [line.subtotal_amount_set, line.tax_amount_set]
    other = sum(positive(Decimal(0), both, code, path.rstrip(".")) for both in sets)
    if not body.refund_shipping_lines:
        other += max(0, _adjusted(body, "shipping_refund", code, path))
    for each in body.refund_line_items:
        other += positive(each.subtotal, each.subtotal_set, code, f"{path}refund_line_items")
    return other


def _adjusted(body: objects.Refund, kind: str, code: str, path: str) -> int:
    where = f"{path}order_adjustments"
    of_kind = [each for each in body.order_adjustments if each.kind == kind]
    return -sum(
        shop_amount(each.amount, each.amount_set, code, where)
        + shop_amount(each.tax_amount, each.tax_amount_set, code, where)
        for each in of_kind
    )
