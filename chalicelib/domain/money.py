"""Money is an integer count of minor units of an ISO 4217 currency; a rate is a decimal string. No float anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

# ISO 4217 list one (SIX, 2026-01-01): number of decimals by code; funds, metals and test codes have none and are absent.
_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
    "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR "
    "ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV "
    "MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
    "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMALS: dict[str, int] = {code: digits for digits, codes in _DECIMALS.items() for code in codes.split()}

MAX_AMOUNT = 10**15
"""The largest single amount taken, in minor units: sums of millions of them stay below 2^63."""


def rounded(exact: Fraction, rounding: str) -> int:
    """The nearest minor unit below or at (`floor`), or the nearest one with halves up (`half_up`). `exact` is >= 0."""
    top, bottom = exact.numerator, exact.denominator
    return top // bottom if rounding == "floor" else (2 * top + bottom) // (2 * bottom)


def shared(total: int, weights: Sequence[Fraction]) -> tuple[int, ...]:
    """`total` split into whole units in proportion to `weights`, by largest remainder (ties: the earlier one first).

    The parts add up to `total`; each is its exact quota rounded up or down. Weights that are all zero share nothing:
    then `total` must be zero.
    """
    common = lcm(*(weight.denominator for weight in weights))
    units = [weight.numerator * (common // weight.denominator) for weight in weights]
    whole = sum(units) or 1
    parts, remainders = [each * total // whole for each in units], [each * total % whole for each in units]
    by_remainder = sorted(range(len(units)), key=lambda i: (-remainders[i], i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return tuple(parts)


def display(amount: int, currency: str) -> str:
    """`123456` and `CNY` as `1234.56`: plain digits for files and tables, with the currency's own decimals."""
    digits = DECIMALS[currency]
    sign, whole = ("-" if amount < 0 else ""), f"{abs(amount):0{digits + 1}d}"
    return f"{sign}{whole[:-digits]}.{whole[-digits:]}" if digits else f"{sign}{whole}"
