"""A tax statement as a file, with headings in Chinese and English: CSV, or PDF for print.

Made from the statement alone, so the same statement gives the same bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from chalicelib.domain.money import display
from chalicelib.domain.payouts import BACK, State
from chalicelib.flows.tax_statement import StatementLine, StatementTotal, TaxStatement
from chalicelib.rails.bank_file import text

_TITLE = "年度付款与扣税明细 Statement of payouts and tax withheld"
_HEADINGS = (
    "日期 Date",
    "提现单 Payout",
    "币种 Currency",
    "应付 Gross",
    "手续费 Fee",
    "税 Tax",
    "实付 Net",
    "状态 State",
)
_TOTAL = "合计 Total"
_NOTE = "退回、失败或驳回的单据列出但不计入合计。Payouts returned, failed or rejected are listed and not summed."
_STATES: dict[State, str] = {
    "requested": "已申请",
    "approved": "已批准",
    "rejected": "已驳回",
    "submitting": "提交中",
    "unknown": "待确认",
    "submitted": "已提交",
    "awaiting_recipient": "待收款人领取",
    "paid": "已付款",
    "failed": "失败",
    "returned": "已退回",
    "manual_review": "人工核查",
}

# A4 in points; where columns begin, or end for those aligned to the right.
_WIDTH, _HEIGHT, _MARGIN, _LEADING, _SIZE = 595, 842, 36, 14, 7
_LEFT = {0: 36, 1: 84, 2: 262, 7: 516}
_RIGHT = {3: 350, 4: 398, 5: 450, 6: 506}
_LINES_ON_A_PAGE = (_HEIGHT - 2 * _MARGIN) // _LEADING - 2
_OTHERS = {" ": 350, ".": 320, ",": 320, "-": 420, "M": 900, "W": 950, "m": 830, "w": 750}
_WIDTHS = tuple(_OTHERS.get(chr(c), 560) for c in range(32, 127))
"""Of the characters of ASCII, in thousandths; all others are 1 000 wide. A little more than the font's own, because a reader
that lacks the font takes another one, and a decimal point must not vanish between two digits."""
_FONT = (
    "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light-UniGB-UTF16-H/Encoding/UniGB-UTF16-H/DescendantFonts[4 0 R]>>",
    "<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/FontDescriptor 5 0 R/DW 1000"
    f"/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>/W[1[{' '.join(map(str, _WIDTHS))}]]>>",
    "<</Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[-25 -254 1000 880]/ItalicAngle 0/Ascent 880"
    "/Descent -120/CapHeight 880/StemV 93>>",
)
"""A font that every reader of PDF brings or replaces, so none is embedded (ISO 32000-1, 9.7.5.2: predefined CMaps)."""


def csv_file(statement: TaxStatement) -> str:
    """UTF-8 with a byte order mark, amounts in plain digits; the last lines are the sums."""
    file = io.StringIO(newline="")
    file.write("\ufeff")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(_HEADINGS)
    writer.writerows(map(_cells, statement.items))
    writer.writerows(map(_sums, statement.totals))
    return file.getvalue()


def _cells(line: StatementLine) -> tuple[str, ...]:
    return (line.date, text(line.payout_id), line.currency, *_amounts(line), line.state)


def _sums(total: StatementTotal) -> tuple[str, ...]:
    return (_TOTAL, "", total.currency, *_amounts(total), "")


def _amounts(of: StatementLine | StatementTotal) -> tuple[str, ...]:
    return tuple(display(amount, of.currency) for amount in (of.gross, of.fee, of.tax, of.net))


def pdf_file(statement: TaxStatement) -> str:
    """A4 pages of plain text, as many as it takes. Nothing in the file is outside ASCII: it travels as text."""
    about = f"{statement.name}  {statement.distributor_id}"
    head = [_TITLE, f"{statement.year} ({statement.time_zone})", *(about[i : i + 60] for i in range(0, len(about), 60))]
    rows: list[Sequence[str]] = [_HEADINGS]
    for line in statement.items:
        rows.append((*_cells(line)[:-1], f"{_STATES[line.state]}{'*' if line.state in BACK else ''}"))
    rows += [*map(_sums, statement.totals), (f"* {_NOTE}",)]
    lines = [*((each,) for each in head), ("",), *rows]
    pages = [lines[i : i + _LINES_ON_A_PAGE] for i in range(0, len(lines), _LINES_ON_A_PAGE)]
    return _document([_page(page, f"{i} / {len(pages)}") for i, page in enumerate(pages, 1)])


def _page(rows: Sequence[Sequence[str]], number: str) -> str:
    """The content of a page: what each row shows, and the page's number at its foot."""
    shown = [
        show
        for i, row in enumerate(rows)
        for column, cell in enumerate(row)
        for show in _cell(cell, column, _HEIGHT - _MARGIN - (i + 1) * _LEADING)
    ]
    return "\n".join(["BT", f"/F {_SIZE} Tf", *shown, *_cell(number, 0, _MARGIN // 2), "ET"])


def _cell(cell: str, column: int, y: int) -> Iterator[str]:
    if cell:
        width = sum(_WIDTHS[ord(c) - 32] if " " <= c <= "~" else 1000 for c in cell) * _SIZE // 1000
        x = _LEFT[column] if column in _LEFT else _RIGHT[column] - width
        yield f"1 0 0 1 {x} {y} Tm <{cell.encode('utf-16-be').hex().upper()}> Tj"


def _document(pages: list[str]) -> str:
    first = 6
    kids = " ".join(f"{first + 2 * i} 0 R" for i in range(len(pages)))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>", *_FONT]
    for i, content in enumerate(pages):
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {_WIDTH} {_HEIGHT}]/Resources<</Font<</F 3 0 R>>>>"
            f"/Contents {first + 2 * i + 1} 0 R>>"
        )
        objects.append(f"<</Length {len(content)}>>\nstream\n{content}\nendstream")
    file, places = "%PDF-1.5\n", []
    for number, each in enumerate(objects, 1):
        places.append(f"{len(file):010d} 00000 n \n")
        file += f"{number} 0 obj\n{each}\nendobj\n"
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{''.join(places)}"
    return f"{file}{table}trailer\n<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(file)}\n%%EOF\n"
