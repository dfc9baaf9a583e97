"""What becomes of an order, told by whoever knows it: the storefront, the payment provider, the carrier."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from tests.oracle.random_orders import random_back, random_lines

SCALE = {"CNY": 10, "USD": 2, "JPY": 1, "KWD": 3}
Part = dict[str, Any]


class Told(NamedTuple):
    """A part of an order's body, as CONTRACT.md has it, and when it happened."""

    at: datetime
    part: Part


def text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def story(
    chance: Random, currency: str, customer: str, placed: datetime, carriers: dict[str, str], pays_in: int
) -> list[Told]:
    """Everything that will happen to an order of this customer, placed at this instant; paid within so many days, or, for
    none, at once."""
    lines = random_lines(chance)
    for line in lines:
        for name in ("amount", "cost"):
            if name in line:
                line[name] *= SCALE[currency]
    extras = {name: chance.choice([0, 500, 1234]) for name in ("shipping", "tax") if chance.random() < 0.4}
    due = sum(line["amount"] for line in lines) + sum(extras.values())
    front: Part = {"customer_id": customer, "placed_at": text(placed), "updated_at": text(placed), "lines": lines}
    front |= extras
    payments = _payments(chance, due, placed + timedelta(days=chance.random() * pays_in))
    told = [Told(placed, front)]
    if carriers and chance.random() < 0.1:
        # The note of the payment carries the code, and the storefront does not.
        told.append(Told(placed + timedelta(seconds=20), {"attribution": carriers}))
    elif carriers:
        front["attribution"] = carriers
    if payments and not pays_in and chance.random() < 0.45:
        front["payments"] = [payments.pop(0)]
    told += [Told(datetime.fromisoformat(each["paid_at"]), {"payments": [each]}) for each in payments]
    if chance.random() < 0.7:
        delivered = placed + timedelta(hours=chance.uniform(5, 200))
        told.append(Told(delivered, {"delivered_at": text(delivered)}))
    return told + _later(chance, lines, sum(extras.values()), placed, due)


def _payments(chance: Random, due: int, placed: datetime) -> list[Part]:
    if due == 0 or chance.random() < 0.03:
        return []
    amounts = [due]
    kind = chance.random()
    if kind < 0.08 and due > 3:
        first, second = sorted(chance.sample(range(1, due), 2))
        amounts = [first, second - first, due - second]
    elif kind < 0.1:
        amounts = [max(1, due - 1)]
    elif kind < 0.12:
        amounts = [due + 100]
    at, payments = placed, []
    for number, amount in enumerate(amounts):
        payments.append({"payment_id": f"p{number}", "amount": amount, "paid_at": text(at)})
        at += timedelta(days=chance.uniform(1, 12))
    return payments


def _later(chance: Random, lines: list[Part], extra: int, placed: datetime, due: int) -> list[Told]:
    """Refunds, disputes, a cancellation, another description: or, mostly, nothing."""
    kind = chance.random()
    if kind < 0.13:
        refunds, disputes = random_back(chance, lines, extra, placed)
        told = [Told(datetime.fromisoformat(each["refunded_at"]), {"refunds": [each]}) for each in refunds]
        return told + [one for each in disputes for one in _dispute(chance, each)]
    at = placed + timedelta(days=chance.uniform(0.5, 30))
    if kind < 0.17 and due:
        return [Told(at, {"refunds": [{"refund_id": "all", "refunded_at": text(at), "amount": due}]})]
    if kind < 0.2 and due:
        dispute = {"dispute_id": "d", "amount": max(1, due // chance.choice([1, 2])), "state": "open", "at": text(at)}
        return _dispute(chance, dispute | {"state": chance.choice(["open", "won", "lost"])})
    if kind < 0.22:
        return [Told(at, {"cancelled_at": text(at)})]
    if kind < 0.24:
        changed = [line | {"amount": line["amount"] * 3 // 2} for line in lines[: chance.choice([1, len(lines)])]]
        return [Told(at, {"updated_at": text(at), "lines": changed})]
    return []


def _dispute(chance: Random, ends: Part) -> list[Told]:
    """A dispute that is opened, and is won or lost some days later; at times a lost one is reversed."""
    at = datetime.fromisoformat(ends["at"])
    told = [Told(at, {"disputes": [ends | {"state": "open"}]})]
    for state in (ends["state"], "won" if ends["state"] == "lost" and chance.random() < 0.3 else "open"):
        if state != "open":
            at += timedelta(days=chance.uniform(1, 20))
            told.append(Told(at, {"disputes": [ends | {"state": state, "at": text(at)}]}))
    return told
