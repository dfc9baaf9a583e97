"""Facts about an order come in: merged into its image, attributed once, terms frozen, stored. At most three round trips."""

from __future__ import annotations

from datetime import datetime

from msgspec import structs

from chalicelib.domain.attribution import as_of, narrowed, ready
from chalicelib.domain.earnings import earnings
from chalicelib.domain.errors import Conflict, Fault, Refused
from chalicelib.domain.orders import Facts, Order, Written, check_refunds, contradictions, join
from chalicelib.domain.postings import difference
from chalicelib.domain.terms import Terms
from chalicelib.flows.attribute_order import (
    Contact,
    Decision,
    Items,
    decide,
    needed,
    seller_plans,
    seller_refs,
    sellers,
)
from chalicelib.store import orders, plans
from chalicelib.store.batch import read
from chalicelib.store.transactions import pauses

NO_CONTACT = Contact()
MAX_MERCHANTS = 80


def record_order(said: Facts, now: datetime, contact: Contact = NO_CONTACT) -> Order:
    """Merges what was said into the order and returns it as stored; what is known already changes nothing.

    The order is attributed and its terms frozen as soon as its customer and lines are known. Raises `Conflict` where an
    id comes again with other content, `Refused` where refunds exceed what was sold, `Busy` if others keep writing to the
    same order for as long as the function may run.
    """
    waits = pauses()
    while True:
        items = read(orders.order_ref(said.order_id), *needed(said, contact))
        stored = items.get(orders.order_ref(said.order_id))
        known = orders.from_attributes(stored) if stored else None
        image, decision = _merged(known, said, contact, items, now)
        if known and image.facts == known.facts and image.terms == known.terms:
            return known
        earned = earnings(image)
        if orders.save(image, earned, known, decision.also(image.facts, earned) if decision else ()):
            return image
        next(waits)


def _merged(
    known: Order | None, said: Facts, contact: Contact, items: Items, now: datetime
) -> tuple[Order, Decision | None]:
    """The next image, and the decision on its terms if it is made now."""
    facts = said
    if known:
        facts = join(known.facts, said)
        faults = contradictions(known.facts, said)
        if faults:
            raise Conflict(faults[0].code, *faults)
    check_refunds(facts)
    _check_merchants(facts)
    terms, decision = (known.terms if known else None), None
    if terms is None and ready(facts):
        missing = needed(facts, contact) - needed(said, contact)
        if missing:
            items = items | read(*missing)
        decision = decide(facts, contact, items, now)
        terms = decision.terms if decision else None
    elif terms and known and facts.lines != known.facts.lines:
        terms = _renarrowed(terms, facts, known.facts, items, now)
    return next_image(known, facts, terms, now), decision


def next_image(known: Order | None, facts: Facts, terms: Terms | None, now: datetime) -> Order:
    """The image after `known` with these facts and terms; it notes itself if it changes what the order earns."""
    if known is None:
        image = Order(facts=facts, revision=1, recorded_at=now, terms=terms)
    else:
        at = max(now, known.recorded_at)
        image = structs.replace(known, facts=facts, terms=terms, revision=known.revision + 1, recorded_at=at)
    if difference(known, image):
        image = structs.replace(image, written=(*image.written, Written(revision=image.revision, at=image.recorded_at)))
    return image


def _check_merchants(facts: Facts) -> None:
    """Each merchant of an order is an item of the transaction that posts it, which takes 100."""
    if len({line.merchant_id for line in facts.lines}) > MAX_MERCHANTS:
        fault = Fault("lines", "ORDER_TOO_MANY_MERCHANTS", {"limit": MAX_MERCHANTS})
        raise Refused("ORDER_TOO_MANY_MERCHANTS", fault, limit=MAX_MERCHANTS)


def _renarrowed(terms: Terms, facts: Facts, known: Facts, items: Items, now: datetime) -> Terms:
    """The same terms for other lines: the rules of the frozen plan versions that can touch these. A merchant who comes in
    with the new lines brings their own plan, as of the same instant."""
    of_known = {line.merchant_id for line in known.lines}
    fresh, operator_pays = sellers(facts, items, as_of(facts, now))
    fresh = {merchant_id: version for merchant_id, version in fresh.items() if merchant_id not in of_known}
    brought = seller_plans(fresh, read(*seller_refs(fresh)))
    own = {
        merchant_id: structs.replace(frozen, plan=plans.read(frozen.plan_id, frozen.version))
        for merchant_id, frozen in terms.merchant_plans.items()
    }
    return structs.replace(
        terms,
        plan=narrowed(plans.read(terms.plan_id, terms.version), facts, terms.direct, terms.indirect),
        merchant_plans={
            merchant_id: structs.replace(each, plan=narrowed(each.plan, facts, terms.direct, terms.indirect))
            for merchant_id, each in sorted((own | brought).items())
        },
        operator_pays=tuple(sorted({*terms.operator_pays, *(m for m in operator_pays if m not in of_known)})),
    )
