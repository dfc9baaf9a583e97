"""Whom an order goes to and on which terms: the reads that the decision needs, and the decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from chalicelib.domain.attribution import Person, Source, as_of, chosen_click, terms
from chalicelib.domain.bindings import binding_at
from chalicelib.domain.buckets import day_of
from chalicelib.domain.codes import normalised_code
from chalicelib.domain.earnings import Earnings
from chalicelib.domain.orders import Facts
from chalicelib.domain.plans import AttributionRules
from chalicelib.domain.rates import Level
from chalicelib.domain.terms import Beneficiary, MerchantPlan, Terms
from chalicelib.settings import settings
from chalicelib.store import allowances, clicks, customers, distributors, merchants, plans
from chalicelib.store.batch import Ref, distributor, read, ref
from chalicelib.store.credit import from_attributes as account_of
from chalicelib.store.distributors import ClaimKind, claim_id
from chalicelib.store.plans import Version

Items = dict[Ref, dict[str, Any]]


class Contact(Struct, frozen=True):
    """Blind indexes of the e-mail and phone that came with an order: compared, never stored on it."""

    email: str | None = None
    phone: str | None = None


class Decision(Struct, frozen=True):
    """The terms; the beneficiaries who have no account in the order's currency yet; and what the plan's limits count: the
    customer's orders so far, and by level the month's item with what it has reserved."""

    terms: Terms
    newcomers: tuple[str, ...]
    counted_orders: int | None = None
    months: tuple[tuple[Level, Ref, int | None], ...] = ()

    def again(self, before: Terms) -> Decision:
        """The same decision for an order that had terms already: what limits had counted for it counts once. For an order
        that went to nobody they had counted nothing, and for a level that goes to somebody else now, not their month."""
        kept = structs.replace(self.terms, net_days=before.net_days)
        if before.direct:
            kept = structs.replace(kept, customer_order_number=before.customer_order_number)
        stays = {"direct": _same(before.direct, kept.direct), "indirect": _same(before.indirect, kept.indirect)}
        if stays["direct"]:
            kept = structs.replace(kept, direct_this_month=before.direct_this_month)
        if stays["indirect"]:
            kept = structs.replace(kept, indirect_this_month=before.indirect_this_month)
        return structs.replace(
            self,
            terms=kept,
            counted_orders=None if before.direct else self.counted_orders,
            months=tuple(each for each in self.months if not stays[each[0]]),
        )

    def also(self, facts: Facts, earned: Earnings, counted: bool = False) -> list[dict[str, Any]]:
        """What must be stored together with the order. `counted`: another write counts it in the customer's item."""
        writes = distributors.opens_currencies(self.newcomers, facts.currency)
        if self.counted_orders is not None and facts.customer_id and not counted:
            writes.append(customers.counts_order(facts.customer_id, self.counted_orders))
        for level, item, known in self.months:
            writes.append(allowances.reserve(item, level, known, earned.level(level).potential))
        return writes


def _same(before: Beneficiary | None, now: Beneficiary | None) -> bool:
    return before is not None and now is not None and before.distributor_id == now.distributor_id


def _claim(kind: ClaimKind, value: str) -> Ref:
    return distributor(claim_id(kind, value))


def _coupon(facts: Facts) -> list[Ref]:
    """A coupon is a distributor's by its own name, or because it is their code."""
    coupon = facts.attribution.coupon
    return [_claim("coupon", normalised_code(coupon)), _claim("code", normalised_code(coupon))] if coupon else []


def _code(facts: Facts) -> list[Ref]:
    return [_claim("code", normalised_code(facts.attribution.code))] if facts.attribution.code else []


def _contacts(contact: Contact) -> list[Ref]:
    email = [_claim("email", contact.email)] if contact.email else []
    return email + ([_claim("phone", contact.phone)] if contact.phone else [])


def buyers(contact: Contact, items: Items) -> frozenset[str]:
    """The distributors whose own e-mail or phone this is, from what `needed` read."""
    return frozenset(str(items[each]["owner"]) for each in _contacts(contact) if each in items)


def _plan_index(plan_id: str) -> Ref:
    return ref(settings().settings_table, **plans.index_key(plan_id))


def _sellers(facts: Facts) -> list[str]:
    return sorted({line.merchant_id for line in facts.lines if line.merchant_id})


def needed(facts: Facts, contact: Contact) -> set[Ref]:
    """All that can be asked for by what the order itself says: one round trip."""
    wanted = {_plan_index(plans.DEFAULT), *_coupon(facts), *_code(facts), *_contacts(contact), *of_sellers(facts)}
    if facts.customer_id:
        wanted.add(customers.customer_ref(facts.customer_id))
    if facts.attribution.click_id:
        wanted.add(clicks.click_ref(facts.attribution.click_id))
    return wanted


def of_sellers(facts: Facts) -> set[Ref]:
    """What the merchants of the lines may have of their own: a plan, and who bears the commission."""
    wanted = {_plan_index(plans.MERCHANT_PREFIX + each) for each in _sellers(facts)}
    return wanted | {merchants.merchant_ref(each) for each in _sellers(facts)}


