"""What statements of every format have in common: amounts, refusals with their line, and how long they may be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

from chalicelib.domain.errors import Fault, Malformed, Refused
from chalicelib.domain.money import DECIMALS, MAX_AMOUNT
from chalicelib.domain.reconciliation import Line

MOST_LINES = 5000


def value_fault(number: int, field: str) -> Malformed:
    """A line whose field is missing, or not what it should be."""
    fault = Fault("contents", "STATEMENT_VALUE", {"line": number, "field": field})
    return Malformed("STATEMENT_VALUE", fault, line=number, field=field)


def unreadable(number: int, form: str) -> Malformed:
    """A file that is not of the format, from this line on."""
    fault = Fault("contents", "STATEMENT_UNREADABLE", {"line": number, "format": form})
    return Malformed("STATEMENT_UNREADABLE", fault, line=number, format=form)


def bounded(lines: Iterable[Line]) -> list[Line]:
    """The lines, if there are not too many for one request. Raises `Refused` (`STATEMENT_TOO_LONG`)."""
    found: list[Line] = []
    for line in lines:
        if len(found) == MOST_LINES:
            fault = Fault("contents", "STATEMENT_TOO_LONG", {"limit": MOST_LINES})
            raise Refused("STATEMENT_TOO_LONG", fault, limit=MOST_LINES)
        found.append(line)
    return found


def minor(text: str, currency: str, number: int, field: str) -> int:
    """A decimal number with a point, in minor units, exactly. Raises `Malformed` where the currency has no such amount."""
    if not re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,8})?", text):
        raise value_fault(number, field)
    units: Fraction = Fraction(text) * 10 ** DECIMALS[currency]
    if units.denominator != 1 or abs(units) > MAX_AMOUNT:
        raise value_fault(number, field)
    return units.numerator


def amount(text: str, currency: str, number: int, either_mark: bool) -> int:
    """A number with or without thousands, in minor units. With `either_mark` the decimal mark may be a point or a comma; one
    that could be either, such as `1.234` in a currency of two decimals, is refused and not guessed."""
    plain = re.sub(r"[ '’\u00a0\u2009\u202f]", "", text).replace("−", "-")
    decimal, group = ".", ","
    if either_mark:
        last = max(plain.rfind("."), plain.rfind(","))
        marks = [mark for mark in ".," if mark in plain]
        if len(marks) == 1 and plain.count(marks[0]) > 1:
            decimal, group = ("," if marks[0] == "." else "."), marks[0]
        elif marks:
            if len(marks) == 1 and len(plain) - last == 4 and DECIMALS[currency] < 3:
                raise value_fault(number, "amount")
            decimal = plain[last]
            group = "," if decimal == "." else "."
    whole, mark, rest = plain.partition(decimal)
    if group in whole and not re.fullmatch(rf"[+-]?[0-9]{{1,3}}({re.escape(group)}[0-9]{{3}})+", whole):
        raise value_fault(number, "amount")
    return minor(whole.replace(group, "") + (f".{rest}" if mark else ""), currency, number, "amount")
