"""Distributors: signing up, and what they see of themselves."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from chalice import Blueprint
from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.api.callers import any_staff, anyone, distributor_self, scope, staff
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.api.entries import EntryView, entry_view
from chalicelib.bodies.fields import Body, Country, Currency, Floor, Locale, Name, Page, Secret
from chalicelib.bodies.orders import Carrier
from chalicelib.domain import floor
from chalicelib.domain.codes import normalised_code
from chalicelib.domain.contacts import masked_email, masked_phone
from chalicelib.domain.errors import Fault, Malformed
from chalicelib.domain.people import Distributor
from chalicelib.flows.change_standing import change_standing
from chalicelib.flows.read_balance import CurrencyBalance, existing, read_balance
from chalicelib.flows.read_statement import read_statement
from chalicelib.flows.read_team import Recruit, read_team
from chalicelib.flows.sign_up import sign_up
from chalicelib.store import customers, distributors

bp = Blueprint(__name__)
_SEEN_BY = distributor_self("distributor_id") | scope("distributors:read") | any_staff()


class SignUp(Body):
    """Joining is free and asks for no purchase. An e-mail or a phone number is needed to sign in."""

    FLOOR: ClassVar[Floor] = floor.of_sign_up
    name: Name
    password: Secret
    accepted_terms: bool
    locale: Locale
    country: Country
    email: Secret | None = None
    phone: Secret | None = None
    invite_code: Carrier | None = None


class SignedUp(Struct, frozen=True):
    id: str
    code: str
    status: str
    sponsor_id: str | None


class DistributorView(Struct, frozen=True, kw_only=True):
    id: str
    code: str
    name: str
    status: str
    sponsor_id: str | None
    rank: str | None
    joined_at: str
    locale: str
    country: str
    email: str | None
    phone: str | None


class BalanceView(Struct, frozen=True):
    """One item for each currency; never more than one page."""

    items: list[CurrencyBalance]
    next: None = None


class StatementQuery(Page):
    currency: Currency | None = None


class StatementView(Struct, frozen=True):
    items: list[EntryView]
    next: str | None


class TeamView(Struct, frozen=True):
    items: list[Recruit]
    next: str | None


@endpoint(
    bp,
    "POST",
    "/v1/distributors",
    who=anyone,
    body=SignUp,
    answers=SignedUp,
    status=201,
    summary="Sign up as a distributor",
)
def post_distributor(call: Call) -> SignedUp:
    body = call.body
    if not body.accepted_terms:
        raise Malformed("TERMS_NOT_ACCEPTED", Fault("accepted_terms", "TERMS_NOT_ACCEPTED"))
    new = sign_up(
        name=body.name,
        email=body.email,
        phone=body.phone,
        password=body.password,
        invite_code=body.invite_code,
        locale=body.locale,
        country=body.country,
        now=call.now,
        once=call.once_id,
    )
    return SignedUp(new.id, new.code, new.status, new.sponsor_id)


def _view(found: Distributor) -> DistributorView:
    return DistributorView(
        id=found.id,
        code=found.code,
        name=found.name,
        status=found.status,
        sponsor_id=found.sponsor_id,
        rank=found.rank,
        joined_at=found.joined_at,
        locale=found.locale,
        country=found.country,
        email=masked_email(found.email) if found.email else None,
        phone=masked_phone(found.phone) if found.phone else None,
    )


@endpoint(
    bp,
    "GET",
    "/v1/distributors/{distributor_id}",
    who=_SEEN_BY,
    answers=DistributorView,
    summary="Read a distributor; contacts are masked",
)
def get_distributor(call: Call, distributor_id: str) -> DistributorView:
    return _view(existing(distributor_id))


class StandingBody(Body):
    """What is left out stays as it is; a rank of null takes it away. Orders that have their terms keep them."""

    rank: Annotated[str, Meta(min_length=1, max_length=128)] | UnsetType | None = UNSET
    status: Literal["active", "suspended"] | UnsetType = UNSET


@endpoint(
    bp,
    "PATCH",
    "/v1/distributors/{distributor_id}",
    who=staff("owner", "ops"),
    body=StandingBody,
    answers=DistributorView,
    summary="Give a distributor a rank, or suspend them: that ends their sessions",
)
def patch_distributor(call: Call, distributor_id: str) -> DistributorView:
    given = {name: value for name in StandingBody.__struct_fields__ if (value := getattr(call.body, name)) is not UNSET}
    return _view(change_standing(distributor_id, given, call.caller.name, call.now))


@endpoint(
    bp,
    "GET",
    "/v1/distributors/{distributor_id}/balance",
    who=_SEEN_BY,
    answers=BalanceView,
    summary="What is to come, on hold, available, on its way and paid, per currency",
)
def get_balance(call: Call, distributor_id: str) -> BalanceView:
    return BalanceView(read_balance(distributor_id))


@endpoint(
    bp,
    "GET",
    "/v1/distributors/{distributor_id}/entries",
    who=_SEEN_BY,
    query=StatementQuery,
    answers=StatementView,
    summary="The statement, of all currencies or of one, the newest entry first",
)
def get_entries(call: Call, distributor_id: str) -> StatementView:
    lines, following = read_statement(distributor_id, call.query.currency, call.query.limit, call.query.cursor)
    return StatementView([entry_view(line.entry, line.reasons, call.language) for line in lines], following)


@endpoint(
    bp,
    "GET",
    "/v1/distributors/{distributor_id}/team",
    who=_SEEN_BY,
    query=Page,
    answers=TeamView,
    summary="The direct recruits with their numbers of this month",
)
def get_team(call: Call, distributor_id: str) -> TeamView:
    return TeamView(*read_team(distributor_id, call.query.limit, call.query.cursor, call.now))


class OwnCustomerView(Struct, frozen=True):
    distributor_id: str
    customer_id: str


@endpoint(
    bp,
    "PUT",
    "/v1/distributors/{distributor_id}/customers/{customer_id}",
    who=scope("customers:write") | staff("owner", "ops"),
    answers=OwnCustomerView,
    summary="Say that a customer id is the distributor's own: orders of it are self-purchases",
)
def put_own_customer(call: Call, distributor_id: str, customer_id: str) -> OwnCustomerView:
    customers.set_owner(customer_id, existing(distributor_id).id)
    return OwnCustomerView(distributor_id, customer_id)


class CouponView(Struct, frozen=True):
    distributor_id: str
    coupon: str


@endpoint(
    bp,
    "PUT",
    "/v1/distributors/{distributor_id}/coupons/{coupon}",
    who=scope("distributors:write") | staff("owner", "ops"),
    answers=CouponView,
    summary="Make a coupon code of the shop the distributor's: orders that use it are theirs",
)
def put_coupon(call: Call, distributor_id: str, coupon: str) -> CouponView:
    distributors.claim_coupon(existing(distributor_id), normalised_code(coupon))
    return CouponView(distributor_id, normalised_code(coupon))
