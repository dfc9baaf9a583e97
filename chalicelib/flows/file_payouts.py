"""Second part of a settlement: the closed run's files are written and its payouts are submitted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from chalicelib.domain.payouts import Payout
from chalicelib.domain.plans import PayoutRules
from chalicelib.observe import count
from chalicelib.rails import bank_file, nacha, pain001
from chalicelib.store import files, payout_runs, payouts, plans, run_members, run_progress, sealed
from chalicelib.store.payout_runs import Run

_FORMATS = {"pain.001": pain001, "nacha": nacha}
_CSV = "text/csv; charset=utf-8"
_AT_ONCE = 100
PAYOUTS_A_FILE = 5000
"""So many members of a run, and those that joined with the last of them, are read at once and written into a file for each
currency and format: what is held in memory, and what is done again if a function is cut off."""


def file_payouts(run: Run, goes_on: Callable[[], bool]) -> Run:
    """Writes the files of a closed run, and takes what is in them to `submitted`. The run as it is then.

    The members of a closed run do not change, neither do the lines they make nor the plan that says how, so a file that is
    written again has the same bytes. If `goes_on` says to stop, the run stays closed, and the next call goes on.
    """
    rules = _rules(run)
    while goes_on():
        filed = run_progress.filed(run.id)
        chunk = next(_chunks(run.id, filed.after), None)
        if chunk is None:
            count("PayoutsFiled", filed.payouts)
            return payout_runs.file(run.id, filed.payouts, filed.amounts)
        last, ids, more = chunk
        found = payouts.get_many(ids)
        held = sorted((found[each] for each in ids), key=lambda each: each.id)
        _write(run, rules, held, filed.number + 1 if filed.number or more else 0)
        for i in range(0, len(held), _AT_ONCE):
            payouts.submit_many(held[i : i + _AT_ONCE], run.at, f"run:{run.id}")
        amounts = Counter[str]()
        for payout in held:
            amounts[payout.currency] += payout.net
        run_progress.file_more(run.id, filed, last, len(held), amounts)
    return run


def _chunks(run_id: str, after: str) -> Iterator[tuple[str, list[str], bool]]:
    """The next members, the name of the last group among them, and whether there are more after them."""
    ids: list[str] = []
    last = after
    for name, group in run_members.members(run_id, after):
        if len(ids) >= PAYOUTS_A_FILE:
            yield last, ids, True
            ids = []
        last, ids = name, [*ids, *group]
    if ids:
        yield last, ids, False


def _rules(run: Run) -> PayoutRules:
    """What the plan says, as when a file of this run was written for the first time: had it another format since, two files
    would hold the same payouts."""
    version = plans.in_force(plans.versions(plans.DEFAULT), run.at)
    pinned = payout_runs.pin_plan(run.id, version.version if version else 0).plan
    return plans.read(plans.DEFAULT, pinned).payout if pinned else PayoutRules()


def _write(run: Run, rules: PayoutRules, held: list[Payout], number: int) -> None:
    """Writes these payouts into a file for each currency, and another where the currency's format cannot carry all.
    `number`: 0 if the run has no other files than these."""
    native, rest = defaultdict[str, list[Payout]](list), defaultdict[str, list[Payout]](list)
    for payout in map(sealed.readable, held):
        form = _FORMATS.get(rules.bank_formats.get(payout.currency, "csv")) if rules.originator else None
        (native if form and form.takes(payout) else rest)[payout.currency].append(payout)
    for currency, carried in sorted(native.items()):
        form = _FORMATS[rules.bank_formats[currency]]
        contents = form.contents(run.id, run.at, carried, rules.originator, max(number, 1))
        files.put(bank_file.path(run.id, _name(currency, number), form.SUFFIX), contents, form.MEDIA_TYPE)
    for currency, carried in sorted(rest.items()):
        files.put(bank_file.path(run.id, _name(currency, number)), bank_file.contents(run.id, carried), _CSV)


def _name(currency: str, number: int) -> str:
    return f"{currency}-{number:03d}" if number else currency
