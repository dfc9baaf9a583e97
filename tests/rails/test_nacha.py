"""The file for ACH: 94 characters a line, blocks of ten, adding up, and the same for the same payouts."""

import random
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.bank_formats import Originator
from chalicelib.domain.payouts import Payout
from chalicelib.rails.bank_file import reference
from chalicelib.rails.nacha import contents, takes

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "payouts" / "carta-ach-ppd-credits.ach"
RUN, AT = "2026-11-22", datetime(2026, 11, 22, 7, 12, tzinfo=UTC)
OPERATOR = Originator(name="Tea House Inc", routing="021000021", bank="First Bank", company_id="1234567890")
BANKS = ["021000021", "026009593", "121042882", "011000015", "321171184"]


def payout(payout_id: str = "po_1", gross: int = 2055, currency: str = "USD", **method: Any) -> Payout:
    account = {"id": "home", "rail": "bank_file", "kind": "us_bank", "holder": "Anna Müller", "account": "123456789"}
    return Payout(
        id=payout_id,
        distributor_id="d_1",
        country="US",
        currency=currency,
        gross=gross,
        fee=56,
        tax=0,
        rail="bank_file",
        method={"bank": "121042882", **account, **method},
        state="submitting",
        history=(),
        requested_by="run",
        created_at=AT,
    )


def read(file: bytes) -> list[str]:
    """The lines without the filling, after the checks that every bank makes first."""
    lines = file.decode("ascii").removesuffix("\n").split("\n")
    assert {len(line) for line in lines} == {94}
    assert len(lines) % 10 == 0
    records = [line for line in lines if line != "9" * 94]
    entries = [line for line in records if line[0] == "6"]
    assert "".join(line[0] for line in records) == f"15{'6' * len(entries)}89"
    header, batch, control, total = records[0], records[1], records[-2], records[-1]
    hashed = str(sum(int(line[3:11]) for line in entries))[-10:].zfill(10)
    credits = sum(int(line[29:39]) for line in entries)
    assert control[4:44] == f"{len(entries):06d}{hashed}{0:012d}{credits:012d}"
    assert total[1:55] == f"{1:06d}{len(lines) // 10:06d}{len(entries):08d}{hashed}{0:012d}{credits:012d}"
    assert control[44:54] == batch[40:50] and control[79:94] == batch[79:94]
    assert [line[79:94] for line in entries] == [f"{batch[79:87]}{place:07d}" for place in range(1, len(entries) + 1)]
    assert header[34:40] == "094101"
    return records


def test_a_file_says_who_pays_whom_how_much_and_when() -> None:
    group = [payout("po_2", 106, holder="Zhang San", account="0012-34"), payout("po_1", bank="021000021")]
    header, batch, first, second, control, total = read(contents(RUN, AT, group, OPERATOR))

    assert header == f"101 0210000211234567890{'2611220712'}A094101{'FIRST BANK':<23}{'TEA HOUSE INC':<23}        "
    assert batch == f"5220{'TEA HOUSE INC':<16}{'':20}1234567890PPDCOMMISSION      261123   1021000020000001"
    assert (
        first == f"622021000021123456789{'':8}0000001999{reference('po_1')[:15]}{'ANNA MULLER':<22}  0021000020000001"
    )
    assert second == f"622121042882001234{'':11}0000000050{reference('po_2')[:15]}{'ZHANG SAN':<22}  0021000020000002"
    assert control[:4] == "8220" and total[0] == "9"


def test_it_is_built_as_the_sample_of_another_maker_is() -> None:
    if not SAMPLE.exists():
        pytest.skip("../shared is not here")
    sample = read(SAMPLE.read_bytes())
    ours = read(contents(RUN, AT, [payout("po_1"), payout("po_2", 106)], OPERATOR))
    # What does not depend on who pays and who is paid. Theirs pays one account of checking and one of savings.
    same = [
        [(0, 4), (23, 40), (86, 94)],
        [(0, 4), (20, 40), (50, 79), (87, 94)],
        [(0, 3), (29, 39), (76, 79), (87, 94)],
        [(0, 1), (29, 39), (76, 79), (87, 94)],
        [(0, 10), (20, 44), (54, 79), (87, 94)],
        [(0, 21), (31, 94)],
    ]

    for line, theirs, places in zip(ours, sample, same, strict=True):
        assert [line[a:b] for a, b in places] == [theirs[a:b] for a, b in places]


def test_no_two_parts_are_the_same_file_to_a_bank_and_the_first_has_the_bytes_that_it_always_had() -> None:
    group = [payout("po_2", 106), payout("po_1")]
    parts = [contents(RUN, AT, group, OPERATOR, part) for part in range(1, 75)]
    headers = [read(each)[0] for each in parts]

    assert [header[33] for header in headers[:38]] == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789AB")
    assert [header[29:34] for header in headers[34:37] + headers[71:73]] == [
        "07128",
        "07129",
        "0713A",
        "07139",
        "0714A",
    ]
    assert len({header[23:34] for header in headers}) == len(parts)
    assert [read(each)[1][87:] for each in parts] == [f"{part:07d}" for part in range(1, 75)]
    assert parts[0] == contents(RUN, AT, group, OPERATOR)
    assert sha256(parts[0]).hexdigest() == "c525b888e6201e8cbebdbb14e5501d63f7bce6b2ab141c8aaa57348a6d4fb6cd"


PAID = st.lists(st.tuples(st.integers(57, 10**10), st.sampled_from(BANKS)), min_size=1, max_size=40)


@settings(derandomize=True, deadline=None)
@given(PAID, st.text(max_size=60))
def test_whoever_is_paid_whatever_the_file_adds_up(paid: list[tuple[int, str]], name: str) -> None:
    group = [payout(f"po_{i}", gross, bank=bank, holder=f"A{name}") for i, (gross, bank) in enumerate(paid)]
    carried = [each for each in group if takes(each)]
    if carried:
        records = read(contents(RUN, AT, carried, OPERATOR))
        assert int(records[-1][43:55]) == sum(each.net for each in carried)
        assert len({line[39:54] for line in records if line[0] == "6"}) == len(carried)


def test_the_bytes_depend_on_the_payouts_and_not_on_their_order() -> None:
    group = [payout(f"po_{i}", 100 + i) for i in range(30)]
    mixed = random.Random(1).sample(group, len(group))

    assert contents(RUN, AT, mixed, OPERATOR) == contents(RUN, AT, group, OPERATOR)


@pytest.mark.parametrize("count", [5, 6, 7, 16, 17])
def test_a_file_ends_with_its_block(count: int) -> None:
    file = contents(RUN, AT, [payout(f"po_{i}") for i in range(count)], OPERATOR)

    assert len(read(file)) == count + 4
    assert len(file) == 95 * 10 * -(-(count + 4) // 10)


def test_a_sum_too_large_for_its_field_makes_no_file() -> None:
    with pytest.raises(ValueError, match="too large"):
        contents(RUN, AT, [payout(f"po_{i}", 9_999_999_999) for i in range(101)], OPERATOR)


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({}, True),
        ({"account": "12-34 56"}, True),
        ({"gross": 99_999_999_99 + 56}, True),
        ({"gross": 99_999_999_99 + 57}, False),
        ({"currency": "EUR"}, False),
        ({"kind": "number"}, False),
        ({"bank": "021000022"}, False),
        ({"bank": "First Bank"}, False),
        ({"account": "GB82WEST1234"}, False),
        ({"holder": "李伟"}, False),
    ],
)
def test_what_it_cannot_carry_is_left_to_the_csv(more: dict[str, Any], taken: bool) -> None:
    assert takes(payout(**more)) is taken
