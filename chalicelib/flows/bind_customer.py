"""A distributor claims a customer by a code or a click; the rules say whether the customer is bound, kept or refused."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from chalicelib.domain.attribution import Click
from chalicelib.domain.bindings import Binding, Outcome, binding_at, claim, outcome
from chalicelib.domain.codes import normalised_code
from chalicelib.domain.errors import Fault, NotFound, Refused
from chalicelib.flows.record_click import attribution_rules
from chalicelib.store import clicks, customers, distributors


class Bound(Struct, frozen=True):
    """The binding in force after a claim, and what became of the claim."""

    binding: Binding | None
    outcome: Outcome
    reason: str


def bind_customer(customer_id: str, code: str | None, click_id: str | None, at: datetime) -> Bound:
    """Records the claim and folds it with the others: late or repeated, it ends in the same binding.

    `at` is when it happened (UTC). Raises `Refused` for a code or click that is nobody's. A distributor is never bound to
    themself, and an inactive one binds nobody: refused, and not recorded.
    """
    click = _click(click_id, at) if click_id else None
    if click:
        distributor = distributors.get(click.distributor_id)
    else:
        distributor = distributors.by_code(normalised_code(code or ""))
    if distributor is None:
        raise Refused("UNKNOWN_CODE", Fault("code", "UNKNOWN_CODE"))
    customer = customers.get(customer_id)
    for refused, reason in ((distributor.status != "active", "INACTIVE"), (customer.owner == distributor.id, "SELF")):
        if refused:
            return Bound(binding_at(customer.claims, at), "refused", reason)
    source = "click" if click else "code"
    mine = claim(attribution_rules(at), at, distributor.id, distributor.sponsor_id, source)  # type: ignore[arg-type]
    customers.add_claim(customer_id, mine, click)
    result, reason = outcome(customer.claims, mine)
    return Bound(binding_at((*customer.claims, mine), at), result, reason)


def _click(click_id: str, at: datetime) -> Click:
    click = clicks.get(click_id)
    if click is None:
        raise Refused("UNKNOWN_CLICK", Fault("click_id", "UNKNOWN_CLICK"))
    return click


def read_binding(customer_id: str, now: datetime) -> Binding:
    """The binding in force now. Raises `NotFound` if there is none."""
    binding = binding_at(customers.get(customer_id).claims, now)
    if binding is None:
        raise NotFound("NOT_FOUND")
    return binding
