"""The file for SEPA: well formed, in the schema's order, adding up, and the same for the same payouts."""

import random
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.bank_formats import Originator
from chalicelib.domain.payouts import Payout
from chalicelib.rails.bank_file import reference
from chalicelib.rails.pain001 import NAMESPACE, contents, takes

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "payouts" / "sepaxml-pain.001.001.09.xml"
RUN, AT = "2026-11-22", datetime(2026, 11, 22, 2, 0, 5, tzinfo=UTC)
OPERATOR = Originator(name="Tea House GmbH", iban="DE89 3704 0044 0532 0130 00", bic="COBADEFFXXX")

# The elements that we write, in the order of the schema's sequences (pain.001.001.09, ISO 20022).
ORDER = {
    "Document": ["CstmrCdtTrfInitn"],
    "CstmrCdtTrfInitn": ["GrpHdr", "PmtInf"],
    "GrpHdr": ["MsgId", "CreDtTm", "NbOfTxs", "CtrlSum", "InitgPty"],
    "PmtInf": [
        *["PmtInfId", "PmtMtd", "BtchBookg", "NbOfTxs", "CtrlSum", "PmtTpInf", "ReqdExctnDt"],
        *["Dbtr", "DbtrAcct", "DbtrAgt", "ChrgBr", "CdtTrfTxInf"],
    ],
    "CdtTrfTxInf": ["PmtId", "Amt", "CdtrAgt", "Cdtr", "CdtrAcct", "RmtInf"],
}


def payout(payout_id: str = "po_1", gross: int = 2055, currency: str = "EUR", **method: Any) -> Payout:
    account = {
        "id": "home",
        "rail": "bank_file",
        "kind": "iban",
        "holder": "Anna Müller",
        "account": "NL91ABNA0417164300",
    }
    return Payout(
        id=payout_id,
        distributor_id="d_1",
        country="DE",
        currency=currency,
        gross=gross,
        fee=56,
        tax=0,
        rail="bank_file",
        method={name: value for name, value in {**account, **method}.items() if value is not None},
        state="submitting",
        history=(),
        requested_by="run",
        created_at=AT,
    )


def read(file: bytes) -> Element:
    """The document without its namespace, which every element must have."""
    root = ElementTree.fromstring(file)
    for element in root.iter():
        assert element.tag.startswith(f"{{{NAMESPACE}}}")
        element.tag = element.tag.rpartition("}")[2]
    return root


def texts(root: Element, path: str) -> list[str]:
    return [element.text or "" for element in root.findall(path)]


def in_order(element: Element) -> bool:
    """Whether the children of every element that `ORDER` knows stand in its order, none of them unknown."""
    known = ORDER.get(element.tag)
    places = [known.index(child.tag) for child in element] if known else []
    return places == sorted(places) and all(map(in_order, element))


def test_a_file_says_who_pays_whom_how_much_and_when() -> None:
    root = read(
        contents(RUN, AT, [payout("po_2", 106), payout("po_1", account="FR76 3000 6000 0112 3456 7890 189")], OPERATOR)
    )

    assert in_order(root)
    header, batch = root[0]
    assert {each.tag: each.text for each in header if len(each) == 0} == {
        "MsgId": "2026-11-22-EUR",
        "CreDtTm": "2026-11-22T02:00:05Z",
        "NbOfTxs": "2",
        "CtrlSum": "20.49",
    }
    assert texts(header, "InitgPty/Nm") == texts(batch, "Dbtr/Nm") == ["Tea House GmbH"]
    assert texts(batch, "ReqdExctnDt/Dt") == ["2026-11-22"]
    assert texts(batch, "DbtrAcct/Id/IBAN") == ["DE89370400440532013000"]
    assert texts(batch, "DbtrAgt/FinInstnId/BICFI") == ["COBADEFFXXX"]
    assert texts(batch, "CdtTrfTxInf/PmtId/EndToEndId") == [reference("po_1"), reference("po_2")]
    assert texts(batch, "CdtTrfTxInf/Amt/InstdAmt") == ["19.99", "0.50"]
    assert [each.get("Ccy") for each in batch.findall("CdtTrfTxInf/Amt/InstdAmt")] == ["EUR", "EUR"]
    assert texts(batch, "CdtTrfTxInf/Cdtr/Nm") == ["Anna Muller"] * 2
    assert texts(batch, "CdtTrfTxInf/CdtrAcct/Id/IBAN") == ["FR7630006000011234567890189", "NL91ABNA0417164300"]


