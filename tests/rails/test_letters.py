"""Names in the letters that banks take."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.rails.letters import latin


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("Anna Müller", "Anna Muller"),
        ("Ødegård Łukasz Straße", "Odegard Lukasz Strasse"),
        ("İstanbul Şirin", "Istanbul Sirin"),
        ("Γιώργος Ψαρράς", "Giorgos Psarras"),
        ("Юлия Йорданова", "Yuliya Yordanova"),
        ("Smith & Söhne", "Smith . Sohne"),
        ("O'Neil, Jr. (A+B)", "O'Neil, Jr. (A+B)"),
        ("//a //b/ c// ", "a b/c"),
        ("Ａｎｎ　Ａ", "Ann A"),
        ("李伟", ".."),
        ("  ", ""),
    ],
)
def test_marks_go_and_other_alphabets_are_transliterated(written: str, taken: str) -> None:
    assert latin(written) == taken


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=60))
def test_whatever_comes_only_the_set_leaves(text: str) -> None:
    found = latin(text)

    assert re.fullmatch(r"[A-Za-z0-9/?:().,'+ -]*", found)
    assert "//" not in found and "  " not in found
    assert not found.startswith(("/", " ")) and not found.endswith(("/", " "))
    assert latin(found) == found
