"""Where a distributor's money goes, and what they are told about it. Written in full, read back masked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from chalice import Blueprint
from msgspec import Meta, Struct

from chalicelib.api.callers import Caller, any_staff, distributor_self
from chalicelib.api.endpoint import Call, endpoint
from chalicelib.bodies.fields import Body
from chalicelib.domain.payout_methods import Kind, PayoutMethod, Rail, masked, usable_from
from chalicelib.flows.read_balance import existing
from chalicelib.flows.read_notices import Notice, Told, read_notices
from chalicelib.flows.set_payout_method import set_payout_method
from chalicelib.store import sealed

bp = Blueprint(__name__)
_LINE = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"^(?! )[^\u0000-\u001f\u007f-\u009f]*(?!\n)$")]
_FINANCE = frozenset({"finance_maker", "finance_checker", "owner"})


class MethodBody(Body):
    """`kind` where a rail knows several: of a bank account `iban`, `us_bank` (its routing number in `bank`), `cn_card` or
    `number`; of Alipay `user_id`, `open_id` or `logon_id`. Without it, an IBAN, a number or a user id."""

    rail: Rail
    holder: _LINE
    account: _LINE
    bank: _LINE | None = None
    kind: Kind | None = None


class MethodView(Struct, frozen=True, kw_only=True):
    """`account` shows its end. `holder`: to the distributor and to finance. `usable_from`: the method was changed, and
    nothing is paid to it before."""

    id: str
    rail: str
    kind: str | None
    holder: str | None
    account: str
    bank: str | None
    usable_from: datetime | None


class MethodList(Struct, frozen=True):
    items: list[MethodView]
    next: None = None


class NoticeView(Struct, frozen=True, kw_only=True):
    """`by` names a member of staff to staff only."""

    at: datetime
    what: Told
    by: str
    method_id: str
    payout_id: str | None
    reason: str | None
    usable_from: datetime | None


class NoticeList(Struct, frozen=True):
    items: list[NoticeView]
    next: None = None


def _view(distributor_id: str, method_id: str, method: Mapping[str, Any], caller: Caller) -> MethodView:
    sees_holder = caller.kind == "distributor" or not _FINANCE.isdisjoint(caller.grants)
    return MethodView(
        id=method_id,
        rail=method["rail"],
        kind=method.get("kind"),
        holder=_holder(distributor_id, method) if sees_holder else None,
        account=method["shown"] if "shown" in method else masked(method["account"]),
        bank=method.get("bank"),
        usable_from=usable_from(method),
    )


def _holder(distributor_id: str, method: Mapping[str, Any]) -> str | None:
    """None for what does not open any more: the distributor sees which methods to set again."""
    try:
        holder: str = sealed.readable_method(distributor_id, method)["holder"]
    except sealed.Unreadable:
        return None
    return holder


def _notice(notice: Notice, to_staff: bool) -> NoticeView:
    return NoticeView(
        at=notice.at,
        what=notice.what,
        by=notice.by if to_staff else notice.by.partition(":")[0],
        method_id=notice.method_id,
        payout_id=notice.payout_id,
        reason=notice.reason,
        usable_from=notice.usable_from,
    )


# Staff and storefronts do not redirect a distributor's money. An answer that is remembered for an Idempotency-Key would
# keep the holder's name; setting the same method twice changes nothing anyway.
@endpoint(
    bp,
    "PUT",
    "/v1/distributors/{distributor_id}/payout-methods/{method_id}",
    who=distributor_self("distributor_id"),
    body=MethodBody,
    answers=MethodView,
    summary="Set a way to be paid; `default` is the one for automatic payouts",
    idempotent=False,
)
def put_payout_method(call: Call, distributor_id: str, method_id: str) -> MethodView:
    body = call.body
    method = PayoutMethod(rail=body.rail, holder=body.holder, account=body.account, bank=body.bank, kind=body.kind)
    stored = set_payout_method(distributor_id, method_id, method, call.caller.name, call.now)
    return _view(distributor_id, method_id, stored, call.caller)


@endpoint(
    bp,
    "GET",
    "/v1/distributors/{distributor_id}/payout-methods",
    who=distributor_self("distributor_id") | any_staff(),
    answers=MethodList,
    summary="The ways to be paid; account numbers are masked",
)
def get_payout_methods(call: Call, distributor_id: str) -> MethodList:
    methods = existing(distributor_id).payout_methods
    return MethodList([_view(distributor_id, name, method, call.caller) for name, method in sorted(methods.items())])


@endpoint(
    bp,
    "GET",
    "/v1/distributors/{distributor_id}/notices",
    who=distributor_self("distributor_id") | any_staff(),
    answers=NoticeList,
    summary="What to know about the way to the money: methods that were set, payouts that came back; the newest first",
)
def get_notices(call: Call, distributor_id: str) -> NoticeList:
    to_staff = call.caller.kind == "staff"
    return NoticeList([_notice(each, to_staff) for each in read_notices(distributor_id)])
