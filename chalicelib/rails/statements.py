"""Statements and reports as lines: CSV by its columns' names here, ISO 20022 in `statement_xml`.

A report of a provider holds other business, too: of it only what can be a payout of ours is read. Which columns a report
has is the provider's documentation; the decimals of its amounts are the currency's own.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from chalicelib.domain.errors import Fault, Malformed
from chalicelib.domain.money import DECIMALS
from chalicelib.domain.reconciliation import Format, Line, Outcome
from chalicelib.rails import statement_xml
from chalicelib.rails.statement_values import amount as decimal
from chalicelib.rails.statement_values import bounded, unreadable, value_fault

XML: frozenset[str] = frozenset({"camt.053", "camt.054", "pain.002"})
_KEY = re.compile(r"FR[0-9A-F]{24}[0-9]{2,4}")
"""The form of `domain.payouts.key_of`."""
_TRANSFER = re.compile(r"TRANSFER-([0-9]+)")
_STATUS: dict[str, Outcome | None] = {
    **dict.fromkeys(("paid", "success", "settled", "executed", "acsc", "accc"), "paid"),
    **dict.fromkeys(("failed", "denied", "rejected", "rjct"), "failed"),
    **dict.fromkeys(("returned", "refunded", "reversed"), "returned"),
    **dict.fromkeys(("pending", "unclaimed", "submitted", "onhold", "on hold", "blocked", "processing"), None),
}
_BY_SIGN = frozenset({"", "completed", "booked"})


class _Form(Struct, frozen=True, kw_only=True):
    """Which columns of a report say what: the first of a tuple that has a value counts, `names` all of them. `out`: the sign
    of money that leaves. `ours`: the form of a name without which a line is none of ours. `kinds`: likewise its category."""

    names: tuple[str, ...]
    amount: tuple[str, ...] = ()
    outgoing: str = ""
    incoming: str = ""
    direction: str = ""
    fee: str = ""
    currency: str = "currency"
    day: tuple[str, ...]
    reference: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    kind: str = ""
    kinds: frozenset[str] = frozenset()
    ours: re.Pattern[str] | None = None
    out: int = -1
    either_mark: bool = False
    ends: str = ""


_FORMS = {
    # The columns of our own bank file with what became of it, or debit and credit of an account's export.
    "csv": _Form(
        names=("reference", "payout_id", "end_to_end_id", "endtoendid"),
        amount=("amount",),
        outgoing="debit",
        incoming="credit",
        day=("date", "booking_date", "value_date"),
        reference=("bank_reference", "transaction_id"),
        status=("status", "outcome"),
        out=1,
        either_mark=True,
    ),
    # docs.stripe.com/reports/report-types/balance: balance_change_from_activity.itemized
    "stripe": _Form(
        names=("transfer_metadata[payout_id]", "transfer_group", "source_id"),
        amount=("gross",),
        day=("created_utc", "created", "effective_at_utc", "effective_at"),
        kind="reporting_category",
        kinds=frozenset({"transfer", "transfer_reversal"}),
    ),
    # The activity report, and the results of a batch; our key is the item's id, which the activity calls custom number.
    "paypal": _Form(
        names=("sender item id", "sender_item_id", "unique id", "custom number", "custom field"),
        amount=("gross", "amount"),
        day=("date", "time_processed"),
        status=("status", "transaction status", "transaction_status"),
        ours=_KEY,
    ),
    # Wise: balance statement; a transfer's fees are part of its amount.
    "wise": _Form(names=("transferwise id",), amount=("amount",), fee="total fees", day=("date",), ours=_TRANSFER),
    # Alipay: account log (账务明细); comments before and after begin with #.
    "alipay": _Form(
        names=("商户订单号", "业务流水号"),
        outgoing="支出金额",
        incoming="收入金额",
        currency="",
        day=("发生时间",),
        ours=_KEY,
    ),
    # WeChat Pay: fund flow bill (资金账单); the totals after the lines have a heading of their own.
    "wechatpay": _Form(
        names=("业务凭证号", "微信支付业务单号"),
        amount=("收支金额",),
        direction="收支类型",
        currency="",
        day=("记账时间",),
        ours=_KEY,
        ends="资金流水总笔数",
    ),
}


def read(form: Format, contents: str, currency: str) -> list[Line]:
    """The lines of a statement that can be about payouts. `currency`: of a format that does not say one.

    Raises `Malformed` that names the line in the file, `Refused` (`STATEMENT_TOO_LONG`) for more lines than one request
    takes.
    """
    if form in XML:
        return statement_xml.read(form, contents, currency)
    return bounded(_rows(form, _FORMS[form], contents, currency))


def whole(form: Format, lines: list[Line]) -> bool:
    """Whether every payout of the period is to be in it. A status report names what it is about; a notification about
    credits says nothing of debits."""
    return form != "pain.002" and (form != "camt.054" or any(line.outcome == "paid" for line in lines))


def _rows(name: str, form: _Form, contents: str, currency: str) -> Iterator[Line]:
    text = contents.removeprefix("\ufeff")
    head = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    columns: list[str] | None = None
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            raise unreadable(reader.line_num, name) from None
        if row is None:
            break
        cells = [cell.strip(" \t`\r\n\u00a0") for cell in row]
        if not any(cells) or cells[0].startswith("#"):
            continue
        if columns is None:
            columns = _columns(form, cells)
            continue
        if form.ends and cells[0] == form.ends:
            return
        if len(cells) > len(columns) and any(cells[len(columns) :]):
            raise unreadable(reader.line_num, name)
        line = _line(form, dict(zip(columns, cells, strict=False)), reader.line_num, currency)
        if line:
            yield line
    if columns is None:
        raise unreadable(1, name)


def _columns(form: _Form, cells: list[str]) -> list[str]:
    """The columns' names, as far as the brackets with their units. Raises `Malformed` where a needed one is absent or one
    stands twice."""
    columns = [re.split("[（(]", cell)[0].strip().lower() for cell in cells]
    groups = [form.names, (*form.amount, form.outgoing), form.day if form.out < 0 else ()]
    for group in groups:
        wanted = [column for column in group if column]
        if wanted and not any(column in columns for column in wanted):
            shown = ", ".join(wanted)
            fault = Fault("contents", "STATEMENT_COLUMNS", {"columns": shown})
            raise Malformed("STATEMENT_COLUMNS", fault, columns=shown)
    used = {*form.names, *form.amount, form.outgoing, form.incoming, *form.status, form.currency}
    for column in used - {""}:
        if columns.count(column) > 1:
            raise value_fault(1, column)
    return columns


def _line(form: _Form, row: dict[str, str], number: int, currency: str) -> Line | None:
    names = tuple(name for column in form.names if (name := row.get(column, "")))
    if form.ours:
        matches = [match for name in names if (match := form.ours.fullmatch(name))]
        names = (*(match[match.lastindex or 0] for match in matches), *names) if matches else ()
    if (form.ours and not names) or (form.kind and row.get(form.kind, "").lower() not in form.kinds):
        return None
    own = (row.get(form.currency, "") if form.currency else "CNY").upper() or currency
    if own not in DECIMALS:
        raise value_fault(number, form.currency)
    signed = _signed(form, row, own, number)
    status = _first(row, form.status).lower()
    if status not in _STATUS and status not in _BY_SIGN:
        raise value_fault(number, "status")
    outgoing = signed > 0
    by_sign: Outcome = "paid" if outgoing else "returned"
    return Line(
        number=number,
        names=names,
        currency=own,
        outcome=by_sign if status in _BY_SIGN else _STATUS[status],
        amount=abs(signed),
        day=_day(form, _first(row, form.day), number),
        reference=_first(row, form.reference)[:140] or None,
        doubtful=not outgoing and form.ours is _TRANSFER,
    )


def _first(row: dict[str, str], columns: tuple[str, ...]) -> str:
    return next((row[column] for column in columns if row.get(column)), "")


def _signed(form: _Form, row: dict[str, str], currency: str, number: int) -> int:
    """Minor units, above zero where money leaves."""
    if text := _first(row, form.amount):
        amount = decimal(text, currency, number, form.either_mark)
        if form.direction:
            if (said := row.get(form.direction, "")) not in ("支出", "收入"):
                raise value_fault(number, form.direction)
            return abs(amount) if said == "支出" else -abs(amount)
        amount *= form.out
        fee = row.get(form.fee, "") if form.fee else ""
        return amount - abs(decimal(fee, currency, number, False)) if fee and amount > 0 else amount
    out, back = (_side(row.get(column, ""), form, currency, number) for column in (form.outgoing, form.incoming))
    if bool(out) == bool(back):
        raise value_fault(number, (form.amount or (form.outgoing,))[0])
    return out - back


def _side(text: str, form: _Form, currency: str, number: int) -> int:
    return abs(decimal(text, currency, number, form.either_mark)) if text else 0


def _day(form: _Form, text: str, number: int) -> str | None:
    """ISO, with or without a time; day-month-year with dashes (Wise); month/day/year (PayPal)."""
    if not text:
        return None
    try:
        if found := re.match(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)", text):
            return date(*map(int, found.groups())).isoformat()
        if form.ours is _TRANSFER and (found := re.match(r"(\d{2})-(\d{2})-(\d{4})(?!\d)", text)):
            return date(int(found[3]), int(found[2]), int(found[1])).isoformat()
        if form is _FORMS["paypal"] and (found := re.match(r"(\d{1,2})/(\d{1,2})/(\d{4})(?!\d)", text)):
            return date(int(found[3]), int(found[1]), int(found[2])).isoformat()
    except ValueError:
        pass
    raise value_fault(number, "date")
