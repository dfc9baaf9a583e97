"""What the model keeps of people, customers and orders, and how what is told of them adds up. It imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Body = dict[str, Any]


@dataclass
class Person:
    sponsor: str | None
    code: str
    country: str
    active: bool = True
    rank: str | None = None
    has_number: bool = False
    """Whether the operator has their US taxpayer number."""
    usable_from: datetime | None = None
    """When their payout method may be paid to; None without any."""


@dataclass
class Customer:
    owner: str | None = None
    orders: int = 0
    claims: list[tuple[datetime, str, Body]] = field(default_factory=list)
    clicks: dict[str, tuple[datetime, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """Who is in line for a level; `unpaid`: why they get nothing."""

    who: str
    rank: str | None
    unpaid: str | None


@dataclass(frozen=True)
class Decision:
    plan: Body
    because: str
    direct: Side | None = None
    indirect: Side | None = None
    number: int = 1
    month: tuple[int, int] = (0, 0)


@dataclass
class Sale:
    """An order: `body` is all that was told of it."""

    body: Body
    buyers: set[str] = field(default_factory=set)
    decided: Decision | None = None


def limited(plan: Body, per: str) -> bool:
    """Whether the plan limits what a `customer` or a `month` may earn."""
    return any(limit["per"] == per for limit in plan.get("limits", []))


def disputed(body: Body) -> bool:
    """Whether a dispute of the order is open."""
    return any(each["state"] == "open" for each in body.get("disputes", []))


def settled(body: Body) -> Body:
    """The same order with its open disputes won."""
    won = [each | {"state": "won"} if each["state"] == "open" else each for each in body.get("disputes", [])]
    return body | {"disputes": won}


def merge(body: Body, part: Body) -> None:
    """Facts by their id; the newest description; of a dispute the newest state; of what is set once the first."""
    for name, value in part.items():
        if name in ("lines", "shipping", "tax", "updated_at"):
            continue
        if name in ("payments", "refunds", "disputes"):
            key = f"{name[:-1]}_id"
            known = {each[key]: each for each in body.get(name, [])}
            for each in value:
                before = known.get(each[key])
                if before is None or (name == "disputes" and before["at"] < each["at"]):
                    known[each[key]] = each
            body[name] = list(known.values())
        elif name == "attribution":
            body[name] = value | body.get(name, {})
        else:
            body.setdefault(name, value)
    if "lines" in part and part["updated_at"] > body.get("updated_at", ""):
        for name in ("shipping", "tax"):
            body.pop(name, None)
        body |= {name: part[name] for name in ("lines", "shipping", "tax", "updated_at") if name in part}


def bound(customer: Customer, at: datetime) -> str | None:
    """The claims, in the order in which they happened, each under the rules of its own time."""
    who, ends, protected = None, None, None
    for since, claims, rules in sorted(customer.claims, key=lambda each: each[:2]):
        if since > at:
            break
        alive = who is not None and (ends is None or since < ends)
        last = rules["binding"] == "last"
        if alive and (not last or (claims != who and protected is not None and since < protected)):
            continue
        who, days, guard = claims, rules["binding_days"], rules["protect_days"]
        ends = since + timedelta(days=days) if days is not None else None
        protected = since + timedelta(days=guard) if guard else None
    return who if ends is None or at < ends else None
