"""Second part of a settlement: the closed run's files are written and its payouts are submitted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from chalicelib.domain.payouts import Payout
from chalicelib.domain.plans import PayoutRules
from chalicelib.rails import bank_file, nacha, pain001
from chalicelib.store import files, payout_runs, payouts, plans, sealed
from chalicelib.store.payout_runs import Run

_FORMATS = {"pain.001": pain001, "nacha": nacha}
_CSV = "text/csv; charset=utf-8"


def file_payouts(run: Run, goes_on: Callable[[], bool]) -> Run:
    """Writes the files of each currency of a closed run, then takes its payouts to `submitted`. The run as it is then.

    The members of a closed run do not change, neither do the lines they make nor the plan that says how, so a file that is
    written again has the same bytes. If `goes_on` says to stop, the run stays closed, and the next call does what is left.
    """
    if not goes_on():
        return run
    members = payouts.get_many(payout_runs.members(run.id))
    by_currency: dict[str, list[Payout]] = defaultdict(list)
    for payout in members.values():
        by_currency[payout.currency].append(payout)
    rules = _rules(run)
    for currency, group in sorted(by_currency.items()):
        for path, contents, media_type in _files(run, currency, [sealed.readable(each) for each in group], rules):
            files.put(path, contents, media_type)
    for payout in members.values():
        if not goes_on():
            return run
        if payout.state == "submitting":
            at = max(run.at, payout.history[-1].at)
            payouts.move(payout, "submitted", at=at, by=f"run:{run.id}")
    amounts = {currency: sum(payout.net for payout in group) for currency, group in sorted(by_currency.items())}
    return payout_runs.file(run.id, len(members), amounts)


def _rules(run: Run) -> PayoutRules:
    """What the plan says, as when a file of this run was written for the first time: had it another format since, two files
    would hold the same payouts."""
    version = plans.in_force(plans.versions(plans.DEFAULT), run.at)
    pinned = payout_runs.pin_plan(run.id, version.version if version else 0).plan
    return plans.read(plans.DEFAULT, pinned).payout if pinned else PayoutRules()


def _files(run: Run, currency: str, group: list[Payout], rules: PayoutRules) -> Iterator[tuple[str, bytes, str]]:
    """Path, bytes and type of each file: the bank's own format with what it can carry, a CSV with the rest."""
    form, carried = _FORMATS.get(rules.bank_formats.get(currency, "csv")), []
    if form and rules.originator:
        carried = [payout for payout in group if form.takes(payout)]
        if carried:
            path = bank_file.path(run.id, currency, form.SUFFIX)
            yield path, form.contents(run.id, run.at, carried, rules.originator), form.MEDIA_TYPE
    if rest := [payout for payout in group if payout not in carried]:
        yield bank_file.path(run.id, currency), bank_file.contents(run.id, rest), _CSV
