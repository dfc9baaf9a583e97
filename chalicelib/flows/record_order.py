"""Facts about an order come in: merged into its image, attributed once, terms frozen, stored. Three round trips at most, a
fourth for an order whose attribution comes in parts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from chalicelib.domain.attribution import as_of, narrowed, now_bought_by, ready
from chalicelib.domain.buckets import day_of, end_of
from chalicelib.domain.credit import Account
from chalicelib.domain.earnings import Earnings
from chalicelib.domain.errors import Busy, Conflict, Fault, Refused
from chalicelib.domain.orders import Facts, Order, contradictions, join
from chalicelib.domain.remaining import check_refunds
from chalicelib.domain.terms import Terms
from chalicelib.flows.attribute_order import (
    Contact,
    Decision,
    Items,
    buyers,
    decide,
    needed,
    seller_plans,
    seller_refs,
    sellers,
)
from chalicelib.flows.follow_credit import follow_credit
from chalicelib.flows.next_image import next_image
from chalicelib.observe import logger
from chalicelib.store import credit, customers, orders, plans
from chalicelib.store.batch import read
from chalicelib.store.transactions import pauses

NO_CONTACT = Contact()
MAX_MERCHANTS = 80
_FOLLOW_AT_ONCE = 100


def record_order(said: Facts, now: datetime, contact: Contact = NO_CONTACT) -> Order:
    """Merges what was said into the order and returns it as stored; what is known already changes nothing.

    The order is attributed and its terms frozen as soon as its customer and lines are known, as of when it was placed. If
    that comes later, or what it carries does, it is decided once more then; and a contact that comes later still tells who
    bought it: so the order of arrival makes no difference (docs/decisions/0013-late-carriers.md).

    Raises `Conflict` where an id comes again with other content, `Refused` where refunds exceed what was sold, `Busy` if
    others keep writing to the same order for as long as the function may run.

    An order on account changes what its customer owes in the same transaction. Other orders of theirs that stop accruing
    for it, or go on, take two round trips more for every 8 of them.
    """
    waits = pauses()
    while True:
        items = read(orders.order_ref(said.order_id), *needed(said, contact))
        stored = items.get(orders.order_ref(said.order_id))
        known = orders.from_attributes(stored) if stored else None
        step = _step(known, said, contact, items, now)
        image = step.image
        if known and (image.facts, image.terms, image.buyers) == (known.facts, known.terms, known.buyers):
            followed = _others_follow(known, step.owed, now)
            return (orders.get(said.order_id) or known) if followed else known
        if orders.save(image, step.earned, known, step.also()):
            _others_follow(image, step.account, now)
            return image
        next(waits)


class _Step(Struct, frozen=True):
    """The next image and what it earns; the decision on its terms, if it is made now; of an order on account what its
    customer owed before and owes with it."""

    image: Order
    earned: Earnings
    decision: Decision | None
    owed: Account | None
    account: Account | None

    def also(self) -> list[dict[str, Any]]:
        """What must be stored together with the order."""
        facts, writes = self.image.facts, []
        on_account = bool(self.owed and self.account and self.owed != self.account)
        if self.decision:
            writes += self.decision.also(facts, self.earned, counted=on_account)
        if on_account and self.owed and self.account and facts.customer_id:
            counted = self.decision.counted_orders if self.decision else None
            writes.append(credit.keeps(facts.customer_id, self.owed, self.account, counted))
        return writes


def _step(known: Order | None, said: Facts, contact: Contact, items: Items, now: datetime) -> _Step:
    facts = said
    if known:
        facts = join(known.facts, said)
        faults = contradictions(known.facts, said)
        if faults:
            raise Conflict(faults[0].code, *faults)
    check_refunds(facts)
    _check_merchants(facts)
    terms = known.terms if known else None
    bought_by = frozenset(known.buyers if known else ()) | buyers(contact, items)
    late = _came_late(known, facts) if known else frozenset()
    decision = None
    if ready(facts) and (terms is None or late):
        missing = needed(facts, contact) - needed(said, contact)
        if missing:
            items = items | read(*missing)
        decision = _decision(terms, late, decide(facts, bought_by, items, now))
    if decision:
        terms = decision.terms
    elif terms and known:
        if facts.lines != known.facts.lines:
            terms = _renarrowed(terms, facts, known.facts, items, now)
        terms = now_bought_by(terms, bought_by)
    told = tuple(sorted(bought_by))
    if terms is None or terms.net_days is None or facts.customer_id is None:
        image, earned = next_image(known, facts, terms, now)
        return _Step(structs.replace(image, buyers=told), earned, decision, None, None)
    buyer = customers.customer_ref(facts.customer_id)
    if buyer not in needed(said, contact) and not decision:
        items = items | read(buyer)
    owed = credit.from_attributes(items.get(buyer))
    first = known is None or known.terms is None
    account = owed.with_order(facts, terms.net_days, terms.time_zone, now, first)
    order = account.open.get(facts.order_id)
    stopped_at = end_of(order.missed, terms.time_zone) if order and order.missed else None
    image, earned = next_image(known, facts, terms, now, stopped_at)
    return _Step(structs.replace(image, buyers=told), earned, decision, owed, account)


def _decision(frozen: Terms | None, late: Collection[str], decision: Decision | None) -> Decision | None:
    """The decision, if it counts: the first one, and a later one that rests on what came late. Any other would only bring in
    what has changed around the order since (ranks, bindings, standing)."""
    if decision is None or frozen is None:
        return decision
    return decision.again(frozen) if "placed_at" in late or decision.terms.because in late else None


def _came_late(known: Order, facts: Facts) -> frozenset[str]:
    """What may decide the order and was not known when it was decided: `placed_at`, or a carrier, by what it is called in
    `because`. A carrier that changes is no such thing; and where staff decided, there is none."""
    if known.terms is None or known.terms.because == "staff":
        return frozenset()
    before, after = known.facts.attribution, facts.attribution
    came = {
        "placed_at": (known.facts.placed_at, facts.placed_at),
        "coupon": (before.coupon, after.coupon),
        "code": (before.code, after.code),
        "click": (before.click_id, after.click_id),
    }
    return frozenset(name for name, (was, now_is) in came.items() if was is None and now_is is not None)


def _others_follow(image: Order, account: Account | None, now: datetime) -> bool:
    """Where this order made its customer overdue, or was the last that did, the others follow at once: some of them at
    least, and what is left undone the daily run does. The order itself is stored, so no trouble here is the caller's.
    False if there was nothing to do."""
    terms, customer_id = image.terms, image.facts.customer_id
    if not (account and terms and customer_id) or not account.judged(day_of(now, terms.time_zone)).out_of_step:
        return False
    try:
        follow_credit(customer_id, now, most=_FOLLOW_AT_ONCE)
    except Busy:
        logger.warning("a customer's other orders follow later", extra={"customer": customer_id})
    return True


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
