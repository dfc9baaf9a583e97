"""First part of a settlement: what is available becomes payouts, and what is approved joins the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.domain.accounts import payee
from chalicelib.domain.errors import Refused
from chalicelib.domain.payout_methods import cooling_off, preferred, snapshot
from chalicelib.domain.payouts import Payout, Step, amounts, worth_paying
from chalicelib.domain.people import Distributor
from chalicelib.domain.plans import PayoutRules
from chalicelib.flows.payout_rules import payout_rules
from chalicelib.flows.withhold_tax import create_taxed
from chalicelib.observe import count, logger
from chalicelib.rails.bank_file import RAIL
from chalicelib.store import distributors, keys, maturity, payout_runs, payouts
from chalicelib.store.batch import Ref, read
from chalicelib.store.payout_items import OPEN_SHARDS
from chalicelib.store.payout_runs import Run

_PAGE = 50


def collect_payouts(run: Run, goes_on: Callable[[], bool]) -> bool:
    """Makes a payout of all that an account has available, and lets it and every other approved payout join the run.

    A payout's id comes from the run and the account: a second run of the period finds it. Passes over accounts below the
    minimum, distributors who are suspended, have no payout method or have just changed it, and payouts that cannot be
    taxed. False if `goes_on` said to stop; what is left is found again by the next call.
    """
    rules = payout_rules(run.at)
    for shard in keys.DUE_SHARDS:
        for page in maturity.payable(shard):
            if not goes_on():
                return False
            for person, payout in _automatic(run, page, rules):
                if not goes_on():
                    return False
                if made := _made(payout, person, rules):
                    _join(run, made)
    return _join_approved(run, goes_on)


def _join_approved(run: Run, goes_on: Callable[[], bool]) -> bool:
    cursor: str | None = None
    while goes_on():
        page, cursor = payouts.unfinished("approved", _PAGE, cursor, OPEN_SHARDS)
        people = distributors.get_many(payout.distributor_id for payout in page)
        for payout in page:
            person = people.get(payout.distributor_id)
            if not goes_on():
                return False
            if person and person.status == "active":
                _join(run, payout)
        if cursor is None:
            return True
    return False


def _join(run: Run, payout: Payout) -> None:
    """Takes an approved payout into the run, unless it was rejected meanwhile, or the run closed by another invocation."""
    if payout.rail != RAIL:
        return
    payouts.move(
        payout,
        "submitting",
        at=max(run.at, payout.history[-1].at),
        by=f"run:{run.id}",
        joins=(run.id, f"{run.id}/{payout.currency}"),
        also=payout_runs.joining(run.id, payout.id),
    )


def _made(payout: Payout, person: Distributor, rules: PayoutRules) -> Payout | None:
    try:
        outcome, made = create_taxed(payout, person, rules)
    except Refused as refusal:
        logger.warning("an automatic payout cannot be taxed", extra={"payout": payout.id, "code": refusal.code})
        count("PayoutsNotTaxable")
        return None
    return made if outcome == "created" else None


def _automatic(run: Run, page: list[Ref], rules: PayoutRules) -> list[tuple[Distributor, Payout]]:
    balances = {payee(item["account"]): item.get("available", 0) for item in read(*page).values()}
    worth = {
        whose: available
        for whose, available in balances.items()
        if worth_paying(amounts(available, rules.fee_rate), rules.minimum.get(whose[1], 1))
    }
    people = distributors.get_many(distributor_id for distributor_id, _ in worth)
    return [
        (people[distributor_id], _payout(run, people[distributor_id], currency, available, rules))
        for (distributor_id, currency), available in sorted(worth.items())
        if _payable(people.get(distributor_id), run)
    ]


def _payable(person: Distributor | None, run: Run) -> bool:
    if person is None or person.status != "active":
        return False
    method_id = preferred(person.payout_methods)
    return method_id is not None and not cooling_off(person.payout_methods[method_id], run.at)


def _payout(run: Run, person: Distributor, currency: str, gross: int, rules: PayoutRules) -> Payout:
    of, by = amounts(gross, rules.fee_rate), f"run:{run.id}"
    method_id = preferred(person.payout_methods) or ""
    method: dict[str, Any] = person.payout_methods[method_id]
    return Payout(
        id=f"po_{run.id}_{person.id}_{currency}",
        distributor_id=person.id,
        country=person.country,
        currency=currency,
        gross=gross,
        fee=of.fee,
        tax=of.tax,
        rail=method["rail"],
        method=snapshot(method_id, method),
        state="approved",
        history=(Step(at=run.at, to="approved", by=by),),
        requested_by=by,
        created_at=run.at,
    )
