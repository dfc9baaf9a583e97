from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from chalicelib.domain.errors import FenrunError, Malformed, Refused
from chalicelib.domain.money import DECIMALS, MAX_AMOUNT
from chalicelib.webhooks import reading


class Order(Struct):
    id: int | str
    total: Decimal | None = None
    count: int = 0
    at: datetime | None = None


def refusal(call, *arguments):
    with pytest.raises(FenrunError) as refused:
        call(*arguments)
    error = refused.value
    assert [fault.code for fault in error.faults] in ([error.code], [])
    return type(error), error.code


class TestRead:
    def test_fields_not_asked_for_are_passed_over(self):
        assert reading.read(b'{"id":1,"more":[{}]}', Order) == Order(id=1)
        assert reading.plain(b'{"id":1,"more":[{}]}') == {"id": 1, "more": [{}]}

    @pytest.mark.parametrize(
        ("raw", "amount"),
        [
            ("0.1", "0.1"),
            ('"598.94"', "598.94"),
            ("19.990000000000000000000001", "19.990000000000000000000001"),
            ("7", "7"),
        ],
    )
    def test_amounts_are_exact_as_number_and_as_text(self, raw, amount):
        assert reading.read(f'{{"id":1,"total":{raw}}}'.encode(), Order).total == Decimal(amount)

    def test_numbers_may_be_written_as_text(self):
        assert reading.read(b'{"id":"x","count":"12"}', Order).count == 12

    @pytest.mark.parametrize(
        ("raw", "code"),
        [
            (b"", "BODY_NOT_JSON"),
            (b"{", "BODY_NOT_JSON"),
            (b"\xff", "BODY_NOT_JSON"),
            (b'{"id":"\\ud800"}', "BODY_NOT_JSON"),
            (b'{"id":NaN}', "BODY_NOT_JSON"),
            (b"[" * 200_000, "WRONG_TYPE"),
            (b'{"id":1,"x":' + b"[" * 200_000, "BODY_NOT_JSON"),
            (b"[]", "WRONG_TYPE"),
            (b"{}", "MISSING_FIELD"),
            (b'{"id":[]}', "WRONG_TYPE"),
            (b'{"id":1,"count":1.5}', "NOT_INTEGER"),
            (b'{"id":1,"count":1e400}', "NOT_INTEGER"),
            (b'{"id":1,"count":' + b"9" * 5000 + b"}", "INVALID"),
            (b'{"id":1,"total":"a lot"}', "INVALID"),
            (b'{"id":1,"total":1e99999999999999999999}', "INVALID"),
            (b'{"id":1,"at":"soon"}', "BAD_TIME"),
        ],
        ids=lambda value: repr(value)[:40],
    )
    def test_what_does_not_fit(self, raw, code):
        assert refusal(reading.read, raw, Order) == (Malformed, code)

    @pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 200_000, b"NaN", b"9" * 5000, b'"\\ud800"'], ids=repr)
    def test_what_is_no_json(self, raw):
        assert refusal(reading.plain, raw) == (Malformed, "BODY_NOT_JSON")


class TestCurrency:
    def test_in_capitals(self):
        assert reading.currency("usd") == reading.currency("USD") == "USD"

    @pytest.mark.parametrize("code", ["", "XXX", "US", "USDT", "uſd", "dollar"])
    def test_others(self, code):
        assert refusal(reading.currency, code) == (Malformed, "NO_SUCH_CURRENCY")


