"""A plan holds the rules of commission, in immutable versions. The shape is the JSON of `PUT /v1/plans/{plan_id}`."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct, field, structs

from chalicelib.domain.bank_formats import BankFormat, Originator, bank_faults
from chalicelib.domain.errors import Fault, Refused
from chalicelib.domain.money import DECIMALS, MAX_AMOUNT
from chalicelib.domain.payout_methods import Rail
from chalicelib.domain.tax import SCOPE, Method

Rate = Annotated[str, Meta(pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$", description="decimal string from 0 to 1")]
Amount = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Days = Annotated[int, Meta(ge=0, le=3650)]

MAX_HOLD_DAYS = 180
"""No hold is longer."""


class _Part(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A part of a plan. A version with an unknown rule is refused rather than paid without it."""


class Rule(_Part, frozen=True):
    """Exactly one of a share of the base (`rate`) or minor units for each unit sold (`per_unit`)."""

    rate: Rate | None = None
    per_unit: Amount | None = None


class IndirectRule(_Part, frozen=True):
    """As `Rule`; `of` says whether the rate is of the sale or of the direct commission."""

    rate: Rate | None = None
    per_unit: Amount | None = None
    of: Literal["sale", "direct"] | None = None


class Match(_Part, frozen=True):
    """Lines that equal every given field."""

    sku: Name | None = None
    product_id: Name | None = None
    category: Name | None = None
    merchant_id: Name | None = None

    def specificity(self) -> tuple[bool, bool, bool, bool]:
        """Orders matches: one on the sku beats one on the product, and so on down to the merchant."""
        return (
            self.sku is not None,
            self.product_id is not None,
            self.category is not None,
            self.merchant_id is not None,
        )


class Override(_Part, frozen=True):
    match: Match
    direct: Rule | None = None
    indirect: IndirectRule | None = None


class Step(_Part, frozen=True):
    start: Amount = field(name="from")
    rate: Rate


class Ladder(_Part, frozen=True):
    """Rates that rise with what the matching lines of one order come to: for all of it (`whole`) or step by step."""

    level: Literal["direct", "indirect"]
    by: Literal["quantity", "amount"]
    mode: Literal["whole", "marginal"]
    steps: Annotated[tuple[Step, ...], Meta(min_length=1, max_length=50)]
    match: Match = Match()


class RankRules(_Part, frozen=True):
    direct: Rule | None = None
    indirect: IndirectRule | None = None


class Base(_Part, frozen=True):
    of: Literal["amount", "margin"] = "amount"
    shipping: bool = False
    tax: bool = False


class Cap(_Part, frozen=True):
    rate: Rate


class Limit(_Part, frozen=True):
    """`per` customer: only the first `orders` of each customer earn. `per` month: each level earns up to `amount`."""

    per: Literal["customer", "month"]
    orders: Annotated[int, Meta(ge=0, le=10**6)] | None = None
    amount: Amount | None = None


class AttributionRules(_Part, frozen=True):
    model: Literal["last_click", "first_click"] = "last_click"
    click_days: Annotated[int, Meta(ge=1, le=365)] = 30
    binding: Literal["first", "last"] = "first"
    binding_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    protect_days: Days = 0


class PayoutRules(_Part, frozen=True):
    """`mode`: whether the daily settlement pays what is available (`automatic`), asks staff to approve it (`approval`), or
    leaves it until it is asked for (`manual`). `minimum` by currency, in minor units; `fee_rate` of the gross amount, kept
    by the operator; `rails`: the connection through which each rail pays; `tax`: how it is withheld, by the payee's
    country, not at all where nothing is said. `run_limit`, `day_limit`: what one settlement, or those of one day, may take
    on at most, net, by currency, before it is stopped for staff; `cool_off_hours`: how long nothing is paid to a method
    that was changed; `bank_formats`: what the bank takes by currency (csv where nothing is said), `originator` who pays
    there."""

    mode: Literal["automatic", "approval", "manual"] = "automatic"
    minimum: dict[Annotated[str, Meta(pattern="^[A-Z]{3}$")], Amount] = field(default_factory=dict)
    fee_rate: Rate = "0"
    rails: dict[Name, Name] = field(default_factory=dict)
    tax: dict[Annotated[str, Meta(pattern="^[A-Z]{2}$")], Method] = field(default_factory=dict)
    run_limit: dict[Annotated[str, Meta(pattern="^[A-Z]{3}$")], Amount] = field(default_factory=dict)
    day_limit: dict[Annotated[str, Meta(pattern="^[A-Z]{3}$")], Amount] = field(default_factory=dict)
    cool_off_hours: Annotated[int, Meta(ge=0, le=720)] = 72
    bank_formats: dict[Annotated[str, Meta(pattern="^[A-Z]{3}$")], BankFormat] = field(default_factory=dict)
    originator: Originator | None = None


