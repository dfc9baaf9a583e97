"""Which file a bank takes for a currency, and who the bank knows as the payer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from chalicelib.domain import bank_accounts
from chalicelib.domain.errors import Fault

BankFormat = Literal["csv", "pain.001", "nacha"]
_CURRENCY: dict[BankFormat, str] = {"pain.001": "EUR", "nacha": "USD"}
"""SEPA credit transfers are in euro, ACH's in dollars."""
_NEEDED: dict[BankFormat, tuple[str, ...]] = {"pain.001": ("name", "iban"), "nacha": ("name", "routing", "company_id")}


class Originator(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The operator as their bank knows them: `name` in the letters of SEPA; `iban` and, if the bank asks for it, `bic` for
    pain.001; for NACHA the bank's `routing` number, its name `bank`, and the `company_id` that it gave the operator."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9/?:().,'+ -]{0,69}$")]
    iban: str | None = None
    bic: Annotated[str, Meta(pattern="^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$")] | None = None
    routing: str | None = None
    bank: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.,'& -]{0,22}$")] | None = None
    company_id: Annotated[str, Meta(pattern="^[A-Z0-9]{10}$")] | None = None


def bank_faults(formats: Mapping[str, BankFormat], originator: Originator | None) -> list[Fault]:
    """What is wrong, with paths below `payout`: a format for a currency that it cannot carry, an originator without what
    its format needs, numbers that do not prove themselves."""
    found = []
    for currency, form in formats.items():
        if currency != _CURRENCY.get(form, currency):
            figures: dict[str, str | int] = {"format": form, "currency": _CURRENCY[form]}
            found.append(Fault(f"payout.bank_formats.{currency}", "PLAN_BANK_FORMAT", figures))
        for name in _NEEDED.get(form, ()):
            if getattr(originator, name, None) is None:
                params: dict[str, str | int] = {"format": form, "field": name}
                found.append(Fault(f"payout.originator.{name}", "PLAN_ORIGINATOR", params))
    if originator and originator.iban is not None and bank_accounts.iban(originator.iban) is None:
        found.append(Fault("payout.originator.iban", "BAD_IBAN"))
    if originator and originator.routing is not None and bank_accounts.routing_number(originator.routing) is None:
        found.append(Fault("payout.originator.routing", "BAD_ROUTING_NUMBER"))
    return found
