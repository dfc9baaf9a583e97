"""One spelling per mailbox and per phone, so that one person is found however he writes them."""

from __future__ import annotations

import re
import unicodedata

_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_LOCAL = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}")
_DOMAIN = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_CHINESE_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")
_SEPARATORS = re.compile(r"[\s().\-\u2010-\u2015/]+")


def normalise_email(text: str) -> str | None:
    """The mailbox in lower case, without a `+tag`, without Gmail's meaningless dots. None if it is no address."""
    local, at, domain = unicodedata.normalize("NFKC", text).strip().casefold().rpartition("@")
    local = local.split("+", 1)[0]
    if domain in _GMAIL:
        local, domain = local.replace(".", ""), "gmail.com"
    if not at or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        return None
    return f"{local}@{domain}"


def normalise_phone(text: str) -> str | None:
    """The number as `+` and digits. Eleven digits of a mainland mobile need no `+86`; any other number needs its `+`.

    No country is guessed: whoever signs up and logs in with the same text gets the same number.
    """
    digits = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    if _CHINESE_MOBILE.fullmatch(digits):
        return f"+86{digits}"
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    return digits if digits.isascii() and _INTERNATIONAL.fullmatch(digits) else None


def masked_email(text: str) -> str:
    """Enough to recognise one's own address, too little to learn another's: `l***@example.com`."""
    local, _, domain = text.strip().rpartition("@")
    return f"{local[:1]}***@{domain}"


def masked_phone(text: str) -> str:
    """The last four digits of a number."""
    return f"***{text.strip()[-4:]}"
