"""Passwords: how they are kept, compared and judged."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from chalicelib.domain.errors import Refused

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_LENGTH = 8
MAX_LENGTH = 128

# What an unknown login is compared with, so that it costs what a known one costs. Made from 32 random bytes, forgotten.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$oI7PXB7Anbg+TWB5EWoPSg$oW8YdmPz8gC//3DcM2+GAqtkGZKoU+tY+QdgCnLYKNc"

_FIRST_GUESSES = """
12345678 123456789 1234567890 12345678910 123123123 12341234 11111111 00000000 88888888 66666666 99999999 55555555
87654321 987654321 9876543210 11223344 1122334455 123454321 123321123 147258369 147852369 159357456 789456123
password password1 password12 password123 password! passw0rd p@ssw0rd p@ssword pa55word passwort motdepasse
qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qaz2wsx3edc qazwsxedc zaq12wsx
asdfghjk asdfghjkl asdf1234 zxcvbnm1 zxcvbnm123 abcd1234 abc12345 abc123456 a1234567 a12345678 a123456789 aa123456
aa12345678 aaaaaaaa aaa11111 qq123456 qq123456789 woaini123 woaini520 woaini1314 woaini521 5201314520 52013145
520131400 13145200 13145201 zhang123 wang1234 wangyut2 li123456 iloveyou iloveyou1 sunshine princess princess1
football football1 baseball superman batman123 trustno1 letmein1 welcome1 welcome123 admin123 admin1234 admin888
administrator changeme changeme123 computer internet michelle jennifer jessica1 dragon123 monkey123 master123
shadow123 charlie1 whatever starwars samsung1 google123 facebook alibaba1 taobao123 weixin123 wechat123 q1w2e3r4
1234qwer qwer1234 qwerasdf asdfasdf qweqweqwe 123qweasd 123qwe123 123456aa 123456abc 123456qq 123456789a 12345678a
12345qwert 11111111a 00000000a test1234 testtest secret123 fenrun123 fenrun1234 fenxiao123
"""
_COMMON = frozenset(_FIRST_GUESSES.split())


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the password is right, and whether its hash was made with parameters that are no longer ours."""

    right: bool
    rehash: bool = False


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher, Type

    return PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)


def _typed(password: str) -> str:
    """The same characters for the same keys, whatever keyboard composed them."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str) -> None:
    """Refuses a password that is too short, too long or too common; asks for no kinds of characters."""
    text = _typed(password)
    if len(text) < MIN_LENGTH:
        raise Refused("PASSWORD_TOO_SHORT", limit=MIN_LENGTH)
    if len(text) > MAX_LENGTH:
        raise Refused("PASSWORD_TOO_LONG", limit=MAX_LENGTH)
    if text.casefold() in _COMMON or len(set(text)) <= 2:
        raise Refused("PASSWORD_TOO_COMMON")


def hash_password(password: str) -> str:
    """The argon2id hash in PHC form: 19 MiB, two passes, a fresh salt of 16 bytes, a tag of 32."""
    return _hasher().hash(_typed(password))


def verify_password(password: str, stored: str | None) -> Verdict:
    """Compares in the same time whether or not the login exists (`stored` is None for an unknown one)."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        _hasher().verify(stored or _NOBODY, _typed(password)[: MAX_LENGTH * 4])
    except (VerificationError, InvalidHashError):
        return Verdict(False)
    return Verdict(True, _hasher().check_needs_rehash(stored)) if stored else Verdict(False)