class TestMinor:
    @pytest.mark.parametrize(
        ("amount", "code", "units"),
        [
            ("598.94", "USD", 59894),
            ("598.940000", "USD", 59894),
            ("5E+2", "JPY", 500),
            ("500.00", "JPY", 500),
            ("1.234", "KWD", 1234),
            ("-0.15", "EUR", -15),
            ("0", "CNY", 0),
            ("-0.00", "CNY", 0),
            ("10000000000000", "CNY", MAX_AMOUNT),
        ],
    )
    def test_exactly(self, amount, code, units):
        assert reading.minor(Decimal(amount), code, "total") == units

    @pytest.mark.parametrize(
        ("amount", "code"),
        [("0.001", "USD"), ("500.5", "JPY"), ("1.2345", "KWD"), ("1." + "0" * 30 + "1", "USD"), ("1E-40", "USD")],
    )
    def test_never_rounded(self, amount, code):
        assert refusal(reading.minor, Decimal(amount), code, "total") == (Refused, "TOO_MANY_DECIMALS")

    @pytest.mark.parametrize(
        "amount", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+999999", "1E-999999", "10000000000000.01"]
    )
    def test_out_of_range(self, amount):
        assert refusal(reading.minor, Decimal(amount), "CNY", "total") == (Malformed, "OUT_OF_RANGE")

    @given(st.integers(-MAX_AMOUNT, MAX_AMOUNT), st.sampled_from(sorted(DECIMALS)))
    def test_every_amount_that_is_one(self, units, code):
        digits = DECIMALS[code]
        text = f"{abs(units) // 10**digits}.{abs(units) % 10**digits:0{max(digits, 1)}d}"

        assert reading.minor(Decimal(f"-{text}" if units < 0 else text), code, "total") == units


class TestFromUnits:
    @pytest.mark.parametrize(
        ("provider", "code", "given", "units"),
        [
            ("stripe", "USD", 1999, 1999),
            ("stripe", "JPY", 500, 500),
            ("stripe", "KWD", 1230, 1230),
            ("stripe", "MGA", 5, 500),
            ("stripe", "ISK", 500, 5),
            ("stripe", "UGX", -500, -5),
            ("adyen", "CLP", 1200, 12),
            ("adyen", "CVE", 12, 1200),
            ("adyen", "IDR", 12, 1200),
            ("adyen", "ISK", 1200, 12),
            ("other", "ISK", 12, 12),
        ],
    )
    def test_the_providers_own_decimals(self, provider, code, given, units):
        assert reading.from_units(given, code, provider, "amount") == units

    def test_never_rounded(self):
        assert refusal(reading.from_units, 1250, "CLP", "adyen", "amount") == (Refused, "TOO_MANY_DECIMALS")
        assert refusal(reading.from_units, -1, "ISK", "stripe", "amount") == (Refused, "TOO_MANY_DECIMALS")

    def test_out_of_range(self):
        assert reading.from_units(MAX_AMOUNT, "USD", "stripe", "amount") == MAX_AMOUNT
        assert refusal(reading.from_units, MAX_AMOUNT + 1, "USD", "stripe", "amount") == (Malformed, "OUT_OF_RANGE")
        assert refusal(reading.from_units, -MAX_AMOUNT, "IDR", "adyen", "amount") == (Malformed, "OUT_OF_RANGE")


class TestTimes:
    def test_as_utc(self):
        eight = datetime(2026, 3, 1, 8, tzinfo=UTC)

        assert reading.utc(datetime(2026, 3, 1, 16, tzinfo=timezone(timedelta(hours=8))), "at") == eight
        assert reading.utc(datetime(2026, 3, 1, 8), "at") == eight
        assert reading.from_unix(int(eight.timestamp()), "at") == eight
        assert reading.utc(eight, "at").tzinfo is UTC

    @pytest.mark.parametrize("year", [2000, 2100])
    def test_the_first_and_the_last_year(self, year):
        assert reading.utc(datetime(year, 6, 1), "at").year == year

    @pytest.mark.parametrize("year", [1, 1999, 2101, 9999])
    def test_other_years(self, year):
        assert refusal(reading.utc, datetime(year, 6, 1, tzinfo=timezone(timedelta(hours=14))), "at") == (
            Malformed,
            "BAD_TIME",
        )

    @pytest.mark.parametrize("seconds", [-1, 0, 946_684_799, 4_133_980_800, 10**20])
    def test_other_seconds(self, seconds):
        assert refusal(reading.from_unix, seconds, "at") == (Malformed, "BAD_TIME")
