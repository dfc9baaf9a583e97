"""Whom an order goes to and on which terms: the reads that the decision needs, and the decision."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from chalicelib.domain.attribution import Person, Source, as_of, chosen_click, terms
from chalicelib.domain.bindings import binding_at
from chalicelib.domain.orders import Facts
from chalicelib.domain.people import normalised_code
from chalicelib.domain.plans import AttributionRules
from chalicelib.domain.terms import Terms
from chalicelib.settings import settings
from chalicelib.store import clicks, customers, distributors, plans
from chalicelib.store.batch import Ref, distributor, read, ref
from chalicelib.store.distributors import ClaimKind, claim_id

Items = dict[Ref, dict[str, Any]]


class Contact(Struct, frozen=True):
    """Blind indexes of the e-mail and phone that came with an order: compared, never stored on it."""

    email: str | None = None
    phone: str | None = None


class Decision(Struct, frozen=True):
    """The terms, and the beneficiaries who have no account in the order's currency yet."""

    terms: Terms
    newcomers: tuple[str, ...]


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


def _plan_index() -> Ref:
    return ref(settings().settings_table, **plans.index_key(plans.DEFAULT))


def needed(facts: Facts, contact: Contact) -> set[Ref]:
    """All that can be asked for by what the order itself says: one round trip."""
    wanted = {_plan_index(), *_coupon(facts), *_code(facts), *_contacts(contact)}
    if facts.customer_id:
        wanted.add(customers.customer_ref(facts.customer_id))
    if facts.attribution.click_id:
        wanted.add(clicks.click_ref(facts.attribution.click_id))
    return wanted


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


def decide(facts: Facts, contact: Contact, items: Items, now: datetime) -> Decision | None:
    """The terms of an order whose customer and lines are known, from what `needed` read and one more round trip.

    None without any plan: then the order waits, and is decided at its next fact.
    """
    at = as_of(facts, now)
    version = plans.in_force(plans.versions_from(items.get(_plan_index())), at)
    if version is None:
        return None
    source = _source(facts, items, version.attribution, at)
    named = (source.distributor_id, source.sponsor_id) if source else ()
    people = read(*(distributor(each) for each in named if each), *plans.wanted(plans.DEFAULT, version.version))
    plan = plans.among(people, plans.DEFAULT, version.version)
    direct, direct_currencies = _person(people, source.distributor_id if source else None)
    indirect, indirect_currencies = _person(people, direct.sponsor_id if direct else None)
    customer = items.get(customers.customer_ref(facts.customer_id or ""), {})
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
        contacts_of=frozenset(str(items[each]["owner"]) for each in _contacts(contact) if each in items),
    )
    accounts = ((direct, direct_currencies), (indirect, indirect_currencies))
    newcomers = tuple(p.distributor_id for p, currencies in accounts if p and facts.currency not in currencies)
    return Decision(decided, newcomers)
