"""What a verified payload holds becomes typed values, or a `Malformed` that names the field."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, TypeVar

import msgspec

from chalicelib.bodies.parse import fault_of, refusal
from chalicelib.domain.errors import Fault, Malformed, Refused
from chalicelib.domain.money import DECIMALS, MAX_AMOUNT

Read = TypeVar("Read")

_OTHER_EXPONENTS: dict[str, dict[str, int]] = {
    # Stripe counts MGA without decimals and sends ISK and UGX with two (docs.stripe.com/currencies).
    "stripe": {"MGA": 0, "ISK": 2, "UGX": 2},
    # docs.adyen.com/development-resources/currency-codes
    "adyen": {"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2},
}
"""How many decimals a provider's own minor units have where they are not ISO 4217's."""


def read(content: bytes, wanted: type[Read]) -> Read:
    """JSON as `wanted`: fields not asked for are passed over; a Decimal field takes numbers and texts exactly."""
    try:
        return msgspec.json.decode(content, type=wanted, strict=False)
    except msgspec.ValidationError as error:
        raise refusal(fault_of(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation):
        raise Malformed("BODY_NOT_JSON") from None


def plain(content: bytes) -> Any:
    """JSON as plain values, for `places`."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("BODY_NOT_JSON") from None


def currency(code: str, path: str = "currency") -> str:
    """The ISO 4217 code in capitals. Raises `Malformed` for what is none."""
    upper = code.upper()
    if not code.isascii() or upper not in DECIMALS:
        raise refusal(Fault(path, "NO_SUCH_CURRENCY"))
    return upper


def minor(amount: Decimal, code: str, path: str) -> int:
    """A decimal amount in minor units of the currency, exactly: never rounded.

    Raises `Refused` where it has more decimals than the currency, `Malformed` where it is no amount or too large.
    """
    if not amount.is_finite() or abs(amount.adjusted()) > 40:
        raise refusal(Fault(path, "OUT_OF_RANGE", {"bound": f"<= {MAX_AMOUNT}"}))
    units = Fraction(amount) * 10 ** DECIMALS[code]  # not `scaleb`: that rounds to 28 digits
    if units.denominator != 1:
        raise Refused("TOO_MANY_DECIMALS", Fault(path, "TOO_MANY_DECIMALS", {"currency": code}))
    return bounded(units.numerator, path)


def from_units(amount: int, code: str, provider: str, path: str) -> int:
    """An amount in the provider's own minor units, in those of ISO 4217. Raises as `minor` does."""
    own = _OTHER_EXPONENTS.get(provider, {}).get(code, DECIMALS[code])
    if own <= DECIMALS[code]:
        return bounded(amount * 10 ** (DECIMALS[code] - own), path)
    whole, rest = divmod(amount, 10 ** (own - DECIMALS[code]))
    if rest:
        raise Refused("TOO_MANY_DECIMALS", Fault(path, "TOO_MANY_DECIMALS", {"currency": code}))
    return bounded(whole, path)


def bounded(amount: int, path: str) -> int:
    """The amount, if it is one that Fenrun takes: not beyond `MAX_AMOUNT` on either side of zero."""
    if abs(amount) > MAX_AMOUNT:
        raise refusal(Fault(path, "OUT_OF_RANGE", {"bound": f"<= {MAX_AMOUNT}"}))
    return amount


def utc(at: datetime, path: str) -> datetime:
    """The moment in UTC; one without a zone is taken as UTC. Raises `Malformed` outside the years 2000 to 2100."""
    if not 2000 <= at.year <= 2100:
        raise refusal(Fault(path, "BAD_TIME"))
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def from_unix(seconds: int, path: str) -> datetime:
    """Seconds since 1970, as UTC. Raises `Malformed` as `utc` does."""
    if not 0 <= seconds < 4_133_980_800:
        raise refusal(Fault(path, "BAD_TIME"))
    return utc(datetime.fromtimestamp(seconds, UTC), path)