def test_without_a_bic_the_bank_finds_itself_by_the_iban() -> None:
    root = read(contents(RUN, AT, [payout()], Originator(name="Tea", iban="DE89370400440532013000")))

    assert texts(root, ".//DbtrAgt/FinInstnId/Othr/Id") == ["NOTPROVIDED"]
    assert in_order(root)


def test_it_is_built_as_the_sample_of_another_maker_is() -> None:
    if not SAMPLE.exists():
        pytest.skip("../shared is not here")
    sample, ours = read(SAMPLE.read_bytes()), read(contents(RUN, AT, [payout("po_1"), payout("po_2")], OPERATOR))

    def shape(element: Element) -> Any:
        # The payee's bank is left out of ours: in SEPA an IBAN says which it is.
        return element.tag, [shape(child) for child in element if child.tag != "CdtrAgt"]

    assert in_order(sample)
    assert shape(ours) == shape(sample)


def test_each_part_has_its_own_ids_and_the_first_the_bytes_that_it_always_had() -> None:
    group = [payout("po_2", 106), payout("po_1")]
    parts = [contents(RUN, AT, group, OPERATOR, part) for part in range(1, 5)]
    ids = [texts(read(each), ".//MsgId") + texts(read(each), ".//PmtInfId") for each in parts]

    assert ids == [[name] * 2 for name in (f"{RUN}-EUR", f"{RUN}-EUR-2", f"{RUN}-EUR-3", f"{RUN}-EUR-4")]
    assert parts[0] == contents(RUN, AT, group, OPERATOR)
    assert sha256(parts[0]).hexdigest() == "48dc2b64fc7503fa50da57a7b920cba609272a0a0a9f10cc449bb6d97716be58"
    assert parts[2].replace(f"{RUN}-EUR-3".encode(), f"{RUN}-EUR".encode()) == parts[0]


AMOUNTS = st.lists(st.integers(57, 10**11), min_size=1, max_size=20)


@settings(derandomize=True, deadline=None)
@given(AMOUNTS, st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=120), min_size=20, max_size=20))
def test_whoever_is_paid_whatever_the_file_adds_up(amounts: list[int], names: list[str]) -> None:
    group = [payout(f"po_{i}", gross, holder=f"A{names[i]}") for i, gross in enumerate(amounts)]
    carried = [each for each in group if takes(each)]
    if not carried:
        return
    root = read(contents(RUN, AT, carried, OPERATOR))

    assert in_order(root)
    assert texts(root, ".//NbOfTxs") == [str(len(carried))] * 2
    assert len(set(texts(root, ".//EndToEndId"))) == len(carried)
    total = sum(map(Decimal, texts(root, ".//InstdAmt")))
    assert texts(root, ".//CtrlSum") == [str(total)] * 2
    assert int(total * 100) == sum(each.net for each in carried)
    assert all(1 <= len(name) <= 70 for name in texts(root, ".//Cdtr/Nm"))
    assert all(len(text) <= 35 for path in (".//MsgId", ".//PmtInfId", ".//EndToEndId") for text in texts(root, path))


def test_the_bytes_depend_on_the_payouts_and_not_on_their_order() -> None:
    group = [payout(f"po_{i}", 100 + i) for i in range(30)]
    mixed = random.Random(1).sample(group, len(group))

    assert contents(RUN, AT, mixed, OPERATOR) == contents(RUN, AT, group, OPERATOR)


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({}, True),
        ({"kind": None}, True),
        ({"account": "nl91 abna 0417 1643 00"}, True),
        ({"gross": 999_999_999_99 + 56}, True),
        ({"gross": 999_999_999_99 + 57}, False),
        ({"currency": "USD"}, False),
        ({"kind": "number", "account": "0005-123-4567890"}, False),
        ({"kind": None, "account": "0005-123-4567890"}, False),
        ({"account": "NL92ABNA0417164300"}, False),
        ({"account": "SA0380000000608010167519"}, False),
        ({"holder": "李伟"}, False),
    ],
)
def test_what_it_cannot_carry_is_left_to_the_csv(more: dict[str, Any], taken: bool) -> None:
    assert takes(payout(**more)) is taken
