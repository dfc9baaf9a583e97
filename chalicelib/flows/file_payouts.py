"""Second part of a settlement: the closed run's files are written and its payouts are submitted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from chalicelib.domain.payouts import Payout
from chalicelib.domain.plans import PayoutRules
from chalicelib.rails import bank_file, nacha, pain001
from chalicelib.store import files, payout_runs, payouts, plans, run_progress, sealed
from chalicelib.store.payout_runs import Run
from chalicelib.store.run_progress import Written

_FORMATS = {"pain.001": pain001, "nacha": nacha}
_CSV = "text/csv; charset=utf-8"
_SUBMITTED = "submitted"
PAYOUTS_A_FILE = 5000
"""Most in one CSV: what is held in memory at once for each currency."""


def file_payouts(run: Run, goes_on: Callable[[], bool]) -> Run:
    """Writes the files of each currency of a closed run, then takes its payouts to `submitted`. The run as it is then.

    The members of a closed run do not change, neither do the lines they make nor the plan that says how, so a file that is
    written again has the same bytes. If `goes_on` says to stop, the run stays closed, and the next call does what is left.
    """
    written = run_progress.written(run.id) or _write(run, goes_on)
    if written is None or not _submit(run, goes_on):
        return run
    return payout_runs.file(run.id, written.payouts, written.amounts)


def _submit(run: Run, goes_on: Callable[[], bool]) -> bool:
    while True:
        part = run_progress.get(run.id, _SUBMITTED)
        page = next(payout_runs.members(run.id, part.after), None)
        if page is None:
            return True
        for payout in payouts.get_many(page).values():
            if not goes_on():
                return False
            if payout.state == "submitting":
                payouts.move(payout, "submitted", at=max(run.at, payout.history[-1].at), by=f"run:{run.id}")
        run_progress.advance(run.id, _SUBMITTED, part, page[-1], len(page))


def _rules(run: Run) -> PayoutRules:
    """What the plan says, as when a file of this run was written for the first time: had it another format since, two files
    would hold the same payouts."""
    version = plans.in_force(plans.versions(plans.DEFAULT), run.at)
    pinned = payout_runs.pin_plan(run.id, version.version if version else 0).plan
    return plans.read(plans.DEFAULT, pinned).payout if pinned else PayoutRules()


def _write(run: Run, goes_on: Callable[[], bool]) -> Written | None:
    """Writes every file of the run, reading its members page by page. None if `goes_on` said to stop."""
    rules = _rules(run)
    count, amounts = 0, Counter[str]()
    native, lists = defaultdict[str, list[Payout]](list), dict[str, _Lists]()
    for page in payout_runs.members(run.id):
        if not goes_on():
            return None
        for payout in sorted(payouts.get_many(page).values(), key=lambda each: each.id):
            count, currency = count + 1, payout.currency
            amounts[currency] += payout.net
            form = _FORMATS.get(rules.bank_formats.get(currency, "csv")) if rules.originator else None
            readable = sealed.readable(payout)
            if form and form.takes(readable):
                native[currency].append(readable)
            else:
                lists.setdefault(currency, _Lists(run.id, currency)).add(readable)
    if not goes_on():
        return None
    for currency, carried in sorted(native.items()):
        form = _FORMATS[rules.bank_formats[currency]]
        contents = form.contents(run.id, run.at, carried, rules.originator)
        files.put(bank_file.path(run.id, currency, form.SUFFIX), contents, form.MEDIA_TYPE)
    for _, rest in sorted(lists.items()):
        rest.finish()
    written = Written(count, dict(sorted(amounts.items())))
    run_progress.note_written(run.id, written)
    return written


class _Lists:
    """The CSV files of one currency: `CNY.csv`, or `CNY-001.csv` and so on where one would hold too many payouts."""

    def __init__(self, run_id: str, currency: str) -> None:
        self._run_id, self._currency = run_id, currency
        self._waiting: list[Payout] = []
        self._full = 0

    def add(self, payout: Payout) -> None:
        if len(self._waiting) == PAYOUTS_A_FILE:
            self._full += 1
            self._put(f"{self._currency}-{self._full:03d}")
        self._waiting.append(payout)

    def finish(self) -> None:
        self._put(f"{self._currency}-{self._full + 1:03d}" if self._full else self._currency)

    def _put(self, name: str) -> None:
        files.put(bank_file.path(self._run_id, name), bank_file.contents(self._run_id, self._waiting), _CSV)
        self._waiting = []
