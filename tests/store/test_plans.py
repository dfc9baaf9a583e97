"""Plan versions: immutable, numbered without gaps, in force from their time on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Refused
from chalicelib.domain.plans import AttributionRules, IndirectRule, Limit, Plan, Rule
from chalicelib.flows.save_plan import save_plan
from chalicelib.settings import settings
from chalicelib.store import plans, proof

pytestmark = pytest.mark.usefixtures("cloud_tables")

NOW = datetime(2026, 3, 1, 4, 0, 0, 123456, tzinfo=UTC)


def plan(rate: str, **more: Any) -> Plan:
    return Plan(direct=Rule(rate=rate), indirect=IndirectRule(rate="0.03"), **more)


def test_versions_are_read_back_as_they_were_saved() -> None:
    first = plan("0.1", attribution=AttributionRules(click_days=7, binding="last"), ranks={})
    save_plan("default", first, None, "staff:1", NOW)
    save_plan("default", plan("0.2"), NOW + timedelta(days=1), "staff:1", NOW)

    assert plans.read("default", 1) == first
    assert plans.read("default", 2) == plan("0.2")
    assert [each.attribution for each in plans.versions("default")] == [first.attribution, AttributionRules()]
    with pytest.raises(LookupError):
        plans.read("default", 3)


def test_each_save_is_audited_with_it() -> None:
    save_plan("default", plan("0.1"), None, "staff:1", NOW)

    (record,) = proof._scan(settings().audit_table)
    assert (record["who"], record["action"], record["object"]) == ("staff:1", "plan.save", "plan:default")


def test_somebody_who_is_always_overtaken_saves_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    versions, rivals = plans.versions, iter(range(15))

    def overtaken(plan_id: str) -> Any:
        known = versions(plan_id)
        if (rival := next(rivals, None)) is not None:
            with monkeypatch.context() as patch:
                patch.setattr(plans, "versions", versions)
                save_plan(plan_id, plan(f"0.{rival:02d}"), None, "staff:2", NOW)
        return known

    monkeypatch.setattr(plans, "versions", overtaken)
    assert save_plan("default", plan("0.5"), None, "staff:1", NOW).version == 16


def test_the_newest_version_that_has_taken_effect_is_in_force() -> None:
    for days in (0, 10, 5):
        save_plan("default", plan("0.1"), NOW + timedelta(days=days), "staff:1", NOW)
    versions = plans.versions("default")

    def in_force(days: float) -> int:
        found = plans.in_force(versions, NOW + timedelta(days=days))
        return found.version if found else 0

    assert [in_force(days) for days in (-1, 0, 4.9, 5, 9, 10, 11)] == [1, 1, 1, 3, 3, 3, 3]
    assert plans.in_force((), NOW) is None


def test_a_version_is_read_once_in_the_life_of_a_container(requests_sent: Any) -> None:
    save_plan("default", plan("0.1"), None, "staff:1", NOW)
    requests = requests_sent()

    plans.read("default", 1)
    plans.read("default", 1)

    assert len(requests) == 1


def test_racing_saves_get_a_version_each() -> None:
    with ThreadPoolExecutor(6) as pool:
        saved = list(pool.map(lambda i: save_plan("default", plan(f"0.0{i}"), None, "staff:1", NOW), range(1, 7)))

    assert sorted(each.version for each in saved) == [1, 2, 3, 4, 5, 6]
    assert len(plans.versions("default")) == 6
    rates = {plans.read("default", each.version).direct.rate for each in saved}
    assert len(rates) == 6


def test_a_plan_that_contradicts_itself_is_not_stored() -> None:
    with pytest.raises(Refused) as refused:
        save_plan("default", plan("0.1", limits=(Limit(per="customer", amount=5),)), None, "staff:1", NOW)

    assert refused.value.faults[0].path == "limits[0]"
    assert plans.versions("default") == ()
