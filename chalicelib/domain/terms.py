"""Terms: the rules and beneficiaries frozen onto one order, so that what it earns never depends on anything else."""

from __future__ import annotations

from msgspec import Struct, field

from chalicelib.domain.plans import Plan


class Beneficiary(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A distributor in line for one level. `unpaid` says why nothing is paid to them, if so."""

    distributor_id: str
    rank: str | None = None
    unpaid: str | None = None


class MerchantPlan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The version of its own plan that governs a merchant's lines on this order."""

    plan_id: str
    version: int
    plan: Plan


class Terms(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the commission of one order rests on.

    `plan` is the version in force when the order was placed, kept to the rules that can touch this order's lines;
    `because` is what attributed the order; `time_zone` (IANA) decides on which day an event falls. The two counters
    are what `limits` ask for: which order of the customer's this is, and what each level had earned this month.

    Lines of a merchant in `merchant_plans` follow that plan instead, as an order of their own would; what the merchants in
    `operator_pays` sell is paid by the operator, all else by its merchant. `net_days`: the customer bought on account.
    """

    plan_id: str
    version: int
    plan: Plan
    time_zone: str
    because: str = "none"
    direct: Beneficiary | None = None
    indirect: Beneficiary | None = None
    customer_order_number: int = 1
    direct_this_month: int = 0
    indirect_this_month: int = 0
    merchant_plans: dict[str, MerchantPlan] = field(default_factory=dict)
    operator_pays: tuple[str, ...] = ()
    net_days: int | None = None
