"""A distributor asks for money that is available to them."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from chalicelib.domain.accounts import distributor as account_of
from chalicelib.domain.errors import Conflict, Fault, NotFound, Refused
from chalicelib.domain.money import display
from chalicelib.domain.payout_methods import refuse_cooling_off, snapshot
from chalicelib.domain.payouts import Payout, Step, amounts, worth_paying
from chalicelib.domain.people import Distributor
from chalicelib.flows.move_payout import tell
from chalicelib.flows.payout_rules import payout_rules
from chalicelib.flows.withhold_tax import create_taxed
from chalicelib.observe import correlation_id
from chalicelib.rails.rail import pays_in
from chalicelib.settings import settings
from chalicelib.store import distributors, keys, payouts
from chalicelib.store.batch import distributor, read, ref


def request_payout(
    distributor_id: str, currency: str, amount: int | None, method_id: str, by: str, now: datetime, once: str | None
) -> Payout:
    """A new payout in state `requested`, of `amount` or of all that is available; its money is set aside at once.

    The same `once` makes one payout, however often it is sent. Raises `Refused` (`DISTRIBUTOR_NOT_ACTIVE`,
    `NO_PAYOUT_METHOD`, `METHOD_COOLING_OFF`, `BELOW_MINIMUM`, `NOT_ENOUGH_AVAILABLE`, and what `create_taxed` refuses), or
    `Conflict` where `once` made another payout.
    """
    payout_id = f"po_{once[:32] if once else secrets.token_hex(16)}"
    balance = ref(settings().ledger_table, account=account_of(distributor_id, currency), at=keys.BALANCE)
    items = read(distributor(distributor_id), balance, payouts.payout_ref(payout_id))
    if payouts.payout_ref(payout_id) in items:
        return _the_same(payouts.from_attributes(items[payouts.payout_ref(payout_id)]), currency, amount, method_id)
    payee, method = _payee(items.get(distributor(distributor_id)), method_id, now)
    if not pays_in(method["rail"], currency):
        figures: dict[str, str | int] = {"rail": method["rail"], "currency": currency}
        raise Refused("RAIL_CURRENCY", Fault("currency", "RAIL_CURRENCY", figures), **figures)
    available = items.get(balance, {}).get("available", 0)
    gross = available if amount is None else amount
    if amount is None and available <= 0:
        raise _not_enough(available, currency)
    rules = payout_rules(now)
    of, minimum = amounts(gross, rules.fee_rate), max(1, rules.minimum.get(currency, 1))
    if not worth_paying(of, minimum):
        least: dict[str, str | int] = {"currency": currency, "minimum": display(minimum, currency)}
        raise Refused("BELOW_MINIMUM", Fault("amount", "BELOW_MINIMUM", least), **least)
    payout = Payout(
        id=payout_id,
        distributor_id=distributor_id,
        country=payee.country,
        currency=currency,
        gross=gross,
        fee=of.fee,
        tax=of.tax,
        rail=method["rail"],
        method=method,
        state="requested",
        history=(Step(at=now, to="requested", by=by),),
        requested_by=by,
        created_at=now,
        trace=correlation_id(),
    )
    outcome, payout = create_taxed(payout, payee, rules)
    if outcome == "not_enough":
        raise _not_enough(available if available < gross else 0, currency)
    if outcome != "created":
        return _the_same(payouts.existing(payout_id), currency, amount, method_id)
    tell([payout])
    return payout


def _payee(item: dict[str, Any] | None, method_id: str, now: datetime) -> tuple[Distributor, dict[str, str]]:
    if item is None:
        raise NotFound("NOT_FOUND")
    payee = distributors.from_attributes(item)
    if payee.status != "active":
        raise Refused("DISTRIBUTOR_NOT_ACTIVE")
    if method_id not in payee.payout_methods:
        raise Refused("NO_PAYOUT_METHOD", Fault("method_id", "NO_PAYOUT_METHOD"))
    refuse_cooling_off(payee.payout_methods[method_id], now)
    return payee, snapshot(method_id, payee.payout_methods[method_id])


def _not_enough(available: int, currency: str) -> Refused:
    figures: dict[str, str | int] = {"available": display(max(0, available), currency), "currency": currency}
    return Refused("NOT_ENOUGH_AVAILABLE", Fault("amount", "NOT_ENOUGH_AVAILABLE", figures), **figures)


def _the_same(known: Payout, currency: str, amount: int | None, method_id: str) -> Payout:
    if (known.currency, known.method["id"]) != (currency, method_id) or amount not in (None, known.gross):
        raise Conflict("SAME_KEY_OTHER_BODY")
    return known
