"""Second part of a settlement: the closed run's files are written and its payouts are submitted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from chalicelib.domain.payouts import Payout
from chalicelib.rails import bank_file
from chalicelib.store import files, payout_runs, payouts
from chalicelib.store.payout_runs import Run


def file_payouts(run: Run, goes_on: Callable[[], bool]) -> Run:
    """Writes one file for each currency of a closed run, then takes its payouts to `submitted`. The run as it is then.

    The members of a closed run do not change and neither do the lines they make, so a file that is written again has the
    same bytes. If `goes_on` says to stop, the run stays closed, and the next call does what is left.
    """
    if not goes_on():
        return run
    members = payouts.get_many(payout_runs.members(run.id))
    by_currency: dict[str, list[Payout]] = defaultdict(list)
    for payout in members.values():
        by_currency[payout.currency].append(payout)
    for currency, group in sorted(by_currency.items()):
        files.put(bank_file.path(run.id, currency), bank_file.contents(run.id, group), "text/csv; charset=utf-8")
    for payout in members.values():
        if not goes_on():
            return run
        if payout.state == "submitting":
            at = max(run.at, payout.history[-1].at)
            payouts.move(payout, "submitted", at=at, by=f"run:{run.id}")
    amounts = {currency: sum(payout.net for payout in group) for currency, group in sorted(by_currency.items())}
    return payout_runs.file(run.id, len(members), amounts)
