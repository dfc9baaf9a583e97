"""What a body may be. Each refusal names the field, and has a sentence in both languages."""

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, field

from chalicelib.api.messages import catalogue, detail
from chalicelib.bodies.fields import Amount, Body, Currency, Id, Page, Quantity, Rate, Time, Url
from chalicelib.bodies.parse import MAX_BODY, parse, parse_query
from chalicelib.domain.errors import FenrunError, Malformed, TooLarge, UnsupportedMedia


class Line(Body):
    line_id: Id = "1"
    amount: Amount = 0
    quantity: Quantity = 1
    rate: Rate = "0"
    at: Time | None = None
    url: Url = "https://a.example/"
    of: Literal["sale", "direct"] = "sale"
    on: bool = True
    packs: Annotated[int, Meta(multiple_of=5)] = 5
    tags: Annotated[list[str], Meta(max_length=2)] = field(default_factory=list)


class Order(Body):
    currency: Currency
    lines: list[Line] = field(default_factory=list)
    minimum: dict[Currency, Amount] = field(default_factory=dict)


def fault(raw: str | bytes) -> tuple[str, str]:
    with pytest.raises(FenrunError) as refused:
        parse(raw.encode() if isinstance(raw, str) else raw, "application/json", Order)
    error = refused.value
    for each in error.faults:
        for language in ("en", "zh-CN"):
            assert each.code in catalogue()
            assert "…" not in detail(each.code, each.params, language)
    return (error.faults[0].path if error.faults else ""), error.code


def line(text: str) -> str:
    return '{"currency":"CNY","lines":[{},{' + text + "}]}"


def test_a_good_body_is_read() -> None:
    read = parse(b'{"currency":"JPY","lines":[{"amount":999,"at":"2026-01-01T08:00:00+08:00"}]}', None, Order)

    assert (read.currency, read.lines[0].amount, read.lines[0].at.isoformat()) == (
        "JPY",
        999,
        "2026-01-01T08:00:00+08:00",
    )


@pytest.mark.parametrize(
    "number",
    ["1.0", "1.5", "1e3", "1E3", "1e-3", "1e309", "1e400000", "-1.0", "0.1"],
)
def test_money_is_written_as_a_whole_number(number: str) -> None:
    assert fault(line(f'"amount":{number}')) == ("lines[1].amount", "NOT_INTEGER")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "01", "+1", "１", "0x10", "1_000", ".5", "1."])
def test_what_is_no_json_number_is_no_json(number: str) -> None:
    assert fault(line(f'"amount":{number}')) == ("", "BODY_NOT_JSON")


@pytest.mark.parametrize(
    ("text", "path", "code"),
    [
        ('"amount":-1', "lines[1].amount", "OUT_OF_RANGE"),
        ('"amount":1000000000000001', "lines[1].amount", "OUT_OF_RANGE"),
        ('"amount":9223372036854775808', "lines[1].amount", "OUT_OF_RANGE"),
        ('"amount":' + "9" * 400, "lines[1].amount", "OUT_OF_RANGE"),
        ('"quantity":0', "lines[1].quantity", "OUT_OF_RANGE"),
        ('"amount":"1"', "lines[1].amount", "WRONG_TYPE"),
        ('"amount":true', "lines[1].amount", "WRONG_TYPE"),
        ('"amount":null', "lines[1].amount", "WRONG_TYPE"),
        ('"amount":[]', "lines[1].amount", "WRONG_TYPE"),
        ('"on":1', "lines[1].on", "WRONG_TYPE"),
        ('"packs":3', "lines[1].packs", "INVALID"),
        ('"tags":["a","b","c"]', "lines[1].tags", "BAD_LENGTH"),
        ('"tags":["a",2]', "lines[1].tags[1]", "WRONG_TYPE"),
        ('"line_id":""', "lines[1].line_id", "BAD_LENGTH"),
        ('"line_id":" a"', "lines[1].line_id", "BAD_ID"),
        ('"line_id":"a\\n"', "lines[1].line_id", "BAD_ID"),
        ('"line_id":"\\u0000"', "lines[1].line_id", "BAD_ID"),
        ('"rate":"1e5"', "lines[1].rate", "BAD_RATE"),
        ('"rate":"-0.1"', "lines[1].rate", "BAD_RATE"),
        ('"rate":"0.1234567"', "lines[1].rate", "BAD_RATE"),
        ('"rate":0.1', "lines[1].rate", "WRONG_TYPE"),
        ('"at":"2026-01-01T00:00:00"', "lines[1].at", "BAD_TIME"),
        ('"at":"2026-13-01T00:00:00Z"', "lines[1].at", "BAD_TIME"),
        ('"at":"0001-01-01T00:00:00+23:59"', "lines[1].at", "BAD_TIME"),
        ('"at":"9999-12-31T23:59:59-23:59"', "lines[1].at", "BAD_TIME"),
        ('"at":1767225600', "lines[1].at", "WRONG_TYPE"),
        ('"url":"javascript:alert(1)"', "lines[1].url", "BAD_URL"),
        ('"of":"margin"', "lines[1].of", "NOT_ALLOWED"),
        ('"parent_id":"d1"', "lines[1].parent_id", "UNKNOWN_FIELD"),
        ('"a - at `$.b":1', "lines[1].a - at `$.b", "UNKNOWN_FIELD"),
        ('"amount":1,"amount":2', "amount", "DUPLICATE_FIELD"),
    ],
)
def test_a_field_that_does_not_fit_is_named(text: str, path: str, code: str) -> None:
    assert fault(line(text)) == (path, code)


