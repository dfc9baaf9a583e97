"""Facts about an order come in: merged into its image, attributed once, terms frozen, stored. At most three round trips."""

from __future__ import annotations

from datetime import datetime

from msgspec import structs

from chalicelib.domain.attribution import narrowed, ready
from chalicelib.domain.earnings import earnings
from chalicelib.domain.errors import Conflict
from chalicelib.domain.orders import Facts, Order, Written, check_refunds, contradictions, join
from chalicelib.domain.postings import difference
from chalicelib.domain.terms import Terms
from chalicelib.flows.attribute_order import Contact, Items, decide, needed
from chalicelib.store import distributors, orders, plans
from chalicelib.store.batch import read
from chalicelib.store.transactions import pauses

NO_CONTACT = Contact()


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
        image, newcomers = _merged(known, said, contact, items, now)
        if known and image.facts == known.facts and image.terms == known.terms:
            return known
        also = distributors.opens_currencies(newcomers, said.currency)
        if orders.save(image, earnings(image), known, also):
            return image
        next(waits)


def _merged(
    known: Order | None, said: Facts, contact: Contact, items: Items, now: datetime
) -> tuple[Order, tuple[str, ...]]:
    """The next image, and the beneficiaries for whom it opens an account."""
    facts = said
    if known:
        facts = join(known.facts, said)
        faults = contradictions(known.facts, said)
        if faults:
            raise Conflict(faults[0].code, *faults)
    check_refunds(facts)
    terms, newcomers = (known.terms if known else None), tuple[str, ...]()
    if terms is None and ready(facts):
        missing = needed(facts, contact) - needed(said, contact)
        if missing:
            items = items | read(*missing)
        decision = decide(facts, contact, items, now)
        if decision:
            terms, newcomers = decision.terms, decision.newcomers
    elif terms and known and facts.lines != known.facts.lines:
        terms = _renarrowed(terms, facts)
    image = Order(
        facts=facts,
        revision=known.revision + 1 if known else 1,
        recorded_at=max(now, known.recorded_at) if known else now,
        terms=terms,
        written=known.written if known else (),
    )
    if difference(known, image):
        image = structs.replace(image, written=(*image.written, Written(revision=image.revision, at=image.recorded_at)))
    return image, newcomers


def _renarrowed(terms: Terms, facts: Facts) -> Terms:
    """The same terms for other lines: the rules of the frozen plan version that can touch these."""
    plan = plans.read(terms.plan_id, terms.version)
    return structs.replace(terms, plan=narrowed(plan, facts, terms.direct, terms.indirect))
