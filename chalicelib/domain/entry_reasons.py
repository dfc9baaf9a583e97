"""Why a line of a statement is there: what it is for, what brought it about, by which rule, and where the money waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.domain import accounts
from chalicelib.domain.buckets import HELD, Bucket, matures_on
from chalicelib.domain.explanations import Reason, explanations, hold
from chalicelib.domain.orders import Order, Payment, Refund

_RULES_SHOWN = 3


def entry_reasons(entry: Mapping[str, Any], order: Order | None) -> tuple[Reason, ...]:
    """The steps of one entry (the attributes of its item), from itself and the newest image of its order."""
    figures: dict[str, str | int] = {"amount": abs(entry["amount"]), "of": entry.get("order_id", "")}
    if "order_id" not in entry:
        figures["of"] = entry.get("payout_id", "")
        return (Reason("ENTRY_" + entry["kind"].upper(), figures),)
    level = entry["level"].upper()
    if not entry["amount"]:
        return (Reason("ENTRY_COUNTED", figures), *_causes(entry, order))
    taken = entry["amount"] < 0
    what = Reason(f"ENTRY_{'TAKEN_BACK' if taken else 'EARNED'}_{level}", figures)
    rules = () if taken else _rules(entry, order)
    return (what, *_causes(entry, order), *rules, _where(entry, taken))


def _where(entry: Mapping[str, Any], taken: bool) -> Reason:
    bucket = Bucket(entry["day"], entry["hold_days"])
    if entry["to"] == "available":
        return Reason("FROM_AVAILABLE" if taken else "AVAILABLE_AT_ONCE", {})
    if taken and bucket.day != HELD:
        return Reason("FROM_HOLD", {"day": bucket.day, "matures_on": matures_on(bucket)})
    return Reason("FROM_HELD", {}) if taken else hold(bucket)


def _causes(entry: Mapping[str, Any], order: Order | None) -> tuple[Reason, ...]:
    """The newest fact that the posting knew and the one before it had not: the fact of the entry's own time. What has no
    fact of that time was a decision of staff."""
    if order is None:
        return ()
    at, facts = datetime.fromisoformat(entry["happened_at"]), order.facts
    recorded = next((each.at for each in order.written if each.revision == entry["revision"]), None)

    def then(fact: datetime | None) -> bool:
        # A source whose clock is ahead: its fact happened, for the entry, when it was recorded.
        return fact is not None and at == (min(fact, recorded) if recorded else fact)

    found = [Reason("CAUSE_REFUND", {"id": _name(*of)}) for of in facts.refunds.items() if then(of[1].refunded_at)]
    found += [
        Reason(f"CAUSE_DISPUTE_{each.state.upper()}", {"id": key})
        for key, each in facts.disputes.items()
        if then(each.at)
    ]
    found += [Reason("CAUSE_CANCELLED", {})] if then(facts.cancelled_at) else []
    found += [Reason("CAUSE_PAYMENT", {"id": _name(*of)}) for of in facts.payments.items() if then(of[1].paid_at)]
    found += [Reason("CAUSE_DELIVERED", {})] if then(facts.delivered_at) else []
    by_staff = order.former and recorded == at
    if not found and by_staff:
        found.append(Reason("CAUSE_ATTRIBUTED", {}))
    return tuple(found[:1])


def _name(key: str, fact: Payment | Refund) -> str:
    """What a running total is of has a name; the statement itself has only a key."""
    return (fact.source if fact.running else None) or key


def _rules(entry: Mapping[str, Any], order: Order | None) -> tuple[Reason, ...]:
    """The rules that give the level of the order what it has, as long as it is still this distributor's."""
    terms = order.terms if order else None
    side = (terms.direct if entry["level"] == "direct" else terms.indirect) if terms else None
    if order is None or side is None:
        return ()
    if accounts.distributor(side.distributor_id, order.facts.currency) != entry["account"]:
        return ()
    steps = [each for line in explanations(order) if line.level == entry["level"] for each in line.reasons]
    rules = list({(each.code, *each.params.items()): each for each in steps if each.code.startswith("RULE_")}.values())
    if len(rules) > _RULES_SHOWN:
        return (Reason("RULES_OF_LINES", {"rules": len(rules)}),)
    return tuple(rules)