@pytest.mark.parametrize(
    ("raw", "path", "code"),
    [
        ("", "", "BODY_MISSING"),
        (" \n", "", "BODY_MISSING"),
        ("{", "", "BODY_NOT_JSON"),
        ('{"currency":"CNY"}{}', "", "BODY_NOT_JSON"),
        ("\ufeff{}", "", "BODY_NOT_JSON"),
        (b'{"currency":"\xff\xfe"}', "", "BODY_NOT_JSON"),
        ('{"currency":"CNY","lines":[{"line_id":"\\ud800"}]}', "", "BODY_NOT_JSON"),
        ("[" * 100_000, "", "WRONG_TYPE"),
        ("[]", "", "WRONG_TYPE"),
        ("{}", "currency", "MISSING_FIELD"),
        ('{"currency":"XXX"}', "currency", "NO_SUCH_CURRENCY"),
        ('{"currency":"cny"}', "currency", "NO_SUCH_CURRENCY"),
        ('{"currency":"CNY\\n"}', "currency", "NO_SUCH_CURRENCY"),
        ('{"currency":"CNY","minimum":{"RMB":1}}', "minimum", "NO_SUCH_CURRENCY"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(raw: Any, path: str, code: str) -> None:
    assert fault(raw) == (path, code)


def test_depth_is_no_way_out() -> None:
    with pytest.raises(Malformed, match="BODY_NOT_JSON"):
        parse(b"[" * 200_000, None, list[Any])


def test_a_large_body_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLarge):
        parse(b" " * (MAX_BODY + 1), "application/json", Order)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_only_json_is_read(kind: str) -> None:
    with pytest.raises(UnsupportedMedia):
        parse(b'{"currency":"CNY"}', kind, Order)


def test_json_may_name_its_charset() -> None:
    assert parse(b'{"currency":"CNY"}', "Application/JSON; charset=utf-8", Order).currency == "CNY"


@pytest.mark.parametrize(
    ("given", "path", "code"),
    [
        ({"limit": ["0"]}, "limit", "OUT_OF_RANGE"),
        ({"limit": ["x"]}, "limit", "WRONG_TYPE"),
        ({"limit": ["1", "2"]}, "limit", "REPEATED_PARAMETER"),
        ({"offset": ["1"]}, "offset", "UNKNOWN_PARAMETER"),
    ],
)
def test_a_query_that_does_not_fit_is_named(given: dict[str, list[str]], path: str, code: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_query(given, Page)

    assert (refused.value.faults[0].path, refused.value.code) == (path, code)


def test_a_query_is_read() -> None:
    assert parse_query({"limit": ["7"]}, Page) == Page(limit=7)
    assert parse_query({}, None) is None
    with pytest.raises(Malformed, match="UNKNOWN_PARAMETER"):
        parse_query({"limit": ["7"]}, None)
