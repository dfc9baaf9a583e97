"""The year's statement of a distributor's payouts and tax: equal to the books, as CSV and as PDF."""

import csv
import io
import random
import re
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from chalicelib.domain import accounts
from chalicelib.domain.errors import NotFound
from chalicelib.flows.tax_statement import TaxStatement, tax_statement
from chalicelib.flows.tax_statement_files import csv_file, pdf_file
from chalicelib.flows.verify import verify
from chalicelib.settings import settings
from tests.flows.money_out import NOW, all_payouts, american, ask, check_books, earned, joined, plan, reject, rows

pytestmark = pytest.mark.usefixtures("cloud")


def assert_equal_to_the_books(statements: list[TaxStatement]) -> None:
    """Over all distributors, the sums are what the accounts say."""
    held: dict[tuple[str, str], int] = {}
    for row in rows(settings().ledger_table):
        kind, currency = row["account"].partition(":")[0], accounts.currency_of(row["account"])
        if kind in ("tax", "fees", "clearing", "bank"):
            kind = "net" if kind in ("clearing", "bank") else {"fees": "fee"}.get(kind, kind)
            held[kind, currency] = held.get((kind, currency), 0) + row["amount"]
        elif row.get("kind") in ("payout", "payout_returned"):
            held["gross", currency] = held.get(("gross", currency), 0) - row["amount"]
    summed: dict[tuple[str, str], int] = {}
    for statement in statements:
        for total in statement.totals:
            for kind in ("gross", "fee", "tax", "net"):
                summed[kind, total.currency] = summed.get((kind, total.currency), 0) + getattr(total, kind)
    assert {k: v for k, v in summed.items() if v} == {k: v for k, v in held.items() if v}


@pytest.fixture
def statement() -> TaxStatement:
    """Three payouts in two currencies, one of them rejected, and one of the next year."""
    plan(fee_rate="0.01", tax={"CN": "none"})
    earned(joined("d_1"), 10_000_00)
    earned("d_1", 1_000, "JPY")
    ask("d_1", 2_000_00, at=datetime(2025, 12, 31, 16, tzinfo=UTC))
    reject(ask("d_1", 1_000_00))
    ask("d_1", 1_000, "JPY", at=datetime(2026, 12, 31, 15, 59, 59, 999_999, tzinfo=UTC))
    ask("d_1", 3_000_00, at=datetime(2026, 12, 31, 16, tzinfo=UTC))
    return tax_statement("d_1", 2026)


def test_a_statement_has_the_payouts_of_the_year_and_sums_what_stands(statement: TaxStatement) -> None:
    assert [(line.date, line.currency, line.gross, line.state) for line in statement.items] == [
        ("2026-01-01", "CNY", 2_000_00, "requested"),
        ("2026-11-21", "CNY", 1_000_00, "rejected"),
        ("2026-12-31", "JPY", 1_000, "requested"),
    ]
    assert [(total.currency, total.gross, total.fee, total.tax, total.net) for total in statement.totals] == [
        ("CNY", 2_000_00, 20_00, 0, 1_980_00),
        ("JPY", 1_000, 10, 0, 990),
    ]
    following = tax_statement("d_1", 2027)
    assert [line.gross for line in following.items] == [3_000_00]
    assert tax_statement("d_1", 2025).items == []
    assert_equal_to_the_books([statement, following])


def test_the_books_hold_whatever_is_asked_for_and_comes_back() -> None:
    chance = random.Random(11)
    plan(fee_rate="0.006", tax={"CN": "cn_per_occurrence", "US": "us_backup"})
    earned(joined("d_1"), 500_000_00)
    earned(american("d_us"), 20_000_00, "USD")
    for _ in range(40):
        open_ones = [payout for payout in all_payouts().values() if payout.state == "requested"]
        if open_ones and chance.random() < 0.4:
            reject(chance.choice(open_ones))
        elif chance.random() < 0.7:
            ask("d_1", chance.randint(1_00, 9_000_00), at=NOW + timedelta(days=chance.randint(0, 40)))
        else:
            ask("d_us", chance.randint(1_00, 900_00), "USD")
    check_books()
    assert {account.state for account in all_payouts().values()} == {"requested", "rejected"}
    assert verify(NOW).imbalance == {"CNY": 0, "USD": 0}
    assert_equal_to_the_books([tax_statement(name, 2026) for name in ("d_1", "d_us")])


def test_a_statement_of_many_payouts_is_complete() -> None:
    plan(tax={"CN": "cn_per_occurrence"})
    earned(joined("d_1"), 1_000_00)
    for n in range(110):
        ask("d_1", 1_00, at=NOW + timedelta(seconds=n))

    found = tax_statement("d_1", 2026)

    assert (len(found.items), found.totals[0].gross) == (110, 110_00)
    made = all_payouts()
    times = [made[line.payout_id].created_at for line in found.items]
    assert times == sorted(times)


def test_nobody_has_no_statement() -> None:
    with pytest.raises(NotFound):
        tax_statement("d_x", 2026)


def test_the_csv_has_both_languages_and_no_formulas(statement: TaxStatement) -> None:
    text = csv_file(statement)

    lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert text.startswith("\ufeff")
    assert lines[0][:4] == ["日期 Date", "提现单 Payout", "币种 Currency", "应付 Gross"]
    assert [line[2:] for line in lines[1:]] == [
        ["CNY", "2000.00", "20.00", "0.00", "1980.00", "requested"],
        ["CNY", "1000.00", "10.00", "0.00", "990.00", "rejected"],
        ["JPY", "1000", "10", "0", "990", "requested"],
        ["CNY", "2000.00", "20.00", "0.00", "1980.00", ""],
        ["JPY", "1000", "10", "0", "990", ""],
    ]
    assert not [cell for line in lines for cell in line if cell.startswith(("=", "+", "-", "@"))]


def shown(pdf: str) -> list[str]:
    return [bytes.fromhex(text).decode("utf-16-be") for text in re.findall("<([0-9A-F]+)> Tj", pdf)]


def test_the_pdf_shows_the_same_in_chinese_and_english(statement: TaxStatement) -> None:
    pdf = pdf_file(statement)

    assert pdf.isascii()
    assert pdf == pdf_file(tax_statement("d_1", 2026))
    texts = shown(pdf)
    assert {"日期 Date", "2000.00", "1980.00", "已驳回*", "合计 Total", "2026 (Asia/Shanghai)", "1 / 1"} <= set(texts)
    assert {line.payout_id for line in statement.items} <= set(texts)


def test_the_pdf_s_parts_are_where_its_table_says(statement: TaxStatement) -> None:
    pdf = pdf_file(structs.replace(statement, items=list(statement.items) * 50, name="王" * 120))

    start = int(re.findall(r"startxref\n(\d+)", pdf)[0])
    places = [int(place) for place in re.findall(r"(\d{10}) 00000 n ", pdf[start:])]
    assert pdf[start:].startswith(f"xref\n0 {len(places) + 1}\n")
    assert all(pdf[place:].startswith(f"{number} 0 obj\n") for number, place in enumerate(places, 1))
    streams = re.findall(r"<</Length (\d+)>>\nstream\n(.*?)\nendstream", pdf, re.DOTALL)
    assert [int(length) for length, _ in streams] == [len(content) for _, content in streams]
    assert len(streams) == int(re.findall(r"/Count (\d+)", pdf)[0]) == 4
    assert sum(text == "已驳回*" for text in shown(pdf)) == 50
    heights = [int(y) for y in re.findall(r"1 0 0 1 \d+ (\d+) Tm", pdf)]
    assert min(heights) == 18
    assert sorted(set(heights))[1] >= 36
