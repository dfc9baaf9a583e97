import pytest

from chalicelib.domain.attribution import Person
from chalicelib.domain.codes import letters, looks_like_code, normalised_code
from chalicelib.domain.people import Distributor


def test_attribution_sees_who_a_distributor_is_and_whether_active():
    ann = Distributor(
        id="d-1", code="AB", name="Ann", status="active", joined_at="2026-03-01", sponsor_id="d-2", rank="gold"
    )
    gone = Distributor(id="d-2", code="CD", name="Bob", status="suspended", joined_at="2026-03-01")

    assert ann.person() == Person(distributor_id="d-1", sponsor_id="d-2", active=True, rank="gold")
    assert gone.person() == Person(distributor_id="d-2", sponsor_id=None, active=False, rank=None)


def test_every_letter_of_a_code_is_as_likely_as_any_other_and_none_is_confused_with_another():
    every = letters(range(256))

    assert every[:32] == every[32:64] == every[224:]
    assert len(set(every)) == 32
    assert not set(every) & set("0O1I")
    assert letters([]) == ""


@pytest.mark.parametrize("typed", ["AB12CD34", "ab12cd34", " ab12 cd34 ", "AB12-CD34", "a-b\t12cd-34"])
def test_a_code_may_be_typed_with_spaces_dashes_and_small_letters(typed):
    assert normalised_code(typed) == "AB12CD34"


@pytest.mark.parametrize(
    ("text", "ours"),
    [("AB23CD45", True), ("ab23-cd45", True), ("AB12CD34", False), ("T1001", False), ("ABCDEFGHJ", False)],
)
def test_what_looks_like_a_code(text: str, ours: bool):
    assert looks_like_code(text) is ours
