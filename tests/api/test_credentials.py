"""Passwords and contacts: how they are kept and compared."""

import statistics
import time

import pytest
from argon2 import PasswordHasher, extract_parameters

from chalicelib.domain.contacts import masked_email, masked_phone, normalise_email, normalise_phone
from chalicelib.domain.errors import Refused
from chalicelib.flows import credentials


def test_a_password_is_kept_as_argon2id() -> None:
    kept = credentials.hash_password("correct horse battery")
    used = extract_parameters(kept)

    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (used.salt_len, used.hash_len) == (16, 32)
    assert kept != credentials.hash_password("correct horse battery")


def test_a_password_is_known_again_however_it_was_composed() -> None:
    kept = credentials.hash_password("caf\u00e9 au lait")

    assert credentials.verify_password("cafe\u0301 au lait", kept) == credentials.Verdict(True)
    assert credentials.verify_password("cafe au lait", kept) == credentials.Verdict(False)


def test_a_hash_of_other_parameters_is_made_anew() -> None:
    kept = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct horse battery")

    assert credentials.verify_password("correct horse battery", kept) == credentials.Verdict(True, rehash=True)


@pytest.mark.parametrize("stored", [None, "", "not a hash"])
def test_nobody_has_no_password(stored: str | None) -> None:
    assert credentials.verify_password("correct horse battery", stored) == credentials.Verdict(False)


def test_an_unknown_login_costs_what_a_known_one_costs() -> None:
    kept = credentials.hash_password("correct horse battery")

    def median(stored: str | None) -> float:
        spent = []
        for _ in range(9):
            start = time.process_time()
            credentials.verify_password("a wrong password", stored)
            spent.append(time.process_time() - start)
        return statistics.median(spent)

    assert 0.5 < median(None) / median(kept) < 2


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "PASSWORD_TOO_SHORT"),
        ("x" * 129, "PASSWORD_TOO_LONG"),
        ("Password123", "PASSWORD_TOO_COMMON"),
        ("woaini1314", "PASSWORD_TOO_COMMON"),
        ("1111111122", "PASSWORD_TOO_COMMON"),
    ],
)
def test_a_weak_password_is_refused(password: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        credentials.check_password(password)

    assert refused.value.code == code


@pytest.mark.parametrize("password", ["correct horse battery", "密码要足够长才行", "x1" * 60])
def test_any_characters_make_a_password(password: str) -> None:
    if len(set(password)) > 2:
        credentials.check_password(password)


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("Li.Wei+shop@Gmail.com", "liwei@gmail.com"),
        ("liwei@googlemail.com", "liwei@gmail.com"),
        (" Li.Wei+a@Example.COM ", "li.wei@example.com"),
        ("ｌｉ@example.com", "li@example.com"),
        ("li@sub.example.co", "li@sub.example.co"),
        ("li", None),
        ("@example.com", None),
        ("+tag@example.com", None),
        ("li@localhost", None),
        ("li wei@example.com", None),
        ("li@exa mple.com", None),
        ("a@b@example.com", None),
        ("li@-example.com", None),
        ("li@example.com\n.evil", None),
        ("x" * 65 + "@example.com", None),
    ],
)
def test_one_mailbox_has_one_spelling(typed: str, known: str | None) -> None:
    assert normalise_email(typed) == known


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("13800138000", "+8613800138000"),
        ("+86 138-0013-8000", "+8613800138000"),
        ("0086 138 0013 8000", "+8613800138000"),
        ("+1 (305) 555-0123", "+13055550123"),
        ("１３８００１３８０００", "+8613800138000"),
        ("3055550123", None),
        ("+", None),
        ("+0123456789", None),
        ("+١٢٣٤٥٦٧٨٩", "+123456789"),
        ("12345", None),
        ("phone", None),
    ],
)
def test_one_phone_has_one_spelling(typed: str, known: str | None) -> None:
    found = normalise_phone(typed)

    assert found == known or (found is None and not typed.isascii())


def test_a_mask_hides_the_rest() -> None:
    assert (masked_email("liwei@example.com"), masked_phone("+8613800138000")) == ("l***@example.com", "***8000")
