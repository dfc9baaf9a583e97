"""Statements of banks in ISO 20022: camt.053 (statement), camt.054 (notification) and pain.002 (what became of a file).

The parser knows neither a document type nor entities: a file that declares one is refused before it can mean anything.
Any version of the messages is read: only elements that all of them have are looked at, by their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from chalicelib.domain.errors import Fault, Malformed
from chalicelib.domain.money import DECIMALS
from chalicelib.domain.reconciliation import Line, Outcome
from chalicelib.rails.statement_values import bounded, minor, unreadable, value_fault

_LINE = " line"
_ROOTS = {"camt.053": "BkToCstmrStmt", "camt.054": "BkToCstmrDbtCdtNtfctn", "pain.002": "CstmrPmtStsRpt"}
_SETTLED: dict[str, Outcome | None] = {"ACSC": "paid", "ACCC": "paid", "RJCT": "failed", "CANC": "failed"}
_PENDING = frozenset({"RCVD", "ACTC", "ACCP", "ACSP", "ACWC", "ACWP", "ACFC", "PDNG", "PATC", "PART", "BLCK"})
"""External payment statuses (ISO 20022 external code sets): what is accepted is not paid yet."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NO_NAME = frozenset({"", "NOTPROVIDED", "NOTAVAILABLE"})


def read(form: str, contents: str, currency: str) -> list[Line]:
    """The lines of a file in one of `_ROOTS`. Raises `Malformed` with the line in the file, `Refused` if it is too long."""
    root = _tree(contents, form)
    message = root.find(_ROOTS[form])
    if root.tag != "Document" or message is None:
        raise unreadable(1, form)
    return bounded(_statuses(message, currency) if form == "pain.002" else _entries(message))


def _tree(contents: str, form: str) -> Element:
    parser, builder = expat.ParserCreate("UTF-8", "}"), TreeBuilder()

    def start(tag: str, attributes: dict[str, str]) -> None:
        builder.start(tag.rpartition("}")[2], {**attributes, _LINE: str(parser.CurrentLineNumber)})

    def doctype(*_: object) -> None:
        number = parser.CurrentLineNumber
        raise Malformed("STATEMENT_DOCTYPE", Fault("contents", "STATEMENT_DOCTYPE", {"line": number}), line=number)

    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: builder.end(tag.rpartition("}")[2])
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(contents.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise unreadable(error.lineno, form) from None
    root: Element = builder.close()
    return root


def _text(element: Element | None, *paths: str) -> str:
    """The text at the first of these paths that has any."""
    for path in paths if element is not None else ():
        found = element.find(path)  # type: ignore[union-attr]
        if found is not None and found.text and found.text.strip():
            return found.text.strip()
    return ""


def _money(element: Element, number: int, *paths: str) -> tuple[int, str] | None:
    found = next((each for path in paths if (each := element.find(path)) is not None), None)
    if found is None:
        return None
    currency = found.get("Ccy", "")
    if currency not in DECIMALS:
        raise value_fault(number, "Ccy")
    return minor((found.text or "").strip(), currency, number, "Amt"), currency


def _names(*names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name not in _NO_NAME))


def _entries(message: Element) -> Iterator[Line]:
    """Booked entries, each transaction of a batch by itself. Money that leaves the account is paid; what comes in under our
    reference has come back."""
    for entry in message.iter("Ntry"):
        if _text(entry, "Sts/Cd", "Sts") == "PDNG":
            continue
        details = entry.findall("NtryDtls/TxDtls") or [entry]
        for detail in details:
            yield _entry(entry, detail, alone=len(details) == 1)


def _entry(entry: Element, detail: Element, alone: bool) -> Line:
    number = int(detail.get(_LINE, "1"))
    money = _money(detail, number, "AmtDtls/TxAmt/Amt", "Amt", "AmtDtls/InstdAmt/Amt")
    if money is None and alone:
        money = _money(entry, number, "Amt")
    direction = _text(detail, "CdtDbtInd") or _text(entry, "CdtDbtInd")
    if direction not in ("DBIT", "CRDT"):
        raise value_fault(number, "CdtDbtInd")
    if money is None or money[0] < 0:
        raise value_fault(number, "Amt")
    came_back = detail.find("RtrInf") is not None or _text(entry, "RvslInd") in ("true", "1")
    return Line(
        number=number,
        names=_names(
            _text(detail, "Refs/EndToEndId"),
            _text(detail, "Refs/InstrId"),
            _text(entry, "NtryDtls/Btch/PmtInfId", "NtryDtls/Btch/MsgId") if detail is entry else "",
        ),
        currency=money[1],
        outcome="paid" if direction == "DBIT" else "returned",
        amount=money[0],
        day=_day(_text(entry, "BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"), number, "BookgDt"),
        reference=_text(detail, "Refs/AcctSvcrRef") or (_text(entry, "AcctSvcrRef") if alone else "") or None,
        reason=_text(detail, "RtrInf/Rsn/Cd")[:35] or None,
        doubtful=direction == "CRDT" and not came_back,
    )


def _day(text: str, number: int, field: str) -> str | None:
    if text and not _DAY.match(text):
        raise value_fault(number, field)
    return text[:10] or None


def _statuses(message: Element, currency: str) -> Iterator[Line]:
    """What a bank says of each transfer; one whose transfer has no status of its own has its batch's, or the file's."""
    whole = _text(message, "OrgnlGrpInfAndSts/GrpSts")
    for batch in message.findall("OrgnlPmtInfAndSts"):
        common = _text(batch, "PmtInfSts") or whole
        for detail in batch.findall("TxInfAndSts"):
            yield _status(detail, common, currency)
    for detail in message.findall("TxInfAndSts"):
        yield _status(detail, whole, currency)


def _status(detail: Element, common: str, currency: str) -> Line:
    number = int(detail.get(_LINE, "1"))
    status = _text(detail, "TxSts") or common
    if status not in _SETTLED and status not in _PENDING:
        raise value_fault(number, "TxSts")
    money = _money(detail, number, "OrgnlTxRef/Amt/InstdAmt")
    return Line(
        number=number,
        names=_names(_text(detail, "OrgnlEndToEndId"), _text(detail, "OrgnlInstrId")),
        currency=money[1] if money else currency,
        outcome=_SETTLED.get(status),
        amount=money[0] if money else None,
        day=_day(_text(detail, "AccptncDtTm"), number, "AccptncDtTm"),
        reference=_text(detail, "AcctSvcrRef") or None,
        reason=_text(detail, "StsRsnInf/Rsn/Cd")[:35] or None,
    )
