"""Where a distributor's money goes. Written in full, read back masked."""

from __future__ import annotations

from typing import Annotated, Literal

from chalice import Blueprint
from msgspec import Meta, Struct

from chalicelib.api.callers import any_staff, distributor_self
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Body
from chalicelib.domain.payout_methods import PayoutMethod, masked
from chalicelib.flows.read_balance import existing
from chalicelib.flows.set_payout_method import set_payout_method

bp = Blueprint(__name__)
_END = r"(?!\n)$"
_LINE = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"^(?! )[^\u0000-\u001f\u007f-\u009f]*" + _END)]
_ACCOUNT = Annotated[
    str, Meta(min_length=6, max_length=40, pattern=r"^[0-9A-Za-z](?:[0-9A-Za-z -]*[0-9A-Za-z])?" + _END)
]


class MethodBody(Body):
    """A bank account, paid by the operator's bank file."""

    rail: Literal["bank_file"]
    holder: _LINE
    account: _ACCOUNT
    bank: _LINE | None = None


class MethodView(Struct, frozen=True):
    """`account` shows its last 4 characters."""

    id: str
    rail: str
    holder: str
    account: str
    bank: str | None


class MethodList(Struct, frozen=True):
    items: list[MethodView]
    next: None = None


# Staff and storefronts do not redirect a distributor's money.
@endpoint(
    bp,
    "PUT",
    "/v1/distributors/{distributor_id}/payout-methods/{method_id}",
    who=distributor_self("distributor_id"),
    body=MethodBody,
    answers=MethodView,
    summary="Set a way to be paid; `default` is the one for automatic payouts",
)
def put_payout_method(call: Call, distributor_id: str, method_id: str) -> MethodView:
    body = call.body
    method = PayoutMethod(rail=body.rail, holder=body.holder, account=body.account, bank=body.bank)
    set_payout_method(distributor_id, method_id, method, call.caller.name, call.now)
    return MethodView(method_id, method.rail, method.holder, masked(method.account), method.bank)


@endpoint(
    bp,
    "GET",
    "/v1/distributors/{distributor_id}/payout-methods",
    who=distributor_self("distributor_id") | any_staff(),
    answers=MethodList,
    summary="The ways to be paid; account numbers are masked",
)
def get_payout_methods(call: Call, distributor_id: str) -> MethodList:
    return MethodList(
        [
            MethodView(name, method["rail"], method["holder"], masked(method["account"]), method.get("bank"))
            for name, method in sorted(existing(distributor_id).payout_methods.items())
        ]
    )