class Plan(_Part, frozen=True):
    direct: Rule
    indirect: IndirectRule = IndirectRule(rate="0")
    base: Base = Base()
    overrides: Annotated[tuple[Override, ...], Meta(max_length=1000)] = ()
    ladders: Annotated[tuple[Ladder, ...], Meta(max_length=50)] = ()
    ranks: dict[Name, RankRules] = field(default_factory=dict)
    cap: Cap = Cap(rate="1")
    limits: Annotated[tuple[Limit, ...], Meta(max_length=10)] = ()
    accrue_on: Literal["paid", "delivered"] = "paid"
    hold_days: Annotated[int, Meta(ge=0, le=MAX_HOLD_DAYS)] = 15
    rounding: Literal["half_up", "floor"] = "half_up"
    attribution: AttributionRules = AttributionRules()
    self_purchase: Literal["none", "pays_self"] = "none"
    inactive_direct: Literal["pay_indirect", "stop"] = "pay_indirect"
    payout: PayoutRules = PayoutRules()


def _rule_faults(path: str, rule: Rule | IndirectRule | None) -> list[Fault]:
    if rule is None or (rule.rate is None) != (rule.per_unit is None):
        return []
    return [Fault(path, "PLAN_RATE_OR_PER_UNIT")]


def _payout_faults(rules: PayoutRules) -> list[Fault]:
    faults = [
        Fault(f"payout.{name}.{currency}", "NO_SUCH_CURRENCY", {"currency": currency})
        for name in ("minimum", "run_limit", "day_limit")
        for currency in getattr(rules, name)
        if currency not in DECIMALS
    ]
    called = {*get_args(Rail)} - {"bank_file"}
    faults += [Fault(f"payout.rails.{name}", "PLAN_RAIL", {"rail": name}) for name in rules.rails if name not in called]
    for country, method in rules.tax.items():
        if method in SCOPE and SCOPE[method][0] != country:
            figures: dict[str, str | int] = {"method": method, "country": SCOPE[method][0]}
            faults.append(Fault(f"payout.tax.{country}", "PLAN_TAX_COUNTRY", figures))
    return faults + bank_faults(rules.bank_formats, rules.originator)


def check(plan: Plan) -> None:
    """Refuses (`Refused`, with the path of every fault) a plan whose parts contradict each other."""
    faults = _rule_faults("direct", plan.direct) + _rule_faults("indirect", plan.indirect)
    for i, override in enumerate(plan.overrides):
        path = f"overrides[{i}]"
        if override.match == Match():
            faults.append(Fault(f"{path}.match", "PLAN_MATCH_EMPTY"))
        if override.direct is None and override.indirect is None:
            faults.append(Fault(path, "PLAN_NO_LEVEL"))
        faults += _rule_faults(f"{path}.direct", override.direct) + _rule_faults(f"{path}.indirect", override.indirect)
    for name, rank in plan.ranks.items():
        path = f"ranks.{name}"
        faults += _rule_faults(f"{path}.direct", rank.direct) + _rule_faults(f"{path}.indirect", rank.indirect)
    for i, ladder in enumerate(plan.ladders):
        starts = [step.start for step in ladder.steps]
        if starts != sorted(set(starts)):
            faults.append(Fault(f"ladders[{i}].steps", "PLAN_STEPS_NOT_RISING"))
    for i, limit in enumerate(plan.limits):
        wanted, other = ("orders", "amount") if limit.per == "customer" else ("amount", "orders")
        if getattr(limit, wanted) is None or getattr(limit, other) is not None:
            faults.append(Fault(f"limits[{i}]", "PLAN_LIMIT_FIELD", {"per": limit.per, "field": wanted}))
    faults += _payout_faults(plan.payout)
    if faults:
        raise Refused(faults[0].code, *faults)


def kept_to(plan: Plan, lines: tuple[Match, ...], ranks: frozenset[str]) -> Plan:
    """The same plan without the rules that cannot touch the earnings of these lines and ranks.

    Pays the same on an order of these lines; small enough to be frozen onto it. `lines` are the lines' own fields.
    """
    return structs.replace(
        plan,
        overrides=tuple(o for o in plan.overrides if any(matches(o.match, line) for line in lines)),
        ladders=tuple(r for r in plan.ladders if any(matches(r.match, line) for line in lines)),
        ranks={name: rules for name, rules in plan.ranks.items() if name in ranks},
        attribution=AttributionRules(),
        payout=PayoutRules(),
    )


def matches(match: Match, line: Match) -> bool:
    """Whether a line with these fields equals every field that the match gives."""
    return all(
        wanted is None or wanted == has
        for wanted, has in (
            (match.sku, line.sku),
            (match.product_id, line.product_id),
            (match.category, line.category),
            (match.merchant_id, line.merchant_id),
        )
    )
