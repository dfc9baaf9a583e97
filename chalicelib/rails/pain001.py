"""Bank file pain.001.001.09: SEPA credit transfers (ISO 20022; EPC132-08, customer to bank).

Made by hand, from what never changes about payouts: a file that is written again has the same message id and the same
bytes, so a bank that has it refuses the second one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from chalicelib.domain import bank_accounts
from chalicelib.domain.bank_formats import Originator
from chalicelib.domain.money import display
from chalicelib.domain.payout_methods import default_kind
from chalicelib.domain.payouts import Payout
from chalicelib.rails.bank_file import reference
from chalicelib.rails.letters import latin

SUFFIX = "xml"
MEDIA_TYPE = "application/xml"
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_MOST = 999_999_999_99
"""SEPA's largest amount, in cents."""
_NAME = 70


def takes(payout: Payout) -> bool:
    """Whether the format can carry the payout: euro, to an IBAN in SEPA, to a name that leaves something in its letters."""
    method = payout.method
    kind = method.get("kind") or default_kind(payout.rail, method["account"])
    number = bank_accounts.iban(method["account"]) if kind == "iban" else None
    named = re.search("[A-Za-z0-9]", latin(method["holder"]))
    return payout.currency == "EUR" and payout.net <= _MOST and bool(number and bank_accounts.in_sepa(number) and named)


def contents(run_id: str, at: datetime, payouts: Sequence[Payout], originator: Originator, part: int = 1) -> bytes:
    """The file for these payouts (one currency, each of which the format `takes`), sorted by payout id. `run_id` is the
    day on which to pay, `at` when the run began; `part` counts the run's files of the currency from 1, each of which has
    a message id of its own."""
    ordered = sorted(payouts, key=lambda each: each.id)
    currency = ordered[0].currency
    count, total = str(len(ordered)), display(sum(each.net for each in ordered), currency)
    message_id = f"{run_id}-{currency}" if part == 1 else f"{run_id}-{currency}-{part}"
    document = Element("Document", xmlns=NAMESPACE)
    root = SubElement(document, "CstmrCdtTrfInitn")

    header = SubElement(root, "GrpHdr")
    _put(header, "MsgId", message_id)
    _put(header, "CreDtTm", at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    _put(header, "NbOfTxs", count)
    _put(header, "CtrlSum", total)
    _put(header, "InitgPty/Nm", originator.name)

    batch = SubElement(root, "PmtInf")
    _put(batch, "PmtInfId", message_id)
    _put(batch, "PmtMtd", "TRF")
    _put(batch, "BtchBookg", "true")
    _put(batch, "NbOfTxs", count)
    _put(batch, "CtrlSum", total)
    _put(batch, "PmtTpInf/SvcLvl/Cd", "SEPA")
    _put(batch, "ReqdExctnDt/Dt", run_id)
    _put(batch, "Dbtr/Nm", originator.name)
    _put(batch, "DbtrAcct/Id/IBAN", bank_accounts.iban(originator.iban or "") or "")
    if originator.bic:
        _put(batch, "DbtrAgt/FinInstnId/BICFI", originator.bic)
    else:
        _put(batch, "DbtrAgt/FinInstnId/Othr/Id", "NOTPROVIDED")
    _put(batch, "ChrgBr", "SLEV")
    for payout in ordered:
        transfer = SubElement(batch, "CdtTrfTxInf")
        _put(transfer, "PmtId/EndToEndId", reference(payout.id))
        _put(transfer, "Amt/InstdAmt", display(payout.net, currency)).set("Ccy", currency)
        _put(transfer, "Cdtr/Nm", latin(latin(payout.method["holder"])[:_NAME]))
        _put(transfer, "CdtrAcct/Id/IBAN", bank_accounts.iban(payout.method["account"]) or "")
        _put(transfer, "RmtInf/Ustrd", f"Commission {run_id}")
    written: bytes = tostring(document, encoding="UTF-8", xml_declaration=True)
    return written


def _put(parent: Element, path: str, text: str) -> Element:
    element = parent
    for name in path.split("/"):
        element = SubElement(element, name)
    element.text = text
    return element
