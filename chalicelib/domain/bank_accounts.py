"""Bank accounts whose numbers prove themselves by check digits: IBAN, US routing numbers, mainland cards."""

from __future__ import annotations

import re

_REGISTRY = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18
FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21
LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24
SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
_LENGTHS = {each[:2]: int(each[2:]) for each in _REGISTRY.split()}
_SEPA = """
AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS SE SI SK SM VA
"""
_IN_SEPA = frozenset(_SEPA.split())
_SEPARATORS = re.compile(r"[ -]")
_IBAN = re.compile(r"[A-Z]{2}(0[2-9]|[1-8][0-9]|9[0-8])[0-9A-Z]{11,30}")
_LIKE_IBAN = re.compile(r"[A-Za-z]{2}[0-9]{2}[0-9A-Za-z]{8,}")
# Federal Reserve districts, thrift institutions, electronic transactions, traveller's cheques.
_ROUTING = re.compile(r"(0[1-9]|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)[0-9]{7}")
_US_ACCOUNT = re.compile(r"[0-9]{4,17}")
_CARD = re.compile(r"[1-9][0-9]{15,18}")


def packed(text: str) -> str:
    """The number without the spaces and hyphens that people write into it."""
    return _SEPARATORS.sub("", text)


def like_iban(text: str) -> bool:
    """Whether it is written as an IBAN is: two letters, two digits, more letters and digits."""
    return _LIKE_IBAN.fullmatch(packed(text)) is not None


def iban(text: str) -> str | None:
    """The IBAN in capitals without spaces; None if it has not its country's length or its check digits (ISO 13616, the
    lengths from SWIFT's registry; ISO 7064 mod 97-10)."""
    number = packed(text).upper() if text.isascii() else ""
    if not _IBAN.fullmatch(number) or len(number) != _LENGTHS.get(number[:2]):
        return None
    digits = "".join(str(int(each, 36)) for each in number[4:] + number[:4])
    return number if int(digits) % 97 == 1 else None


def in_sepa(number: str) -> bool:
    """Whether an IBAN is of a country of the Single Euro Payments Area (EPC409-09)."""
    return number[:2] in _IN_SEPA


def routing_number(text: str) -> str | None:
    """The nine digits by which a US bank is reached; None if they are none (ABA: weights 3, 7, 1)."""
    number = packed(text)
    if not _ROUTING.fullmatch(number):
        return None
    total = sum(int(digit) * weight for digit, weight in zip(number, (3, 7, 1) * 3, strict=True))
    return number if total % 10 == 0 else None


def us_account(text: str) -> str | None:
    """The digits of an account at a US bank, at most 17 as NACHA's entries hold; None if they are none."""
    number = packed(text)
    return number if _US_ACCOUNT.fullmatch(number) else None


def card_number(text: str) -> str | None:
    """The 16 to 19 digits of a mainland bank card; None if they are none (ISO/IEC 7812: Luhn)."""
    number = packed(text)
    if not _CARD.fullmatch(number):
        return None
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return number if sum(value // 10 + value % 10 for value in doubled) % 10 == 0 else None
