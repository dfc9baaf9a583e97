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
from chalicelib.rails.rail import pays_in
from chalicelib.settings import settings
from chalicelib.store import distributors, keys, maturity, payout_runs, payouts, run_progress
from chalicelib.store.batch import read, ref
from chalicelib.store.payout_items import OPEN_SHARDS
from chalicelib.store.payout_runs import Run

_PAGE = 50


def collect_payouts(run: Run, day: str, goes_on: Callable[[], bool]) -> bool:
    """Makes a payout of all that an account has available, and lets it and every other approved payout join the run.

    A payout's id comes from the run and the account: a second run of the period finds it. Passes over accounts below the
    minimum, distributors who are suspended, have no payout method or have just changed it, and payouts that cannot be
    taxed. False if `goes_on` said to stop, or the run was stopped because the next payout would go over a limit of the
    run or of `day` (ISO date, of this event); the next call goes on at the page where this one stopped.
    """
    rules = payout_rules(run.at)
    return all(_collect_shard(run, day, shard, rules, goes_on) for shard in keys.DUE_SHARDS) and _join_approved(
        run, day, rules, goes_on
    )


def _collect_shard(run: Run, day: str, shard: str, rules: PayoutRules, goes_on: Callable[[], bool]) -> bool:
    while True:
        part = run_progress.get(run.id, shard)
        page = maturity.payable(shard, part.after)
        if not page:
            return True
        if not goes_on():
            return False
        for person, payout in _automatic(run, page, rules):
            if not goes_on() or not _taken_on(run, day, payout, person, rules):
                return False
        run_progress.advance(run.id, shard, part, page[-1], len(page))


def _join_approved(run: Run, day: str, rules: PayoutRules, goes_on: Callable[[], bool]) -> bool:
    cursor: str | None = None
    while goes_on():
        page, cursor = payouts.unfinished("approved", _PAGE, cursor, OPEN_SHARDS)
        people = distributors.get_many(payout.distributor_id for payout in page)
        for payout in page:
            person = people.get(payout.distributor_id)
            if not goes_on():
                return False
            if person and person.status == "active" and not _joined(run, day, payout, rules):
                return False
        if cursor is None:
            return True
    return False


def _joined(run: Run, day: str, payout: Payout, rules: PayoutRules) -> bool:
    """Takes an approved payout into the run, unless it was rejected meanwhile. False if the run takes on no more."""
    if payout.rail != RAIL:
        return True
    counted = payout.requested_by == f"run:{run.id}"
    moved = payouts.move(
        payout,
        "submitting",
        at=max(run.at, payout.history[-1].at),
        by=f"run:{run.id}",
        joins=(run.id, f"{run.id}/{payout.currency}"),
        also=[
            *([payout_runs.still_open(run.id)] if counted else _taking(run, day, payout, rules)),
            payout_runs.member(run.id, payout.id),
        ],
    )
    return moved is not None or not _ended(run, day, payout, rules, new=not counted)


def _taken_on(run: Run, day: str, payout: Payout, person: Distributor, rules: PayoutRules) -> bool:
    """Makes the payout and lets it join. False if the run takes on no more."""
    try:
        outcome, made = create_taxed(payout, person, rules, lambda taxed: _taking(run, day, taxed, rules))
    except Refused as refusal:
        logger.warning("an automatic payout cannot be taxed", extra={"payout": payout.id, "code": refusal.code})
        count("PayoutsNotTaxable")
        return True
    if outcome == "changed":
        _ended(run, day, made, rules)
        return False
    return outcome != "created" or _joined(run, day, made, rules)


def _taking(run: Run, day: str, payout: Payout, rules: PayoutRules) -> list[dict[str, Any]]:
    currency = payout.currency
    limits = rules.run_limit.get(currency), rules.day_limit.get(currency)
    return payout_runs.taking(run, day, currency, payout.net, *limits)


def _ended(run: Run, day: str, payout: Payout, rules: PayoutRules, new: bool = True) -> bool:
    """Whether the run cannot take on this payout, and so no other. A run whose limit is in the way is stopped."""
    now, currency = payout_runs.get(run.id), payout.currency
    if now.state != "collecting":
        return True
    if now.released or not new:
        return False
    for name, taken, limits in (
        ("run_limit", now.net, rules.run_limit),
        ("day_limit", payout_runs.taken_on(day), rules.day_limit),
    ):
        if currency in limits and taken.get(currency, 0) + payout.net > limits[currency]:
            payout_runs.stop(run.id, name)
            return True
    return False


def _automatic(run: Run, page: list[str], rules: PayoutRules) -> list[tuple[Distributor, Payout]]:
    refs = [ref(settings().ledger_table, account=account, at=keys.BALANCE) for account in page]
    balances = {payee(item["account"]): item.get("available", 0) for item in read(*refs).values()}
    worth = {
        whose: available
        for whose, available in balances.items()
        if worth_paying(amounts(available, rules.fee_rate), rules.minimum.get(whose[1], 1))
    }
    people = distributors.get_many(distributor_id for distributor_id, _ in worth)
    return [
        (people[distributor_id], _payout(run, people[distributor_id], currency, available, rules))
        for (distributor_id, currency), available in sorted(worth.items())
        if _payable(people.get(distributor_id), currency, run)
    ]


def _payable(person: Distributor | None, currency: str, run: Run) -> bool:
    if person is None or person.status != "active":
        return False
    method_id = preferred(person.payout_methods)
    if method_id is None or cooling_off(person.payout_methods[method_id], run.at):
        return False
    return pays_in(person.payout_methods[method_id]["rail"], currency)


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