def sellers(facts: Facts, items: Items, at: datetime) -> tuple[dict[str, Version], tuple[str, ...]]:
    """The versions in force of the merchants' own plans, and the merchants for whom the operator pays."""
    own: dict[str, Version] = {}
    for each in _sellers(facts):
        version = plans.in_force(plans.versions_from(items.get(_plan_index(plans.MERCHANT_PREFIX + each))), at)
        if version:
            own[each] = version
    known = {each: items.get(merchants.merchant_ref(each)) for each in _sellers(facts)}
    paid = tuple(each for each, item in known.items() if item and merchants.from_attributes(item).paid_by == "operator")
    return own, paid


def seller_plans(own: dict[str, Version], items: Items) -> dict[str, MerchantPlan]:
    """The merchants' plans, from items read with what the versions wanted."""
    return {
        each: MerchantPlan(
            plan_id=plans.MERCHANT_PREFIX + each,
            version=version.version,
            plan=plans.among(items, plans.MERCHANT_PREFIX + each, version.version),
        )
        for each, version in own.items()
    }


def seller_refs(own: dict[str, Version]) -> list[Ref]:
    """The plan versions of merchants that this container does not hold yet."""
    wanted = [plans.wanted(plans.MERCHANT_PREFIX + each, version.version) for each, version in own.items()]
    return [each for some in wanted for each in some]


def _source(facts: Facts, items: Items, rules: AttributionRules, at: datetime) -> Source | None:
    """Coupon, then code, then binding in force, then click in the window: the first that names a distributor."""
    carried = [(each, "coupon") for each in _coupon(facts)] + [(each, "code") for each in _code(facts)]
    for each, because in carried:
        if each in items:
            return Source(
                distributor_id=items[each]["owner"],
                sponsor_id=items[each].get("sponsor_id"),
                because="coupon" if because == "coupon" else "code",
            )
    customer_id = facts.customer_id or ""
    customer = customers.from_attributes(customer_id, items.get(customers.customer_ref(customer_id)))
    bound = binding_at(customer.claims, at)
    if bound:
        return Source(distributor_id=bound.distributor_id, sponsor_id=bound.sponsor_id, because="binding")
    seen = list(customer.clicks)
    click_id = facts.attribution.click_id
    own = clicks.from_attributes(items.get(clicks.click_ref(click_id))) if click_id else None
    click = chosen_click(rules, [*seen, *([own] if own else [])], at)
    if click:
        return Source(distributor_id=click.distributor_id, sponsor_id=click.sponsor_id, because="click")
    return None


def _person(items: Items, distributor_id: str | None) -> tuple[Person | None, frozenset[str]]:
    item = items.get(distributor(distributor_id)) if distributor_id else None
    if not item:
        return None, frozenset()
    found = distributors.from_attributes(item)
    return found.person(), found.currencies


def decide(facts: Facts, bought_by: frozenset[str], items: Items, now: datetime) -> Decision | None:
    """The terms of an order whose customer and lines are known, from what `needed` read and one more round trip.

    `bought_by`: distributors who are known to be the customer. None without any plan: then the order waits, and is decided
    at its next fact.
    """
    at = as_of(facts, now)
    version = plans.in_force(plans.versions_from(items.get(_plan_index(plans.DEFAULT))), at)
    if version is None:
        return None
    source = _source(facts, items, version.attribution, at)
    named = {"direct": source.distributor_id, "indirect": source.sponsor_id} if source else {}
    own_plans, operator_pays = sellers(facts, items, at)
    months = _months(facts, named, at) if version.monthly else {}
    more = read(
        *(distributor(each) for each in named.values() if each),
        *plans.wanted(plans.DEFAULT, version.version),
        *seller_refs(own_plans),
        *months.values(),
    )
    plan = plans.among(more, plans.DEFAULT, version.version)
    direct, direct_currencies = _person(more, named.get("direct"))
    indirect, indirect_currencies = _person(more, direct.sponsor_id if direct else None)
    customer = items.get(customers.customer_ref(facts.customer_id or ""), {})
    reserved = {level: more.get(item, {}).get(level) for level, item in months.items()}
    counted = customer.get("orders", 0) if any(limit.per == "customer" for limit in plan.limits) and direct else None
    decided = terms(
        plan_id=plans.DEFAULT,
        version=version.version,
        plan=plan,
        time_zone=settings().time_zone,
        facts=facts,
        because=source.because if source and direct else "none",
        direct=direct,
        indirect=indirect,
        own=customer.get("owner"),
        contacts_of=bought_by,
        customer_order_number=1 if counted is None else counted + 1,
        this_month={level: amount or 0 for level, amount in reserved.items()},
        merchant_plans=seller_plans(own_plans, more),
        operator_pays=operator_pays,
        net_days=credit.net_days if (credit := account_of(customer).terms) else None,
    )
    accounts = ((direct, direct_currencies), (indirect, indirect_currencies))
    newcomers = tuple(p.distributor_id for p, currencies in accounts if p and facts.currency not in currencies)
    return Decision(
        decided, newcomers, counted, tuple((level, item, reserved[level]) for level, item in months.items())
    )


def _months(facts: Facts, named: Mapping[str, str | None], at: datetime) -> dict[Level, Ref]:
    """By level, the item that counts what its beneficiary's month has reserved."""
    month = day_of(at, settings().time_zone)[:7]
    levels: tuple[Level, Level] = ("direct", "indirect")
    return {
        level: allowances.allowance_ref(person, facts.currency, month)
        for level in levels
        if (person := named.get(level))
    }
