"""The statement of a distributor, with why each line is there."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from chalicelib.domain.accounts import distributor
from chalicelib.domain.entry_reasons import entry_reasons
from chalicelib.domain.explanations import Reason
from chalicelib.flows.read_balance import existing
from chalicelib.store import orders, statement


class StatementLine(Struct, frozen=True):
    """An entry (plain attributes) and its reasons."""

    entry: dict[str, Any]
    reasons: tuple[Reason, ...]


def read_statement(
    distributor_id: str, currency: str | None, limit: int, cursor: str | None
) -> tuple[list[StatementLine], str | None]:
    """A page of the statement in one currency or in all, the newest entry first, and where the next begins.

    One query a currency for the entries, and one round trip for all orders that they are about. Raises `NotFound`.
    """
    currencies = sorted(existing(distributor_id).currencies) if currency is None else [currency]
    accounts = [distributor(distributor_id, each) for each in currencies]
    entries, following = statement.entries(accounts, limit, cursor)
    known = orders.get_many(list({entry["order_id"] for entry in entries if "order_id" in entry}))
    lines = [StatementLine(entry, entry_reasons(entry, known.get(entry.get("order_id", "")))) for entry in entries]
    return lines, following
