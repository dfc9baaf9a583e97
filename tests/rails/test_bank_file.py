"""The file for the bank: plain, complete, the same for the same payouts, and harmless in a spreadsheet."""

import csv
import io
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.payouts import Payout
from chalicelib.rails.bank_file import COLUMNS, contents, path, reference, text

AT = datetime(2026, 11, 22, 2, tzinfo=UTC)


def payout(payout_id: str = "po_1", currency: str = "CNY", gross: int = 123456, **method: str) -> Payout:
    account = {"id": "card", "rail": "bank_file", "holder": "Li Wei", "account": "6222 0202", **method}
    return Payout(
        id=payout_id,
        distributor_id="d_1",
        country="CN",
        currency=currency,
        gross=gross,
        fee=56,
        tax=0,
        rail="bank_file",
        method=account,
        state="submitting",
        history=(),
        requested_by="run:2026-11-22",
        created_at=AT,
    )


def read(file: bytes) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(file.decode(), newline="")))


def test_a_line_says_what_the_bank_shall_pay_to_whom() -> None:
    [line] = read(contents("2026-11-22", [payout(bank="ICBC")]))

    assert line == {
        "run_id": "2026-11-22",
        "payout_id": "po_1",
        "currency": "CNY",
        "amount": "1234.00",
        "holder": "Li Wei",
        "account": "6222 0202",
        "bank": "ICBC",
        "reference": reference("po_1"),
    }


@pytest.mark.parametrize(
    ("currency", "gross", "amount"),
    [("JPY", 5056, "5000"), ("KWD", 1056, "1.000"), ("USD", 57, "0.01"), ("CNY", 10**15 + 56, "10000000000000.00")],
)
def test_an_amount_is_plain_digits_in_the_currency_s_own_decimals(currency: str, gross: int, amount: str) -> None:
    assert read(contents("r", [payout(currency=currency, gross=gross)]))[0]["amount"] == amount


def test_the_bytes_depend_on_the_payouts_and_not_on_their_order() -> None:
    group = [payout(f"po_{i}") for i in range(30)]
    mixed = random.Random(1).sample(group, len(group))

    assert contents("r", mixed) == contents("r", group)
    assert [line["payout_id"] for line in read(contents("r", mixed))] == sorted(each.id for each in group)


def test_no_payouts_make_a_file_of_the_header_alone() -> None:
    assert contents("r", []) == (",".join(COLUMNS) + "\r\n").encode()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_a_cell_that_looks_like_a_formula_is_text(start: str) -> None:
    [line] = read(contents("r", [payout(holder=f"{start}1+1", bank=f"{start}cmd|' /C calc'!A0")]))

    assert line["holder"] == f"'{start}1+1"
    assert line["bank"].startswith(f"'{start}cmd")
    assert text("Li = Wei") == "Li = Wei"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.text(max_size=40))
def test_whatever_a_holder_is_called_the_line_stays_one_line(holder: str, bank: str) -> None:
    file = contents("r", [payout(holder=holder, bank=bank.encode("utf-8", "ignore").decode()), payout("po_2")])
    lines = read(file)

    assert [line["payout_id"] for line in lines] == ["po_1", "po_2"]
    assert lines[0]["holder"] == text(holder)
    assert all(None not in line and None not in line.values() for line in lines)


def test_a_reference_is_short_and_its_payout_s_own() -> None:
    references = {reference(f"po_2026-11-22_d_{i}_CNY") for i in range(1000)}

    assert len(references) == 1000
    assert all(len(each) <= 35 and each.isalnum() for each in references)


def test_each_run_and_currency_has_its_own_file() -> None:
    assert path("2026-11-22", "CNY") == "payouts/bank_file/2026-11-22/CNY.csv"
