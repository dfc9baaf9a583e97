"""Random lives of the books against a plain dict: the sum is zero and every balance is the sum of its entries."""

from __future__ import annotations

from collections import defaultdict
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain import accounts
from chalicelib.domain.postings import Posting
from chalicelib.store import maturity, statement
from chalicelib.store.ledger import post
from tests.store.builders import AT, entries_of, holds, ledger, leg, posting, sum_of_all

pytestmark = pytest.mark.usefixtures("cloud_tables")

DAYS = ["2026-03-01", "2026-03-02", "2026-03-03"]
PEOPLE = ["ann", "bob"]


@st.composite
def postings(draw: st.DrawFn) -> Posting:
    """A posting of one of few keys, its body made from the key: so the same key comes again, with the same body."""
    order, revision = draw(st.integers(0, 7)), draw(st.integers(1, 3))
    amount = (order * 37 + revision * 11) % 50 - 20 or 1
    day = DAYS[order % 3]
    legs = [leg(PEOPLE[order % 2], amount, day=day, sales=amount if amount > 0 else 0)]
    if order % 3:
        legs.append(leg(PEOPLE[(order + 1) % 2], amount + 3 or 1, level="indirect", day=day))
    return posting(f"o-{order}", *legs, revision=revision, happened_on=DAYS[(order + revision) % 3])


steps = st.one_of(st.lists(postings(), min_size=1, max_size=6), st.sampled_from(["2026-03-16", "2026-03-17"]))


@given(st.lists(steps, min_size=1, max_size=8))
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_books_follow_the_model(life: list[list[Posting] | str]) -> None:
    names = {who: f"{who}-{uuid4().hex[:8]}" for who in PEOPLE}
    pending: dict[tuple[str, str], int] = defaultdict(int)
    available: dict[str, int] = defaultdict(int)
    matured: set[tuple[str, str]] = set()
    seen: set[str] = set()
    for step in life:
        if isinstance(step, str):
            for page in maturity.due_days(step):
                maturity.mature(page, AT)
            for who, day in list(pending):
                if day <= f"2026-03-0{int(step[-2:]) - 15}" and (who, day) not in matured:
                    matured.add((who, day))
                    available[who] += pending.pop((who, day))
            continue
        mine = [renamed(each, names) for each in step]
        outcomes = post(mine)
        for each, outcome in zip(mine, outcomes, strict=True):
            assert outcome.result == ("already_applied" if each.key in seen else "applied")
        for each in {each.key: each for each in mine}.values():
            if each.key in seen:
                continue
            seen.add(each.key)
            for entry in each.entries:
                who, day = accounts.payee(entry.account)[0], entry.bucket.day
                if (who, day) in matured:
                    available[who] += entry.amount
                else:
                    pending[who, day] += entry.amount
    items = ledger()
    assert sum_of_all(items) == 0
    for who in names.values():
        on_hold = sum(amount for (of, _), amount in pending.items() if of == who)
        held = holds(statement.balance(who, "CNY"))
        assert held == (on_hold, available[who])
        assert sum(held) == sum(entries_of(items, accounts.distributor(who, "CNY")))


def renamed(one: Posting, names: dict[str, str]) -> Posting:
    """The same posting for the people of this example, in orders of their own: examples share the tables."""
    order_id, revision = one.key.split("@")
    legs = [
        leg(
            names[accounts.payee(entry.account)[0]],
            entry.amount,
            level=entry.level,
            day=entry.bucket.day,
            sales=entry.sales,
        )
        for entry in one.entries
    ]
    return posting(f"{order_id}-{names['ann']}", *legs, revision=int(revision), happened_on=one.happened_on)
