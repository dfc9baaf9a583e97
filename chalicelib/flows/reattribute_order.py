"""Staff gives an order to another distributor: the difference moves at both levels, also after it was paid out."""

from __future__ import annotations

from datetime import datetime

from msgspec import structs

from chalicelib.domain.attribution import now_bought_by, reassigned
from chalicelib.domain.errors import Conflict, Fault, NotFound, Refused
from chalicelib.domain.orders import Order
from chalicelib.domain.people import Distributor
from chalicelib.domain.terms import Terms
from chalicelib.flows.next_image import next_image
from chalicelib.store import audit, customers, distributors, orders, plans
from chalicelib.store.transactions import pauses


def reattribute_order(order_id: str, distributor_id: str, reason: str, by: str, now: datetime) -> Order:
    """Attributes the order to this distributor and their sponsor, under the terms that it has. Audited with the reason.

    Raises `NotFound` for an order and `Refused` for a distributor that does not exist, `Conflict` while the order is not
    attributed at all (its customer or lines are not known).
    """
    direct, sponsor = _people(distributor_id)
    waits = pauses()
    while True:
        known = orders.get(order_id)
        if known is None:
            raise NotFound("NOT_FOUND")
        if known.terms is None:
            raise Conflict("ORDER_NOT_ATTRIBUTED")
        if known.terms.direct and known.terms.direct.distributor_id == distributor_id:
            return known
        owner = customers.get(known.facts.customer_id).owner if known.facts.customer_id else None
        terms = reassigned(
            _whole(known.terms),
            plans.read(known.terms.plan_id, known.terms.version),
            known.facts,
            direct.person(),
            sponsor.person() if sponsor else None,
            owner,
        )
        terms = now_bought_by(terms, frozenset(known.buyers))
        image, earned = next_image(known, known.facts, terms, now)
        opened = [p.id for p in (direct, sponsor) if p and known.facts.currency not in p.currencies]
        record = audit.record(now, by, f"order.attribute: {reason}", f"order:{order_id}", known.terms, terms)
        if orders.save(image, earned, known, [*distributors.opens_currencies(opened, known.facts.currency), record]):
            return image
        next(waits)


def _whole(terms: Terms) -> Terms:
    """The terms with their merchants' plans whole again: they were kept to the ranks of those who had the order."""
    merchant_plans = {
        merchant_id: structs.replace(each, plan=plans.read(each.plan_id, each.version))
        for merchant_id, each in terms.merchant_plans.items()
    }
    return structs.replace(terms, merchant_plans=merchant_plans)


def _people(distributor_id: str) -> tuple[Distributor, Distributor | None]:
    direct = distributors.get(distributor_id)
    if direct is None:
        raise Refused("UNKNOWN_DISTRIBUTOR", Fault("distributor_id", "UNKNOWN_DISTRIBUTOR"))
    return direct, distributors.get(direct.sponsor_id) if direct.sponsor_id else None
