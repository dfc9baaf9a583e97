"""The plans of a life: random rules for orders, with short holds, and rules of payout that make some thousand payouts."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.oracle.random_plans import random_plan

MINIMUM = {"CNY": 12_000, "USD": 4_000, "JPY": 2_500, "KWD": 6_000}
_FEES = ("0", "0.006", "0.01")
_LIMITS: tuple[list[dict[str, Any]], ...] = (
    [],
    [],
    [{"per": "customer", "orders": 5}],
    [{"per": "month", "amount": 400_000}],
)


def draw(chance: Random) -> dict[str, Any]:
    """The body of a plan."""
    body = random_plan(chance) | {
        "hold_days": chance.choice([0, 1, 3, 7]),
        "limits": chance.choice(_LIMITS),
        "attribution": {
            "model": chance.choice(["last_click", "first_click"]),
            "click_days": chance.choice([1, 7, 30]),
            "binding": chance.choice(["first", "last"]),
            "binding_days": chance.choice([None, 30, 90]),
            "protect_days": chance.choice([0, 15]),
        },
        "payout": {
            "minimum": MINIMUM,
            "fee_rate": chance.choice(_FEES),
            "tax": {"CN": chance.choice(["cn_per_occurrence", "cn_cumulative"]), "US": "us_backup"},
            "cool_off_hours": chance.choice([0, 24, 72]),
        },
    }
    if chance.random() < 0.7:  # one whose rates are nothing makes no money go round
        body["direct"] = {"rate": chance.choice(["0.08", "0.1", "0.125", "0.2"])}
        body["indirect"] = {"rate": chance.choice(["0.03", "0.05", "0.015"])}
        body["cap"] = {"rate": chance.choice(["0.15", "0.3", "1"])}
    return body
