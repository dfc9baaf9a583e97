"""First part of a settlement: what is available becomes payouts, and what is approved joins the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct, structs

from chalicelib.domain.accounts import payee
from chalicelib.domain.errors import Refused
from chalicelib.domain.payout_methods import cooling_off, preferred, snapshot
from chalicelib.domain.payouts import Payout, State, Step, amounts, stepped, worth_paying
from chalicelib.domain.people import Distributor
from chalicelib.domain.plans import PayoutRules
from chalicelib.flows.move_payout import move_payout, tell
from chalicelib.flows.payout_rules import payout_rules
from chalicelib.flows.withhold_tax import create_taxed, is_taxed, month_of, taxed
from chalicelib.observe import count, logger
from chalicelib.rails.bank_file import RAIL
from chalicelib.rails.rail import pays_in
from chalicelib.settings import settings
from chalicelib.store import distributors, keys, maturity, payout_runs, payouts, run_members, run_progress, tax_years
from chalicelib.store.batch import read, ref
from chalicelib.store.payout_runs import Run

_PAGE = 50
_AT_ONCE = 20
"""Payouts that one transaction is tried with: up to four writes each, and those that they share."""


class _Work(Struct, frozen=True):
    run: Run
    part: str
    day: str
    rules: PayoutRules


def collect_payouts(run: Run, part: str, day: str, goes_on: Callable[[], bool]) -> bool:
    """Does one part of the run (`run_progress.parts`): makes a payout of all that an account has available, as the plan's
    `mode` says, or takes the payouts that staff approved into the run.

    A payout's id comes from the run and the account: a second run of the period finds it. Passes over accounts below the
    minimum, distributors who are suspended, have no payout method or have just changed it, and payouts that cannot be
    taxed. False if `goes_on` said to stop, or the run was stopped because the next payout would go over a limit of the
    run or of `day` (ISO date, of this event); the next call goes on at the page where this one stopped.
    """
    if run_progress.get(run.id, part).done:
        return True
    work, shard = _Work(run, part, day, payout_rules(run.at)), part.rpartition("-")[2]
    if part.startswith(run_progress.ACCOUNTS):
        done = work.rules.mode == "manual" or _accounts(work, shard, goes_on)
    else:
        done = _approved(work, shard, goes_on)
    if done:
        run_progress.finish(run.id, part)
    return done


def _accounts(work: _Work, shard: str, goes_on: Callable[[], bool]) -> bool:
    while goes_on() and payout_runs.get(work.run.id).state == "collecting":
        part = run_progress.get(work.run.id, work.part)
        page = maturity.payable(shard, part.after)
        if not page:
            return True
        payable = _automatic(work.run, page, work.rules)
        for i in range(0, len(payable), _AT_ONCE):
            if not goes_on() or not _made(work, payable[i : i + _AT_ONCE]):
                return False
        run_progress.advance(work.run.id, work.part, part, page[-1], len(page))
    return False


def _approved(work: _Work, shard: str, goes_on: Callable[[], bool]) -> bool:
    cursor: str | None = None
    while goes_on():
        page, cursor = payouts.unfinished("approved", _PAGE, cursor, [shard])
        people = distributors.get_many(payout.distributor_id for payout in page)
        for payout in page:
            person = people.get(payout.distributor_id)
            if not goes_on():
                return False
            if person and person.status == "active" and not _joined(work, payout):
                return False
        if cursor is None:
            return True
    return False


def _joined(work: _Work, payout: Payout) -> bool:
    """Takes an approved payout into the run, unless it was rejected meanwhile. False if the run takes on no more."""
    joins = work.run.id, f"{work.run.id}/{payout.currency}"
    moved = move_payout(
        payout,
        "submitting",
        at=max(work.run.at, payout.history[-1].at),
        by=f"run:{work.run.id}",
        joins=joins,
        also=_taking(work, [structs.replace(payout, run_id=joins[0])]),
    )
    return moved is not None or not _ended(work, payout)


def _made(work: _Work, payable: Sequence[tuple[Distributor, Payout]]) -> bool:
    """Makes these payouts: all at once, but for those that something is in the way of. False if the run takes on no more."""
    year = int(month_of(payable[0][1])[:4])
    years = tax_years.years_of((_payee(each) for _, each in payable if is_taxed(each, work.rules)), year)
    ready = {}
    for person, payout in payable:
        try:
            seen = years.get(_payee(payout))
            ready[payout.id] = taxed(payout, person, work.rules, seen) if seen else payout
        except Refused as refusal:
            _not_taxable(payout, refusal)

    def tax(payout: Payout) -> list[dict[str, Any]]:
        return tax_years.added(payout, years[_payee(payout)][0]) if payout.tax_month else []

    made = payouts.create_many(list(ready.values()), tax, lambda group: _taking(work, group))
    tell(payout for payout in ready.values() if payout.id in made)
    alone = [(person, payout) for person, payout in payable if payout.id in ready.keys() - made]
    return all(_made_alone(work, payout, person) for person, payout in alone)


def _made_alone(work: _Work, payout: Payout, person: Distributor) -> bool:
    try:
        outcome, made = create_taxed(payout, person, work.rules, lambda taxed: _taking(work, [taxed]))
    except Refused as refusal:
        _not_taxable(payout, refusal)
        return True
    if outcome == "created":
        tell([made])
    if outcome == "changed":
        _ended(work, made)
    return outcome != "changed"


def _not_taxable(payout: Payout, refusal: Refused) -> None:
    logger.warning("an automatic payout cannot be taxed", extra={"payout": payout.id, "code": refusal.code})
    count("PayoutsNotTaxable")


def _payee(payout: Payout) -> tuple[str, str]:
    return payout.distributor_id, payout.currency


def _taking(work: _Work, taken: Sequence[Payout]) -> list[dict[str, Any]]:
    """The writes that count what the run takes on. What staff is asked about it does not take on: staff does."""
    amounts = Counter[str]()
    taken = [payout for payout in taken if payout.state != "requested"]
    for payout in taken:
        amounts[payout.currency] += payout.net
    joined = [payout.id for payout in taken if payout.run_id]
    return [
        run_progress.taking(work.run.id, work.part, len(taken), amounts),
        *payout_runs.within(work.run, work.day, amounts, work.rules.run_limit, work.rules.day_limit),
        *([run_members.joining(work.run.id, joined)] if joined else []),
    ]


def _ended(work: _Work, payout: Payout) -> bool:
    """Whether the run cannot take on this payout, and so no other. A run whose limit is in the way is stopped."""
    now, currency = payout_runs.get(work.run.id), payout.currency
    if now.state != "collecting":
        return True
    if now.released:
        return False
    for name, taken, limits in (
        ("run_limit", now.limited, work.rules.run_limit),
        ("day_limit", payout_runs.taken_on(work.day), work.rules.day_limit),
    ):
        if currency in limits and taken.get(currency, 0) + payout.net > limits[currency]:
            payout_runs.stop(work.run.id, name)
            logger.error("a limit stopped the settlement", extra={"run": work.run.id, "limit": name})
            count("PayoutRunsStopped")
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
    """Whether it is approved, the plan's mode says. What goes into a file then belongs to the run from its beginning on."""
    of, by = amounts(gross, rules.fee_rate), f"run:{run.id}"
    method_id = preferred(person.payout_methods) or ""
    method: dict[str, Any] = person.payout_methods[method_id]
    state: State = "requested" if rules.mode == "approval" else "approved"
    payout = Payout(
        id=f"po_{run.id}_{person.id}_{currency}",
        distributor_id=person.id,
        country=person.country,
        currency=currency,
        gross=gross,
        fee=of.fee,
        tax=of.tax,
        rail=method["rail"],
        method=snapshot(method_id, method),
        state=state,
        history=(Step(at=run.at, to=state, by=by),),
        requested_by=by,
        created_at=run.at,
    )
    if payout.rail != RAIL or state == "requested":
        return payout
    return structs.replace(stepped(payout, "submitting", at=run.at, by=by), run_id=run.id, file=f"{run.id}/{currency}")
