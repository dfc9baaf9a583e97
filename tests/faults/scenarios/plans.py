"""Plans are saved, and drafts are compared with past orders."""

from __future__ import annotations

from chalicelib.domain.plans import Plan, Rule
from chalicelib.flows.record_order import record_order
from chalicelib.flows.run_replay import fail_replay
from chalicelib.flows.start_replay import start_replay
from tests.faults.matrix import Scenario
from tests.faults.production import ask, run, work
from tests.faults.scenarios.callers import staff
from tests.faults.scenarios.orders import opened
from tests.faults.state import Item
from tests.faults.world import World
from tests.flows.shop import NOW, at, ordered, paid

_BODY = {"direct": {"rate": "0.2"}, "indirect": {"rate": "0.01"}}


def _manager(world: World) -> str:
    opened(world)
    for i in range(3):
        record_order(ordered(f"o-{i}", payments=paid()), at(1))
    return staff(world)


def _started(world: World) -> str:
    _manager(world)
    first, last = at(0).date(), at(3).date()
    draft = Plan(direct=Rule(rate="0.2"))
    return start_replay("default", draft, first, last, "staff:1", NOW, "1" * 32).id


def _replay(world: World, token: str) -> None:
    body = {"plan": _BODY, "from": "2026-03-01", "to": "2026-03-08"}
    ask(world, token, "POST", "/v1/plans/{plan_id}/replay", body, same=False, plan_id="default")
    work(world)


def _newest(place: str, item: Item) -> Item | None:
    """A replay and the newest of its files: those of steps that were not saved, or were followed, count no more. How far it
    had come when somebody asked is no part of it."""
    asked = str(item.get("id", "")).startswith("answer#")
    return None if asked or (place == "file" and item["path"].startswith("replays/") and not _found(item)) else item


def _found(item: Item) -> bool:
    return '"segment":16' in item["contents"] or item["path"].endswith("draft.json")


SCENARIOS = (
    Scenario(
        "plans: a version is saved",
        _manager,
        lambda world, token: ask(world, token, "PUT", "/v1/plans/{plan_id}", _BODY, plan_id="default"),
    ),
    Scenario(
        "plans: a draft is compared with past orders",
        _manager,
        _replay,
        view=_newest,
        because="a step whose saving was cut off leaves a file that nothing names",
    ),
    Scenario(
        "plans: a comparison that broke",
        _started,
        lambda world, replay_id: run(world, lambda: fail_replay(replay_id)),
        lambda world, _: world.started.clear(),
    ),
)
